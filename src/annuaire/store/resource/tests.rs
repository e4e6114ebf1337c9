use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;

use super::*;

/// One invented resource of each type.
const SAMPLES: &str = include_str!("../../../../tests/fixtures/annuaire.ndjson");

/// The invented resource of this type.
pub(in crate::annuaire) fn sample(resource_type: DirectoryType) -> ParsedResource {
    let mut all = SAMPLES.lines().map(|line| ParsedResource::parse(line).expect("a resource"));
    all.find(|prepared| prepared.resource_type == resource_type).expect("one of each type")
}

fn read(text: &str) -> ParsedResource {
    ParsedResource::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn resource_is_stored_as_received_without_white_space() {
    let text = "\u{FEFF} {\"resourceType\":\"Device\",\n\t\"id\" : \"a.B-1\", \"z\":1.50, \"a\":[1E2, -0],\r\n
        \"text\":\"a  b \\\" \\u00e9\", \"meta\":{\"lastUpdated\":\"2025-04-28T18:19:26.335+02:00\", \"versionId\": \"3\"}} \n";
    let prepared = read(text);
    assert_eq!(
        prepared.body,
        r#"{"resourceType":"Device","id":"a.B-1","z":1.50,"a":[1E2,-0],"text":"a  b \" \u00e9","meta":{"lastUpdated":"2025-04-28T18:19:26.335+02:00","versionId":"3"}}"#
    );
    assert_eq!((prepared.resource_type, prepared.id.as_str()), (DirectoryType::Device, "a.B-1"));
    assert_eq!(prepared.last_updated.to_string(), "2025-04-28T16:19:26.335Z");
}

#[test]
fn resource_compact_is_stored_unchanged() {
    for line in SAMPLES.lines().filter(|line| !line.contains("\"versionId\":2")) {
        assert_eq!(read(line).body, line);
    }
}

#[test]
fn resource_version_id_number_becomes_a_string() {
    let text = |version: &str| {
        format!(
            r#"{{"versionId":7,"resourceType":"Device","meta":{{"versionId":{version},"lastUpdated":"2025-01-01T00:00:00Z"}},"id":"1","x":{{"versionId":2}}}}"#
        )
    };
    for (version, expected) in
        [("2", "\"2\""), ("\"2\"", "\"2\""), ("0.1", "\"0.1\""), ("null", "null"), ("{\"a\":1}", "{\"a\":1}")]
    {
        assert_eq!(read(&text(version)).body, text(expected), "{version}");
    }
    let spaced = text("2").replace("\":", "\" : ");
    assert!(read(&spaced).body.contains(r#""meta":{"versionId":"2","lastUpdated""#));
}

#[test]
fn resource_equal_content_has_an_equal_hash() {
    let text = r#"{"resourceType":"Device","id":"1","meta":{"versionId":2,"lastUpdated":"2025-01-01T00:00:00Z"}}"#;
    let hash = read(text).hash;
    assert_eq!(read(&text.replace(',', " ,\n ")).hash, hash);
    assert_eq!(read(&text.replace("2,", "\"2\",")).hash, hash);
    assert_ne!(read(&text.replace("2,", "3,")).hash, hash);
}

#[test]
fn resource_unreadable_has_a_reason_and_what_could_be_parsed() {
    let meta = r#""meta":{"lastUpdated":"2025-01-01T00:00:00Z"}"#;
    let cases = [
        (String::new(), None, None, "the JSON ends too early, at line 1, column 0"),
        (r#"{"resourceType":"Device","id":"1""#.into(), None, None, "the JSON ends too early, at line 1, column 33"),
        (r#"{"secret":nope}"#.into(), None, None, "the JSON is malformed at line 1, column 12"),
        (r#"{"a":1} {}"#.into(), None, None, "the JSON is malformed at line 1, column 9"),
        ("[1]".into(), None, None, "it is not a JSON object with a resourceType"),
        ("12".into(), None, None, "it is not a JSON object with a resourceType"),
        (r#"{"resourceType":12,"id":"1"}"#.into(), None, Some("1"), "it is not a JSON object with a resourceType"),
        (r#"{"resourceType":"Bundle"}"#.into(), None, None, "its resourceType is not one of the directory"),
        (r#"{"resourceType":"Device"}"#.into(), Some("Device"), None, "it has no id"),
        (
            r#"{"resourceType":"Device","id":"a/b"}"#.into(),
            Some("Device"),
            None,
            "its id does not have the form of one",
        ),
        (
            format!(r#"{{"resourceType":"Device","id":"{}",{meta}}}"#, "1".repeat(65)),
            Some("Device"),
            None,
            "its id does not have the form of one",
        ),
        (
            r#"{"resourceType":"Device","id":"1","meta":[]}"#.into(),
            Some("Device"),
            Some("1"),
            "it has no meta.lastUpdated",
        ),
        (
            r#"{"resourceType":"Device","id":"1","meta":{"lastUpdated":"2025-01-01"}}"#.into(),
            Some("Device"),
            Some("1"),
            "its meta.lastUpdated is not an instant",
        ),
    ];
    for (text, resource_type, id, reason) in cases {
        let error = ParsedResource::parse(&text).expect_err("unreadable");
        let known = (error.resource_type.map(DirectoryType::as_str), error.id.as_deref());
        assert_eq!((known, error.reason.as_str()), ((resource_type, id), reason), "{text}");
    }
}

#[test]
fn resource_deep_or_large_is_parsed_safely() {
    let resource = |member: &str| {
        format!(r#"{{"resourceType":"Device","id":"1","meta":{{"lastUpdated":"2025-01-01T00:00:00Z"}},{member}}}"#)
    };
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for name in ["unknown", "name", "extension", "type", "status"] {
        read(&resource(&format!("\"{name}\":[{deep}]"))); // stepped over
    }
    let objects = r#"{"extension":["#.repeat(100_000) + &"]}".repeat(100_000);
    read(&resource(&format!("\"extension\":[{objects}]")));
    ParsedResource::parse(&deep).expect_err("no object");
    ParsedResource::parse(&"[".repeat(1_000_000)).expect_err("no end");
    let long = "x".repeat(5_000_000);
    assert_eq!(read(&resource(&format!("\"manufacturer\":\"{long}\""))).indexed.len(), 1);
}

#[test]
fn resource_served_text_equals_the_received_one() {
    for text in SAMPLES.lines() {
        let mut received: Value = serde_json::from_str(text).expect("JSON");
        let pretty = serde_json::to_string_pretty(&received).expect("JSON");
        if received["meta"]["versionId"].is_number() {
            received["meta"]["versionId"] = received["meta"]["versionId"].to_string().into();
        }
        let served: Value = serde_json::from_str(&read(&pretty).body).expect("JSON");
        assert_eq!(served, received);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(20_260_301),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn resource_random_changes_are_parsed_or_refused(
        line in 0..5_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), "\\PC{0,3}|[\\[\\]{}\",:0-9]{1,4}"), 1..4),
    ) {
        let mut text = SAMPLES.lines().nth(line).expect("one of each type").to_owned();
        for (at, inserted) in changes {
            let characters: Vec<(usize, char)> = text.char_indices().collect();
            let (place, character) = *at.get(&characters);
            text.replace_range(place..place + character.len_utf8(), &inserted);
        }
        if let Ok(prepared) = ParsedResource::parse(&text) {
            let again = read(&prepared.body);
            prop_assert_eq!(&again.body, &prepared.body);
            prop_assert_eq!(again.indexed, prepared.indexed);
        }
    }
}
