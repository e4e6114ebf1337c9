//! The members of a JSON object, with the text of their values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object with the text of each value, in the order received.
pub type Members = Vec<(String, String)>;

/// The members of the object in a JSON text; none if the text is not an object.
pub fn members(text: &str) -> Members {
    struct Entries;
    impl<'de> Visitor<'de> for Entries {
        type Value = Members;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Members, A::Error> {
            let mut members = Members::new();
            while let Some((key, value)) = entries.next_entry::<String, &RawValue>()? {
                members.push((key, compact(value.get()).into_owned()));
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Entries).unwrap_or_default()
}

/// Valid JSON text without the white space between its tokens; borrowed if it has none.
pub fn compact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut kept = String::new();
    let (mut at, mut kept_to) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at + 1),
            b' ' | b'\t' | b'\n' | b'\r' => {
                kept.push_str(&text[kept_to..at]);
                at += 1;
                kept_to = at;
            }
            _ => at += 1,
        }
    }
    if kept_to == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[kept_to..]);
    Cow::Owned(kept)
}

/// The index after the quote that ends the string whose first character is at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}
