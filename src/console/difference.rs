//! What differs between two texts, line by line; bounded, as both may be hostile.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffTag, capture_diff_slices_deadline, group_diff_ops};

use super::display::escaped_len;
use super::indent::{indented, is_one_line};
use super::text::{Text, fill};

/// Maximum bytes of each text that are compared.
const MAX_INPUT: usize = 128 << 10;
/// How long differences are looked for; the rest of both texts is then shown as removed and added.
const TIMEOUT: Duration = Duration::from_millis(50);
/// Lines without a change that are shown before and after one with.
const CONTEXT: usize = 3;
/// Maximum lines that are shown.
const MAX_LINES: usize = 400;
/// Maximum characters of a line that are shown.
const MAX_LINE: usize = 500;
/// Maximum bytes of all lines on a page, markup included.
const MAX_BYTES: usize = 48 << 10;
/// The markup around a line, in bytes: at most.
const MARKUP: usize = 128;

/// The lines that differ, with some around them. The macro `lines` of `difference.html` shows it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Empty where the texts are equal.
    pub lines: Vec<DifferenceLine>,
    /// What is said of the whole, such as that a text was too long.
    pub notes: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct DifferenceLine {
    pub kind: LineKind,
    pub text: String,
    /// Whether equal lines before this one are left out.
    pub is_after_gap: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    Kept,
    Added,
    Removed,
}

impl LineKind {
    pub fn class(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }

    pub fn sign(self) -> &'static str {
        match self {
            Self::Kept => " ",
            Self::Added => "+",
            Self::Removed => "−",
        }
    }

    /// The sign in words, for screen readers.
    pub fn label(self, text: &Text) -> &'static str {
        match self {
            Self::Kept => "",
            Self::Added => text.difference_added,
            Self::Removed => text.difference_removed,
        }
    }
}

impl Difference {
    /// Compares two texts by lines; JSON of one line is indented before. Takes at most [`TIMEOUT`], however large the texts
    /// are.
    pub fn new(before: &str, after: &str, text: &Text) -> Self {
        let mut difference = Self::default();
        if before.len().max(after.len()) > MAX_INPUT {
            difference.notes.push(fill(text.difference_cut, &[("n", &(MAX_INPUT >> 10).to_string())]));
        }
        let (before, after) = (by_lines(before), by_lines(after));
        let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
        let deadline = Instant::now() + TIMEOUT;
        let operations = capture_diff_slices_deadline(Algorithm::Myers, &old, &new, Some(deadline));
        let has_changes = operations.iter().any(|operation| operation.tag() != DiffTag::Equal);
        let groups = if has_changes { group_diff_ops(operations, CONTEXT) } else { vec![] };
        let (mut room, mut left_out) = (MAX_BYTES, 0);
        for group in groups {
            let mut is_after_gap = group.first().is_some_and(|first| first.old_range().start > 0);
            for operation in group {
                let (tag, old_range, new_range) = operation.as_tag_tuple();
                let kept = if tag == DiffTag::Equal { &new[new_range.clone()] } else { &[] };
                let (removed, added) =
                    if tag == DiffTag::Equal { (&[][..], &[][..]) } else { (&old[old_range], &new[new_range]) };
                let kinds = [(LineKind::Kept, kept), (LineKind::Removed, removed), (LineKind::Added, added)];
                for (kind, line) in
                    kinds.into_iter().flat_map(|(kind, lines)| lines.iter().map(move |line| (kind, *line)))
                {
                    left_out += usize::from(!difference.add(kind, line, &mut is_after_gap, &mut room));
                }
            }
        }
        if left_out > 0 {
            difference.notes.push(fill(text.validate_lines_left_out, &[("n", &left_out.to_string())]));
        }
        difference
    }

    /// Adds a line if there is room for it.
    fn add(&mut self, kind: LineKind, line: &str, is_after_gap: &mut bool, room: &mut usize) -> bool {
        let text = match line.char_indices().nth(MAX_LINE) {
            Some((end, _)) => format!("{} […]", &line[..end]),
            None => line.to_owned(),
        };
        let size = escaped_len(&text) + MARKUP;
        if self.lines.len() == MAX_LINES || size > *room {
            // Nothing follows what has no room.
            *room = 0;
            return false;
        }
        *room -= size;
        self.lines.push(DifferenceLine { kind, text, is_after_gap: std::mem::take(is_after_gap) });
        true
    }
}

/// The beginning of a text; JSON of one line with line breaks.
fn by_lines(text: &str) -> Cow<'_, str> {
    let text = &text[..text.floor_char_boundary(MAX_INPUT)];
    if is_one_line(text) { indented(text, &[]).0.into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::Language;

    fn compared(before: &str, after: &str) -> Difference {
        Difference::new(before, after, Text::of(Language::English))
    }

    /// Each line with its sign, and `…` where lines are left out.
    fn signed(difference: &Difference) -> Vec<String> {
        let gap = |line: &DifferenceLine| if line.is_after_gap { "…" } else { "" };
        difference.lines.iter().map(|line| format!("{}{}{}", gap(line), line.kind.sign(), line.text)).collect()
    }

    #[test]
    fn difference_of_json_has_signs_and_some_lines_around() {
        let before = r#"{"a":[1,2,3,4,5,6],"b":"x","c":true}"#;
        let after = r#"{"a":[1,2,3,4,5,6],"b":"y","c":true,"d":null}"#;
        let difference = compared(before, after);
        let expected = [
            "…     5,",
            "     6",
            "   ],",
            "−  \"b\":\"x\",",
            "−  \"c\":true",
            "+  \"b\":\"y\",",
            "+  \"c\":true,",
            "+  \"d\":null",
            " }",
        ];
        assert_eq!(signed(&difference), expected);
        assert_eq!(difference.notes, Vec::<String>::new());
        assert_eq!(compared(before, before), Difference::default());
        assert_eq!(compared("", ""), Difference::default());
        assert_eq!(signed(&compared("", "a\nb")), ["+a", "+b"]);
        assert_eq!(signed(&compared("a\r\nb\n", "b\n")), ["−a", " b"]);
        assert_eq!(LineKind::Added.label(Text::of(Language::English)), "added:");
    }

    #[test]
    fn difference_of_hostile_texts_is_bounded() {
        let numbers = |step: usize| (0..200_000).map(|n| format!("{}\n", n * step)).collect::<String>();
        for (before, after) in [
            ("[".repeat(16 << 20), "]".repeat(16 << 20)),
            ("é\n".repeat(1 << 20), "\u{202e}\n".repeat(1 << 20)),
            (numbers(2), numbers(3)),
            ("{\"a\": \"".to_owned() + &"<".repeat(1 << 20), "\"".repeat(1 << 20)),
        ] {
            let difference = compared(&before, &after);
            let bytes: usize = difference.lines.iter().map(|line| escaped_len(&line.text) + MARKUP).sum();
            assert!(bytes <= MAX_BYTES && difference.lines.len() <= MAX_LINES, "{bytes}");
            assert!(!difference.lines.is_empty() && !difference.notes.is_empty());
        }
    }
}
