//! What a search means, said once more and as simply as possible: a filter over JSON.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use sas_endpoint::fhir::directory_type::DirectoryType::{
    self, Device, HealthcareService, Organization, Practitioner, PractitionerRole,
};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The parameters that are tokens, with the types that have them.
pub const TOKENS: [(&[DirectoryType], &str); 11] = [
    (&DirectoryType::ALL, "identifier"),
    (&[Practitioner, Organization], "identifier-type"),
    (&[Practitioner, PractitionerRole, Organization, HealthcareService], "active"),
    (&[Practitioner], "qualification-code"),
    (&[PractitionerRole], "role"),
    (&[Organization, Device], "type"),
    (&[Device], "status"),
    (&[HealthcareService], "characteristic"),
    (&[HealthcareService], "service-category"),
    (&[HealthcareService], "service-type"),
    (&DirectoryType::ALL, "data-information-system"),
];

/// The parameters that are strings, with the types that have them.
pub const TEXTS: [(&[DirectoryType], &str); 9] = [
    (&[Practitioner], "family"),
    (&[Practitioner], "given"),
    (&[Practitioner, Organization], "name"),
    (&[Practitioner, PractitionerRole, Organization], "mailbox-mss"),
    (&[Organization], "address"),
    (&[Organization], "address-city"),
    (&[Organization], "address-postalcode"),
    (&[Device], "manufacturer"),
    (&[Device], "model"),
];

/// `Type/id`
pub fn path(resource: &Value) -> String {
    format!("{}/{}", text(&resource["resourceType"]), text(&resource["id"]))
}

/// When it was updated.
pub fn instant_of(resource: &Value) -> Timestamp {
    text(&resource["meta"]["lastUpdated"]).parse().expect("an instant")
}

/// Whether a parameter of a search holds for one of the resources of a directory.
pub fn holds(all: &[Value], resource: &Value, name: &str, value: &str) -> bool {
    let alternatives = alternatives(value);
    let values: Vec<&str> = alternatives.iter().map(String::as_str).filter(|value| !value.is_empty()).collect();
    if values.is_empty() {
        return true;
    }
    if let Some(rest) = name.strip_prefix("_has:") {
        let mut parts = rest.splitn(3, ':');
        let (source, link, rest) =
            (parts.next().expect("a part"), parts.next().expect("a part"), parts.next().expect("a part"));
        return all.iter().any(|other| {
            other["resourceType"] == source
                && reference(other, link) == Some(path(resource))
                && holds(all, other, rest, value)
        });
    }
    if let Some((link, rest)) = name.split_once('.') {
        let target = reference(resource, link.split(':').next().expect("a part"));
        return all.iter().any(|other| target == Some(path(other)) && holds(all, other, rest, value));
    }
    let (name, modifier) = name.split_once(':').unwrap_or((name, ""));
    let (name, modifier) = if ["family", "given"].contains(&modifier) { (modifier, "") } else { (name, modifier) };
    if modifier == "missing" {
        return is_missing(resource, name) == (value == "true");
    }
    match name {
        "_id" => values.contains(&text(&resource["id"])),
        "_lastUpdated" => values.iter().any(|value| is_dated(instant_of(resource), value)),
        "_profile" => {
            let profiles = strings(&resource["meta"]["profile"]);
            profiles
                .iter()
                .any(|profile| values.iter().any(|value| profile == value || profile.split('|').next() == Some(value)))
        }
        "practitioner" | "organization" | "partof" => {
            let target = reference(resource, name).unwrap_or_default();
            let id = target.rsplit('/').next().expect("a part");
            values.iter().any(|value| *value == target || *value == id && !id.is_empty())
        }
        _ if TEXTS.iter().any(|(_, text)| *text == name) => {
            let texts = texts(resource, name);
            texts.iter().any(|text| values.iter().any(|value| is_like(text, modifier, value)))
        }
        _ => {
            let tokens = tokens(resource, name);
            let found = tokens.iter().any(|token| values.iter().any(|value| is_token(token, value)));
            found != (modifier == "not")
        }
    }
}

/// The alternatives between commas; a backslash takes the meaning from what follows it.
fn alternatives(value: &str) -> Vec<String> {
    let (mut all, mut letters) = (vec![String::new()], value.chars());
    while let Some(letter) = letters.next() {
        match letter {
            ',' => all.push(String::new()),
            '\\' => all.last_mut().expect("one").extend(letters.next()),
            _ => all.last_mut().expect("one").push(letter),
        }
    }
    all
}

fn is_missing(resource: &Value, name: &str) -> bool {
    match name {
        "_id" | "_lastUpdated" => false,
        "practitioner" | "organization" | "partof" => reference(resource, name).is_none(),
        _ if TEXTS.iter().any(|(_, text)| *text == name) => texts(resource, name).is_empty(),
        _ => tokens(resource, name).is_empty(),
    }
}

/// `code`, `|code`, `system|code`, `system|`
fn is_token((system, code): &(String, String), value: &str) -> bool {
    match value.split_once('|').map(|(system, code)| (system.trim(), code.trim())) {
        None | Some(("", _)) => code == value.trim_start_matches('|').trim(),
        Some((wanted, "")) => system == wanted,
        Some((wanted, wanted_code)) => system == wanted && code == wanted_code,
    }
}

fn is_like(text: &str, modifier: &str, value: &str) -> bool {
    let plain = |text: &str| text.nfd().filter(|letter| !is_combining_mark(*letter)).collect::<String>();
    let lower = |text: &str| plain(text).chars().flat_map(char::to_lowercase).collect::<String>();
    match modifier {
        "exact" => text == value,
        "contains" => lower(text).contains(&lower(value)),
        _ => lower(text).starts_with(&lower(value)),
    }
}

/// Both sides are written in the zone of the value and cut to its precision.
fn is_dated(instant: Timestamp, value: &str) -> bool {
    let (prefix, date) =
        if value.starts_with(|letter: char| letter.is_ascii_digit()) { ("eq", value) } else { value.split_at(2) };
    let (date, hours) = match date.get(16..).and_then(|rest| rest.find(['+', '-'])) {
        Some(at) => (&date[..16 + at], date[16 + at..16 + at + 3].parse().expect("hours")),
        None => (date, 0),
    };
    let zone = TimeZone::fixed(Offset::constant(hours));
    let instant = instant.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string();
    let instant = &instant[..date.len()];
    match prefix {
        "eq" => instant == date,
        "ne" => instant != date,
        "gt" | "sa" => instant > date,
        "lt" | "eb" => instant < date,
        "ge" => instant >= date,
        _ => instant <= date,
    }
}

/// What a reference is to, as `Type/id`.
fn reference(resource: &Value, name: &str) -> Option<String> {
    let element = match (text(&resource["resourceType"]), name) {
        ("HealthcareService", "organization") => "providedBy",
        ("Device", "organization") => "owner",
        (_, "partof") => "partOf",
        _ => name,
    };
    let url = resource[element]["reference"].as_str()?;
    let parts: Vec<_> = url.rsplit('/').collect();
    Some(format!("{}/{}", parts[1], parts[0]))
}

fn tokens(resource: &Value, name: &str) -> Vec<(String, String)> {
    let element = match (text(&resource["resourceType"]), name) {
        (_, "identifier") => {
            let pair = |identifier: &Value| (owned(&identifier["system"]), owned(&identifier["value"]));
            return items(&resource["identifier"]).map(pair).collect();
        }
        (_, "identifier-type") => {
            return items(&resource["identifier"]).flat_map(|identifier| codings(&identifier["type"])).collect();
        }
        (_, "qualification-code") => {
            let qualifications = items(&resource["qualification"]);
            return qualifications.flat_map(|qualification| codings(&qualification["code"])).collect();
        }
        (_, "active") => {
            let active = resource["active"].as_bool().map(|active| active.to_string());
            return active
                .into_iter()
                .map(|active| ("http://hl7.org/fhir/special-values".to_owned(), active))
                .collect();
        }
        (_, "status") => {
            let status = resource["status"].as_str().map(str::to_owned);
            return status.into_iter().map(|status| ("http://hl7.org/fhir/device-status".to_owned(), status)).collect();
        }
        (_, "data-information-system") => {
            let system = "https://interop.esante.gouv.fr/ig/fhir/annuaire/CodeSystem/as-cs-type-systeme-information";
            let traces = items(&resource["meta"]["extension"]).flat_map(|trace| items(&trace["extension"]));
            return traces.map(|part| (system.to_owned(), owned(&part["valueCode"]))).collect();
        }
        (_, "role") => "code",
        (_, "service-category") => "category",
        (_, "service-type") => "type",
        (_, name) => name,
    };
    match &resource[element] {
        Value::Array(concepts) => concepts.iter().flat_map(codings).collect(),
        concept => codings(concept),
    }
}

fn texts(resource: &Value, name: &str) -> Vec<String> {
    let people = || items(&resource["name"]);
    let addresses = || items(&resource["address"]);
    match (text(&resource["resourceType"]), name) {
        (_, "family") => people().flat_map(|name| strings(&name["family"])).collect(),
        (_, "given") => people().flat_map(|name| strings(&name["given"])).collect(),
        ("Practitioner", "name") => {
            let parts = ["text", "family", "given", "prefix", "suffix"];
            people().flat_map(|name| parts.into_iter().flat_map(|part| strings(&name[part]))).collect()
        }
        (_, "mailbox-mss") => {
            let is_mailbox = |telecom: &&Value| {
                items(&telecom["extension"]).any(|extension| extension["valueCoding"]["code"] == "MSSANTE")
            };
            items(&resource["telecom"]).filter(is_mailbox).flat_map(|telecom| strings(&telecom["value"])).collect()
        }
        (_, "address") => {
            let parts = ["city", "postalCode", "country"];
            addresses().flat_map(|address| parts.into_iter().flat_map(|part| strings(&address[part]))).collect()
        }
        (_, "address-city") => addresses().flat_map(|address| strings(&address["city"])).collect(),
        (_, "address-postalcode") => addresses().flat_map(|address| strings(&address["postalCode"])).collect(),
        (_, "model") => strings(&resource["modelNumber"]),
        (_, name) => strings(&resource[name]),
    }
}

fn codings(concept: &Value) -> Vec<(String, String)> {
    items(&concept["coding"]).map(|coding| (owned(&coding["system"]), owned(&coding["code"]))).collect()
}

/// A text, or each of a list.
fn strings(value: &Value) -> Vec<String> {
    value.as_str().into_iter().chain(items(value).filter_map(Value::as_str)).map(str::to_owned).collect()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn owned(value: &Value) -> String {
    text(value).to_owned()
}
