//! Escapes external text before it is printed: it must neither control a terminal nor reorder the text around it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::characters::is_active;

/// Replaces each active character that is not `kept` by its escape, such as `\u{202e}`.
fn escape(text: &str, kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|character| is_active(character) && !kept(character)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_active(character) && !kept(character) {
            true => escaped.extend(character.escape_unicode()),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Escapes text that is part of a line.
pub fn cell(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// Escapes text of several lines: line breaks and tabs are kept.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |character| matches!(character, '\n' | '\t'))
}

/// Escapes JSON text, whose meaning is unchanged: active characters occur in its strings only, where `\u202e` is the same.
pub fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match is_active(character) && character != '\n' {
            // All of them fit into the 16 bits of one escape. Writing to a `String` cannot fail.
            true => _ = write!(escaped, "\\u{:04x}", u32::from(character)),
            false => escaped.push(character),
        }
    }
    escaped
}

/// Escapes text, but keeps escape sequences of colours (`ESC [ 32 m`).
fn escape_except_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut escaped = cell(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        let parameters = part.strip_prefix('[').and_then(|rest| rest.split_once('m')).map(|(parameters, _)| parameters);
        let is_colour = parameters.is_some_and(|list| list.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'));
        escaped.push_str(if is_colour { "\u{1b}" } else { "\\u{1b}" });
        escaped.push_str(&cell(part));
    }
    escaped
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStyle {
    Plain,
    /// Text with escape sequences of colours.
    Coloured,
    Json,
}

/// Escapes the log on its way to a terminal or a file. Each line is written in one call.
pub struct Escaped<W> {
    inner: W,
    style: LogStyle,
}

impl<W> Escaped<W> {
    pub fn new(inner: W, style: LogStyle) -> Self {
        Self { inner, style }
    }
}

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        // Each call has one whole event: a line break within it belongs to quoted text.
        let (event, end) = text.strip_suffix('\n').map_or((&*text, ""), |event| (event, "\n"));
        let mut escaped = match self.style {
            LogStyle::Plain => cell(event).into_owned(),
            LogStyle::Coloured => escape_except_colours(event),
            LogStyle::Json => json(event),
        };
        escaped.push_str(end);
        // One call, with the line break: between two calls, another thread could write its event.
        self.inner.write_all(escaped.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character that directs a terminal or the order of a text.
    fn active() -> impl Iterator<Item = char> {
        let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
        let marks = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}'];
        controls.chain(marks).chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}')
    }

    #[test]
    fn terminal_text_has_no_active_character() {
        for character in active() {
            let text = format!("a{character}b");
            let escaped = format!("a\\u{{{:x}}}b", u32::from(character));
            assert_eq!(cell(&text), escaped);
            let kept = matches!(character, '\n' | '\t');
            assert_eq!(lines(&text), if kept { text.as_str() } else { &escaped });
            let mut log = vec![];
            Escaped::new(&mut log, LogStyle::Plain).write_all(text.as_bytes()).expect("written");
            assert_eq!(String::from_utf8(log).expect("UTF-8"), escaped);
        }
        for plain in ["", "é → ’ 日本", "Nadia AUBERT"] {
            assert_eq!((&*cell(plain), &*lines(plain), &*json(plain)), (plain, plain, plain));
        }
    }

    #[test]
    fn terminal_json_has_no_active_character_and_the_same_value() {
        let text: String = active().collect();
        let printed = json(&serde_json::to_string_pretty(&[&text]).expect("JSON"));
        assert!(printed.chars().all(|character| character == '\n' || !is_active(character)), "{printed}");
        let read: Vec<String> = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(read, [text]);
    }

    #[test]
    fn log_event_is_written_at_once_with_its_line_break() {
        #[derive(Default)]
        struct Writes(Vec<String>);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(String::from_utf8_lossy(bytes).into_owned());
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for style in [LogStyle::Plain, LogStyle::Coloured, LogStyle::Json] {
            let mut writes = Writes::default();
            Escaped::new(&mut writes, style).write_all("{\"caller\":\"\u{202e}\"}\n".as_bytes()).expect("written");
            assert_eq!(writes.0.len(), 1, "{style:?}");
        }
    }

    #[test]
    fn log_in_json_is_valid_json() {
        let mut log = vec![];
        let line = serde_json::json!({ "caller": "\u{202e}x\u{9b}" }).to_string() + "\n";
        Escaped::new(&mut log, LogStyle::Json).write_all(line.as_bytes()).expect("written");
        assert_eq!(log, b"{\"caller\":\"\\u202ex\\u009b\"}\n");
    }

    #[test]
    fn log_keeps_its_own_colour_sequences() {
        let mut log = vec![];
        let text = "\u{1b}[32m INFO\u{1b}[0m caller=\u{202e}x \u{1b}[2J \u{1b}]0;title\u{7}\nforged\n";
        Escaped::new(&mut log, LogStyle::Coloured).write_all(text.as_bytes()).expect("written");
        let expected = "\u{1b}[32m INFO\u{1b}[0m caller=\\u{202e}x \\u{1b}[2J \\u{1b}]0;title\\u{7}\\u{a}forged\n";
        assert_eq!(String::from_utf8(log).expect("UTF-8"), expected);
    }
}
