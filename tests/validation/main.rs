//! Validation of single resources: every rule of content, and the rule that each violation is reported as.

#![allow(clippy::too_many_lines, reason = "a test may be a long table of cases")]
#![allow(clippy::needless_pass_by_value, reason = "helpers take what `json!` makes")]

mod cases;
mod kinds;
mod official;
mod verdicts;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use sas_endpoint::issue::catalogue;
use sas_endpoint::sas::deviation::{DEVIATIONS, Validation};
use sas_endpoint::sas::validation::Validator;
use serde_json::Value;

pub const REGULATOR: &str = include_str!("../fixtures/regulator.json");
pub const REGULATOR_FULL: &str = include_str!("../fixtures/regulator-full.json");
pub const APPOINTMENT: &str = include_str!("../fixtures/appointment.json");
pub const APPOINTMENT_SOS: &str = include_str!("../fixtures/appointment-sos.json");
pub const PAGE_EXAMPLE: &str = include_str!("../fixtures/appointment-page-example.json");

/// The findings as `rule expression`, sorted.
pub fn findings(validation: Validation, body: &[u8]) -> Vec<String> {
    static VALIDATORS: LazyLock<[Validator; 2]> = LazyLock::new(|| {
        [Validation::Tolerant, Validation::Strict]
            .map(|validation| Validator::new(validation).expect("the profiles compile"))
    });
    let validated = VALIDATORS[validation as usize].validate_any(body);
    let mut found: Vec<_> =
        validated.issues.iter().map(|issue| format!("{} {}", issue.rule.id, issue.expression)).collect();
    found.sort();
    found
}

/// The fixture with the value at `pointer` replaced; `Null` removes it; `/-` at the end appends.
pub fn changed(fixture: &str, changes: &[(&str, Value)]) -> String {
    let mut document: Value = serde_json::from_str(fixture).expect("a fixture");
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
        match (parent, value) {
            (Value::Object(object), Value::Null) => drop(object.shift_remove(key)),
            (Value::Object(object), value) => drop(object.insert(key.to_owned(), value.clone())),
            (Value::Array(items), Value::Null) => drop(items.remove(key.parse().expect("an index"))),
            (Value::Array(items), value) if key == "-" => items.push(value.clone()),
            (Value::Array(items), value) => items[key.parse::<usize>().expect("an index")] = value.clone(),
            (other, _) => panic!("{other} has no {key}"),
        }
    }
    document.to_string()
}

#[test]
fn validation_conforming_resources_have_no_issue() {
    for fixture in [REGULATOR, REGULATOR_FULL, APPOINTMENT, APPOINTMENT_SOS] {
        assert_eq!(findings(Validation::Strict, fixture.as_bytes()), [""; 0]);
    }
}

#[test]
fn validation_violation_is_reported_as_its_rule_at_its_expression() {
    for case in cases::all() {
        let mut expected = case.expected.clone();
        expected.sort();
        assert_eq!(findings(Validation::Tolerant, &case.body), expected, "{}", String::from_utf8_lossy(&case.body));
    }
}

/// Where reading stopped.
const UNREADABLE: [&str; 5] = ["json-depth", "json-empty", "json-encoding", "json-syntax", "json-too-large"];

#[test]
fn validation_issue_is_at_the_line_and_column_of_what_it_names() {
    let validator = Validator::new(Validation::Tolerant).expect("the profiles compile");
    let mut named = 0;
    for case in cases::all() {
        let text = String::from_utf8_lossy(&case.body);
        for issue in validator.validate_any(&case.body).issues {
            let position = issue.position().unwrap_or_else(|| panic!("{issue:?} has no position"));
            let line = text.split('\n').nth(position.line as usize - 1).expect("a line");
            let rest: String = line.chars().skip(position.column as usize - 1).collect();
            if UNREADABLE.contains(&issue.rule.id) {
                continue;
            }
            assert!(rest.starts_with(|c: char| "\"{[".contains(c) || c.is_ascii_alphanumeric()), "{issue:?}: {rest}");
            let Some((name, after)) = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) else { continue };
            if !after.trim_start().starts_with(':') {
                continue;
            }
            let element = issue.expression.rsplit('.').next().expect("a name");
            let is_found = issue.parameters.contains(&("found", name.to_owned()));
            let is_named = name.trim_start_matches('_').starts_with(element) || name == "resourceType" || is_found;
            assert!(is_named || issue.rule.id == "json-control-character", "{issue:?}: {rest}");
            named += 1;
        }
    }
    assert!(named > 100, "{named}");
}

#[test]
fn rules_of_content_each_have_a_case() {
    let fired: BTreeSet<_> = cases::all()
        .flat_map(|case| case.expected)
        .map(|finding| finding.split(' ').next().expect("a rule").to_owned())
        .chain(["profile-not-published".to_owned()]) // strict only: see below
        .collect();
    let listed: BTreeSet<_> = catalogue::content_rules().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(fired, listed);
}

#[test]
fn rules_have_unique_ids_and_complete_sentences() {
    let mut ids = BTreeSet::new();
    for rule in catalogue::all() {
        assert!(ids.insert(rule.id), "{} is listed twice", rule.id);
        for sentence in [rule.french, rule.english] {
            assert!(sentence.ends_with('.') && sentence.len() > 10, "{}: {sentence}", rule.id);
        }
        assert!(
            rule.source.contains("SAS")
                || rule.source.contains("http")
                || rule.source.contains("FR Core")
                || rule.source.contains("ANS")
        );
        let placeholders = |sentence: &str| -> BTreeSet<String> {
            sentence.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(str::to_owned).collect()
        };
        assert_eq!(placeholders(rule.french), placeholders(rule.english), "{}", rule.id);
    }
}

#[test]
fn rules_repairs_are_short_sentences_in_both_languages() {
    let mut without = vec![];
    for rule in catalogue::all() {
        let Some(repair) = rule.repair else {
            without.push(rule.id);
            continue;
        };
        for text in [repair.french, repair.english] {
            assert!(text.ends_with('.') && (15..=200).contains(&text.chars().count()), "{}: {text}", rule.id);
            assert!(![rule.french, rule.english].contains(&text), "{}: {text}", rule.id);
        }
        assert!(!repair.english.contains(['«', '»']) && !repair.french.contains(['“', '”']), "{}", rule.id);
    }
    // Only the server can be repaired, or the request is to be sent again.
    assert_eq!(
        without,
        [
            "too-busy-writes",
            "too-busy-reads",
            "too-busy-searches",
            "too-busy-validations",
            "too-busy-directory",
            "http-deadline",
            "decision-unavailable",
            "http-unavailable",
            "http-internal",
            "all-good",
        ]
    );
}

#[test]
fn rules_placeholders_are_filled() {
    let validator = Validator::new(Validation::Tolerant).expect("the profiles compile");
    for case in cases::all() {
        for issue in validator.validate_any(&case.body).issues {
            for language in [sas_endpoint::issue::Language::French, sas_endpoint::issue::Language::English] {
                let text = issue.text(language);
                assert!(!text.contains('{'), "{text}");
            }
        }
    }
}

#[test]
fn validation_documented_deviations_are_tolerated_and_strict_refuses_them() {
    assert_eq!(
        findings(Validation::Tolerant, PAGE_EXAMPLE.as_bytes()),
        [
            "appointment-participant-refused Appointment.participant[0].status",
            "profile-alias Appointment.meta.profile[0]",
        ]
    );
    assert_eq!(
        findings(Validation::Strict, PAGE_EXAMPLE.as_bytes()),
        ["fhir-code Appointment.participant[0].status", "profile-not-published Appointment.meta.profile[0]"]
    );
    for deviation in DEVIATIONS {
        assert!(!sas_endpoint::issue::Issue::new(deviation.tolerated_as, "").is_error());
        assert!(sas_endpoint::issue::Issue::new(deviation.refused_as, "").is_error());
    }
}

#[test]
fn validation_patient_data_is_refused_in_both_modes() {
    let is_of_patients = |finding: &String| finding.contains("patient");
    let mut refused = 0;
    for case in cases::patients() {
        let expected: Vec<_> = case.expected.iter().filter(|finding| is_of_patients(finding)).cloned().collect();
        for validation in [Validation::Tolerant, Validation::Strict] {
            let found: Vec<_> = findings(validation, &case.body).into_iter().filter(is_of_patients).collect();
            assert_eq!(found, expected, "{validation:?} {}", String::from_utf8_lossy(&case.body));
        }
        for finding in expected {
            let rule = catalogue::find(finding.split(' ').next().expect("a rule")).expect("a rule of the catalogue");
            assert_eq!(rule.level, sas_endpoint::issue::Level::Refused, "{finding}");
            refused += 1;
        }
    }
    assert!(refused >= 15, "{refused}");
}

#[test]
fn validation_many_warnings_do_not_hide_an_error() {
    let specialties = vec![serde_json::json!({ "text": "x" }); 5000];
    let body = changed(APPOINTMENT, &[("/specialty", specialties.into()), ("/end", Value::Null)]);
    let found = findings(Validation::Tolerant, body.as_bytes());
    assert_eq!(found.len(), 101);
    assert!(found.contains(&"appointment-end Appointment.end".to_owned()));
}

#[test]
fn validation_errors_are_limited_to_a_hundred() {
    let identifiers = vec![serde_json::json!({ "a": 1 }); 20_000];
    let found = findings(Validation::Tolerant, changed(REGULATOR, &[("/identifier", identifiers.into())]).as_bytes());
    assert!((100..=200).contains(&found.len()), "{}", found.len());
}

#[test]
fn validation_given_name_without_value_is_absent() {
    let body = changed(
        REGULATOR,
        &[("/name/0/given", serde_json::json!([null])), ("/name/0/_given", serde_json::json!([{ "id": "x" }]))],
    );
    let validator = Validator::new(Validation::Tolerant).expect("the profiles compile");
    let issues = validator.validate_any(body.as_bytes()).issues;
    let given = issues.iter().find(|issue| issue.rule.id == "practitioner-name-given").expect("an issue");
    assert!(given.parameters.contains(&("count", "0".to_owned())), "{given:?}");
}

#[test]
fn validation_issues_contain_no_personal_value() {
    let secret = "Ursula-Secret";
    for fixture in [REGULATOR_FULL, APPOINTMENT] {
        let body = fixture.replace("AUBERT", secret).replace("nadia.aubert", secret).replace("Nadia", secret);
        let broken = body
            .replace("\"given\": [\"Ursula-Secret\"]", "\"given\": \"Ursula-Secret\"")
            .replace("\"value\":", "\"valve\":");
        let validator = Validator::new(Validation::Strict).expect("the profiles compile");
        for issue in validator.validate_any(broken.as_bytes()).issues {
            assert!(!format!("{issue:?}").contains(secret), "{issue:?}");
        }
    }
}
