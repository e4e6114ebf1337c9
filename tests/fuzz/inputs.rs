//! Inputs: almost right, and wrong in every way.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

/// What stands for a person in every input: it is neither echoed nor logged.
pub const SECRET: &str = "mystere7q";

pub const T: &str = "urn:oid:1.2.250.1.213.3.6";
pub const N: &str = "urn:oid:1.2.250.1.71.4.2.1";

const REGULATOR: &str = include_str!("../fixtures/regulator-full.json");
const SMALL_REGULATOR: &str = include_str!("../fixtures/regulator.json");
const APPOINTMENT: &str = include_str!("../fixtures/appointment.json");
const SOS: &str = include_str!("../fixtures/appointment-sos.json");
const EXAMPLE: &str = include_str!("../fixtures/appointment-page-example.json");

/// The value of a person, or what programs stumble over.
pub fn odd_value() -> impl Strategy<Value = String> {
    prop_oneof![8 => odd_text(), 1 => (0..50_u32).prop_map(|person| format!("{SECRET}{person}"))]
}

/// Texts that programs stumble over.
pub fn odd_text() -> impl Strategy<Value = String> {
    let known = [
        "",
        " ",
        "\u{feff}",
        "\u{0}",
        "\u{7f}",
        "\u{85}",
        "\u{202e}abc",
        "e\u{301}",
        "é",
        "İ",
        "ß",
        "\u{1f469}\u{200d}\u{1f4bb}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
        "null",
        "true",
        "0",
        "-1",
        "1e999",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551616",
        "NaN",
        "''",
        "' OR 1=1 --",
        "%",
        "%00",
        "%zz",
        "\\",
        "\\|",
        "|",
        "||",
        ",",
        ",,",
        "a|b|c",
        "*",
        "\"",
        "W/\"1\"",
        "W/\"\"",
        "\r\n",
        "\t",
        "../..",
        "<script>",
        "{}",
        "[]",
        "2026-03-04",
        "2026-02-30",
        "0000",
        "9999-12-31T23:59:60Z",
        "-9999",
        "ge2026",
        "sa",
        "ap9999-12-31",
        "2026-03-29T02:30:00",
        "Practitioner/1",
        "true,false",
        "http://hl7.org/fhir/appointmentstatus|booked",
    ];
    prop_oneof![
        4 => select(known.to_vec()).prop_map(str::to_owned),
        1 => ".{0,40}",
        1 => any::<String>(),
        1 => (1..2000_usize).prop_map(|length| "x".repeat(length)),
        1 => (1..400_usize).prop_map(|length| "é,".repeat(length)),
    ]
}

/// Any JSON; numbers that no machine holds; nesting that no stack holds.
fn odd_json() -> impl Strategy<Value = Value> {
    let number = select(
        &["0", "-0", "1e400", "-1E-400", "1.0", "123456789012345678901234567890", "0.1000000000000000055511"][..],
    );
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.prop_map(|text| serde_json::from_str(text).expect("a number")),
        odd_text().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((odd_name(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let deep = (1..100_usize).prop_map(|depth| (0..depth).fold(Value::Null, |inner, _| Value::from(vec![inner])));
    prop_oneof![8 => tree, 1 => deep]
}

fn odd_name() -> impl Strategy<Value = String> {
    let known = [
        "id",
        "meta",
        "_id",
        "identifier",
        "extension",
        "modifierExtension",
        "contained",
        "resourceType",
        "url",
        "system",
        "value",
        "valueString",
        "valueReference",
        "text",
        "div",
        "active",
        "_active",
        "name",
        "telecom",
        "start",
        "status",
        "participant",
        "",
    ];
    prop_oneof![4 => select(known.to_vec()).prop_map(str::to_owned), 1 => odd_text()]
}

/// What is done to the JSON of a valid resource.
#[derive(Clone, Debug)]
enum Change {
    Replace(Value),
    Remove,
    Add(String, Value),
    Repeat(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => odd_json().prop_map(Change::Replace),
        2 => Just(Change::Remove),
        2 => (odd_name(), odd_json()).prop_map(|(name, value)| Change::Add(name, value)),
        1 => (1..80_usize).prop_map(Change::Repeat),
    ]
}

fn apply(resource: &mut Value, at: Index, change: Change) {
    let mut places = vec![];
    pointers(resource, String::new(), &mut places);
    let pointer = at.get(&places).clone();
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    match (change, resource.pointer_mut(&pointer)) {
        (Change::Replace(value), Some(place)) => *place = value,
        (Change::Add(name, value), Some(Value::Object(members))) => {
            members.insert(name, value);
        }
        (Change::Repeat(times), Some(Value::Array(elements))) => {
            if let Some(first) = elements.first().cloned() {
                elements.extend(vec![first; times]);
            }
        }
        (Change::Remove, _) => match resource.pointer_mut(parent) {
            Some(Value::Object(members)) => {
                members.shift_remove(&last.replace("~1", "/").replace("~0", "~"));
            }
            Some(Value::Array(elements)) => elements.clear(),
            _ => {}
        },
        _ => {}
    }
}

fn pointers(value: &Value, own: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                pointers(inner, format!("{own}/{}", name.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(elements) => {
            for (index, inner) in elements.iter().enumerate() {
                pointers(inner, format!("{own}/{index}"), places);
            }
        }
        _ => {}
    }
    places.push(own);
}

/// What is done to its bytes.
fn bytes(text: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let plain = text.as_bytes().to_vec();
    let (cut, spoilt, inserted, doubled, escaped) =
        (plain.clone(), plain.clone(), plain.clone(), text.to_owned(), text.to_owned());
    let with_mark = [b"\xef\xbb\xbf", plain.as_slice()].concat();
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    prop_oneof![
        12 => Just(plain),
        1 => any::<Index>().prop_map(move |at| cut[..at.index(cut.len() + 1)].to_vec()),
        1 => (any::<Index>(), any::<u8>()).prop_map(move |(at, byte)| {
            let mut bytes = spoilt.clone();
            let at = at.index(bytes.len().max(1));
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            bytes
        }),
        1 => (any::<Index>(), vec(any::<u8>(), 1..8)).prop_map(move |(at, more)| {
            let mut bytes = inserted.clone();
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, more);
            bytes
        }),
        // A key twice, a lone surrogate.
        1 => Just(doubled.replacen('{', "{\"id\":\"a\",\"id\":\"b\",", 1).into_bytes()),
        1 => Just(escaped.replacen("\"value\":\"", "\"value\":\"\\ud800", 1).into_bytes()),
        1 => Just(with_mark),
        1 => Just(wide),
        1 => (1..20_000_usize).prop_map(|depth| "[".repeat(depth).into_bytes()),
        1 => vec(any::<u8>(), 0..64),
    ]
}

/// The name of a type, and a valid resource of it that is about one person.
fn valid() -> impl Strategy<Value = (&'static str, Value)> {
    let fixtures = [
        ("Practitioner", REGULATOR),
        ("Practitioner", SMALL_REGULATOR),
        ("Appointment", APPOINTMENT),
        ("Appointment", SOS),
        ("Appointment", EXAMPLE),
    ];
    (select(fixtures.to_vec()), 0..50_u32).prop_map(|((resource_type, text), person)| {
        let mut resource: Value = serde_json::from_str(text).expect("a fixture");
        name_after(&mut resource, person);
        (resource_type, resource)
    })
}

/// Puts what stands for a person wherever a person's values stand.
fn name_after(value: &mut Value, person: u32) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|element| name_after(element, person)),
        Value::Object(members) => {
            for (name, inner) in members {
                match (name.as_str(), &mut *inner) {
                    ("family" | "comment" | "description" | "display", Value::String(text)) => {
                        *text = format!("{SECRET}{person}");
                    }
                    ("value", Value::String(text)) if text.contains('@') => {
                        *text = format!("{SECRET}{person}@example.org");
                    }
                    ("value", Value::String(text)) if text.contains('-') => *text = format!("{SECRET}-{person}"),
                    _ => name_after(inner, person),
                }
            }
        }
        _ => {}
    }
}

/// A resource that is valid but for up to so many changes: its type, and its JSON.
pub fn resource(most_changes: usize) -> impl Strategy<Value = (&'static str, Value)> {
    (valid(), vec((any::<Index>(), change()), 0..=most_changes)).prop_map(|((resource_type, mut resource), changes)| {
        for (at, change) in changes {
            apply(&mut resource, at, change);
        }
        (resource_type, resource)
    })
}

/// The same, as bytes that may be no JSON any more.
pub fn body() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    resource(4).prop_flat_map(|(resource_type, resource)| (Just(resource_type), bytes(&resource.to_string())))
}

/// A query string of these parameters, and some of nobody's; more or less encoded.
pub fn query(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let name = prop_oneof![
        12 => select(names).prop_map(str::to_owned),
        1 => odd_text().prop_map(|text| encoded(&text)),
    ];
    let value = prop_oneof![
        4 => odd_value().prop_map(|text| encoded(&text)),
        1 => select(&["%", "%f", "%00", "%c3", "%ff", "+", "a+b", "=", "==", "", "%7C", "%2C"][..]).prop_map(str::to_owned),
        2 => (select(&[T, N, "https://agenda.example.org/rdv", "http://x"][..]), odd_value())
            .prop_map(|(system, text)| format!("{system}|{}", encoded(&text))),
        2 => select(&["0", "1", "1000", "true", "booked", "2026-03-04", "_lastUpdated", "-_lastUpdated", "none", "accurate"][..])
            .prop_map(str::to_owned),
    ];
    let pair = (name, value).prop_map(|(name, value)| {
        // These parameters name others, which the refusal of a misspelt one lists.
        let names_others = name.starts_with('_') && !["_id", "_lastUpdated"].contains(&name.as_str());
        let value = if names_others { value.replace(SECRET, "x") } else { value };
        format!("{name}={value}")
    });
    prop_oneof![20 => vec(pair.clone(), 0..6), 1 => vec(pair, 0..90)].prop_map(|pairs| pairs.join("&"))
}

/// As it may stand in a URL.
pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A header of this name with a value that it might have, or hardly.
pub fn header() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let names = [
        "if-match",
        "if-none-match",
        "if-none-exist",
        "prefer",
        "accept",
        "accept-language",
        "content-type",
        "content-encoding",
        "x-request-id",
        "x-correlation-id",
        "host",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-prefix",
        "x-forwarded-port",
        "authorization",
        "client-cert",
        "client-cert-chain",
        "x-forwarded-client-cert",
        "x-forwarded-tls-client-cert",
        "ssl-client-cert",
        "x-ssl-client-cert",
        "traceparent",
        "content-length",
        "expect",
    ];
    let values = [
        "W/\"1\"",
        "\"1\"",
        "*",
        "W/\"1\", \"2\"",
        "W/\"99999999999999999999\"",
        "return=minimal",
        "return=OperationOutcome",
        "return=representation; x",
        "application/fhir+json",
        "application/json;q=0",
        "*/*;q=nan",
        "application/fhir+json; fhirVersion=3.0",
        "application/x-www-form-urlencoded",
        "text/html",
        "en",
        "en;q=1e400, fr;q=-1",
        "fr-FR",
        "gzip",
        "identity",
        "identifier=a|b",
        "identifier=urn:oid:1.2.250.1.213.3.6|mystere7q",
        "?identifier=mystere7q",
        "identifier=a&identifier=b",
        "Bearer mystere7q",
        "Basic bXlzdGVyZTdx",
        "Bearer",
        "for=\"[::1]:80\";proto=https;host=x",
        "for=_x;;;=",
        "https, http",
        "evil.example:99999",
        "/a//b/",
        ":AAAA:",
        ":MIIB:",
        "Hash=00;Cert=\"-----BEGIN%20CERTIFICATE-----%0AAA\"",
        "By=x;Hash=y;Subject=\"CN=a\\\"b\"",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0",
        "100-continue",
        "text/plain; charset=",
        "application/json; charset=\"utf-8",
    ];
    let value = prop_oneof![
        4 => select(values.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => odd_text().prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..40),
        1 => (1..9000_usize).prop_map(|length| vec![b'a'; length]),
    ];
    let told_of_nobody = |(name, value): &(&str, Vec<u8>)| {
        // Values about the client itself and its formats may be echoed.
        let is_private = ["if-none-exist", "authorization"].contains(name) || name.contains("cert");
        is_private || !String::from_utf8_lossy(value).contains(SECRET)
    };
    (select(names.to_vec()), value).prop_filter("a person in a header of formats", told_of_nobody)
}
