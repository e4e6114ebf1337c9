//! FHIR knows nothing empty, and `null` only in the place of a repetition that its companion describes:
//! <http://hl7.org/fhir/R4/json.html>

use serde_json::Value;

/// Asserts that no array, object or string in what was answered is empty, and no member null.
pub fn assert_nothing_is_empty(answered: &Value, what: &str) {
    let mut waiting = vec![(String::new(), answered)];
    while let Some((place, value)) = waiting.pop() {
        let is_empty = match value {
            Value::Null => !place.ends_with(|last: char| last.is_ascii_digit()),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        assert!(!is_empty, "{what}: {place} is {value} in {answered:#}");
        match value {
            Value::Array(items) => {
                waiting.extend(items.iter().enumerate().map(|(at, item)| (format!("{place}/{at}"), item)));
            }
            Value::Object(members) => {
                waiting.extend(members.iter().map(|(name, member)| (format!("{place}/{name}"), member)));
            }
            _ => {}
        }
    }
}
