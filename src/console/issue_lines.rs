//! A body by numbered lines, with the issues beside theirs; bounded, as a page must not grow with a hostile body.

use super::display::escaped_len;
use super::indent::{indented, is_one_line};
use super::text::{Text, fill};

/// Maximum lines that are shown: those around the issues.
const MAX_LINES: usize = 2_000;
/// Lines that are shown before and after one with an issue, at least.
const CONTEXT: usize = 10;
/// Maximum characters of a line that are shown.
const MAX_LINE: usize = 2_000;
/// Maximum bytes of all lines on the page.
const MAX_BYTES: usize = 512 << 10;
/// A longer body of one line is shown as it is: its indentation would take long.
const MAX_INDENTED: usize = 256 << 10;

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
        let mut notes = vec![];
        let mut placed: Vec<_> = issues.iter().filter(|issue| issue.place.is_some()).collect();
        placed.sort_by_key(|issue| issue.place);
        let is_indented = is_one_line(body) && body.len() <= MAX_INDENTED;
        let (body, lines) = if is_indented {
            notes.push(text.body_indented.to_owned());
            let offsets = offsets(body, &placed);
            indented(body, &offsets)
        } else {
            let lines = placed.iter().filter_map(|issue| issue.place.map(|(line, _)| line as usize));
            (body.to_owned(), lines.collect())
        };
        let placed: Vec<(usize, &IssueAtLine)> = lines.into_iter().zip(placed).collect();
        let mut shown = Self { lines: vec![], notes };
        shown.add(&body, &placed, text);
        shown
    }

    /// The lines of a stored resource, which is one line where nobody sent it so.
    pub fn of_stored(content: &str, text: &Text) -> Self {
        match is_one_line(content) && content.len() <= MAX_INDENTED {
            true => Self::new(&indented(content, &[]).0, &[], text),
            false => Self::new(content, &[], text),
        }
    }

    fn add(&mut self, body: &str, placed: &[(usize, &IssueAtLine)], text: &Text) {
        let (mut room, mut left_out, mut is_cut) = (MAX_BYTES, 0, false);
        let mut next = 0;
        // Without issues, the beginning; with some, what is around them.
        let total = body.lines().count();
        let is_around = |number: usize, next: usize| {
            let before = next.checked_sub(1).and_then(|before| placed.get(before));
            let near = |at: usize| at.abs_diff(number) <= CONTEXT;
            before.is_some_and(|(at, _)| near(*at)) || placed.get(next).is_some_and(|(at, _)| near(*at))
        };
        for (number, line) in (1..).zip(body.lines()) {
            let first = next;
            // What ends too early has its issue behind the last line break.
            while placed.get(next).is_some_and(|(at, _)| *at <= number || number == total) {
                next += 1;
            }
            let issues: Vec<_> = placed[first..next].iter().map(|(_, issue)| (*issue).clone()).collect();
            let has_room = self.lines.len() < MAX_LINES && room > 0;
            let is_wanted = total <= MAX_LINES || placed.is_empty() || is_around(number, next) || !issues.is_empty();
            if !has_room || !is_wanted {
                left_out += 1;
                continue;
            }
            let (shown, was_cut) = cut(line);
            is_cut |= was_cut;
            room = room.saturating_sub(escaped_len(&shown) + 64);
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

fn cut(line: &str) -> (String, bool) {
    match line.char_indices().nth(MAX_LINE) {
        Some((end, _)) => (format!("{} […]", &line[..end]), true),
        None => (line.to_owned(), false),
    }
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
        let lines = shown(&body, &[issue(1, 40_000, 1)]);
        assert_eq!(lines.lines.len(), 2 * CONTEXT + 1);
        assert_eq!(marked(&lines), [(40_000, vec![1])]);
        assert_eq!(lines.lines[0].left_out, 40_000 - CONTEXT - 1);
        let without = shown(&body, &[]);
        assert_eq!((without.lines.len(), without.notes.len()), (MAX_LINES, 1));
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
