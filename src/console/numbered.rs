//! The text of a body by numbered lines, bounded: a page must not grow with a hostile body.

use super::display::escaped_len;

/// Maximum lines that are shown.
const MAX_LINES: usize = 2_000;

/// Maximum characters of a line that are shown.
const MAX_LINE: usize = 10_000;

/// Maximum bytes of all lines on the page, markup included.
const MAX_BYTES: usize = 768 << 10;

/// The markup around a line, in bytes.
const MARKUP: usize = "<li><code></code></li>\n".len();

/// Marks the end of a line that is cut.
const CUT: &str = " […]";

/// The first lines of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Numbered {
    pub lines: Vec<String>,
    /// How many lines are not shown.
    pub left_out: usize,
    /// Whether a line that is shown is cut.
    pub has_cut_lines: bool,
}

impl Numbered {
    pub fn new(text: &str) -> Self {
        let mut numbered = Self::default();
        let mut room = MAX_BYTES;
        let mut lines = text.lines();
        for line in lines.by_ref() {
            let (shown, is_cut) = cut(line);
            let size = escaped_len(shown) + CUT.len() + MARKUP;
            if numbered.lines.len() == MAX_LINES || size > room {
                numbered.left_out = 1;
                break;
            }
            room -= size;
            numbered.has_cut_lines |= is_cut;
            numbered.lines.push(if is_cut { format!("{shown}{CUT}") } else { shown.to_owned() });
        }
        numbered.left_out += lines.count();
        numbered
    }
}

fn cut(line: &str) -> (&str, bool) {
    line.char_indices().nth(MAX_LINE).map_or((line, false), |(end, _)| (&line[..end], true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_lines_are_bounded_in_number_length_and_bytes() {
        assert_eq!(Numbered::new(""), Numbered::default());
        let short = Numbered::new("{\n  \"a\": 1\n}\n");
        assert_eq!(
            (short.lines, short.left_out, short.has_cut_lines),
            (vec!["{".into(), "  \"a\": 1".into(), "}".into()], 0, false)
        );
        let many = Numbered::new(&"x\n".repeat(50_000));
        assert_eq!((many.lines.len(), many.left_out), (MAX_LINES, 48_000));
        let long = Numbered::new(&"é".repeat(1 << 20));
        assert_eq!((long.lines.len(), long.left_out, long.has_cut_lines), (1, 0, true));
        assert_eq!(long.lines[0].chars().count(), MAX_LINE + CUT.chars().count());
        // What is shown takes more bytes than what was sent.
        let hostile = Numbered::new(&("\u{202e}".repeat(1_000) + "\n").repeat(2_000));
        let bytes: usize = hostile.lines.iter().map(|line| escaped_len(line) + MARKUP).sum();
        assert!(bytes <= MAX_BYTES && bytes > MAX_BYTES / 2, "{bytes}");
        assert_eq!(hostile.lines.len() + hostile.left_out, 2_000);
    }
}
