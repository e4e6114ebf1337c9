//! Armed faults against clients on sockets: what arrives, what is stored, and what the record, the journal and the metrics say.

use std::io::{Read, Write};
use std::net::TcpStream;

use axum::body::Body;
use axum::extract::Request;
use sas_endpoint::access::token::TokenHash;
use serde_json::{Value, json};

use crate::client::{self, Answer};
use crate::exchanges::{REGULATOR, Target, until};
use crate::on_both_databases;
use crate::process::{Serving, exchange, run};
use crate::server::{Setup, TOKEN};
use crate::support::{Backend, TestDatabase, folder};

pub const FIRST: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
const INTRN: &str = "urn:oid:1.2.250.1.213.3.6";

/// An INTRN of a test.
fn intrn(number: usize) -> String {
    format!("0b9c2a54-7f0e-4c1b-9d55-{number:012}")
}

/// What arrived at a client before its connection was closed.
pub struct Arrived {
    head: String,
    body: Vec<u8>,
}

impl Arrived {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub fn is_nothing(&self) -> bool {
        self.head.is_empty() && self.body.is_empty()
    }
}

/// Starts a program whose journal is kept; it is a test target.
async fn target(backend: Backend) -> Option<Target> {
    Target::start(backend, &[]).await
}

impl Target {
    /// A request to the console's API.
    async fn api(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header("host", &self.serving.ops_address);
        let request = request.header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let address = self.serving.ops_address.parse().expect("an address");
        client::send(address, request.body(Body::from(body)).expect("a request")).await
    }

    pub async fn arm(&self, fault: Value) -> Value {
        let answer = self.api("POST", "/console/api/faults", &fault).await.expect(201);
        let armed: Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(answer.header("location"), format!("/console/api/faults/{}", armed["id"].as_str().expect("an id")));
        armed
    }

    pub async fn armed(&self) -> Vec<Value> {
        let answer = self.api("GET", "/console/api/faults", &Value::Null).await.expect(200);
        let answer: Value = serde_json::from_str(&answer.text).expect("JSON");
        answer["faults"].as_array().expect("a list").clone()
    }

    /// How many requests each fault acts on yet.
    pub async fn left(&self) -> Vec<Value> {
        self.armed().await.iter().map(|fault| fault["left"].clone()).collect()
    }

    /// Writes the account with this INTRN, and reads to the end of the connection.
    pub fn write(&self, intrn: &str, request_id: &str, body: &str) -> Arrived {
        let head = format!(
            "PUT /fhir/Practitioner?identifier={INTRN}%7C{intrn} HTTP/1.1\r\nx-request-id: {request_id}\r\n\
            content-type: application/fhir+json\r\ncontent-length: {}\r\n",
            body.len()
        );
        arrive(&self.serving.address, &head, body)
    }

    /// The account with this INTRN, and what is stored of it: how many versions.
    async fn versions(&self, intrn: &str) -> u64 {
        let found = self.send("GET", &format!("/fhir/Practitioner?identifier={INTRN}%7C{intrn}"), &[], "").await;
        let found: Value = serde_json::from_str(&found.expect(200).text).expect("JSON");
        let Some(id) = found["entry"][0]["resource"]["id"].as_str() else { return 0 };
        assert_eq!(found["total"], 1);
        let history = self.send("GET", &format!("/fhir/Practitioner/{id}/_history"), &[], "").await.expect(200);
        let history: Value = serde_json::from_str(&history.text).expect("JSON");
        history["total"].as_u64().expect("a number")
    }

    /// The audit events that are all that is asked for, once there is one.
    async fn events(&self, is_wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        until("the audit event", async || {
            let output = run(&["exchanges", "--json", "--database-url", &self.database.url], "");
            assert!(output.status.success(), "{output:?}");
            let text = String::from_utf8(output.stdout).expect("UTF-8");
            let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            let found: Vec<_> = events.filter(|event| is_wanted(event)).collect();
            (!found.is_empty()).then_some(found)
        })
        .await
    }

    /// The exchange in the journal.
    async fn exchange(&self, request_id: &str) -> Value {
        let path = format!("/console/exchanges/{request_id}.json");
        let text = until("the exchange", async || {
            let answer = self.page(&path).await;
            (answer.status == 200).then_some(answer.text)
        });
        serde_json::from_str(&text.await).expect("JSON")
    }

    /// How often faults of this kind have acted, by the metrics.
    fn acted(&self, kind: &str) -> u64 {
        let (_, metrics) = self.serving.ops("/metrics").expect("metrics");
        let name = format!("sas_faults_total{{kind=\"{kind}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.parse().expect("a number"))
    }
}

/// Sends a request on a connection of its own, and reads until that is closed.
fn arrive(address: &str, head: &str, body: &str) -> Arrived {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "{head}host: {address}\r\nconnection: close\r\n\r\n{body}").expect("sent");
    let mut answer = vec![];
    stream.read_to_end(&mut answer).expect("a close, and no reset");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |end| end + 4);
    let head = String::from_utf8(answer[..end].to_vec()).expect("ASCII");
    Arrived { head, body: answer[end..].to_vec() }
}

/// The account with another INTRN.
pub fn account(intrn: &str) -> String {
    REGULATOR.replace(FIRST, intrn)
}

/// What a client sees of a fault, and what is left of its request.
struct Expected {
    kind: &'static str,
    fault: Value,
    /// In the record and in the journal.
    status: u16,
    versions: u64,
    check: fn(&Arrived),
}

fn kinds() -> [Expected; 7] {
    [
        // The status of a flood, of which nothing is kept, has its traces too where it is injected.
        Expected {
            kind: "status",
            fault: json!({ "kind": "status", "status": 429 }),
            status: 429,
            versions: 0,
            check: |arrived| assert_eq!(arrived.status(), "429"),
        },
        Expected {
            kind: "status",
            fault: json!({ "kind": "status", "status": 503, "retryAfter": 7 }),
            status: 503,
            versions: 0,
            check: |arrived| {
                assert_eq!((arrived.status(), arrived.header("retry-after")), ("503", Some("7")));
                let outcome: Value = serde_json::from_slice(&arrived.body).expect("JSON");
                assert_eq!(outcome["resourceType"], "OperationOutcome");
                assert_eq!(outcome["issue"][0]["details"]["coding"][0]["code"], "fault-injected", "{outcome}");
            },
        },
        Expected {
            kind: "delay",
            fault: json!({ "kind": "delay", "delay": "1ms" }),
            status: 201,
            versions: 1,
            check: |arrived| {
                assert_eq!(arrived.status(), "201");
                serde_json::from_slice::<Value>(&arrived.body).expect("JSON");
            },
        },
        Expected {
            kind: "cut-before",
            fault: json!({ "kind": "cut-before" }),
            status: 444,
            versions: 0,
            check: |arrived| assert!(arrived.is_nothing(), "{}", arrived.head),
        },
        Expected {
            kind: "cut-after-commit",
            fault: json!({ "kind": "cut-after-commit" }),
            status: 201,
            versions: 1,
            check: |arrived| assert!(arrived.is_nothing(), "{}", arrived.head),
        },
        Expected {
            kind: "cut-in-answer",
            fault: json!({ "kind": "cut-in-answer" }),
            status: 201,
            versions: 1,
            check: |arrived| {
                let length: usize = arrived.header("content-length").expect("a length").parse().expect("a number");
                assert_eq!((arrived.status(), arrived.body.len()), ("201", length / 2));
            },
        },
        Expected {
            kind: "invalid-json",
            fault: json!({ "kind": "invalid-json" }),
            status: 201,
            versions: 1,
            check: |arrived| {
                let length: usize = arrived.header("content-length").expect("a length").parse().expect("a number");
                assert_eq!((arrived.status(), arrived.body.len()), ("201", length));
                assert!(arrived.body.starts_with(b"{"), "{:?}", arrived.body);
                serde_json::from_slice::<Value>(&arrived.body).expect_err("half of JSON");
            },
        },
    ]
}

on_both_databases! { target;
    async fn fault_of_each_kind_does_what_it_says_and_leaves_its_traces(target: Target) {
        for (number, Expected { kind, fault, status, versions, check }) in kinds().into_iter().enumerate() {
            let (intrn, id) = (intrn(number), format!("{number:0>32}"));
            target.arm(fault).await;
            let arrived = target.write(&intrn, &id, &account(&intrn));
            check(&arrived);
            let shown = (!arrived.is_nothing()).then_some(kind);
            assert_eq!(arrived.header("x-sas-fault"), shown, "{kind}");
            assert_eq!(target.versions(&intrn).await, versions, "{kind}");
            let events = target.events(|event| event["request_id"] == id).await;
            assert_eq!(events.len(), 1, "{kind}: {events:?}");
            assert_eq!((&events[0]["fault"], &events[0]["status"]), (&json!(kind), &json!(status)), "{events:?}");
            let kept = target.exchange(&id).await;
            assert_eq!((&kept["event"]["fault"], &kept["event"]["status"]), (&json!(kind), &json!(status)), "{kept}");
            assert_eq!(kept["answer"]["body"].as_str().expect("a text").as_bytes(), arrived.body, "{kept}");
            assert_eq!(kept["answer"]["headers"].as_array().expect("a list").is_empty(), shown.is_none(), "{kept}");
            assert_eq!(target.acted(kind), if status == 503 { 2 } else { 1 }, "{kind}");
            // The second try of an idempotent client succeeds: one account, one version.
            let again = target.write(&intrn, &format!("{number:0>31}f"), &account(&intrn));
            assert_eq!(again.status(), if versions == 0 { "201" } else { "200" }, "{kind}");
            assert_eq!((again.header("x-sas-fault"), target.versions(&intrn).await), (None, 1), "{kind}");
            serde_json::from_slice::<Value>(&again.body).expect("JSON");
        }
        assert_eq!(target.left().await, [0; 7]);
    }

    async fn fault_acts_on_requests_that_are_all_that_is_to_match(target: Target) {
        let (one, other) = (intrn(1), intrn(2));
        target.arm(json!({ "kind": "status", "status": 500, "count": 9, "match": {
            "interaction": "conditional-update", "type": "Practitioner", "identifier": format!("{INTRN}|{one}")
        } })).await;
        let put = async |intrn: &str| target.put(intrn, &account(intrn)).await.status.as_u16();
        // By the identifier in the query; then by one in the body.
        assert_eq!([put(&one).await, put(&other).await], [500, 201]);
        assert_eq!(target.put(&other, &account(&one)).await.status, 500);
        let path = |intrn: &str| format!("/fhir/Practitioner?identifier={INTRN}%7C{intrn}");
        target.send("GET", &path(&one), &[], "").await.expect(200);
        // A fault of another interaction; the first that matches acts.
        target.arm(json!({ "kind": "status", "status": 502, "match": { "interaction": "search-type" } })).await;
        target.arm(json!({ "kind": "status", "status": 503, "match": { "interaction": "search-type" } })).await;
        for expected in [502, 503, 200] {
            assert_eq!(target.send("GET", &path(&one), &[], "").await.status, expected);
        }
        // A caller that is not configured would never meet it.
        let unknown = json!({ "kind": "status", "status": 504, "match": { "caller": "vendor" } });
        let refused = target.api("POST", "/console/api/faults", &unknown).await.expect(400);
        assert!(refused.text.contains("match.caller: no caller"), "{}", refused.text);
        assert_eq!(target.left().await, [7, 0, 0]);
    }

    async fn fault_acts_never_once_more_than_it_is_to_under_concurrent_requests(target: Target) {
        target.arm(json!({ "kind": "status", "status": 503, "count": 5 })).await;
        let requests: Vec<_> = (0..40).map(|number| {
            let (address, number) = (target.serving.address.clone(), number % 8);
            tokio::task::spawn_blocking(move || {
                let path = format!("/fhir/Practitioner?identifier={INTRN}%7C{}", intrn(number));
                arrive(&address, &format!("GET {path} HTTP/1.1\r\n"), "").status().to_owned()
            })
        }).collect();
        let mut refused = 0;
        for request in requests {
            refused += usize::from(request.await.expect("an answer") == "503");
        }
        assert_eq!((refused, target.acted("status")), (5, 5));
        assert_eq!(target.left().await, [0]);
    }

    async fn fault_after_the_commit_waits_for_an_accepted_write(target: Target) {
        let intrn = intrn(1);
        target.arm(json!({ "kind": "cut-after-commit" })).await;
        // Neither a read, nor a refusal, nor $validate is a write that was committed.
        target.send("GET", "/fhir/metadata", &[], "").await.expect(200);
        let refused = target.write(&intrn, "0000000000000001", "{}");
        assert_eq!((refused.status(), refused.header("x-sas-fault")), ("400", None));
        assert_eq!(target.left().await, [1]);
        let events = target.events(|event| event["request_id"] == "0000000000000001").await;
        assert_eq!(events[0]["fault"], Value::Null, "{events:?}");
        assert!(target.write(&intrn, "0000000000000002", &account(&intrn)).is_nothing());
        assert_eq!((target.acted("cut-after-commit"), target.versions(&intrn).await), (1, 1));
        // A repetition that changes nothing is accepted too.
        target.arm(json!({ "kind": "cut-after-commit" })).await;
        assert!(target.write(&intrn, "0000000000000003", &account(&intrn)).is_nothing());
        assert_eq!((target.write(&intrn, "0000000000000004", &account(&intrn)).status(), target.versions(&intrn).await), ("200", 1));
    }

    async fn fault_of_a_body_leaves_a_write_alone_whose_answer_has_none(target: Target) {
        let intrn = intrn(1);
        target.arm(json!({ "kind": "invalid-json" })).await;
        let headers = [("content-type", "application/fhir+json"), ("prefer", "return=minimal"), ("x-request-id", "0000000000000001")];
        let path = format!("/fhir/Practitioner?identifier={INTRN}%7C{intrn}");
        let answer = target.send("PUT", &path, &headers, account(&intrn)).await.expect(201);
        assert!(!answer.headers.contains_key("x-sas-fault"));
        let events = target.events(|event| event["request_id"] == "0000000000000001").await;
        assert_eq!((&events[0]["fault"], target.left().await), (&Value::Null, vec![json!(1)]), "{events:?}");
    }

    async fn fault_acts_on_no_request_that_the_console_sends_again(target: Target) {
        let refused = target.put(FIRST, "{}").await.expect(400);
        target.arm(json!({ "kind": "cut-before", "count": 9 })).await;
        let again = format!("{}/send-again", crate::exchanges::described_by(&refused));
        let page = target.post(&again, &again, &[]).await.expect(200).text;
        assert!(page.contains("<strong>400</strong> → <strong role=\"status\">400</strong>"), "{page}");
        assert_eq!(target.left().await, [9]);
    }

    async fn fault_is_given_back_where_the_client_goes_away_before_its_answer(target: Target) {
        target.arm(json!({ "kind": "invalid-json", "match": { "interaction": "events" } })).await;
        let mut stream = TcpStream::connect(&target.serving.address).expect("a connection");
        stream.write_all(b"GET /events?wait=20 HTTP/1.1\r\nhost: a.localhost\r\n\r\n").expect("sent");
        until("it waits", async || (target.left().await == [0]).then_some(())).await;
        drop(stream);
        until("it is given back", async || (target.left().await == [1]).then_some(())).await;
    }

    async fn fault_that_delays_holds_no_permit(target: Target) {
        let delayed = {
            target.arm(json!({ "kind": "delay", "delay": "60s", "match": { "identifier": format!("{INTRN}|{}", intrn(1)) } })).await;
            let head = format!("GET /fhir/Practitioner?identifier={INTRN}%7C{} HTTP/1.1\r\nhost: a.localhost\r\n\r\n", intrn(1));
            let mut stream = TcpStream::connect(&target.serving.address).expect("a connection");
            stream.write_all(head.as_bytes()).expect("sent");
            stream
        };
        until("the request is delayed", async || (target.left().await == [0]).then_some(())).await;
        let (_, metrics) = target.serving.ops("/metrics").expect("metrics");
        let in_progress = metrics.lines().find(|line| line.starts_with("sas_requests_in_progress{kind=\"searches\"}"));
        assert!(in_progress.is_none_or(|line| line.ends_with(" 0")), "{in_progress:?}");
        drop(delayed);
        // Its client has gone: the record has it nevertheless.
        let events = target.events(|event| event["fault"] == "delay" && event["interaction"] == "search-type").await;
        assert_eq!(events[0]["status"], 499);
    }

    async fn fault_list_ends_with_what_is_ended_and_with_the_instance(target: Target) {
        let fault = target.arm(json!({ "kind": "cut-before", "for": "1h" })).await;
        let path = format!("/console/api/faults/{}", fault["id"].as_str().expect("an id"));
        assert_eq!(target.api("GET", &path, &Value::Null).await.expect(200).text, format!("{fault}\n"));
        target.api("DELETE", &path, &Value::Null).await.expect(204);
        target.api("DELETE", &path, &Value::Null).await.expect(404);
        target.api("GET", &path, &Value::Null).await.expect(404);
        target.arm(json!({ "kind": "cut-before" })).await;
        assert_eq!(target.armed().await.len(), 1);
        // Who made, saw and ended it.
        for status in [201, 200, 204] {
            let is_it = |event: &Value| event["interaction"] == "console-fault" && event["id"] == fault["id"];
            let events = target.events(|event| is_it(event) && event["status"] == status).await;
            assert_eq!((events.len(), &events[0]["fault"]), (1, &json!("cut-before")), "{events:?}");
        }
        target.events(|event| event["interaction"] == "console-fault" && event["fault"].is_null()).await;
        let Target { serving, database } = target;
        assert_eq!(serving.stop().0, Some(0));
        let target = Target::serve(database, &[]);
        assert_eq!(target.armed().await, Vec::<Value>::new());
        target.put(FIRST, REGULATOR).await.expect(201);
    }
}

/// The program with callers on this database, with these arguments; its settings file and its log.
pub fn with_callers(
    database: &TestDatabase,
    arguments: &[&str],
) -> (tempfile::TempDir, Serving, std::thread::JoinHandle<String>) {
    let folder = folder("faults");
    let file = folder.path().join("settings.toml");
    let all = "\"console\", \"read\", \"practitioner:write\", \"appointment:write\", \"annuaire:read\"";
    let callers = [(TOKEN, "alice", all), ("bob-0123456789", "bob", "\"read\"")].map(|(token, name, rights)| {
        let hash = TokenHash::from_token(token);
        format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nrights = [{rights}]\n")
    });
    std::fs::write(&file, callers.concat()).expect("written");
    let settings = [&["--log", "info", "--config", file.to_str().expect("UTF-8")], arguments].concat();
    let (serving, log) = Serving::start_and_log(&database.url, &settings);
    (folder, serving, log)
}

/// A request with this token: the status and the body.
fn ask(address: &str, request: &str, token: &str, body: &str) -> (u16, String) {
    let head = format!(
        "{request} HTTP/1.1\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    exchange(address, &head, body).expect("an answer")
}

const ANY: &str = r#"{"kind": "status", "status": 503, "count": 9}"#;

on_both_databases! { TestDatabase::new;
    async fn faults_off_are_off_for_a_caller_with_every_right(database: TestDatabase) {
        // Beside callers they are off unless they are allowed.
        for arguments in [&[][..], &["--faults", "off"]] {
            let (_folder, serving, _log) = with_callers(&database, arguments);
            for (request, body) in [
                ("POST /console/api/faults", ANY),
                ("POST /console/api/faults", "{}"),
                ("GET /console/api/faults", ""),
                ("GET /console/api/faults/a", ""),
                ("DELETE /console/api/faults/a", ""),
            ] {
                let (status, answer) = ask(&serving.ops_address, request, TOKEN, body);
                assert!(status == 403 && answer.contains("SAS_FAULTS"), "{request}: {status} {answer}");
            }
            assert_eq!(ask(&serving.address, "GET /fhir/Practitioner", TOKEN, "").0, 200);
            assert!(serving.ops("/health/ready").expect("an answer").1.contains("\"faults\":null"));
        }
        let target = Target::serve(database, &["--faults", "off"]);
        target.api("POST", "/console/api/faults", &json!({ "kind": "cut-before" })).await.expect(403);
    }

    async fn faults_beside_callers_act_on_the_caller_that_is_named_and_are_warned_of(database: TestDatabase) {
        let (_folder, serving, log) = with_callers(&database, &["--faults", "on"]);
        let fault = r#"{"kind": "status", "status": 503, "match": {"caller": "bob"}}"#;
        assert_eq!(ask(&serving.ops_address, "POST /console/api/faults", "bob-0123456789", fault).0, 401);
        assert_eq!(ask(&serving.ops_address, "POST /console/api/faults", TOKEN, fault).0, 201);
        let unknown = fault.replace("bob", "bobby");
        let (status, answer) = ask(&serving.ops_address, "POST /console/api/faults", TOKEN, &unknown);
        assert!(status == 400 && answer.contains("match.caller"), "{status} {answer}");
        let read = |token: &str| ask(&serving.address, "GET /fhir/Practitioner", token, "").0;
        // Not before its sender is known and has the right.
        assert_eq!([read("wrong"), read(TOKEN), read("bob-0123456789"), read("bob-0123456789")], [401, 200, 503, 200]);
        let (_, ready) = serving.ops("/health/ready").expect("an answer");
        assert!(ready.contains("SAS_FAULTS=on beside callers"), "{ready}");
        serving.stop();
        let log = log.join().expect("a log");
        assert!(log.lines().any(|line| line.contains("WARN") && line.contains("SAS_FAULTS=on beside callers")), "{log}");
        let acted: Vec<_> = log.lines().filter(|line| line.contains("fault=\"status\"")).collect();
        assert!(acted.len() == 1 && acted[0].contains("status=503") && acted[0].contains("caller=\"bob\""), "{log}");
    }
}

on_both_databases! { target;
    async fn faults_act_on_the_directory_and_on_the_change_feed(target: Target) {
        let get = |path: &str| arrive(&target.serving.address, &format!("GET {path} HTTP/1.1\r\n"), "");
        for (interaction, path) in [
            ("annuaire-search", "/annuaire/fhir/v2/Practitioner?identifier=s%7C1"),
            ("annuaire-page", "/annuaire/fhir/v2/_page?id=x"),
            ("annuaire-capabilities", "/annuaire/fhir/v2/metadata"),
            ("history-system", "/fhir/_history"),
            ("capabilities", "/fhir/metadata"),
            ("events", "/events"),
        ] {
            let matches = json!({ "interaction": interaction });
            target.arm(json!({ "kind": "status", "status": 418, "match": matches })).await;
            target.arm(json!({ "kind": "invalid-json", "match": matches })).await;
            target.arm(json!({ "kind": "cut-in-answer", "match": matches })).await;
            let arrived = get(path);
            assert_eq!((arrived.status(), arrived.header("x-sas-fault")), ("418", Some("status")), "{path}");
            let arrived = get(path);
            assert_eq!(arrived.header("x-sas-fault"), Some("invalid-json"), "{path}");
            serde_json::from_slice::<Value>(&arrived.body).expect_err("half of JSON");
            let arrived = get(path);
            let length: usize = arrived.header("content-length").expect("a length").parse().expect("a number");
            assert_eq!((arrived.header("x-sas-fault"), arrived.body.len()), (Some("cut-in-answer"), length / 2), "{path}");
            assert_eq!(get(path).header("x-sas-fault"), None, "{path}");
        }
        // An answer to HEAD has no body to cut.
        target.arm(json!({ "kind": "cut-in-answer" })).await;
        let head = arrive(&target.serving.address, "HEAD /fhir/metadata HTTP/1.1\r\n", "");
        assert_eq!((head.status(), head.header("x-sas-fault")), ("200", None));
    }
}

#[tokio::test]
async fn faults_api_takes_json_and_tokens_only_and_is_of_no_other_site() {
    let console = Setup::default().start().await;
    let token = format!("Bearer {TOKEN}");
    let (authorization, json) = (("authorization", &*token), ("content-type", "application/json"));
    let cookie = console.session().await;
    for (method, path, headers, body, status) in [
        ("POST", "/console/api/faults", &[json][..], ANY, 401),
        ("POST", "/console/api/faults", &[json, ("cookie", &*cookie)], ANY, 401),
        ("POST", "/console/api/faults", &[authorization], ANY, 415),
        ("POST", "/console/api/faults", &[authorization, json, ("origin", "http://evil.example.org")], ANY, 403),
        ("POST", "/console/api/faults", &[authorization, json], "{", 400),
        ("POST", "/console/api/faults", &[authorization, json], ANY, 201),
        ("DELETE", "/console/api/faults/a", &[], "", 401),
        ("DELETE", "/console/api/faults/a", &[("cookie", &*cookie)], "", 401),
        ("DELETE", "/console/api/faults/a", &[authorization, ("sec-fetch-site", "cross-site")], "", 403),
        ("DELETE", "/console/api/faults/a", &[authorization], "", 404),
        ("DELETE", "/console/api/faults", &[authorization], "", 405),
        ("DELETE", "/console/webhooks", &[("cookie", &*cookie)], "", 405),
        ("PUT", "/console/api/faults", &[authorization, json], ANY, 405),
    ] {
        let answer = console.request(method, path, headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path} {headers:?}: {}", answer.text);
    }
    let wrong = r#"{"kind": "status", "status": 200}"#;
    let answer = console.request("POST", "/console/api/faults", &[authorization, json], wrong).await.expect(400);
    assert!(answer.text.contains("400 to 599"), "{}", answer.text);
    // Its time runs out.
    let list = async || console.request("GET", "/console/api/faults", &[authorization], "").await.expect(200).text;
    assert!(list().await.contains("\"left\":9"));
    console.advance_minutes(10);
    assert_eq!(list().await, "{\"faults\":[]}\n");
}

#[tokio::test]
async fn fault_closes_a_connection_that_has_served_before() {
    let target = target(Backend::Sqlite).await.expect("SQLite is always there");
    let mut stream = TcpStream::connect(&target.serving.address).expect("a connection");
    let request = "GET /fhir/Practitioner/a HTTP/1.1\r\nhost: a.localhost\r\n\r\n";
    let mut answers = vec![];
    // An error has no body but an outcome, which ends with a brace.
    stream.write_all(request.as_bytes()).expect("sent");
    while !answers.ends_with(b"}]}") {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).expect("more");
        assert!(read > 0, "{}", String::from_utf8_lossy(&answers));
        answers.extend_from_slice(&part[..read]);
    }
    assert!(answers.starts_with(b"HTTP/1.1 404"));
    target.arm(json!({ "kind": "cut-before" })).await;
    stream.write_all(request.as_bytes()).expect("sent");
    let mut rest = vec![];
    stream.read_to_end(&mut rest).expect("a close, and no reset");
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}
