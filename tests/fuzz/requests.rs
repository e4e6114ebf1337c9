//! Methods, paths, queries and headers.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, Uri};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;

use crate::inputs::{body, encoded, header, odd_text, query};
use crate::response_check::check_response;
use crate::service::{Service, for_all};

const PARAMETERS: &[&str] = &[
    "identifier",
    "Identifier",
    "_id",
    "_lastUpdated",
    "active",
    "status",
    "date",
    "_sort",
    "_count",
    "_total",
    "_after",
    "_before",
    "_since",
    "_format",
    "_pretty",
    "id",
    "identifier:not",
    "date:missing",
];

/// Sends what can be sent: what hyper would not take as a request is none.
fn send(service: &Service, method: &str, uri: &str, headers: &[(&str, Vec<u8>)], body: Vec<u8>) -> TestCaseResult {
    let (Ok(name), Ok(uri)) = (Method::from_bytes(method.as_bytes()), Uri::try_from(uri)) else { return Ok(()) };
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = name;
    *request.uri_mut() = uri;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request.headers_mut().append(axum::http::HeaderName::from_bytes(name.as_bytes()).expect("a name"), value);
        }
    }
    check_response(method, &service.send(request))
}

fn method() -> impl Strategy<Value = &'static str> {
    select(
        &["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X-Y"][..],
    )
}

fn path() -> impl Strategy<Value = String> {
    let segments = [
        "fhir",
        "Practitioner",
        "Appointment",
        "metadata",
        "_search",
        "$validate",
        "_history",
        "1",
        "a",
        "annuaire",
        "v2",
        "_page",
        "Organization",
        "PractitionerRole",
        "%2F",
        "%00",
        "%ff",
        "..",
        ".",
        "",
        "%C3%A9",
        "{type}",
        "*",
        "practitioner",
        "$everything",
        ";a=b",
    ];
    let segment = prop_oneof![8 => select(segments.to_vec()).prop_map(str::to_owned), 1 => odd_text().prop_map(|text| encoded(&text))];
    let known = select(&["/fhir", "/fhir/Practitioner", "/fhir/Appointment", "/annuaire/fhir/v2", "", "//fhir"][..]);
    (known, vec(segment, 0..5)).prop_map(|(known, segments)| {
        let path = segments.iter().fold(known.to_owned(), |path, segment| path + "/" + segment);
        if path.is_empty() { "/".to_owned() } else { path }
    })
}

#[test]
fn fuzz_request_is_answered_in_fhir() {
    let headers = vec(header(), 0..5);
    for_all(
        (method(), path(), query(PARAMETERS), headers, body()),
        |service, (method, path, query, headers, (_, body))| {
            let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
            send(service, method, &uri, &headers, body)
        },
    );
}

#[test]
fn fuzz_header_is_answered_in_fhir() {
    let paths = [
        "/fhir/metadata",
        "/fhir/Practitioner",
        "/fhir/Practitioner/a",
        "/fhir/Practitioner/a/_history/1",
        "/fhir/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6|mystere7q-1",
        "/fhir/Appointment/$validate",
        "/fhir/Appointment/_search",
        "/annuaire/fhir/v2/metadata",
        "/annuaire/fhir/v2/Practitioner",
        "/annuaire/fhir/v2/_page",
        "/nowhere",
    ];
    let request = (select(&["GET", "HEAD", "POST", "PUT"][..]), select(paths.to_vec()), vec(header(), 1..4), body());
    for_all(request, |service, (method, uri, headers, (_, body))| send(service, method, uri, &headers, body));
}

#[test]
fn fuzz_query_is_answered_in_fhir() {
    let kind = select(&["Practitioner", "Appointment"][..]);
    let way = select(&["search", "form", "history", "update", "create", "read"][..]);
    for_all((kind, way, query(PARAMETERS), body()), |service, (kind, way, query, (_, body))| {
        let form = vec![("content-type", b"application/x-www-form-urlencoded".to_vec())];
        match way {
            "search" => send(service, "GET", &format!("/fhir/{kind}?{query}"), &[], vec![]),
            "form" => send(service, "POST", &format!("/fhir/{kind}/_search"), &form, query.into_bytes()),
            "history" => send(service, "GET", &format!("/fhir/{kind}/a/_history?{query}"), &[], vec![]),
            "update" => send(service, "PUT", &format!("/fhir/{kind}?{query}"), &[], body),
            "create" => send(service, "POST", &format!("/fhir/{kind}"), &[("if-none-exist", query.into_bytes())], body),
            _ => send(service, "GET", &format!("/fhir/{kind}/a?{query}"), &[], vec![]),
        }
    });
}

#[test]
fn fuzz_id_is_answered_in_fhir() {
    let way = select(&["", "/_history", "/_history/1", "/_history/99999999999999999999", "/_history/x"][..]);
    for_all((odd_text(), way, method(), body()), |service, (id, way, method, (kind, body))| {
        send(service, method, &format!("/fhir/{kind}/{}{way}", encoded(&id)), &[], body)
    });
}
