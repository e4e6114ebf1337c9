//! A body by numbered lines, with the issues beside theirs; bounded, as a page must not grow with a hostile body.

use super::display::escaped_len;
use super::indent::{indented, is_one_line};
use super::text::{Text, fill};

/// Maximum lines that are shown: those around the issues.
const MAX_LINES: usize = 2_000;
/// Maximum characters of a line that are shown: those around its first issue.
const MAX_LINE: usize = 2_000;
/// Maximum bytes of all lines on the page.
const MAX_BYTES: usize = 512 << 10;
/// Bytes of them that are left for lines with issues.
const RESERVED_BYTES: usize = MAX_BYTES / 2;
/// A longer body of one line is shown as it is: its indentation would take long.
const MAX_INDENTED: usize = 1 << 20;

/// An issue, and its place in the body as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueAtLine {
    /// In the list of issues, from 1.
    pub number: usize,
    /// Line and column, from 1; columns count characters.
    pub place: Option<(u32, u32)>,
    pub text: String,
    /// The language of the text.
    pub language: String,
    pub class: &'static str,
}

/// The lines of a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct IssueLines {
    pub lines: Vec<Line>,
    /// What is said of the whole, such as that the body was one line.
    pub notes: Vec<String>,
}

/// A line, or the place of lines that are left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    pub text: String,
    pub issues: Vec<IssueAtLine>,
    /// How many lines before this one are left out.
    pub left_out: usize,
}

impl IssueLines {
    /// The lines of a body as sent, or indented where it was one line.
    pub fn new(body: &str, issues: &[IssueAtLine], text: &Text) -> Self {
        let mut placed: Vec<_> = issues.iter().filter(|issue| issue.place.is_some()).collect();
        placed.sort_by_key(|issue| issue.place);
        let is_indented = is_one_line(body) && body.len() <= MAX_INDENTED;
        let mut shown = Self::default();
        if is_indented {
            shown.notes.push(text.body_indented.to_owned());
            let (body, lines) = indented(body, &offsets(body, &placed));
            let placed = placed.into_iter().zip(lines);
            let placed: Vec<_> = placed.map(|(issue, line)| PlacedIssue { line, column: 1, issue }).collect();
            shown.add(&body, &placed, text);
        } else {
            let placed: Vec<_> = placed.into_iter().filter_map(PlacedIssue::as_sent).collect();
            shown.add(body, &placed, text);
        }
        shown
    }

    /// The lines of a stored resource, which is one line where nobody sent it so.
    pub fn of_stored(content: &str, text: &Text) -> Self {
        match is_one_line(content) && content.len() <= MAX_INDENTED {
            true => Self::new(&indented(content, &[]).0, &[], text),
            false => Self::new(content, &[], text),
        }
    }

    fn add(&mut self, body: &str, placed: &[PlacedIssue], text: &Text) {
        let (mut room, mut left_out, mut is_cut) = (MAX_BYTES, 0, false);
        let reserved = if placed.is_empty() { 0 } else { RESERVED_BYTES };
        // Without issues, the beginning; with some, as much around each as there is room for.
        let context = (MAX_LINES / placed.len().max(1)).saturating_sub(1) / 2;
        let mut next = 0;
        let total = body.lines().count();
        let is_around = |number: usize, next: usize| {
            let before = next.checked_sub(1).and_then(|before| placed.get(before));
            before.into_iter().chain(placed.get(next)).any(|issue| issue.line.abs_diff(number) <= context)
        };
        for (number, line) in (1..).zip(body.lines()) {
            let first = next;
            // What ends too early has its issue behind the last line break.
            while placed.get(next).is_some_and(|issue| issue.line <= number || number == total) {
                next += 1;
            }
            let (marks, marks_left) = (&placed[first..next], placed.len() - next);
            let has_room = match marks {
                [] => self.lines.len() + marks_left < MAX_LINES && room > reserved,
                _ => self.lines.len() < MAX_LINES && room > 0,
            };
            let is_wanted = total <= MAX_LINES || placed.is_empty() || !marks.is_empty() || is_around(number, next);
            if !has_room || !is_wanted {
                left_out += 1;
                continue;
            }
            let (shown, was_cut) = cut(line, marks.first().map_or(1, |mark| mark.column));
            is_cut |= was_cut;
            room = room.saturating_sub(escaped_len(&shown) + 64);
            let issues = marks.iter().map(|mark| mark.issue.clone()).collect();
            self.lines.push(Line { number, text: shown, issues, left_out: std::mem::take(&mut left_out) });
        }
        if is_cut {
            self.notes.push(text.validate_line_cut.to_owned());
        }
        if left_out > 0 {
            self.notes.push(fill(text.validate_lines_left_out, &[("n", &left_out.to_string())]));
        }
    }
}

/// An issue, and its place in the lines that are shown, from 1.
struct PlacedIssue<'a> {
    line: usize,
    column: usize,
    issue: &'a IssueAtLine,
}

impl<'a> PlacedIssue<'a> {
    fn as_sent(issue: &'a IssueAtLine) -> Option<Self> {
        let (line, column) = issue.place?;
        Some(Self { line: line as usize, column: column as usize, issue })
    }
}

/// The offsets of issues in a body of one line.
fn offsets(body: &str, issues: &[&IssueAtLine]) -> Vec<usize> {
    let mut characters = body.char_indices().enumerate().peekable();
    let offset = |issue: &&IssueAtLine| {
        let column = issue.place.map_or(1, |(_, column)| column) as usize;
        while characters.next_if(|(index, _)| index + 1 < column).is_some() {}
        characters.peek().map_or(body.len(), |(_, (offset, _))| *offset)
    };
    issues.iter().map(offset).collect()
}

/// The part of a line around this column, from 1, and whether there is more of it.
fn cut(line: &str, column: usize) -> (String, bool) {
    let first = if column > MAX_LINE { column - MAX_LINE / 2 } else { 0 };
    let mut offsets = line.char_indices().map(|(offset, _)| offset).skip(first);
    // Of a column behind the line's end, the beginning.
    let (start, end) = match offsets.next() {
        Some(start) => (start, offsets.nth(MAX_LINE - 1)),
        None => (0, line.char_indices().nth(MAX_LINE).map(|(end, _)| end)),
    };
    let (before, behind) = (if start > 0 { "[…] " } else { "" }, if end.is_some() { " […]" } else { "" });
    let shown = &line[start..end.unwrap_or(line.len())];
    (format!("{before}{shown}{behind}"), start > 0 || end.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::Language;

    fn issue(number: usize, line: u32, column: u32) -> IssueAtLine {
        IssueAtLine {
            number,
            place: Some((line, column)),
            text: "wrong".to_owned(),
            language: String::new(),
            class: "bad",
        }
    }

    fn shown(body: &str, issues: &[IssueAtLine]) -> IssueLines {
        IssueLines::new(body, issues, Text::of(Language::English))
    }

    /// Numbers of the lines with issues, and of these.
    fn marked(lines: &IssueLines) -> Vec<(usize, Vec<usize>)> {
        let with = lines.lines.iter().filter(|line| !line.issues.is_empty());
        with.map(|line| (line.number, line.issues.iter().map(|issue| issue.number).collect())).collect()
    }

    #[test]
    fn issues_are_beside_their_lines_as_sent() {
        let lines = shown("{\n  \"a\": 1,\n  \"b\": 2\n}", &[issue(1, 3, 3), issue(2, 1, 1), issue(3, 3, 3)]);
        assert_eq!(marked(&lines), [(1, vec![2]), (3, vec![1, 3])]);
        assert_eq!((lines.lines.len(), lines.notes.len()), (4, 0));
    }

    #[test]
    fn issues_of_one_line_are_beside_the_lines_of_its_indentation() {
        let body = "{\"é\":1,\"b\":[2,3]}";
        let lines = shown(body, &[issue(1, 1, 8), issue(2, 1, 13), issue(3, 1, 99)]);
        assert_eq!(marked(&lines), [(3, vec![1]), (4, vec![2]), (7, vec![3])]);
        assert_eq!(lines.notes.len(), 1);
        assert_eq!(lines.lines[2].text, "  \"b\":[");
        let stored = IssueLines::of_stored(body, Text::of(Language::English));
        assert_eq!((stored.lines.len(), stored.notes.len()), (lines.lines.len(), 0));
    }

    #[test]
    fn issues_behind_the_last_line_break_are_beside_the_last_line() {
        assert_eq!(marked(&shown("{\n  \"a\":\n", &[issue(1, 3, 1)])), [(2, vec![1])]);
    }

    #[test]
    fn issues_without_a_place_are_beside_no_line() {
        let none = IssueAtLine { place: None, ..issue(1, 1, 1) };
        assert_eq!(marked(&shown("{}", &[none])), []);
        assert_eq!(shown("", &[]), IssueLines::default());
    }

    #[test]
    fn lines_of_a_large_body_are_those_around_its_issues() {
        let body = "x\n".repeat(50_000);
        for (issues, context) in [(vec![40_000], 999), (vec![10, 20_000, 40_000], 332)] {
            let issues: Vec<_> = (1..).zip(&issues).map(|(number, line)| issue(number, *line, 1)).collect();
            let lines = shown(&body, &issues);
            let numbers: Vec<_> = lines.lines.iter().map(|line| line.number).collect();
            let expected = (1..=50_000_usize).filter(|number| {
                issues.iter().filter_map(|issue| issue.place).any(|(line, _)| number.abs_diff(line as usize) <= context)
            });
            assert_eq!(numbers, expected.collect::<Vec<_>>());
            assert!(numbers.len() < MAX_LINES);
            let marks = issues.iter().filter_map(|issue| Some((issue.place?.0 as usize, vec![issue.number])));
            assert_eq!(marked(&lines), marks.collect::<Vec<_>>());
        }
        let without = shown(&body, &[]);
        assert_eq!((without.lines.len(), without.notes.len()), (MAX_LINES, 1));
    }

    #[test]
    fn issues_of_a_large_body_are_all_beside_their_lines() {
        let issues: Vec<_> =
            (1..=100).map(|number| issue(number, 300 * u32::try_from(number).expect("small"), 1)).collect();
        for line in ["x".to_owned(), "long ".repeat(400)] {
            let body = (line + "\n").repeat(40_000);
            let expected: Vec<_> = (1..=100).map(|number| (300 * number, vec![number])).collect();
            assert_eq!(marked(&shown(&body, &issues)), expected);
        }
    }

    #[test]
    fn issue_far_in_a_line_is_beside_the_part_of_it_that_is_shown() {
        let long = format!("{}HERE{}", "é".repeat(5_000), "à".repeat(5_000));
        for (body, line) in [(format!("{{\n{long}\n}}"), 2), (long.clone(), 1)] {
            let lines = shown(&body, &[issue(1, line, 5_001)]);
            let marked = lines.lines.iter().find(|line| !line.issues.is_empty()).expect("a marked line");
            assert!(marked.text.starts_with("[…] é") && marked.text.contains("HERE") && marked.text.ends_with("à […]"));
            assert_eq!(marked.text.chars().count(), MAX_LINE + 8);
            assert_eq!(lines.notes.len(), 1);
        }
        for (column, text) in [(1, "short"), (9_999, "short")] {
            assert_eq!(cut(text, column), (text.to_owned(), false));
        }
    }

    #[test]
    fn page_of_a_hostile_body_is_bounded() {
        let hostile = ("\u{202e}".repeat(1_000) + "\n").repeat(2_000);
        let one_line = format!("[{}]", "[],".repeat(300_000));
        for body in [hostile, one_line, "é".repeat(1 << 20)] {
            let issues: Vec<_> = (1..=100).map(|number| issue(number, 1, 5)).collect();
            let lines = shown(&body, &issues);
            let bytes: usize = lines.lines.iter().map(|line| escaped_len(&line.text) + 64).sum();
            assert!(bytes <= MAX_BYTES + (32 << 10) && lines.lines.len() <= MAX_LINES, "{bytes}");
        }
    }
}
