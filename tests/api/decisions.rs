//! The vendor's software is asked before an account is written: about what, when, and what its answers mean.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sas_endpoint::decision::Decision;
use sas_endpoint::decision::file::parse_decision;
use sas_endpoint::http::bounds::Bounds;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::asking::*;
use crate::bookings::VENDOR;
use crate::on_both_databases;
use crate::server::*;
use crate::support::polling::poll_until;
use crate::support::{Backend, GENEROUS};

/// The keys of the secrets, of which the first signs first.
const KEYS: [[u8; 24]; 2] = [*b"a key of 24 bytes, or so", *b"the one before, as long."];

/// Questions that are asked at a time.
const MAX_QUESTIONS: usize = 32;

pub fn decision(url: &str, further: &str) -> Decision {
    let secrets = KEYS.map(|key| format!("whsec_{}", STANDARD.encode(key)));
    let table = format!("url = \"{url}\"\nsecret = {secrets:?}\n{further}").parse::<toml::Table>().expect("TOML");
    Decision::new(&parse_decision(toml::Value::Table(table)).expect("settings")).expect("a client")
}

/// A server and the software that it asks.
struct Asking {
    server: TestServer,
    vendor: MockServer,
}

async fn asking(backend: Backend) -> Option<Asking> {
    let vendor = MockServer::start().await;
    answer(&vendor, ResponseTemplate::new(204)).await;
    let decision = Some(decision(&format!("{}/decide?key=x", vendor.uri()), "timeout = \"6s\""));
    Some(Asking { server: Setup { decision, ..Setup::default() }.start(backend).await?, vendor })
}

/// From now on the software gives this answer, and has been asked nothing.
async fn answer(vendor: &MockServer, template: ResponseTemplate) {
    vendor.reset().await;
    Mock::given(any()).respond_with(template).mount(vendor).await;
}

/// The questions since the last answer was set.
async fn questions(vendor: &MockServer) -> Vec<Request> {
    vendor.received_requests().await.expect("they are recorded")
}

/// The `data` of the only question, whose form and signatures are checked.
async fn only_question(vendor: &MockServer) -> Value {
    let asked = questions(vendor).await;
    let [request] = asked.as_slice() else { panic!("{} questions", asked.len()) };
    assert_eq!((request.method.as_str(), request.url.path()), ("POST", "/decide"));
    let header = |name: &str| request.headers[name].to_str().expect("ASCII").to_owned();
    assert_eq!(header("content-type"), "application/json");
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    assert!(id.starts_with("decision-"), "{id}");
    let signatures = KEYS.map(|key| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(&request.body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    });
    assert_eq!(header("webhook-signature"), signatures.join(" "));
    let mut body: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(body["type"], "decision.requested");
    let at: jiff::Timestamp = body["timestamp"].as_str().expect("an instant").parse().expect("an instant");
    assert_eq!(at.as_second().to_string(), timestamp);
    assert_eq!(body.as_object().expect("an object").len(), 3);
    body["data"].take()
}

on_both_databases! { asking;
    async fn decision_is_asked_about_each_change_of_an_account(given: Asking) {
        let Asking { server, vendor } = given;
        let account_body = regulator(&[(T, U)]);
        let id = server.post("/Practitioner", &account_body).await.expect(201).id();
        let created = json!({ "effect": "create", "resourceType": "Practitioner", "resource": account_body });
        assert_eq!(only_question(&vendor).await, created);
        answer(&vendor, ResponseTemplate::new(200)).await;
        let disabled = inactive(account_body.clone());
        server.put(&account(T, U), &disabled).await.expect(200);
        let updated = json!({
            "effect": "update", "resourceType": "Practitioner", "id": id, "version": 1, "resource": disabled,
        });
        assert_eq!(only_question(&vendor).await, updated);
        answer(&vendor, ResponseTemplate::new(202)).await;
        let with_id = with(&account_body, "/id", id.clone().into());
        server.put(&format!("/Practitioner/{id}"), &with_id).await.expect(200);
        assert_eq!(only_question(&vendor).await["version"], 2);
        answer(&vendor, ResponseTemplate::new(200)).await;
        let other = with(&regulator(&[(T, V)]), "/id", "chosen".into());
        server.put("/Practitioner/chosen", &other).await.expect(201);
        let question = only_question(&vendor).await;
        assert_eq!((&question["effect"], question.get("id")), (&json!("create"), None));
        assert_eq!(server.versions("Practitioner", &id).await, 3);
    }

    async fn decision_is_not_asked_where_nothing_changes_or_the_write_is_refused(given: Asking) {
        let Asking { server, vendor } = given;
        let body = regulator(&[(T, U)]);
        server.put(&account(T, U), &body).await.expect(201);
        answer(&vendor, ResponseTemplate::new(500)).await;
        // Replays.
        server.put(&account(T, U), &body).await.expect(200);
        let if_none_exist = [("if-none-exist", &*format!("identifier={T}|{U}"))];
        server.write("POST", "/Practitioner", &if_none_exist, &body).await.expect(200);
        // Refused by validation, by preconditions, by identity.
        server.post("/Practitioner", &json!({ "resourceType": "Practitioner" })).await.expect(422);
        server.write("PUT", &account(T, U), &[("if-match", "W/\"9\"")], &inactive(body.clone())).await.expect(412);
        server.post("/Practitioner", &body).await.refused(422, "identifier-duplicate");
        // Not written at all.
        server.post("/Practitioner/$validate", &inactive(body)).await.expect(200);
        // Appointments.
        server.put(&by("Appointment", VENDOR, "1"), &appointment(VENDOR, "1")).await.expect(201);
        assert_eq!(questions(&vendor).await.len(), 0);
    }

    async fn decision_refusal_is_told_to_the_platform_and_nothing_is_stored(given: Asking) {
        let Asking { server, vendor } = given;
        let id = server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201).id();
        let outcome = json!({
            "resourceType": "OperationOutcome",
            "issue": [{ "severity": "error", "code": "business-rule", "details": { "text": "Structure\u{202e} inconnue" } }],
        });
        for (template, message) in [
            (ResponseTemplate::new(422).set_body_json(&outcome), "Structure inconnue"),
            (ResponseTemplate::new(400).set_body_json(json!({ "message": "line\none" })), "line one"),
            (ResponseTemplate::new(409).set_body_json(json!({ "message": "é".repeat(600) })), &*"é".repeat(500)),
        ] {
            answer(&vendor, template).await;
            let refused = server.put(&account(T, U), &inactive(regulator(&[(T, U)]))).await.refused(422, "decision-refused");
            let issue = &refused.json()["issue"][0];
            assert_eq!((&issue["code"], &issue["severity"]), (&json!("business-rule"), &json!("error")));
            let text = issue["details"]["text"].as_str().expect("a text");
            assert_eq!(text, format!("Le logiciel de l'éditeur refuse cette écriture : « {message} »."));
            server.post("/Practitioner", &regulator(&[(T, V)])).await.refused(422, "decision-refused");
            assert_eq!(questions(&vendor).await.len(), 2, "once each");
        }
        assert_eq!((server.versions("Practitioner", &id).await, server.count("Practitioner").await), (1, 1));
    }

    async fn decision_missing_refuses_with_503_and_nothing_is_stored(given: Asking) {
        let Asking { server, vendor } = given;
        let message = json!({ "message": "not for the platform" });
        for status in [301, 307, 401, 403, 404, 500, 503] {
            let elsewhere = format!("{}/elsewhere", vendor.uri());
            answer(&vendor, ResponseTemplate::new(status).insert_header("location", elsewhere).set_body_json(&message)).await;
            let refused = server.post("/Practitioner", &regulator(&[(T, U)])).await.refused(503, "decision-unavailable");
            assert!(refused.header("retry-after").parse::<u32>().is_ok(), "{status}");
            assert!(!refused.text.contains("not for the platform"), "{status}");
            assert_eq!(questions(&vendor).await.len(), 1, "{status}: neither repeated nor redirected");
        }
        for body in ["", "no", "{}", &format!("{{\"message\": \"{}\"}}", "x".repeat(70_000))] {
            answer(&vendor, ResponseTemplate::new(422).set_body_string(body)).await;
            server.post("/Practitioner", &regulator(&[(T, U)])).await.refused(503, "decision-unavailable");
        }
        assert_eq!(server.count("Practitioner").await, 0);
        // Nobody listens there.
        let decision = Some(decision("http://127.0.0.1:1/", ""));
        let other = server.another_with(Setup { decision, ..Setup::default() }).await;
        other.post("/Practitioner", &regulator(&[(T, U)])).await.refused(503, "decision-unavailable");
        assert_eq!(server.count("Practitioner").await, 0);
    }

    async fn decision_missing_accepts_where_the_settings_say_so(given: Asking) {
        let Asking { server, vendor } = given;
        let accepting = Some(decision(&vendor.uri(), "on_failure = \"accept\"\ntimeout = \"100ms\""));
        let lenient = server.another_with(Setup { decision: accepting, ..Setup::default() }).await;
        answer(&vendor, ResponseTemplate::new(500)).await;
        lenient.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201);
        answer(&vendor, ResponseTemplate::new(200).set_delay(GENEROUS.write)).await;
        lenient.put(&account(T, V), &regulator(&[(T, V)])).await.expect(201);
        answer(&vendor, ResponseTemplate::new(400).set_body_json(json!({ "message": "no" }))).await;
        lenient.post("/Practitioner", &regulator(&[(T, "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a12")])).await.refused(422, "decision-refused");
        let refusing = Some(decision(&vendor.uri(), "timeout = \"100ms\""));
        let strict = server.another_with(Setup { decision: refusing, ..Setup::default() }).await;
        answer(&vendor, ResponseTemplate::new(200).set_delay(GENEROUS.write)).await;
        strict.put(&account(T, U), &inactive(regulator(&[(T, U)]))).await.refused(503, "decision-unavailable");
        assert_eq!(server.count("Practitioner").await, 2);
    }
}

/// Software that answers when it is allowed to.
struct SlowVendor {
    asked: AtomicUsize,
    answered: AtomicUsize,
    allowed: Semaphore,
}

impl SlowVendor {
    async fn start() -> (Arc<Self>, Decision) {
        let (asked, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let vendor = Arc::new(Self { asked, answered, allowed: Semaphore::new(0) });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let own = vendor.clone();
        let router = axum::Router::new().fallback(move || {
            let own = own.clone();
            async move {
                own.asked.fetch_add(1, Ordering::SeqCst);
                own.allowed.acquire().await.expect("open").forget();
                own.answered.fetch_add(1, Ordering::SeqCst);
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        (vendor, decision(&url, "timeout = \"6s\""))
    }

    fn waiting(&self) -> usize {
        self.asked.load(Ordering::SeqCst) - self.answered.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn decision_is_awaited_without_a_write_permit_and_by_32_at_most() {
    let (vendor, decision) = SlowVendor::start().await;
    let bounds = Bounds { max_writes: 1, ..Setup::default().bounds };
    let server = Arc::new(Setup { decision: Some(decision), bounds, ..Setup::default() }.start_somewhere().await);
    let writes: Vec<_> = (0..MAX_QUESTIONS + 8)
        .map(|number| {
            let server = server.clone();
            tokio::spawn(async move {
                let value = format!("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8{number:03}");
                server.put(&account(T, &value), &regulator(&[(T, &value)])).await.status
            })
        })
        .collect();
    poll_until("as many questions as may be asked", async || vendor.waiting() == MAX_QUESTIONS).await;
    // The only permit is free.
    server.put(&by("Appointment", VENDOR, "1"), &appointment(VENDOR, "1")).await.expect(201);
    assert_eq!(vendor.waiting(), MAX_QUESTIONS);
    for answered in 1..=writes.len() {
        vendor.allowed.add_permits(1);
        poll_until("one is answered", async || vendor.answered.load(Ordering::SeqCst) == answered).await;
        assert!(vendor.waiting() <= MAX_QUESTIONS);
    }
    for write in writes {
        assert_eq!(write.await.expect("it ends"), 201);
    }
    assert_eq!(vendor.asked.load(Ordering::SeqCst), MAX_QUESTIONS + 8, "each once");
}
