//! `_elements`: a part of a resource. <http://hl7.org/fhir/R4/search.html#elements>

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::annuaire::resource::DirectoryType;

/// What marks a resource of which not all is shown.
const SUBSETTED: &str = concat!(
    r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","#,
    r#""code":"SUBSETTED","display":"Resource encoded in summary mode"}"#
);

/// The elements that stay whatever is asked for: those that the DP profile of the type requires, and
/// those that change the meaning of the others.
fn always(resource_type: DirectoryType) -> &'static [&'static str] {
    match resource_type {
        DirectoryType::Organization | DirectoryType::Practitioner | DirectoryType::HealthcareService => {
            &["identifier", "active"]
        }
        DirectoryType::PractitionerRole => &["identifier", "active", "practitioner"],
        DirectoryType::Device => &["identifier", "status"],
    }
}

/// Of every type: what a resource is, and what changes its meaning.
const ALWAYS: [&str; 5] = ["resourceType", "id", "meta", "implicitRules", "modifierExtension"];

/// Writes the elements asked for, and those that are always there, as a resource marked SUBSETTED.
/// Where the body is not an object, all of it.
pub fn write_subset(text: &mut String, resource_type: DirectoryType, body: &str, elements: &BTreeSet<String>) {
    let Ok(Object(members)) = serde_json::from_str(body) else {
        text.push_str(body);
        return;
    };
    let is_kept = |name: &str| {
        // What stands beside a primitive belongs to it.
        let name = name.strip_prefix('_').unwrap_or(name);
        ALWAYS.contains(&name) || always(resource_type).contains(&name) || elements.contains(name)
    };
    let mut separator = '{';
    for (name, value) in members.iter().filter(|(name, _)| is_kept(name)) {
        text.push(separator);
        separator = ',';
        push_name(text, name);
        match &**name {
            "meta" => write_meta(text, value.get()),
            _ => text.push_str(value.get()),
        }
    }
    if !members.iter().any(|(name, _)| name == "meta") {
        text.push(separator);
        push_name(text, "meta");
        write_meta(text, "{}");
    }
    text.push('}');
}

/// `meta` with the tag.
fn write_meta(text: &mut String, meta: &str) {
    let Object(members) = serde_json::from_str(meta).unwrap_or_default();
    let mut separator = '{';
    for (name, value) in members.iter().filter(|(name, _)| name != "tag") {
        text.push(separator);
        separator = ',';
        push_name(text, name);
        text.push_str(value.get());
    }
    text.push(separator);
    text.push_str(r#""tag":["#);
    let tags = members.iter().find(|(name, _)| name == "tag").map(|(_, value)| value.get());
    let inner = tags.and_then(|tags| tags.strip_prefix('[')?.strip_suffix(']')).map(str::trim);
    if let Some(inner) = inner.filter(|inner| !inner.is_empty()) {
        text.push_str(inner);
        text.push(',');
    }
    text.push_str(SUBSETTED);
    text.push_str("]}");
}

fn push_name(text: &mut String, name: &str) {
    text.push_str(&serde_json::Value::from(name).to_string());
    text.push(':');
}

/// The members of an object, in order, values as they stand in the text.
#[derive(Default)]
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = vec![];
                while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name.0, value));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A name, borrowed where it holds no escape.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn subset(resource_type: DirectoryType, body: &str, elements: &[&str]) -> String {
        let elements = elements.iter().map(|&element| element.to_owned()).collect();
        let mut text = String::new();
        write_subset(&mut text, resource_type, body, &elements);
        text
    }

    #[test]
    fn what_is_asked_for_and_what_must_be_there_is_kept_in_order_and_to_the_letter() {
        let body = r#"{"resourceType":"Practitioner","id":"1","meta":{"versionId":"1","tag":[ {"code":"x"} ]},"language":"fr","identifier":[{"value":"\u00e9"}],"active":true,"_birthDate":{"id":"b"},"name":[{"family":"A"}]}"#;
        let kept = r#"{"resourceType":"Practitioner","id":"1","meta":{"versionId":"1","tag":[{"code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED","display":"Resource encoded in summary mode"}]},"identifier":[{"value":"\u00e9"}],"active":true"#;
        assert_eq!(subset(DirectoryType::Practitioner, body, &["telecom"]), format!("{kept}}}"));
        let named = format!(r#"{kept},"_birthDate":{{"id":"b"}},"name":[{{"family":"A"}}]}}"#);
        assert_eq!(subset(DirectoryType::Practitioner, body, &["name", "birthDate", "active"]), named);
    }

    #[test]
    fn each_type_keeps_its_own() {
        let body = r#"{"resourceType":"X","id":"1","status":"active","practitioner":{"reference":"Practitioner/1"}}"#;
        let subset = |resource_type| subset(resource_type, body, &["code"]);
        assert!(subset(DirectoryType::Device).contains(r#""status":"active""#));
        assert!(!subset(DirectoryType::Device).contains("practitioner"));
        assert!(subset(DirectoryType::PractitionerRole).contains(r#""practitioner":{"reference""#));
        assert!(subset(DirectoryType::HealthcareService).contains("SUBSETTED"), "meta is made where it is missing");
    }
}
