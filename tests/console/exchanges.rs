//! `/console/exchanges`: the journal, and the link from a refusal to its page.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{self, Answer};
use crate::html;
use crate::process::{Serving, databases, on_free_ports};
use crate::server::{TOKEN, csrf, form};
use crate::support::polling::poll_until;
use crate::support::{Backend, TestDatabase, folder};

pub const REGULATOR: &str = include_str!("../fixtures/regulator.json");
const INTRN: &str = "urn:oid:1.2.250.1.213.3.6";

/// A program that keeps its journal, as a test target does.
pub struct Target {
    pub serving: Serving,
    pub database: TestDatabase,
}

impl Target {
    pub async fn start(backend: Backend, arguments: &[&str]) -> Option<Self> {
        Some(Self::serve(TestDatabase::new(backend).await?, arguments))
    }

    /// The same with this database, which may have been served before.
    pub fn serve(database: TestDatabase, arguments: &[&str]) -> Self {
        let serving = Serving::spawn(on_free_ports(&["--log", "error"]).args(arguments).args(databases(&database.url)));
        Self { serving, database }
    }

    /// A request of a client of the FHIR API.
    pub async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let host = ("host", self.serving.address.as_str());
        let request = headers
            .iter()
            .chain(&[host])
            .fold(Request::builder().method(method).uri(target), |request, (name, value)| {
                request.header(*name, *value)
            });
        client::send(self.serving.address.parse().expect("an address"), request.body(body.into()).expect("a request"))
            .await
    }

    pub async fn put(&self, intrn: &str, body: &str) -> Answer {
        let target = format!("/fhir/Practitioner?identifier={INTRN}%7C{intrn}");
        self.send("PUT", &target, &[("content-type", "application/fhir+json")], body.to_owned()).await
    }

    /// A page of the console, in English.
    pub async fn page(&self, path: &str) -> Answer {
        let request = Request::get(path).header("host", &self.serving.ops_address).header("accept-language", "en");
        let address = self.serving.ops_address.parse().expect("an address");
        client::send(address, request.body(Body::empty()).expect("a request")).await
    }

    /// Posts a form to the console, in English; with the token of forms that the page at this path has.
    pub async fn post(&self, path: &str, form_of: &str, fields: &[(&str, &str)]) -> Answer {
        let token = csrf(&self.page(form_of).await.expect(200).text);
        let fields = [&[("csrf", token.as_str())], fields].concat();
        let request = Request::post(path).header("host", &self.serving.ops_address).header("accept-language", "en");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let address = self.serving.ops_address.parse().expect("an address");
        client::send(address, request.body(Body::from(form(&fields))).expect("a request")).await
    }

    /// The page of the exchanges that match, once there are as many: they are stored a moment after their answers.
    pub async fn exchanges(&self, query: &str, number: usize) -> String {
        let path = format!("/console/exchanges?{query}");
        until("the exchanges are stored", async || {
            let page = self.page(&path).await.expect(200).text;
            (rows(&page).len() == number).then_some(page)
        })
        .await
    }
}

/// Looks again and again until there is something.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut found = None;
    poll_until(what, async || {
        found = look().await;
        found.is_some()
    })
    .await;
    found.expect("it is there")
}

/// The links to exchanges in a list.
pub fn rows(page: &str) -> Vec<String> {
    let links = html::parse(page).into_iter().filter(|element| element.name == "a");
    let links = links.map(|link| link.attribute("href").to_owned());
    links.filter(|link| link.starts_with("/console/exchanges/")).collect()
}

/// The path of the link from a refusal to its page.
pub fn described_by(answer: &Answer) -> String {
    let link = answer.header("link");
    let url = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"describedby\"")).expect("a link");
    url[url.find("/console").expect("the console")..].to_owned()
}

/// The lines with issues: line, and text of what is beside it.
fn marked_lines(page: &str) -> BTreeMap<usize, String> {
    let lines = html::parse(page).into_iter().filter(|element| element.attribute("class") == "marked");
    lines.map(|line| (line.attribute("value").parse().expect("a number"), line.text)).collect()
}

async fn refusal_links_to_its_page(backend: Backend) {
    let Some(target) = Target::start(backend, &[]).await else { return };
    let body = REGULATOR.replace("\"active\": true", "\"active\": \"yes\"");
    let refused = target.put("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", &body).await;
    assert!([400, 422].contains(&refused.status.as_u16()), "{}", refused.text);
    // At once, before it is stored, and afterwards.
    for _ in 0..2 {
        let page = target.page(&described_by(&refused)).await.expect(200).text;
        html::check(&page, "en");
        let line = body.lines().position(|line| line.contains("\"yes\"")).expect("the line") + 1;
        let marked = marked_lines(&page);
        assert!(marked.get(&line).is_some_and(|text| text.contains("\"active\": \"yes\"")), "{marked:?}");
        assert!(page.contains("curl --globoff --path-as-is --request &#39;PUT&#39;"), "{page}");
        assert!(page.contains("Nothing was written") && page.contains("Suggested repair:"), "{page}");
        target.exchanges("status=4xx", 1).await;
    }
}

#[tokio::test]
async fn exchange_refused_is_linked_to_the_page_that_shows_its_line_on_sqlite() {
    refusal_links_to_its_page(Backend::Sqlite).await;
}

#[tokio::test]
async fn exchange_refused_is_linked_to_the_page_that_shows_its_line_on_postgres() {
    refusal_links_to_its_page(Backend::Postgres).await;
}

#[tokio::test]
async fn exchange_accepted_is_kept_without_a_link_and_shown_with_its_decision() {
    let target = Target::start(Backend::Sqlite, &[]).await.expect("SQLite is always there");
    let created = target.put("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", REGULATOR).await.expect(201);
    assert_eq!(created.header("link"), "");
    target.put("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", REGULATOR).await.expect(200);
    let list = target.exchanges("interaction=conditional-update", 2).await;
    html::check(&list, "en");
    let [kept, made] = &rows(&list)[..] else { panic!("{list}") };
    let page = target.page(made).await.expect(200).text;
    assert!(page.contains("one was created, at version 1") && page.contains("&#34;family&#34;"), "{page}");
    let page = target.page(kept).await.expect(200).text;
    assert!(page.contains("it stays at version 1"), "{page}");
}

#[tokio::test]
async fn exchanges_are_filtered_by_each_field() {
    let target = Target::start(Backend::Sqlite, &[]).await.expect("SQLite is always there");
    let intrn = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
    target.put(intrn, REGULATOR).await.expect(201);
    target.put(intrn, "{}").await.expect(400);
    let found = target.send("GET", "/fhir/Practitioner?active=true", &[], "").await.expect(200);
    let id: serde_json::Value = serde_json::from_str(&found.text).expect("JSON");
    let id = id["entry"][0]["resource"]["id"].as_str().expect("an id").to_owned();
    target.send("GET", &format!("/fhir/Practitioner/{id}"), &[], "").await.expect(200);
    target.send("GET", "/fhir/Nothing", &[], "").await.expect(404);
    let intrn = format!("{INTRN}%7C{intrn}");
    for (query, number) in [
        ("", 5),
        ("status=201", 1),
        ("status=4xx", 2),
        ("interaction=read", 1),
        ("type=Practitioner", 4),
        (&format!("identifier={intrn}"), 2),
        (&format!("identifier=Practitioner/{id}"), 2),
        ("identifier=0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", 2),
        ("identifier=unknown", 0),
        ("rule=http-path", 1),
        ("caller=nobody", 0),
        ("since=2999-01-01", 0),
        ("until=2999-01-01&status=404", 1),
        // What cannot be read is said, and no condition.
        ("status=many", 5),
        ("since=yesterday", 5),
    ] {
        let page = target.exchanges(query, number).await;
        html::check(&page, "en");
        assert_eq!(page.contains("cannot be read"), ["status=many", "since=yesterday"].contains(&query), "{query}");
    }
}

#[tokio::test]
async fn exchange_of_a_patient_is_kept_without_its_body() {
    let target = Target::start(Backend::Sqlite, &[]).await.expect("SQLite is always there");
    let patient = r#"{"resourceType": "Patient", "name": [{"family": "Zyxwvut"}]}"#;
    let contained = REGULATOR.replacen(
        '{',
        r#"{"contained": [{"resourceType": "Patient", "id": "p", "name": [{"family": "Zyxwvut"}]}],"#,
        1,
    );
    let escaped = patient.replace("Patient", r"\u0050atient");
    let bodies = [contained.as_str(), patient, &escaped, &patient[..patient.len() - 1], &escaped[..escaped.len() - 1]];
    for (number, body) in (1..).zip(bodies) {
        let refused = target.put("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", body).await;
        assert!([400, 422].contains(&refused.status.as_u16()), "{}", refused.text);
        let path = described_by(&refused);
        target.exchanges("status=4xx", number).await;
        for suffix in ["", ".har", ".json", ".body"] {
            let page = target.page(&format!("{path}{suffix}")).await.expect(200).text;
            assert!(!page.contains("Zyxwvut"), "{page}");
        }
        let page = target.page(&path).await.expect(200).text;
        assert!(page.contains(&format!("The body ({} bytes) is not kept", body.len())), "{page}");
    }
    // $validate answers 200.
    let headers = [("content-type", "application/json")];
    target.send("POST", "/fhir/Practitioner/$validate", &headers, patient).await.expect(200);
    target.exchanges("interaction=validate", 1).await;
    let query = "/fhir/Appointment?patient.name=Zyxwvut&identifier=urn:oid:1.2.250.1.213.1.4.8%7CZyxwvut";
    let refused = target.send("GET", query, &[], "").await;
    let page = target.page(&described_by(&refused)).await.expect(200).text;
    assert!(
        page.contains("patient.name=removed&amp;identifier=removed")
            || page.contains("patient.name=removed&#38;identifier=removed"),
        "{page}"
    );
    target.exchanges("status=4xx", bodies.len() + 1).await;
    // Nor in any file.
    let database = target.database.url.clone();
    assert_eq!(target.serving.stop().0, Some(0));
    assert!(!files_contain(&database, "Zyxwvut"));
}

#[tokio::test]
async fn exchange_of_a_body_that_only_has_the_word_is_kept_with_it() {
    let target = Target::start(Backend::Sqlite, &[]).await.expect("SQLite is always there");
    let body = r#"{"resourceType": "Appointment", "patientInstruction": "le patient viendra à jeun"}"#;
    let headers = [("content-type", "application/json")];
    let refused = target.send("POST", "/fhir/Appointment", &headers, body).await;
    assert!([400, 422].contains(&refused.status.as_u16()), "{}", refused.text);
    assert_eq!(target.page(&format!("{}.body", described_by(&refused))).await.expect(200).text, body);
}

/// Whether any file beside this database contains a text.
pub fn files_contain(url: &str, text: &str) -> bool {
    let database = std::path::Path::new(url.trim_start_matches("sqlite://"));
    let files = std::fs::read_dir(database.parent().expect("a folder")).expect("a folder");
    files.flatten().any(|file| {
        let content = std::fs::read(file.path()).unwrap_or_default();
        content.windows(text.len()).any(|part| part == text.as_bytes())
    })
}

#[tokio::test]
async fn exchange_keeps_no_credential() {
    let target = Target::start(Backend::Sqlite, &[]).await.expect("SQLite is always there");
    let headers =
        [("authorization", "Bearer s3cret"), ("cookie", "s3cret"), ("x-api-key", "s3cret"), ("accept", "*/*")];
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for (answer, number) in [
        (target.send("GET", "/fhir/Nothing?token=s3cret&x=1", &headers, "").await.expect(404), 1),
        (target.send("POST", "/fhir/Practitioner/_search", &form, "access_token=s3cret&nothing=1").await, 2),
    ] {
        let path = described_by(&answer);
        target.exchanges("status=4xx", 2).await;
        for suffix in ["", ".har", ".json", ".body"] {
            let page = target.page(&format!("{path}{suffix}")).await.expect(200).text;
            assert!(!page.contains("s3cret"), "{page}");
        }
        let page = target.page(&path).await.expect(200).text;
        assert!(page.contains(if number == 1 { "x-api-key" } else { "access_token=removed" }), "{page}");
    }
}

#[tokio::test]
async fn exchange_of_an_unrecognised_sender_is_kept_without_content_and_without_a_link() {
    let folder = folder("console");
    let file = folder.path().join("settings.toml");
    let hash = sas_endpoint::access::token::TokenHash::from_token(TOKEN);
    let caller = format!("[[caller]]\nname = \"alice\"\ntoken_sha256 = \"{hash}\"\nrights = [\"console\", \"read\"]\n");
    std::fs::write(&file, caller).expect("written");
    let arguments = ["--config", file.to_str().expect("UTF-8"), "--journal", "full"];
    let target = Target::start(Backend::Sqlite, &arguments).await.expect("SQLite is always there");
    let refused = target.send("GET", "/fhir/Practitioner?identifier=Zyxwvut", &[], "").await.expect(401);
    assert_eq!(refused.header("link"), "");
    let token = format!("Bearer {TOKEN}");
    target.send("GET", "/fhir/Practitioner?identifier=known", &[("authorization", &token)], "").await.expect(200);
    let log_in = Request::post("/console/login").header("host", &target.serving.ops_address);
    let log_in = log_in.header("content-type", "application/x-www-form-urlencoded");
    let address = target.serving.ops_address.parse().expect("an address");
    let request = log_in.body(Body::from(form(&[("token", TOKEN)]))).expect("a request");
    let cookie = client::send(address, request).await.expect(303).cookie("sas_console");
    let page = until("both are stored", async || {
        let request = Request::get("/console/exchanges?lang=en").header("host", &target.serving.ops_address);
        let request = request.header("cookie", &cookie).body(Body::empty()).expect("a request");
        let page = client::send(address, request).await.expect(200).text;
        (rows(&page).len() == 2).then_some(page)
    })
    .await;
    assert!(page.contains("identifier=known") && !page.contains("Zyxwvut"), "{page}");
    assert!(page.contains("unrecognised sender"), "{page}");
}

#[tokio::test]
async fn exchange_unknown_is_404_and_without_a_journal_the_audit_log_is_shown() {
    let target = Target::start(Backend::Sqlite, &["--journal", "off"]).await.expect("SQLite is always there");
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let refused = target.send("GET", "/fhir/Nothing", &[("x-request-id", id)], "").await.expect(404);
    assert_eq!(refused.header("link"), "");
    let page = target.exchanges("rule=http-path", 1).await;
    assert!(page.contains("The journal is off"), "{page}");
    let page = target.page(&format!("/console/exchanges/{id}")).await.expect(200).text;
    html::check(&page, "en");
    assert!(page.contains("Neither headers nor body are kept") && page.contains("http-path"), "{page}");
    for unknown in ["/console/exchanges/x", "/console/exchanges/x.har", "/console/exchanges/%2e%2e"] {
        assert_eq!(target.page(unknown).await.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn journal_is_emptied_by_purge_and_goes_on() {
    let target = Target::start(Backend::Sqlite, &[]).await.expect("SQLite is always there");
    target.send("GET", "/fhir/Zyxwvut", &[], "").await.expect(404);
    target.exchanges("", 1).await;
    assert!(files_contain(&target.database.url, "Zyxwvut"));
    let purge = on_free_ports(&["purge", "--journal"]).args(databases(&target.database.url)).output().expect("it runs");
    let output = String::from_utf8_lossy(&purge.stdout).into_owned();
    assert!(purge.status.success() && output.contains("deleted 1 exchanges"), "{output}");
    target.exchanges("", 0).await;
    assert!(!files_contain(&target.database.url, "Zyxwvut"), "what is deleted is overwritten");
    target.send("GET", "/fhir/Nothing", &[], "").await.expect(404);
    target.exchanges("", 1).await;
}

/// What is answered to these bytes, until the connection is closed.
async fn answer_to(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn head_that_is_no_request_is_kept_without_its_bytes_and_its_refusal_has_a_link() {
    let target = Target::start(Backend::Sqlite, &[]).await.expect("SQLite is always there");
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(300_000));
    for (sent, status, rule) in [
        (&b"\x16\x03\x01\x02\x00s3cret\r\n\r\n"[..], "400", "http-malformed"),
        (b"GET /fhir/metadata HTTP/1.1\r\nauthorization s3cret\r\n\r\n", "400", "http-malformed"),
        (long.as_bytes(), "414", "http-url-size"),
    ] {
        let answer = answer_to(&target.serving.address, sent).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(rule), "{answer}");
        let link = answer.lines().find_map(|line| line.strip_prefix("link: <")).expect("a link");
        let path = &link[link.find("/console").expect("the console")..link.find('>').expect("its end")];
        let page = target.page(path).await.expect(200).text;
        html::check(&page, "en");
        assert!(page.contains("HTTP request that cannot be read") && page.contains("Suggested repair"), "{page}");
        assert!(!page.contains("s3cret") && !page.contains("send-again"), "{page}");
        target.page(&format!("{path}.har")).await.expect(200);
    }
    let rows = target.exchanges("rule=http-malformed", 2).await;
    assert!(rows.contains("HTTP request that cannot be read"), "{rows}");
    until("they are in the audit log", async || {
        let output = on_free_ports(&["exchanges", "--json"]).args(databases(&target.database.url)).output();
        let output = String::from_utf8(output.expect("it runs").stdout).expect("UTF-8");
        (output.lines().filter(|line| line.contains("http-")).count() == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn head_that_is_no_request_has_no_link_where_callers_are_configured() {
    let folder = folder("console");
    let file = folder.path().join("settings.toml");
    let hash = sas_endpoint::access::token::TokenHash::from_token(TOKEN);
    std::fs::write(&file, format!("[[caller]]\nname = \"a\"\ntoken_sha256 = \"{hash}\"\nrights = [\"read\"]\n"))
        .expect("written");
    let settings = ["--config", file.to_str().expect("UTF-8"), "--journal", "full"];
    let target = Target::start(Backend::Sqlite, &settings).await.expect("SQLite is always there");
    let answer = answer_to(&target.serving.address, b"nothing\r\n\r\n").await;
    assert!(answer.contains("http-malformed") && !answer.contains("\nlink: "), "{answer}");
}
