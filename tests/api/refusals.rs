//! Every kind of bad request, and what the client is told: one can repair a request from its refusal.

use std::collections::BTreeSet;
use std::process::Command;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use sas_endpoint::issue::catalogue;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::on_both_databases;
use crate::server::*;
use crate::support::Backend;

const U: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
const V: &str = "5d1c9a77-3b1e-4f5a-8a66-7a0f6c1d2b22";
const AGENDA: &str = "https://agenda.example.org/rdv";

on_both_databases! { TestServer::tolerant;
    async fn every_bad_request_is_told_what_is_wrong_with_it(server: TestServer) {
        let mut wrong = vec![];
        for (index, case) in table().into_iter().enumerate() {
            wrong.extend(case.check(&server, &format!("case-{index}")).await.err());
        }
        assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
        assert_eq!((server.count("Practitioner").await, server.count("Appointment").await), (0, 0));
    }

    async fn who_reads_only_after_writing_is_told_too(server: TestServer) {
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
                let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}{body}");
                let answer = exchange_raw(&server, request.as_bytes()).await;
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line} {header}: {answer}");
            }
        }
    }

    async fn what_is_large_within_bounds_is_served(server: TestServer) {
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

    async fn what_is_malformed_below_http_is_told_too(server: TestServer) {
        let post = |rest: &str| format!("POST /fhir/Practitioner HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{rest}");
        let cases = [
            (post("transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), 400, "http-body-incomplete"),
            ("GET /fhir/Practitioner?identifier=é HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(), 200, ""),
            ("GET /fhir/Practitioner?x=é HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(), 400, "query-parameter"),
            ("GET http://evil.example/fhir/Patient HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(), 404, "http-path"),
            ("OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(), 404, "http-path"),
            ("GET //// HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(), 404, "http-path"),
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
    async fn what_depends_on_the_state_is_told_too(servers: (TestServer, TestServer)) {
        let (tolerant, strict) = servers;
        let mut cited = BTreeSet::new();
        let mut cite = |answer: Answer, status: u16, rule: &str| {
            let answer = answer.refused(status, rule);
            cited.insert(rule.to_owned());
            answer
        };
        let told = [("content-type", "application/json"), ("prefer", "return=OperationOutcome")];

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
        cite(tolerant.request("PUT", &path, &told, other.to_string()).await, 201, "identifier-not-in-body");
        let with_id = |id: &str, mut resource: Value| { resource["id"] = id.into(); resource };
        let path = format!("/Practitioner?identifier={T}|{U}");
        let sent = with_id("1", good.clone()).to_string();
        cite(tolerant.request("PUT", &path, &told, sent).await, 200, "body-id-ignored");
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
        let answer = cite(tolerant.request("PUT", &path, &told, first.to_string()).await, 201, "query-identifier-case");
        assert_eq!(answer.rules(), ["query-identifier-case"], "the operator is known here");
        let path = format!("/Appointment?identifier={AGENDA}|2");
        cite(tolerant.put(&path, &first).await, 422, "appointment-identifier-changed");
        tolerant.post("/Appointment", &appointment("urn:oid:1.2.250.1.999.7", "1")).await.expect(201);
        cite(tolerant.put("/Appointment?identifier=1", &first).await, 412, "http-multiple-matches");
        let mut unknown = appointment(AGENDA, "3");
        unknown["extension"][0]["valueReference"]["identifier"]["value"] = "00000000-0000-4000-8000-000000000000".into();
        let answer = tolerant.request("POST", "/Appointment", &told, unknown.to_string()).await;
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

/// The rules that [`what_depends_on_the_state_is_told_too`] cites.
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

/// The rules that [`what_is_malformed_below_http_is_told_too`] cites and nobody else does.
const BELOW_HTTP: [&str; 1] = ["http-body-incomplete"];

/// The rules that no request alone provokes.
const FAULTS: [&str; 3] = [
    "http-unavailable", // the database is away
    "http-throttled",   // more than a thousand writes wait behind a slow disk
    "http-internal",    // a fault of ours
];

#[test]
fn every_rule_of_the_exchange_is_cited_by_some_request() {
    let table = table();
    for case in &table {
        assert!(catalogue::find(case.rule).is_some(), "{}: there is no rule {}", case.name, case.rule);
    }
    let exchange: BTreeSet<_> = catalogue::of_exchange().map(|rule| rule.id).collect();
    let tested: BTreeSet<_> = table.iter().map(|case| case.rule).chain(STATEFUL).chain(BELOW_HTTP).collect();
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

/// A bad request, and how it is refused.
struct Case {
    name: String,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    status: u16,
    rule: &'static str,
    allow: Option<&'static str>,
}

fn request(method: &'static str, path: impl Into<String>) -> Case {
    let path = path.into();
    Case { name: String::new(), method, path, headers: vec![], body: vec![], status: 0, rule: "", allow: None }
}

/// `GET` below the base.
fn get(path: &str) -> Case {
    request("GET", format!("/fhir{path}"))
}

/// `POST` below the base.
fn post(path: &str, body: impl Into<Vec<u8>>) -> Case {
    request("POST", format!("/fhir{path}")).header("content-type", "application/json").body(body)
}

/// `PUT` below the base.
fn put(path: &str, body: impl Into<Vec<u8>>) -> Case {
    request("PUT", format!("/fhir{path}")).header("content-type", "application/json").body(body)
}

impl Case {
    /// Adds a header, or replaces it.
    fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.and_header(name, value)
    }

    /// Adds a header beside those of that name.
    fn and_header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name, value.as_ref().to_vec()));
        self
    }

    fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The answer to be expected.
    fn refused(self, name: impl Into<String>, status: u16, rule: &'static str) -> Self {
        Self { name: name.into(), status, rule, ..self }
    }

    /// A method that the path does not serve.
    fn not_allowed(self, allow: &'static str) -> Self {
        let name = format!("{} {}", self.method, self.path);
        Self { allow: Some(allow), ..self.refused(name, 405, "http-method") }
    }

    /// What is wrong with the answer, if anything is.
    async fn check(self, server: &TestServer, request_id: &str) -> Result<(), String> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(&self.path)
            .header(header::HOST, "evil.example")
            .header("x-request-id", request_id);
        for (name, value) in self.headers {
            request = request.header(name, HeaderValue::from_bytes(&value).expect("a header value"));
        }
        let answer = server.send(request.body(Body::from(self.body)).expect("a request")).await;
        let wrong = |what: String| Err(format!("{}: {what}", self.name));
        let (status, name) = (answer.status.as_u16(), answer.header("x-request-id"));
        if (status, name) != (self.status, request_id) {
            return wrong(format!("{status} for {}, {name}: {:.400}", self.status, answer.text));
        }
        assert_operation_outcome(&answer);
        let rules = answer.rules();
        if !rules.iter().any(|rule| rule == self.rule) {
            return wrong(format!("{rules:?} for {}", self.rule));
        }
        let allow: Vec<_> = answer.headers.get_all(header::ALLOW).iter().collect();
        if allow != self.allow.into_iter().collect::<Vec<_>>() {
            return wrong(format!("{allow:?} for {:?}", self.allow));
        }
        for issue in answer.json()["issue"].as_array().expect("issues") {
            let text = issue["details"]["text"].as_str().expect("a sentence");
            if text.contains(['{', '}']) || !text.ends_with('.') {
                return wrong(format!("not a whole sentence: {text}"));
            }
        }
        Ok(())
    }
}

fn table() -> Vec<Case> {
    [bodies(), structures(), profiles(), sizes(), headers(), criteria(), encodings(), paths(), methods(), searches()]
        .into_iter()
        .flatten()
        .collect()
}

/// Bodies that are no JSON of FHIR, to everything that takes a resource.
fn bodies() -> Vec<Case> {
    let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let valid = regulator(&[(T, U)]).to_string();
    let truncated = &valid[..valid.len() / 2];
    let bodies: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", "".into(), "json-empty"),
        ("white space", " \r\n\t".into(), "json-empty"),
        ("a BOM only", "\u{FEFF}".into(), "json-empty"),
        ("not JSON", "resourceType=Practitioner".into(), "json-syntax"),
        ("XML", "<Practitioner xmlns=\"http://hl7.org/fhir\"/>".into(), "json-syntax"),
        ("truncated", truncated.into(), "json-syntax"),
        ("followed by something", format!("{valid} {{}}").into(), "json-syntax"),
        ("two BOMs", format!("\u{FEFF}\u{FEFF}{valid}").into(), "json-syntax"),
        ("single quotes", "{'resourceType':'Practitioner'}".into(), "json-syntax"),
        ("a trailing comma", "{\"a\":1,}".into(), "json-syntax"),
        ("a comment", "{/* */\"a\":1}".into(), "json-syntax"),
        ("NaN", "{\"a\":NaN}".into(), "json-syntax"),
        ("a lone surrogate", "{\"a\":\"\\ud800\"}".into(), "json-syntax"),
        ("a raw line feed in a string", "{\"a\":\"x\ny\"}".into(), "json-syntax"),
        ("a private number", "{\"a\":{\"$serde_json::private::Number\":\"1\"}}".into(), "json-syntax"),
        ("ISO 8859-1", b"{\"a\":\"Andr\xE9\"}".to_vec(), "json-encoding"),
        ("UTF-16", b"\xFF\xFE{\0}\0".to_vec(), "json-encoding"),
        ("an overlong NUL", b"{\"a\":\"\xC0\x80\"}".to_vec(), "json-encoding"),
        ("null", "null".into(), "json-root"),
        ("an array", "[{\"resourceType\":\"Practitioner\"}]".into(), "json-root"),
        ("a string", "\"Practitioner\"".into(), "json-root"),
        ("an empty object", "{}".into(), "json-empty-value"),
        ("65 levels", nested(65).into(), "json-depth"),
        ("400,000 levels", nested(400_000).into(), "json-depth"),
        (
            "a duplicate key",
            "{\"resourceType\":\"Practitioner\",\"id\":\"a\",\"id\":\"a\"}".into(),
            "json-duplicate-key",
        ),
        ("a duplicate key, escaped", "{\"id\":\"a\",\"\\u0069d\":\"b\"}".into(), "json-duplicate-key"),
        ("no resourceType", "{\"id\":\"a\"}".into(), "resource-type-missing"),
        ("a resourceType that is no string", "{\"resourceType\":1}".into(), "resource-type-missing"),
        ("another resourceType", "{\"resourceType\":\"Patient\"}".into(), "resource-type-mismatch"),
        ("a resourceType in lower case", "{\"resourceType\":\"practitioner\"}".into(), "resource-type-mismatch"),
    ];
    let targets = [
        ("POST", "/Practitioner".to_owned()),
        ("PUT", format!("/Practitioner?identifier={T}|{U}")),
        ("PUT", "/Practitioner/1".to_owned()),
        ("POST", "/Appointment".to_owned()),
    ];
    let mut cases = vec![];
    for (method, path) in targets {
        for (name, body, rule) in &bodies {
            let case = if method == "POST" { post(&path, body.clone()) } else { put(&path, body.clone()) };
            cases.push(case.refused(format!("{method} {path}: {name}"), 400, rule));
        }
    }
    cases
}

/// A valid account, changed: a member replaced, added, or removed (`None`).
fn account(pointer: &str, value: Option<Value>) -> Case {
    post("/Practitioner", changed(regulator(&[(T, U)]), pointer, value).to_string())
}

/// A valid appointment, changed.
fn meeting(pointer: &str, value: Option<Value>) -> Case {
    post("/Appointment", changed(appointment(AGENDA, "1"), pointer, value).to_string())
}

fn changed(mut resource: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match (resource.pointer_mut(parent).expect("a parent"), value) {
        (Value::Object(object), Some(value)) => object.insert(name.to_owned(), value),
        (Value::Object(object), None) => object.shift_remove(name),
        (array, value) => Some(std::mem::replace(&mut array[0], value.expect("a value"))),
    };
    resource
}

/// Resources that are JSON, but not FHIR R4.
fn structures() -> Vec<Case> {
    let accounts = [
        ("/active", json!(null), "json-null"),
        ("/telecom/0", json!({ "system": "email", "value": null }), "json-null"),
        ("/name/0/family", json!(""), "json-empty-value"),
        ("/telecom", json!([]), "json-empty-value"),
        ("/meta", json!({}), "json-empty-value"),
        ("/name/0/family", json!("A\u{0}"), "json-control-character"),
        ("/name/0/family", json!("A\u{1b}[2J"), "json-control-character"),
        ("/name/0/a\u{7}", json!("x"), "json-control-character"),
        ("/foo", json!("x"), "fhir-unknown-element"),
        ("/fhir_comments", json!(["x"]), "fhir-unknown-element"),
        ("/name/0/surname", json!("x"), "fhir-unknown-element"),
        ("/_name", json!([{ "id": "x" }]), "fhir-unknown-element"),
        ("/active", json!("true"), "fhir-json-type"),
        ("/active", json!(1), "fhir-json-type"),
        ("/active", json!([true]), "fhir-json-type"),
        ("/name", json!({ "family": "AUBERT" }), "fhir-json-type"),
        ("/name/0", json!("AUBERT"), "fhir-json-type"),
        ("/name/0/family", json!(["AUBERT"]), "fhir-json-type"),
        ("/name/0/given", json!("Nadia"), "fhir-json-type"),
        ("/telecom/0/rank", json!("1"), "fhir-json-type"),
        ("/telecom/0/rank", json!(0), "fhir-primitive"),
        ("/birthDate", json!("29/02/1980"), "fhir-primitive"),
        ("/birthDate", json!("1981-02-29"), "fhir-primitive"),
        ("/id", json!("a_b"), "fhir-primitive"),
        ("/id", json!("a".repeat(65)), "fhir-primitive"),
        ("/meta/source", json!("urn:oid:1.2 3"), "fhir-primitive"),
        ("/gender", json!("F"), "fhir-code"),
        ("/telecom/0/system", json!("mail"), "fhir-code"),
        ("/telecom/0/use", json!("pro"), "fhir-code"),
        ("/extension", json!([{ "valueString": "x" }]), "fhir-required-element"),
        ("/extension", json!([{ "url": "x", "valueString": "x", "valueCode": "x" }]), "fhir-choice"),
    ];
    let meetings = [
        ("/status", json!("BOOKED"), "fhir-code"),
        ("/status", json!("canceled"), "fhir-code"),
        ("/participant/0/status", json!("no-idea"), "fhir-code"),
        ("/start", json!("2026-03-04T14:00:00"), "fhir-primitive"),
        ("/start", json!("2026-03-04T14:00+01:00"), "fhir-primitive"),
        ("/start", json!("2026-02-30T14:00:00+01:00"), "fhir-primitive"),
        ("/end", json!("2026-03-04"), "fhir-primitive"),
        ("/minutesDuration", json!(-1), "fhir-primitive"),
    ];
    let absent = ["/status", "/participant", "/participant/0/status"];
    let accounts = accounts.into_iter().map(|(pointer, value, rule)| {
        let name = format!("account {pointer} = {value}");
        account(pointer, Some(value)).refused(name, 400, rule)
    });
    let meetings = meetings.into_iter().map(|(pointer, value, rule)| {
        let name = format!("appointment {pointer} = {value}");
        meeting(pointer, Some(value)).refused(name, 400, rule)
    });
    let absent = absent.map(|pointer| {
        meeting(pointer, None).refused(format!("appointment without {pointer}"), 400, "fhir-required-element")
    });
    accounts.chain(meetings).chain(absent).collect()
}

/// Resources that are FHIR R4, but break a profile or a rule of SAS.
fn profiles() -> Vec<Case> {
    let telecom = |system: &str| json!({ "system": system, "value": "x@y" });
    let accounts = [
        ("/identifier", None, "practitioner-identifier"),
        ("/identifier", Some(json!([identifier(N, "1"), identifier(N, "2")])), "practitioner-identifier-idnps-single"),
        ("/active", None, "practitioner-active"),
        ("/name", None, "practitioner-name"),
        ("/name/0/family", None, "practitioner-name-family"),
        ("/name/0/given", Some(json!(["A", "B"])), "practitioner-name-given"),
        ("/telecom", None, "practitioner-telecom"),
        ("/telecom", Some(json!([telecom("email"), telecom("phone")])), "practitioner-telecom-email"),
        ("/meta/source", Some(json!("urn:oid:1.2.250.1.213.3.7")), "practitioner-meta-source"),
    ];
    let meetings = [
        ("/identifier", None, "appointment-identifier"),
        ("/extension", None, "appointment-operator"),
        ("/start", None, "appointment-start"),
        ("/end", None, "appointment-end"),
        ("/end", Some(json!("2026-03-04T13:59:59+01:00")), "appointment-period"),
        ("/participant/0/status", Some(json!("declined")), "appointment-participant-status"),
        ("/participant/0/actor", None, "fhir-app-1"),
        ("/cancelationReason", Some(json!({ "text": "x" })), "fhir-app-4"),
    ];
    let name = |what: &str, pointer: &str, value: &Option<Value>| match value {
        Some(value) => format!("{what} {pointer} = {value}"),
        None => format!("{what} without {pointer}"),
    };
    let accounts = accounts.into_iter().map(|(pointer, value, rule)| {
        let name = name("account", pointer, &value);
        account(pointer, value).refused(name, 422, rule)
    });
    let meetings = meetings.into_iter().map(|(pointer, value, rule)| {
        let name = name("appointment", pointer, &value);
        meeting(pointer, value).refused(name, 422, rule)
    });
    accounts.chain(meetings).collect()
}

/// Much of something.
fn sizes() -> Vec<Case> {
    let large = "x".repeat(2 << 20);
    let within = "x".repeat(900 << 10);
    let chunked = |case: Case| case.header("transfer-encoding", "chunked");
    let by_identifier = format!("/Practitioner?identifier={T}|{U}");
    let identifiers: Vec<_> = (0..18_000)
        .map(|number| json!({ "type": { "text": "x" }, "system": "urn:x", "value": number.to_string() }))
        .collect();
    let telecoms = vec![json!({ "system": "phone", "foo": "1" }); 25_000];
    let values = |count: usize| vec!["a"; count].join(",");
    let form = |body: String| post("/Practitioner/_search", body).header("content-type", FORM);
    vec![
        post("/Practitioner", large.clone()).refused("2 MiB, announced", 413, "http-body-size"),
        chunked(post("/Practitioner", large.clone())).refused("2 MiB in chunks", 413, "http-body-size"),
        put(&by_identifier, large.clone()).refused("2 MiB, announced, by PUT", 413, "http-body-size"),
        chunked(put(&by_identifier, large.clone())).refused("2 MiB in chunks, by PUT", 413, "http-body-size"),
        form(large.clone()).refused("a form of 2 MiB", 413, "http-body-size"),
        // Whoever refuses without a look at the body takes it in nevertheless.
        post("/Patient", within.clone()).refused("900 KiB to nowhere", 404, "http-path"),
        put("/metadata", within.clone()).not_allowed("GET, HEAD"),
        put(&by_identifier, within.clone()).header("if-match", "1").refused("900 KiB too early", 400, "http-header"),
        post("/Practitioner", within).header("accept", "text/html").refused("900 KiB for HTML", 406, "http-accept"),
        account("/identifier", Some(identifiers.into())).refused("18,000 identifiers", 422, "identifier-count"),
        account("/telecom", Some(telecoms.into())).refused("50,000 breaches", 400, "fhir-unknown-element"),
        form(format!("_id={}", values(2_000))).refused("2,000 values", 400, "query-size"),
        form(vec!["_id=a"; 2_000].join("&")).refused("2,000 criteria", 400, "query-size"),
        form(format!("identifier={}", values(200_000))).refused("200,000 values", 400, "query-size"),
        get(&format!("/Practitioner?identifier={}", values(2_000))).refused("2,000 by GET", 400, "query-size"),
    ]
}

const FORM: &str = "application/x-www-form-urlencoded";

fn headers() -> Vec<Case> {
    let valid = regulator(&[(T, U)]).to_string();
    let path = format!("/Practitioner?identifier={T}|{U}");
    let posted = || post("/Practitioner", valid.clone());
    let upserted = || put(&path, valid.clone());
    let mut cases = vec![];
    for accept in [
        "application/fhir+xml",
        "text/html",
        "text/html, application/xhtml+xml",
        "text/turtle",
        "application/json;q=0",
        "application/fhir+json; fhirVersion=3.0",
        "application/fhir+json; fhirVersion=5.0",
        "json",
    ] {
        for case in [posted(), upserted(), get("/metadata"), get("/Practitioner"), get("/Practitioner/1")] {
            let name = format!("{} {} with Accept: {accept}", case.method, case.path);
            cases.push(case.header("accept", accept).refused(name, 406, "http-accept"));
        }
    }
    for format in ["xml", "application/fhir%2Bxml", "html", "ttl", "text/html", "JSON5", ""] {
        let case = get(&format!("/Practitioner?_format={format}"));
        cases.push(case.refused(format!("_format={format}"), 406, "http-accept"));
    }
    for content_type in [
        "application/fhir+xml",
        "application/xml",
        "text/plain",
        "text/html",
        FORM,
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
        "application/json; charset=\"ISO-8859-1\"",
        "application/fhir+json; charset=utf-16",
        "application/fhir+json; fhirVersion=3.0",
        "application/json-patch+json",
        "json",
        "application/",
        "application/json;;charset=x=y",
        "",
    ] {
        for case in [posted(), upserted(), put("/Practitioner/1", valid.clone())] {
            let name = format!("{} {} as {content_type:?}", case.method, case.path);
            cases.push(case.header("content-type", content_type).refused(name, 415, "http-content-type"));
        }
    }
    cases.push(posted().header("content-type", b"application/json\xFF").refused(
        "a type of no text",
        415,
        "http-content-type",
    ));
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, identity"] {
        let case = posted().header("content-encoding", encoding);
        cases.push(case.refused(format!("a body in {encoding}"), 415, "http-content-encoding"));
    }
    let form = post("/Practitioner/_search", "active=true");
    cases.push(form.refused("a search in JSON", 415, "http-content-type"));
    for name in ["if-match", "if-none-match"] {
        for tags in ["", "1", "W/1", "W/\"1", "\"1\",", "\"1\" \"2\"", "**"] {
            let case = upserted().header(name, tags);
            cases.push(case.refused(format!("{name}: {tags}"), 400, "http-header"));
        }
        cases.push(upserted().header(name, b"\xFF").refused(format!("{name} of no text"), 400, "http-header"));
    }
    // Nothing is there yet: no version is the expected one.
    for tags in ["W/\"1\"", "\"1\"", "W/\"0\"", "*", "\"of another server\""] {
        let case = upserted().header("if-match", tags);
        cases.push(case.refused(format!("if-match: {tags}"), 412, "http-precondition"));
    }
    for criterion in [
        "",
        "?",
        "identifier",
        "identifier=",
        "identifier=%zz",
        "identifier=|v",
        "identifier=urn:oid:1.2|",
        "identifier=a|b|c",
        "identifier=a,b",
        "identifier=a&identifier=b",
        "identifier=a&family=x",
        "identifier:not=a",
        "Identifier=a",
        "family=AUBERT",
    ] {
        let case = posted().header("if-none-exist", criterion);
        cases.push(case.refused(format!("if-none-exist: {criterion}"), 400, "http-if-none-exist"));
    }
    let twice = posted().header("if-none-exist", "identifier=a").and_header("if-none-exist", "identifier=a");
    cases.push(twice.refused("if-none-exist twice", 400, "http-if-none-exist"));
    let illegible = posted().header("if-none-exist", b"identifier=\xFF");
    cases.push(illegible.refused("if-none-exist of no text", 400, "http-if-none-exist"));
    cases
}

/// Criteria of conditional updates, and parameters of other writes.
fn criteria() -> Vec<Case> {
    let account = regulator(&[(T, U)]).to_string();
    let meeting = appointment(AGENDA, "1").to_string();
    let accounts = [
        ("", 400, "query-identifier-missing"),
        ("?", 400, "query-identifier-missing"),
        ("?&&", 400, "query-identifier-missing"),
        ("?_format=json", 400, "query-identifier-missing"),
        ("?identifier", 400, "query-identifier-form"),
        ("?identifier=", 400, "query-identifier-form"),
        ("?identifier=%20", 400, "query-identifier-form"),
        ("?identifier={T}|", 400, "query-identifier-form"),
        ("?identifier=|{U}", 400, "query-identifier-form"),
        ("?identifier=|", 400, "query-identifier-form"),
        ("?identifier={U}", 400, "query-identifier-form"),
        ("?identifier={T}|{U}|x", 400, "query-identifier-form"),
        ("?identifier={T}%5C|{U}", 400, "query-identifier-form"),
        ("?identifier={T}|{U},{T}|{V}", 400, "query-identifier-single"),
        ("?identifier={T}|{U},", 400, "query-identifier-single"),
        ("?identifier={T}|{U}&identifier={T}|{U}", 400, "query-identifier-single"),
        ("?identifier={T}|{U}&identifier={T}|{V}", 400, "query-identifier-single"),
        ("?identifier={T}|{U}&family=x", 400, "query-parameter"),
        ("?identifier={T}|{U}&_id=1", 400, "query-parameter"),
        ("?identifier={T}|{U}&=x", 400, "query-parameter"),
        ("?identifier={T}|{U}&Identifier={T}|{U}", 400, "query-parameter"),
        ("?Identifier={T}|{U}", 400, "query-parameter"),
        ("?IDENTIFIER={T}|{U}", 400, "query-parameter"),
        ("?identifier:not={T}|{U}", 400, "query-parameter"),
        ("?identifier:not={T}|{U}", 400, "query-identifier-missing"),
        ("?identifier:of-type={T}|{U}", 400, "query-parameter"),
        ("?identifier:exact={T}|{U}", 400, "query-parameter"),
        ("?identifier=urn:oid:1.2.3|x", 422, "query-identifier-system"),
        ("?identifier=1.2.250.1.213.3.6|{U}", 422, "query-identifier-system"),
        ("?identifier=URN:OID:1.2.250.1.213.3.6|{U}", 422, "query-identifier-system"),
    ];
    let meetings = [
        ("", 400, "query-identifier-missing"),
        ("?identifier=", 400, "query-identifier-form"),
        ("?Identifier=", 400, "query-identifier-form"),
        ("?identifier={AGENDA}|", 400, "query-identifier-form"),
        ("?identifier=|1", 422, "appointment-identifier-changed"),
        ("?identifier=1,2", 400, "query-identifier-single"),
        ("?identifier=1&Identifier=1", 400, "query-identifier-single"),
        ("?Identifier=1&Identifier=1", 400, "query-identifier-single"),
        ("?identifier=1&status=booked", 400, "query-parameter"),
        ("?identifier:not=1", 400, "query-parameter"),
        ("?IDENTIFIER=1", 400, "query-parameter"),
    ];
    let fill = |query: &str| query.replace("{T}", T).replace("{U}", U).replace("{V}", V).replace("{AGENDA}", AGENDA);
    let mut cases = vec![];
    for (query, status, rule) in accounts {
        let path = format!("/Practitioner{}", fill(query));
        cases.push(put(&path, account.clone()).refused(path, status, rule));
    }
    for (query, status, rule) in meetings {
        let path = format!("/Appointment{}", fill(query));
        cases.push(put(&path, meeting.clone()).refused(path, status, rule));
    }
    let by_id = format!("/Practitioner/1?identifier={T}|{U}");
    cases.extend([
        post(&format!("/Practitioner?identifier={T}|{U}"), account.clone()).refused(
            "POST ?identifier",
            400,
            "query-parameter",
        ),
        put(&by_id, account.clone()).refused("PUT by id and identifier", 400, "query-parameter"),
        post("/Practitioner/$validate?mode=delete", account.clone()).refused("$validate?mode", 400, "query-value"),
        post(
            "/Practitioner/$validate?profile=http://sas.fr/fhir/StructureDefinition/FrAppointmentSAS",
            account.clone(),
        )
        .refused("a profile of another type", 400, "query-value"),
        post("/Practitioner/$validate?resource=x", account.clone()).refused(
            "$validate?resource",
            400,
            "query-parameter",
        ),
        get("/metadata?mode=full").refused("metadata?mode", 400, "query-parameter"),
        get("/Practitioner/1?_summary=true").refused("read?_summary", 400, "query-parameter"),
        get("/Practitioner/1/_history/1?x").refused("vread?x", 400, "query-parameter"),
    ]);
    cases
}

/// Queries that cannot be decoded, wherever there are queries.
fn encodings() -> Vec<Case> {
    let body = regulator(&[(T, U)]).to_string();
    let mut cases = vec![];
    for query in
        ["identifier=%zz", "identifier=%", "identifier=%4", "identifier=%00", "identifier=%FF", "%0a=x", "x=%ED%A0%80"]
    {
        let name = |what: &str| format!("{what} ?{query}");
        let (path, item) = (format!("/Practitioner?{query}"), format!("/Practitioner/1?{query}"));
        cases.extend([
            put(&path, body.clone()).refused(name("conditional update"), 400, "query-encoding"),
            post(&path, body.clone()).refused(name("create"), 400, "query-encoding"),
            put(&item, body.clone()).refused(name("update"), 400, "query-encoding"),
            get(&path).refused(name("search"), 400, "query-encoding"),
            get(&item).refused(name("read"), 400, "query-encoding"),
            get(&format!("/Practitioner/1/_history?{query}")).refused(name("history"), 400, "query-encoding"),
            get(&format!("/metadata?{query}")).refused(name("capabilities"), 400, "query-encoding"),
            post("/Practitioner/_search", query).header("content-type", FORM).refused(
                name("form"),
                400,
                "query-encoding",
            ),
        ]);
    }
    let form = post("/Practitioner/_search", b"active=\xFF").header("content-type", FORM);
    cases.push(form.refused("a form that is not UTF-8", 400, "query-encoding"));
    cases
}

fn paths() -> Vec<Case> {
    let body = regulator(&[(T, U)]);
    let mut cases = vec![];
    for path in [
        "/",
        "/fhir",
        "/fhir/",
        "/fhir//",
        "/fhir//Practitioner",
        "/FHIR/Practitioner",
        "/fhir/practitioner",
        "/fhir/Practitioners",
        "/fhir/Patient",
        "/fhir/Patient/1",
        "/fhir/Slot?start=ge2026-01-01",
        "/fhir/_history",
        "/fhir/Practitioner/_history",
        "/fhir/Practitioner/1/name",
        "/fhir/Practitioner/1/_history/1/2",
        "/fhir/Practitioner/1/$validate",
        "/fhir/$validate",
        "/fhir/%50ractitioner",
        "/fhir/..%2Fmetadata",
        "/fhir/../metadata",
        "/fhir/%",
        "/fhir/%FF",
        "/fhir/%00",
        "/metadata",
        "/index.html",
        "/favicon.ico",
        "/health/ready",
        "/metrics",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
            // Below a type, what could be an id is the path of a resource.
            if path.starts_with("/fhir/Practitioner/_history") && method != "POST" {
                continue;
            }
            cases.push(request(method, path).refused(format!("{method} {path}"), 404, "http-path"));
        }
    }
    cases.retain(|case| case.path != "/fhir/Practitioner/_history");
    let long = "a".repeat(65);
    for id in [
        "a_b",
        &long,
        "a%20b",
        "%zz",
        "%",
        "%FF",
        "%00",
        "%2e%2e%2fmetadata",
        "%F0%9F%92%A9",
        "a|b",
        "é",
        "_history",
        "$everything",
    ] {
        for path in [
            format!("/Practitioner/{id}"),
            format!("/Practitioner/{id}/_history"),
            format!("/Appointment/{id}/_history/1"),
        ] {
            cases.push(get(&path).refused(format!("GET {path}"), 404, "http-not-found"));
        }
    }
    for version in ["0", "2", "-1", "+1", "1.0", "x", "99999999999999999999", "%31x", "%FF"] {
        let path = format!("/Practitioner/1/_history/{version}");
        cases.push(get(&path).refused(format!("GET {path}"), 404, "http-not-found"));
    }
    cases.push(put("/Practitioner/%FF", body.to_string()).refused("PUT /Practitioner/%FF", 404, "http-not-found"));
    for id in ["a_b", &long, "a%20b", "%zz", "%00"] {
        let path = format!("/Practitioner/{id}");
        cases.push(put(&path, body.to_string()).refused(format!("PUT {path}"), 400, "fhir-primitive"));
    }
    cases.push(put("/Practitioner/1", body.to_string()).refused(
        "PUT without an id in the body",
        400,
        "body-id-missing",
    ));
    let other = changed(body, "/id", Some("2".into())).to_string();
    cases.push(put("/Practitioner/1", other).refused("PUT with another id in the body", 400, "body-id-mismatch"));
    cases
}

fn methods() -> Vec<Case> {
    let paths = [
        ("/metadata", "GET, HEAD"),
        ("/Practitioner", "POST, PUT, GET, HEAD"),
        ("/Appointment/", "POST, PUT, GET, HEAD"),
        ("/Practitioner/_search", "POST"),
        ("/Practitioner/$validate", "POST"),
        ("/Practitioner/1", "GET, HEAD, PUT"),
        ("/Practitioner/1/_history", "GET, HEAD"),
        ("/Practitioner/1/_history/1", "GET, HEAD"),
    ];
    let mut cases = vec![];
    for (path, allow) in paths {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"] {
            if !allow.split(", ").any(|served| served == method) {
                cases.push(request(method, format!("/fhir{path}")).not_allowed(allow));
            }
        }
    }
    cases
}

fn searches() -> Vec<Case> {
    let mut cases = vec![];
    let mut bad = |path: &str, rule| cases.push(get(path).refused(path, 400, rule));
    for query in [
        "family=AUBERT",
        "active:not=true",
        "identifier:not=x",
        "Identifier=x",
        "status=booked",
        "date=2026",
        "_include=Practitioner:x",
        "_summary=count",
        "_elements=name",
        "_text=x",
        "_offset=1",
        "_since=2026",
        "=x",
    ] {
        bad(&format!("/Practitioner?{query}"), "query-parameter");
    }
    bad("/Appointment?active=true", "query-parameter");
    bad("/Appointment?practitioner=1", "query-parameter");
    for query in [
        "_lastUpdated=",
        "_lastUpdated=hier",
        "_lastUpdated=2026-02-30",
        "_lastUpdated=04/03/2026",
        "_lastUpdated=2026-03-04T14",
        "_lastUpdated=xx2026",
        "_lastUpdated=ge",
        "_lastUpdated=gele2026",
        "_lastUpdated=GE2026",
        "_lastUpdated=ge2026,",
        "_lastUpdated=99999",
        "_lastUpdated=le9999-12-31",
        "_lastUpdated=é",
        "_count=",
        "_count=x",
        "_count=-1",
        "_count=1.5",
        "_count=99999999999999999999",
        "_sort=",
        "_sort=family",
        "_sort=_id",
        "_sort=_lastUpdated,_id",
        "_sort=--_lastUpdated",
        "_total=yes",
        "_after=",
        "_after=a_b",
        "_after=%27%3B--",
        "_after=2026-03-01T08:00:00.000Z,1",
        "_sort=_lastUpdated&_after=1",
        "_sort=_lastUpdated&_after=x,1",
        "_sort=_lastUpdated&_after=2026-03-01T08:00:00.000Z,a_b",
        "_id=",
        "_id=a_b",
        "_id=a,,b",
        "identifier=",
        "identifier=|",
        "identifier=a|b|c",
        "identifier=a,",
        "active=",
        "active=yes",
        "active=TRUE",
    ] {
        bad(&format!("/Practitioner?{query}"), "query-value");
    }
    for query in ["date=2026-13", "date=1", "date=tomorrow", "status=", "status=|", "status=http://x|booked"] {
        bad(&format!("/Appointment?{query}"), "query-value");
    }
    for name in ["_count", "_sort", "_total", "_after"] {
        let value = if name == "_sort" { "_lastUpdated" } else { "1" };
        bad(&format!("/Practitioner?{name}={value}&{name}={value}"), "query-repeated");
    }
    for (query, rule) in [
        ("_count=x", "query-value"),
        ("_since=x", "query-value"),
        ("_before=x", "query-value"),
        ("_before=", "query-value"),
        ("_count=1&_count=1", "query-repeated"),
        ("_since=2026&_since=2026", "query-repeated"),
        ("_sort=_lastUpdated", "query-parameter"),
        ("_at=2026", "query-parameter"),
    ] {
        bad(&format!("/Practitioner/1/_history?{query}"), rule);
    }
    let form = |body: &str| post("/Practitioner/_search", body.to_owned()).header("content-type", FORM);
    cases.extend([
        form("family=x").refused("an unknown parameter in a form", 400, "query-parameter"),
        form("_count=x").refused("a bad value in a form", 400, "query-value"),
        form("_format=xml").refused("a format in a form", 406, "http-accept"),
    ]);
    cases
}

on_both_databases! { TestServer::tolerant;
    /// Whoever changes a sentence sees it here as its readers will.
    async fn refusals_read_well(server: TestServer) {
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
            let mut told = String::new();
            for language in ["fr", "en"] {
                let mut headers = vec![("accept-language", language)];
                headers.extend(header.split_once(": "));
                let answer = server.request(method, path, &headers, body.clone()).await;
                assert_operation_outcome(&answer);
                told += &format!("{}\n{:#}\n\n", answer.status, answer.json());
            }
            insta::assert_snapshot!(name, told);
        }
    }
}

#[test]
fn the_list_of_rules_changes_only_visibly() {
    let output = Command::new(env!("CARGO_BIN_EXE_sas-endpoint")).arg("rules").output().expect("the program runs");
    assert!(output.status.success());
    insta::assert_snapshot!("rules", String::from_utf8(output.stdout).expect("UTF-8"));
}
