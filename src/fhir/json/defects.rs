//! What FHIR refuses in a JSON document that can be read: `null`, what is empty, control characters.

use serde_json::{Map, Value};

use super::issues::Issues;
use super::path::Path;
use crate::issue::catalogue::{JSON_CONTROL_CHARACTER, JSON_EMPTY_VALUE, JSON_NULL};

fn check_object(object: &Map<String, Value>, path: &Path<'_>, issues: &Issues<'_>) {
    if object.is_empty() {
        issues.tell(&JSON_EMPTY_VALUE, path, |issue| issue);
    }
    check_members(object, path, issues);
}

/// Tells what is wrong with the members of an object.
pub(super) fn check_members(object: &Map<String, Value>, path: &Path<'_>, issues: &Issues<'_>) {
    for (key, value) in object {
        let path = Path::Key(path, key);
        if key.is_empty() || key.contains(is_control) {
            issues.tell(&JSON_CONTROL_CHARACTER, &path, |issue| issue);
        }
        match value {
            // `null` holds the place of a repetition that only its companion describes.
            Value::Array(items) => check_array(items, object.contains_key(&companion(key)), &path, issues),
            value => check_value(value, &path, issues),
        }
    }
}

fn check_array(items: &[Value], may_hold_null: bool, path: &Path<'_>, issues: &Issues<'_>) {
    if items.is_empty() {
        issues.tell(&JSON_EMPTY_VALUE, path, |issue| issue);
    }
    for (index, item) in items.iter().enumerate() {
        if !(may_hold_null && item.is_null()) {
            check_value(item, &Path::Index(path, index), issues);
        }
    }
}

fn check_value(value: &Value, path: &Path<'_>, issues: &Issues<'_>) {
    match value {
        Value::Null => issues.tell(&JSON_NULL, path, |issue| issue),
        Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) if text.is_empty() => issues.tell(&JSON_EMPTY_VALUE, path, |issue| issue),
        Value::String(text) if text.contains(is_control) => issues.tell(&JSON_CONTROL_CHARACTER, path, |issue| issue),
        Value::String(_) => {}
        Value::Array(items) => check_array(items, false, path, issues),
        Value::Object(object) => check_object(object, path, issues),
    }
}

/// The member that carries `id` and `extension` of a primitive, and the other way round.
fn companion(key: &str) -> String {
    match key.strip_prefix('_') {
        Some(primitive) => primitive.to_owned(),
        None => format!("_{key}"),
    }
}

fn is_control(c: char) -> bool {
    c < ' ' && !matches!(c, '\t' | '\r' | '\n')
}
