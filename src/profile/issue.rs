//! From a schema's failure to the rule it breaks.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::paths::{Location, LocationSegment};
use serde_json::Value;

use super::keyword;
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{
    self, FHIR_CHOICE, FHIR_CODE, FHIR_JSON_TYPE, FHIR_PRIMITIVE, FHIR_REQUIRED_ELEMENT, FHIR_UNKNOWN_ELEMENT,
};
use crate::issue::{Issue, Rule};

/// The annotation that names the rule which an object of a schema states.
pub const RULE: &str = "x-rule";

/// Whether every rule that the schema names is in the catalogue.
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

/// The issues that one failure of the schema `document` stands for.
pub fn of_error(error: &ValidationError<'_>, document: &Value, resource_type: ResourceType) -> Vec<Issue> {
    let instance = error.instance();
    let at = expression(resource_type, error.instance_path());
    let below = |element: &str| format!("{at}.{element}");
    let schemas = schemas(document, error.evaluation_path());
    let (failing, fhir_type) = schemas.last().copied().unwrap_or((document, ""));
    if let Some(rule) = named_rule(&schemas) {
        let place = match error.kind() {
            Kind::Required { property } => below(property.as_str().unwrap_or_default()),
            _ => at.clone(),
        };
        let count = match (error.kind(), instance.as_ref()) {
            (Kind::Required { .. }, _) => 0,
            (_, Value::Array(items)) => items.len(),
            _ => 1,
        };
        let issue = Issue::new(rule, place).with("found", instance.as_str().unwrap_or("absent"));
        return vec![issue.with("count", count.to_string()).with("codings", codings(instance))];
    }
    // A `null` that is left stands for a repetition described by its companion.
    if instance.is_null() {
        return vec![];
    }
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| Issue::new(&FHIR_UNKNOWN_ELEMENT, below(name)).with("found", name)).collect()
        }
        Kind::Custom { keyword, message: element } if keyword == keyword::REQUIRED => {
            vec![Issue::new(&FHIR_REQUIRED_ELEMENT, below(element)).with("expected", element)]
        }
        Kind::Custom { keyword, message: element } if keyword == keyword::CHOICE => {
            vec![Issue::new(&FHIR_CHOICE, below(element)).with("expected", element)]
        }
        Kind::Type { .. } => {
            let expected = failing.as_str().unwrap_or_default();
            vec![Issue::new(&FHIR_JSON_TYPE, at).with("found", json_type(instance)).with("expected", expected)]
        }
        // Where it is no string, the type has been told already.
        Kind::Enum { options } => instance.as_str().map_or(vec![], |found| {
            let codes: Vec<_> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            vec![Issue::new(&FHIR_CODE, at).with("found", found).with("expected", codes.join(", "))]
        }),
        Kind::Custom { .. } => vec![primitive("integer", at)],
        _ => vec![primitive(fhir_type, at)],
    }
}

/// The codes of an array of codings, `system#code`; other values are nobody's business.
fn codings(instance: &Value) -> String {
    let codings = instance.as_array().into_iter().flatten().filter_map(|coding| {
        let part = |name: &str| coding.get(name).and_then(Value::as_str);
        Some(format!("{}#{}", part("system").unwrap_or_default(), part("code")?))
    });
    let codings: Vec<_> = codings.take(3).collect();
    if codings.is_empty() { "∅".to_owned() } else { codings.join(", ") }
}

/// A value at `expression` has not the form of this FHIR type.
pub fn primitive(fhir_type: &str, expression: impl Into<String>) -> Issue {
    let issue = Issue::new(&FHIR_PRIMITIVE, expression).with("expected", fhir_type);
    issue.with("form", form(fhir_type))
}

/// How a value of this FHIR type looks, or where that is described; in words of no language.
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

fn expression(resource_type: ResourceType, path: &Location) -> String {
    path.segments().fold(resource_type.to_string(), |expression, segment| match segment {
        LocationSegment::Property(name) => format!("{expression}.{name}"),
        LocationSegment::Index(index) => format!("{expression}[{index}]"),
    })
}

/// The schemas from the root of the document down to the failing keyword, through every `$ref`,
/// each with the name of the definition it belongs to.
fn schemas<'a>(document: &'a Value, path: &Location) -> Vec<(&'a Value, &'a str)> {
    let mut here = (document, "");
    let mut schemas = vec![here];
    for segment in path.segments() {
        let next = match &segment {
            LocationSegment::Property(name) if name == "$ref" => definition(document, here.0),
            LocationSegment::Property(name) => here.0.get(name.as_ref()).map(|next| (next, here.1)),
            LocationSegment::Index(index) => here.0.get(index).map(|next| (next, here.1)),
        };
        let Some(next) = next else { break };
        schemas.push(next);
        here = next;
    }
    schemas
}

/// The definition that a schema's `$ref` (`#/$defs/HumanName`) names.
fn definition<'a>(document: &'a Value, schema: &'a Value) -> Option<(&'a Value, &'a str)> {
    let name = schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    Some((document.get("$defs")?.get(name)?, name))
}

/// The rule named nearest above the failing keyword.
fn named_rule(schemas: &[(&Value, &str)]) -> Option<&'static Rule> {
    schemas.iter().rev().find_map(|(schema, _)| schema.get(RULE)?.as_str()).and_then(catalogue::find)
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
