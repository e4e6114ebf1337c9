//! Bodies.

use std::cell::Cell;

use axum::body::Body;
use axum::extract::Request;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::inputs::{N, T, body, encoded, resource};
use crate::response_check::check_response;
use crate::service::{Answer, BASE, for_all};

#[test]
fn fuzz_body_is_answered_in_fhir() {
    let way = select(&["create", "by identifier", "by id", "$validate"][..]);
    for_all((body(), way), |service, ((resource_type, body), way)| {
        let (method, path) = match way {
            "create" => ("POST", format!("/fhir/{resource_type}")),
            "by identifier" => ("PUT", format!("/fhir/{resource_type}?identifier={T}|mystere7q-1")),
            "by id" => ("PUT", format!("/fhir/{resource_type}/a")),
            _ => ("POST", format!("/fhir/{resource_type}/$validate")),
        };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/fhir+json");
        let answer = service.send(request.body(Body::from(body)).expect("a request"));
        check_response(method, &answer)
    });
}

/// Without what the server adds.
fn sent_part(mut resource: Value) -> Value {
    if let Some(members) = resource.as_object_mut() {
        members.shift_remove("id");
        if let Some(Value::Object(meta)) = members.get_mut("meta") {
            meta.shift_remove("versionId");
            meta.shift_remove("lastUpdated");
            if meta.is_empty() {
                members.shift_remove("meta");
            }
        }
    }
    resource
}

#[test]
fn fuzz_accepted_body_is_read_back_as_sent_and_its_repetition_has_no_effect() {
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    for_all(resource(2), |service, (resource_type, resource)| {
        let identifier = resource["identifier"].as_array().into_iter().flatten().find(|identifier| {
            resource_type == "Appointment" || [N, T].iter().any(|system| identifier["system"] == *system)
        });
        let part = |name: &str| {
            let text = identifier.and_then(|identifier| identifier[name].as_str()).unwrap_or_default();
            encoded(&text.replace('\\', "\\\\").replace('|', "\\|").replace(',', "\\,").replace('$', "\\$"))
        };
        let path = format!("/fhir/{resource_type}?identifier={}|{}", part("system"), part("value"));
        let body = resource.to_string();
        let first = service.request("PUT", &path, &body);
        check_response("PUT", &first)?;
        let counted = if first.status < 300 { &accepted } else { &refused };
        counted.set(counted.get() + 1);
        if first.status >= 300 {
            return Ok(());
        }
        let location = first.header("location").replace(BASE, "/fhir");
        let read = service.request("GET", &location, "");
        check_response("GET", &read)?;
        prop_assert_eq!(&read.text, &first.text);
        let stored: Value = serde_json::from_str(&read.text).unwrap_or_default();
        prop_assert_eq!(sent_part(stored), sent_part(resource.clone()));
        let replayed = service.request("PUT", &path, &body);
        check_response("PUT", &replayed)?;
        let version = |answer: &Answer| (answer.status, answer.header("etag").to_owned());
        prop_assert_eq!(version(&replayed), (200, first.header("etag").to_owned()));
        prop_assert_eq!(&replayed.text, &read.text);
        Ok(())
    }); // It would be true of nothing, too.
    assert!(accepted.get() * 10 > refused.get(), "{} were accepted, {} refused", accepted.get(), refused.get());
}
