//! Compares the reported failures with those of `jsonschema`.

use std::collections::BTreeSet;

use super::failures::Kind;
use super::keyword::Contained;
use super::*;
use crate::fhir::json::Path;

/// Changes of the fixture: each of its values in each of these ways.
fn changed(fixture: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(fixture).expect("a fixture");
    let mut pointers = vec![String::new()];
    let mut at = 0;
    while let Some(pointer) = pointers.get(at).cloned() {
        match document.pointer(&pointer) {
            Some(Value::Object(members)) => pointers.extend(members.keys().map(|key| format!("{pointer}/{key}"))),
            Some(Value::Array(items)) => pointers.extend((0..items.len()).map(|index| format!("{pointer}/{index}"))),
            _ => {}
        }
        at += 1;
    }
    let others = [
        json!(null),
        json!(true),
        json!(1.5),
        json!("x"),
        json!(" "),
        json!([]),
        json!({}),
        json!(["x", 1]),
        json!({"unknown": 1, "valueCode": "a", "valueUri": "b"}),
    ];
    let mut documents = vec![document.clone()];
    for pointer in pointers {
        let replaced = others.iter().map(|other| |value: &mut Value| *value = other.clone());
        for change in replaced {
            let mut document = document.clone();
            document.pointer_mut(&pointer).map(change);
            documents.push(document);
        }
        let mut document = document.clone();
        match document.pointer_mut(&pointer) {
            Some(Value::Array(items)) => items.extend(items.clone()),
            Some(Value::Object(members)) => members.retain(|key, _| key.len() % 2 == 0),
            _ => continue,
        }
        documents.push(document);
    }
    documents
}

fn pointer(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Key(parent, key) => format!("{}/{key}", pointer(parent)),
        Path::Index(parent, index) => format!("{}/{index}", pointer(parent)),
    }
}

fn reported_failures(schema: &Schema, document: &Value) -> BTreeSet<String> {
    let mut reported_failures = vec![];
    let _ = schema.failures.report(document, &Contained::new(), &mut |failure| {
        let keyword = match failure.kind {
            Kind::Keyword(keyword, _) => keyword,
            Kind::Required(_) => "required",
            Kind::Own(_) => "own",
            Kind::Unknown(_) => "additionalProperties",
        };
        reported_failures.push(format!("{} {keyword}", pointer(failure.path)));
        ControlFlow::Continue(())
    });
    reported_failures.into_iter().collect()
}

#[test]
fn failures_of_a_changed_resource_are_those_of_jsonschema() {
    let profiles = Profiles::compile().expect("the schemas compile");
    let accounts =
        [include_str!("../../tests/fixtures/regulator.json"), include_str!("../../tests/fixtures/regulator-full.json")];
    let appointments = [
        include_str!("../../tests/fixtures/appointment.json"),
        include_str!("../../tests/fixtures/appointment-sos.json"),
    ];
    let Profiles { practitioner, appointment, regulator, appointment_common, appointment_sas, appointment_sos } =
        &profiles;
    let of_accounts = accounts.map(|fixture| (fixture, vec![practitioner, regulator]));
    let of_appointments =
        appointments.map(|fixture| (fixture, vec![appointment, appointment_common, appointment_sas, appointment_sos]));
    for (fixture, schemas) in of_accounts.into_iter().chain(of_appointments) {
        for document in changed(fixture) {
            for schema in &schemas {
                let errors = schema.validator.iter_errors(&document).map(|error| {
                    let path = error.evaluation_path().as_str().to_owned();
                    let keyword = path.rsplit('/').next().unwrap_or_default();
                    let keyword = match keyword {
                        _ if keyword.ends_with("Contains") => "contains",
                        _ if keyword.starts_with("x-fhir-") => "own",
                        _ => keyword,
                    };
                    format!("{} {keyword}", error.instance_path().as_str())
                });
                let errors: BTreeSet<_> = errors.collect();
                assert_eq!(reported_failures(schema, &document), errors, "{document}");
                assert_eq!(errors.is_empty(), schema.validator.is_valid(&document));
            }
        }
    }
}
