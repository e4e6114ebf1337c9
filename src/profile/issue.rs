//! Maps the failure of a schema to the violated rule.

use std::ops::ControlFlow;

use serde_json::Value;

use super::failures::{Failure, Kind};
use super::keyword::{Place, Violation};
use crate::fhir::json::Path;
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{self, FHIR_CODE, FHIR_JSON_TYPE, FHIR_PRIMITIVE, FHIR_UNKNOWN_ELEMENT};
use crate::issue::{Issue, Rule};

/// Takes the violations of rules, one at a time; the issue is built only if it is listed. Breaks to end the check.
pub type Report<'r> = &'r mut dyn FnMut(&'static Rule, &dyn Fn() -> Issue) -> ControlFlow<()>;

/// The annotation that names the rule which an object of a schema states.
pub const RULE: &str = "x-rule";

/// Checks that the catalogue has every rule that the schema names.
pub fn check_rules(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Object(object) => {
            if let Some(id) = object.get(RULE).and_then(Value::as_str) {
                catalogue::find(id).ok_or_else(|| format!("rule {id} is not in the catalogue"))?;
            }
            object.values().try_for_each(check_rules)
        }
        Value::Array(items) => items.iter().try_for_each(check_rules),
        _ => Ok(()),
    }
}

/// The rule that a failure violates; `None` if it must not be reported.
pub fn rule(failure: &Failure<'_>) -> Option<&'static Rule> {
    let Failure { instance, kind, .. } = failure;
    if failure.rule.is_some() {
        return failure.rule;
    }
    match kind {
        // Remaining `null`s are placeholders of repetitions that their companions describe.
        _ if instance.is_null() => None,
        Kind::Unknown(_) => Some(&FHIR_UNKNOWN_ELEMENT),
        Kind::Own(violation) => Some(violation.rule),
        Kind::Keyword("type", _) => Some(&FHIR_JSON_TYPE),
        // If it is not a string, `type` has reported it.
        Kind::Keyword("enum", _) => instance.is_string().then_some(&FHIR_CODE),
        Kind::Keyword(..) | Kind::Required(_) => Some(&FHIR_PRIMITIVE),
    }
}

/// The issue of a failure that violates `rule`.
pub fn issue(failure: &Failure<'_>, rule: &'static Rule, resource_type: ResourceType) -> Issue {
    let Failure { instance, path, kind, fhir_type, .. } = failure;
    let root = resource_type.as_str();
    let at = || path.expression(root);
    let found = instance.as_str();
    if failure.rule.is_some() {
        let (issue, count) = match (kind, instance) {
            (Kind::Required(name), _) => (Path::Key(path, name).issue(rule, root), 0),
            // A `null` is the placeholder of a missing value.
            (_, Value::Array(items)) => (path.issue(rule, root), items.iter().filter(|item| !item.is_null()).count()),
            (_, Value::Null) => (path.issue(rule, root), 0),
            _ => (path.issue(rule, root), 1),
        };
        let issue = issue.with("found", found.unwrap_or("absent"));
        return issue.with("count", count.to_string()).with("codings", codings(instance));
    }
    let pointer = || path.pointer();
    match kind {
        // R4 has no element of this name: the expression is that of the parent.
        Kind::Unknown(name) => Issue::new(rule, at()).with("found", name).at_pointer(Path::Key(path, name).pointer()),
        Kind::Own(violation) => keyword_issue(violation, path, resource_type),
        Kind::Keyword("type", expected) => {
            wrong_json_type(instance, at(), expected.as_str().unwrap_or_default()).at_pointer(pointer())
        }
        Kind::Keyword("enum", options) => {
            let codes: Vec<_> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            path.issue(rule, root).with("found", found.unwrap_or_default()).with("expected", codes.join(", "))
        }
        Kind::Keyword(..) | Kind::Required(_) => primitive(fhir_type, at()).at_pointer(pointer()),
    }
}

/// The issue of what a keyword reports of the instance at `path`.
pub fn keyword_issue(violation: &Violation<'_>, path: &Path<'_>, resource_type: ResourceType) -> Issue {
    let Violation { rule, place, found, expected } = *violation;
    let root = resource_type.as_str();
    let issue = |path: &Path<'_>| {
        if *rule == FHIR_PRIMITIVE {
            return primitive(expected, path.expression(root)).at_pointer(path.pointer());
        }
        path.issue(rule, root).with("found", found).with("expected", expected)
    };
    match place {
        Place::Here => issue(path),
        // The expression is that of what lacks it.
        Place::Lacking(name) => issue(path).at_pointer(Path::Key(path, name).pointer()),
        Place::Member(name) => issue(&Path::Key(path, name)),
        Place::Item(name, index) => issue(&Path::Index(&Path::Key(path, name), index)),
    }
}

/// The codes of an array of codings, `system#code`; other values are not reported.
fn codings(instance: &Value) -> String {
    let codings = instance.as_array().into_iter().flatten().filter_map(|coding| {
        let part = |name: &str| coding.get(name).and_then(Value::as_str);
        Some(format!("{}#{}", part("system").unwrap_or_default(), part("code")?))
    });
    let codings: Vec<_> = codings.take(3).collect();
    if codings.is_empty() { "∅".to_owned() } else { codings.join(", ") }
}

/// The issue of a value at `expression` that is not of this FHIR type.
pub fn primitive(fhir_type: &str, expression: impl Into<String>) -> Issue {
    let issue = Issue::new(&FHIR_PRIMITIVE, expression).with("expected", fhir_type);
    issue.with("form", form(fhir_type))
}

/// The form of this FHIR type, or a link to it; without words, as messages are in two languages.
fn form(fhir_type: &str) -> &str {
    match fhir_type {
        "instant" | "dateTime" => "2026-03-04T14:00:00+01:00",
        "date" => "2026-03-04",
        "time" => "14:00:00",
        "id" => "A-Z a-z 0-9 - . (1…64)",
        "uri" | "url" | "canonical" => "https://example.org/a, urn:oid:1.2.250.1.213.3.6",
        "oid" => "urn:oid:1.2.250.1.213.3.6",
        "uuid" => "urn:uuid:0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11",
        "code" => "booked",
        "base64Binary" => "U0FT",
        "positiveInt" => "1, 2, 3…",
        "unsignedInt" => "0, 1, 2…",
        "integer" => "-1, 0, 1…",
        "string" | "markdown" => "« abc », “abc” (≥ 1 caractère visible / visible character)",
        "xhtml" => "<div xmlns=\"http://www.w3.org/1999/xhtml\">…</div>",
        "decimal" => "1.50",
        _ => "http://hl7.org/fhir/R4/datatypes.html",
    }
}

/// The issue of a value at `expression` whose JSON type is not the expected one.
pub fn wrong_json_type(value: &Value, expression: impl Into<String>, expected: &str) -> Issue {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Issue::new(&FHIR_JSON_TYPE, expression).with("found", found).with("expected", expected)
}
