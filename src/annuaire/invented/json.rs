//! Writes compact JSON into one buffer: building values first would be slow for millions of resources.

use std::fmt::Write as _;

/// The text of one line.
#[derive(Default)]
pub struct Json(String);

impl Json {
    /// Empties the buffer, and keeps its memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The bytes written.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Writes an object without a key: a line, or an item of a list.
    pub fn item(&mut self, content: impl FnOnce(&mut Self)) {
        self.comma();
        self.0.push('{');
        content(self);
        self.0.push('}');
    }

    /// Writes an object.
    pub fn object(&mut self, key: &str, content: impl FnOnce(&mut Self)) {
        self.key(key);
        self.0.push('{');
        content(self);
        self.0.push('}');
    }

    /// Writes a list.
    pub fn list(&mut self, key: &str, content: impl FnOnce(&mut Self)) {
        self.key(key);
        self.0.push('[');
        content(self);
        self.0.push(']');
    }

    /// Writes a list of strings.
    pub fn texts<T: AsRef<str>>(&mut self, key: &str, values: impl IntoIterator<Item = T>) {
        self.list(key, |json| {
            for value in values {
                json.comma();
                json.string(value.as_ref());
            }
        });
    }

    /// Writes a string.
    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.string(value);
    }

    /// Writes a boolean.
    pub fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.0.push_str(if value { "true" } else { "false" });
    }

    /// Writes an integer.
    pub fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        self.0.push_str(&value.to_string());
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.string(key);
        self.0.push(':');
    }

    /// Writes a comma unless this is the first member or item: no value ends with one of these characters.
    fn comma(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(',');
        }
    }

    fn string(&mut self, value: &str) {
        self.0.push('"');
        if value.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.0.push_str(value);
        } else {
            value.chars().for_each(|character| self.escaped(character));
        }
        self.0.push('"');
    }

    fn escaped(&mut self, character: char) {
        match character {
            '"' | '\\' => self.0.extend(['\\', character]),
            // Writing to a `String` cannot fail.
            '\0'..='\u{1f}' => _ = write!(self.0, "\\u{:04x}", u32::from(character)),
            _ => self.0.push(character),
        }
    }
}
