//! The directory's API: searches, and the tokens of its pages.

use std::cell::OnceCell;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use crate::inputs::{encoded, odd_text, query};
use crate::response_check::check_response;
use crate::service::{ANNUAIRE, Service, for_all};

const PARAMETERS: &[&str] = &[
    "_id",
    "_count",
    "_total",
    "_sort",
    "_since",
    "_lastUpdated",
    "_include",
    "_revinclude",
    "_elements",
    "_format",
    "_has",
    "_profile",
    "active",
    "address",
    "address-city",
    "address-postalcode:exact",
    "as-sp-mailbox-mss",
    "characteristic",
    "date",
    "family",
    "given",
    "identifier",
    "identifier-type",
    "mailbox-mss:contains",
    "name",
    "name:contains",
    "name:exact",
    "number-smartcard",
    "organization",
    "organization.name",
    "partof",
    "period",
    "practitioner",
    "practitioner.identifier",
    "qualification-code",
    "role",
    "role:missing",
    "specialty",
    "status",
    "type",
    "type:not",
];

#[test]
fn fuzz_directory_search_is_answered_in_fhir() {
    let types = [
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "HealthcareService",
        "Device",
        "Patient",
        "_page",
        "metadata",
    ];
    let request = (select(types.to_vec()), select(&["GET", "HEAD", "POST"][..]), query(PARAMETERS));
    for_all(request, |service, (resource_type, method, query)| {
        let request = axum::extract::Request::builder().method(method);
        let path = format!("{ANNUAIRE}/{resource_type}");
        let (uri, body) = if method == "POST" { (path, query) } else { (format!("{path}?{query}"), String::new()) };
        let request = request.uri(uri).header("content-type", "application/x-www-form-urlencoded");
        match request.body(axum::body::Body::from(body)) {
            Ok(request) => check_response(method, &service.send(request)),
            Err(_) => Ok(()),
        }
    });
}

/// The token of the second page of the practitioners.
fn token(service: &Service) -> String {
    for resource_type in ["Practitioner", "Organization", "PractitionerRole"] {
        let page = service.request("GET", &format!("{ANNUAIRE}/{resource_type}?_count=1"), "");
        let bundle: Value = serde_json::from_str(&page.text).expect("a bundle");
        let links = bundle["link"].as_array().expect("links");
        if let Some(next) = links.iter().find(|link| link["relation"] == "next") {
            return next["url"].as_str().and_then(|url| url.split("id=").nth(1)).expect("a token").to_owned();
        }
    }
    panic!("no type has two resources");
}

#[test]
fn fuzz_modified_page_token_is_refused() {
    let ours = OnceCell::new();
    let touch = prop_oneof![
        Just(None),
        (any::<Index>(), odd_text()).prop_map(Some),
        (any::<Index>(), "[A-Za-z0-9_-]{1,3}").prop_map(Some),
    ];
    for_all((touch, any::<bool>()), |service, (touch, cuts)| {
        let ours = ours.get_or_init(|| token(service));
        let modified = match &touch {
            None => ours.clone(),
            Some((at, text)) => {
                let at = at.index(ours.len() + 1);
                let rest = if cuts { "" } else { ours.get(at + 1..).unwrap_or_default() };
                format!("{}{text}{rest}", &ours[..at])
            }
        };
        let answer = service.request("GET", &format!("{ANNUAIRE}/_page?id={}", encoded(&modified)), "");
        check_response("GET", &answer)?;
        let is_ours = modified == *ours;
        prop_assert_eq!(answer.status == 200, is_ours, "{} for {:?}: {}", answer.status, modified, answer.text);
        Ok(())
    });
}
