//! Every kind of bad request, and its refusal: a client can correct its request from it.

mod case;
mod content;
mod protocol;
mod queries;

use std::collections::BTreeSet;
use std::process::Command;

use axum::body::Body;
use sas_endpoint::issue::catalogue;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::on_both_databases;
use crate::server::*;
use crate::support::Backend;
use case::*;
use content::*;
use protocol::*;
use queries::*;

const U: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
const V: &str = "5d1c9a77-3b1e-4f5a-8a66-7a0f6c1d2b22";
const AGENDA: &str = "https://agenda.example.org/rdv";

on_both_databases! { TestServer::tolerant;
    async fn refusal_of_every_bad_request_is_an_outcome_with_its_rule(server: TestServer) {
        let mut wrong = vec![];
        for (index, case) in table().into_iter().enumerate() {
            wrong.extend(case.check(&server, &format!("case-{index}")).await.err());
        }
        assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
        assert_eq!((server.count("Practitioner").await, server.count("Appointment").await), (0, 0));
    }

    async fn refusal_reaches_clients_that_read_after_writing(server: TestServer) {
        let large = "x".repeat(7 << 20);
        let announced = format!("content-length: {}\r\n\r\n{large}", large.len());
        let chunk = format!("10000\r\n{}\r\n", &large[..0x10000]);
        let chunks = format!("transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(112));
        let heads = [
            ("POST /fhir/Practitioner", "", 413),
            ("POST /fhir/Practitioner", "content-type: text/plain\r\n", 415),
            ("POST /fhir/Practitioner", "accept: text/html\r\n", 406),
            ("POST /fhir/Practitioner?x=%zz", "", 400),
            ("PUT /fhir/Practitioner", "if-match: 1\r\n", 400),
            ("PUT /fhir/Practitioner/%FF", "", 404),
            ("PATCH /fhir/Practitioner/1", "", 405),
            ("POST /fhir/metadata", "", 405),
            ("POST /fhir/Patient", "", 404),
        ];
        for (line, header, status) in heads {
            for body in [&announced, &chunks] {
                let request = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}{body}");
                let answer = exchange_raw(&server, request.as_bytes()).await;
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line} {header}: {answer}");
            }
        }
    }

    async fn refusal_size_is_bounded(server: TestServer) {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let json = [("content-type", "application/json")];
        let long_key = format!(r#"{{"resourceType":"Practitioner","{}":{{{}"b":1}}}}"#, "k".repeat(900_000), r#""a":null,"#.repeat(5000));
        let parameters = vec![json!({ "name": "x" }); 30_000];
        let parameters = json!({ "resourceType": "Parameters", "parameter": parameters }).to_string();
        for answer in [
            server.request("POST", "/Practitioner/_search", &form, "a&".repeat(100_000)).await,
            server.request("GET", &format!("/Practitioner?{}", "a&".repeat(20_000)), &[], Body::empty()).await,
            server.request("POST", "/Practitioner", &json, long_key).await,
            server.request("POST", "/Practitioner/$validate", &json, parameters).await,
        ] {
            assert_operation_outcome(&answer);
            assert!(answer.text.len() < 400_000, "{} bytes", answer.text.len());
        }
    }

    async fn bounds_large_requests_within_limits_are_served(server: TestServer) {
        let mut account = regulator(&[(T, U)]);
        let local = |number: usize| json!({ "type": { "text": "x" }, "system": "urn:x", "value": number.to_string() });
        account["identifier"].as_array_mut().expect("identifiers").extend((0..49).map(local));
        account["name"][0]["family"] = "x".repeat(MAX_BODY - 16_384).into();
        let created = server.post("/Practitioner", &account).await.expect(201);
        let values = vec!["48,a,urn:x|b,urn:x|,T|c,d,e"; 16].join("&identifier=");
        assert_eq!(server.get(&format!("/Practitioner?identifier={values}")).await.expect(200).json()["total"], 1);
        let values = vec!["a"; 256].join(",");
        assert_eq!(server.get(&format!("/Practitioner?identifier={values}")).await.expect(200).json()["total"], 0);
        let path = format!("/Practitioner?_id={},{}", created.id(), vec!["a"; 255].join(","));
        assert_eq!(server.get(&path).await.expect(200).json()["total"], 1);
    }

    async fn refusal_of_malformed_http_is_an_outcome(server: TestServer) {
        let post = |rest: &str| format!("POST /fhir/Practitioner HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{rest}");
        let cases = [
            (post("transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), 400, "http-body-incomplete"),
            ("GET /fhir/Practitioner?identifier=é HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".into(), 200, ""),
            ("GET /fhir/Practitioner?x=é HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".into(), 400, "query-parameter"),
            ("GET http://other.localhost/fhir/Patient HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".into(), 404, "http-path"),
            ("GET http://evil.example/fhir/Patient HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".into(), 421, "foreign-host"),
            (post("transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), 501, "http-transfer-coding"),
            ("OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".into(), 404, "http-path"),
            ("garbage\r\n\r\n".into(), 400, "http-malformed"),
            ("GET //// HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".into(), 404, "http-path"),
        ];
        for (request, status, rule) in cases {
            let answer = exchange_raw(&server, request.as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
            assert!(answer.contains("content-type: application/fhir+json; charset=utf-8\r\n"), "{request}: {answer}");
            assert!(answer.contains(rule), "{request}: {answer}");
        }
    }
}

on_both_databases! { tolerant_and_strict;
    async fn refusal_depending_on_state_has_its_rule(servers: (TestServer, TestServer)) {
        let (tolerant, strict) = servers;
        let mut cited = BTreeSet::new();
        let mut cite = |answer: Answer, status: u16, rule: &str| {
            let answer = answer.refused(status, rule);
            cited.insert(rule.to_owned());
            answer
        };
        let reported = [("content-type", "application/json"), ("prefer", "return=OperationOutcome")];

        // Reading what is not there, and validating what is good.
        cite(tolerant.get("/Practitioner/unknown").await, 404, "http-not-found");
        let good = regulator(&[(T, U)]);
        cite(tolerant.post("/Practitioner/$validate", &good).await, 200, "all-good");

        // Identifiers that are taken, and ids that are ignored, missing, or others'.
        let id = tolerant.post("/Practitioner", &good).await.expect(201).id();
        let answer = cite(tolerant.post("/Practitioner", &good).await, 422, "identifier-duplicate");
        assert!(answer.text.contains(&format!("Practitioner/{id}")), "{}", answer.text);
        let other = regulator(&[(T, V)]);
        let path = format!("/Practitioner?identifier={N}|810002909371");
        cite(tolerant.request("PUT", &path, &reported, other.to_string()).await, 201, "identifier-not-in-body");
        let with_id = |id: &str, mut resource: Value| { resource["id"] = id.into(); resource };
        let path = format!("/Practitioner?identifier={T}|{U}");
        let sent = with_id("1", good.clone()).to_string();
        cite(tolerant.request("PUT", &path, &reported, sent).await, 200, "body-id-ignored");
        cite(tolerant.put(&format!("/Practitioner/{id}"), &good).await, 400, "body-id-missing");
        cite(tolerant.put(&format!("/Practitioner/{id}"), &with_id("1", good.clone())).await, 400, "body-id-mismatch");

        // Preconditions over a resource that exists.
        let path = format!("/Practitioner/{id}");
        for (name, value) in [("if-match", "W/\"7\""), ("if-none-match", "*")] {
            let sent = with_id(&id, good.clone()).to_string();
            cite(tolerant.request("PUT", &path, &[(name, value)], sent).await, 412, "http-precondition");
        }

        // Appointments.
        let first = appointment(AGENDA, "1");
        let path = format!("/Appointment?Identifier={AGENDA}|1");
        let answer = cite(tolerant.request("PUT", &path, &reported, first.to_string()).await, 201, "query-identifier-case");
        assert_eq!(answer.rules(), ["query-identifier-case"], "the operator is known here");
        let path = format!("/Appointment?identifier={AGENDA}|2");
        cite(tolerant.put(&path, &first).await, 422, "appointment-identifier-changed");
        tolerant.post("/Appointment", &appointment("urn:oid:1.2.250.1.999.7", "1")).await.expect(201);
        cite(tolerant.put("/Appointment?identifier=1", &first).await, 412, "http-multiple-matches");
        let mut unknown = appointment(AGENDA, "3");
        unknown["extension"][0]["valueReference"]["identifier"]["value"] = "00000000-0000-4000-8000-000000000000".into();
        let answer = tolerant.request("POST", "/Appointment", &reported, unknown.to_string()).await;
        cite(answer, 201, "appointment-operator-unknown");
        let before = strict.post("/Practitioner", &good).await.expect(201);
        cite(strict.post("/Appointment", &unknown).await, 422, "appointment-operator-required");

        // R4 to the letter: an update as create brings its id along.
        let path = format!("/Practitioner?identifier={T}|{V}");
        cite(strict.put(&path, &with_id(&before.id(), other.clone())).await, 409, "http-id-taken");
        let path = format!("/Practitioner?identifier={T}|{U}");
        cite(strict.put(&path, &with_id("1", good.clone())).await, 400, "body-id-mismatch");

        assert_eq!(cited, STATEFUL.map(str::to_owned).into());
        assert_eq!(tolerant.get(&format!("/Practitioner/{id}")).await.expect(200).header("etag"), "W/\"1\"");
        assert_eq!((strict.count("Practitioner").await, strict.count("Appointment").await), (1, 0));
    }
}

/// The rules that [`refusal_depending_on_state_has_its_rule`] cites.
const STATEFUL: [&str; 14] = [
    "http-not-found",
    "all-good",
    "identifier-duplicate",
    "identifier-not-in-body",
    "body-id-ignored",
    "body-id-missing",
    "body-id-mismatch",
    "http-precondition",
    "query-identifier-case",
    "appointment-identifier-changed",
    "http-multiple-matches",
    "appointment-operator-unknown",
    "appointment-operator-required",
    "http-id-taken",
];

/// The rules that [`refusal_of_malformed_http_is_an_outcome`] and [`crate::bounds`] cite, and `tests/tls`, where heads
/// are malformed or do not come; [`crate::edges`] cites the rule of chunks.
const BELOW_HTTP: [&str; 7] = [
    "http-body-chunks",
    "http-body-incomplete",
    "http-malformed",
    "http-timeout",
    "http-transfer-coding",
    "http-url-size",
    "http-header-size",
];

/// The rules that [`crate::access`], [`crate::proxies`] and [`crate::bounds`] show: a server that is open to
/// everybody has no use for them.
const OF_CALLERS: [&str; 8] = [
    "http-login",
    "http-authorization",
    "http-token",
    "http-caller-unknown",
    "http-certificate",
    "http-forbidden",
    "http-rate",
    "responses-unread",
];

/// The rules that [`crate::events`] and [`crate::unread`] show.
const OF_EVENTS: [&str; 2] = ["event-streams", "events-gone"];

/// The rules that [`crate::decisions`] shows.
const OF_DECISIONS: [&str; 2] = ["decision-refused", "decision-unavailable"];

/// The rules that the suite `console` shows: a tester arms a fault there.
const OF_TESTERS: [&str; 1] = ["fault-injected"];

/// The rules that [`crate::searching`] covers: they are reported in a bundle.
const IN_BUNDLES: [&str; 1] = ["query-ignored"];

/// The rules that no request alone provokes.
const FAULTS: [&str; 8] = [
    "http-unavailable", // the database is away
    "http-internal",    // a fault of ours
    // As crate::bulkheads shows, and the unit tests of the bulkheads for each kind.
    "http-deadline",
    "too-busy-writes",
    "too-busy-reads",
    "too-busy-searches",
    "too-busy-validations",
    "too-busy-directory",
];

#[test]
fn rules_of_requests_each_have_a_case() {
    let table = table();
    for case in &table {
        assert!(catalogue::find(case.rule).is_some(), "{}: there is no rule {}", case.name, case.rule);
    }
    let exchange: BTreeSet<_> = catalogue::request_rules().map(|rule| rule.id).collect();
    let elsewhere = STATEFUL.into_iter().chain(BELOW_HTTP).chain(OF_CALLERS).chain(OF_EVENTS).chain(OF_DECISIONS);
    let elsewhere = elsewhere.chain(OF_TESTERS).chain(IN_BUNDLES);
    let tested: BTreeSet<_> = table.iter().map(|case| case.rule).chain(elsewhere).collect();
    let faults = BTreeSet::from(FAULTS);
    assert_eq!(tested.intersection(&faults).count(), 0);
    let cited: BTreeSet<_> = tested.intersection(&exchange).chain(&faults).copied().collect();
    assert_eq!(cited, exchange);
}

async fn tolerant_and_strict(backend: Backend) -> Option<(TestServer, TestServer)> {
    Some((TestServer::tolerant(backend).await?, TestServer::strict(backend).await?))
}

/// Sends these bytes, and reads until the server closes.
async fn exchange_raw(server: &TestServer, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    stream.write_all(request).await.expect("sent");
    let mut answer = vec![];
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8(answer).expect("UTF-8")
}

fn table() -> Vec<Case> {
    [bodies(), structures(), profiles(), sizes(), headers(), criteria(), encodings(), paths(), methods(), searches()]
        .into_iter()
        .flatten()
        .collect()
}

on_both_databases! { TestServer::tolerant;
    /// Whoever changes a sentence sees it here as its readers will.
    async fn refusal_texts_match_snapshots(server: TestServer) {
        let mut breaches = regulator(&[(T, "not-a-uuid")]);
        breaches["identifier"][0]["type"]["coding"][0]["code"] = "IDNPS".into();
        breaches["telecom"] = json!([{ "system": "phone", "value": "0102030405" }]);
        breaches["name"][0]["given"] = json!(["Anne", "Marie"]);
        let mut malformed = regulator(&[(T, U)]);
        malformed["active"] = "true".into();
        malformed["foo"] = 1.into();
        malformed["gender"] = "F".into();
        malformed["birthDate"] = "29/02/1980".into();
        malformed["name"] = json!({ "family": "AUBERT" });
        let mut meeting = appointment(AGENDA, "1");
        meeting["status"] = "annule".into();
        meeting["start"] = "2026-03-04T14:00:00".into();
        meeting.as_object_mut().expect("an object").shift_remove("extension");
        let good = regulator(&[(T, U)]).to_string();
        let by_identifier = format!("/Practitioner?identifier={T}|{U}");
        let cases = [
            ("an_account_that_breaks_the_profile", "POST", "/Practitioner", "", breaches.to_string()),
            ("an_account_that_is_not_fhir", "POST", "/Practitioner", "", malformed.to_string()),
            ("an_appointment_that_is_not_fhir", "POST", "/Appointment", "", meeting.to_string()),
            ("truncated_json", "PUT", &by_identifier, "", good[..good.len() / 2].to_owned()),
            ("an_update_without_identifier", "PUT", "/Practitioner?family=AUBERT", "", good.clone()),
            ("an_update_of_an_unknown_system", "PUT", "/Practitioner?identifier=1.2.250.1.213.3.6|x", "", good.clone()),
            ("an_update_of_a_former_version", "PUT", &by_identifier, "if-match: W/\"3\"", good.clone()),
            ("a_body_in_xml", "POST", "/Practitioner", "content-type: application/fhir+xml", "<x/>".to_owned()),
            ("a_method_that_is_not_served", "DELETE", "/Practitioner/1", "", String::new()),
            ("a_search_by_name", "GET", "/Practitioner?family=AUBERT&_count=tout", "", String::new()),
        ];
        for (name, method, path, header, body) in cases {
            let mut reported = String::new();
            for language in ["fr", "en"] {
                let mut headers = vec![("accept-language", language)];
                headers.extend(header.split_once(": "));
                let answer = server.request(method, path, &headers, body.clone()).await;
                assert_operation_outcome(&answer);
                reported.extend([answer.status.to_string(), format!("\n{:#}\n\n", answer.json())]);
            }
            insta::assert_snapshot!(name, reported);
        }
    }
}

#[test]
fn rules_list_matches_snapshot() {
    let output = Command::new(env!("CARGO_BIN_EXE_sas-endpoint")).arg("rules").output().expect("the program runs");
    assert!(output.status.success());
    insta::assert_snapshot!("rules", String::from_utf8(output.stdout).expect("UTF-8"));
}
