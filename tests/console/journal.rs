//! What the journal keeps and does not keep, and how long: with the program as it is started and stopped.

use std::path::PathBuf;

use axum::body::Body;
use axum::extract::Request;
use sqlx::{Connection, Executor, SqliteConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::admission::assert_headers;
use crate::client;
use crate::exchanges::{Target, described_by, files_contain, rows, until};
use crate::process::{databases, on_free_ports};
use crate::server::TOKEN;
use crate::support::{Backend, TestDatabase, folder};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn start(arguments: &[&str]) -> Target {
    Target::start(Backend::Sqlite, arguments).await.expect("SQLite is always there")
}

/// Stops it; its database, to be served again.
fn stop(target: Target) -> TestDatabase {
    let Target { serving, database } = target;
    assert_eq!(serving.stop().0, Some(0));
    database
}

/// The file of the journal.
fn file(database: &TestDatabase) -> PathBuf {
    database.url.trim_start_matches("sqlite://").replace("test.db", "test-journal.db").into()
}

/// A settings file with a caller who may read.
fn caller(folder: &std::path::Path) -> String {
    let file = folder.join("settings.toml");
    let hash = sas_endpoint::access::token::TokenHash::from_token(TOKEN);
    std::fs::write(&file, format!("[[caller]]\nname = \"a\"\ntoken_sha256 = \"{hash}\"\nrights = [\"read\"]\n"))
        .expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn exchange_downloads_are_attachments_with_the_headers_of_the_console() {
    let target = start(&[]).await;
    let body = b"{\"a\": \"\xFF\"}".as_slice();
    let refused = target.send("PUT", "/fhir/Practitioner?identifier=s%7Cv", &[JSON], body).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let path = described_by(&refused);
    let text = described_by(&target.send("PUT", "/fhir/Practitioner?identifier=s%7Cv", &[JSON], "{}").await);
    for (path, suffix, media_type) in [
        (&path, "har", "application/json"),
        (&path, "json", "application/json"),
        (&text, "body", "application/octet-stream"),
    ] {
        let answer = target.page(&format!("{path}.{suffix}")).await.expect(200);
        let name = path.rsplit('/').next().expect("an id");
        assert_headers(&answer);
        assert_eq!(answer.header("content-type"), media_type);
        assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{name}.{suffix}\""));
        if suffix == "json" {
            let json: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
            let request = &json["request"];
            assert_eq!((&request["body"], &request["length"]), (&serde_json::Value::Null, &body.len().into()));
            assert_eq!(request["bodyBase64"], "eyJhIjogIv8ifQ==");
        }
    }
    // A stream has no end.
    let mut stream = TcpStream::connect(&target.serving.ops_address).await.expect("a connection");
    let head = format!("GET /console/stream?after=0 HTTP/1.1\r\nHost: {}\r\n\r\n", target.serving.ops_address);
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut received = String::new();
    while !received.contains("\r\n\r\n") {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).await.expect("readable");
        assert!(length > 0, "{received}");
        received.push_str(&String::from_utf8_lossy(&part[..length]));
    }
    let received = received.to_lowercase();
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self';",
        "referrer-policy: same-origin",
        "x-content-type-options: nosniff",
        "cross-origin-opener-policy: same-origin",
        "cross-origin-resource-policy: same-origin",
        "cache-control: no-store",
    ] {
        assert!(received.contains(header), "{header}: {received}");
    }
}

#[tokio::test]
async fn exchange_refused_before_its_body_was_read_says_so() {
    let target = start(&[]).await;
    let refused = target.send("POST", "/fhir/Nothing", &[JSON], "{}").await.expect(404);
    let path = described_by(&refused);
    let page = target.page(&path).await.expect(200).text;
    assert!(page.contains("was not read"), "{page}");
    let json = target.page(&format!("{path}.json")).await.expect(200).text;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["request"]["notKept"], "the body was not read");
    assert_eq!(json["request"]["length"], serde_json::Value::Null);
}

#[tokio::test]
async fn exchange_refused_for_its_rate_is_never_kept() {
    let target = start(&["--rate", "1"]).await;
    let mut others = 0;
    let limited = until("one is refused", async || {
        let answer = target.send("GET", "/fhir/Nothing", &[], "").await;
        others += usize::from(answer.status != 429);
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert_eq!(limited.header("link"), "");
    // Behind it, so that it would be stored by then.
    until("one more is answered", async || {
        let answer = target.send("GET", "/fhir/Nothing", &[], "").await;
        (answer.status == 404).then_some(())
    })
    .await;
    target.exchanges("", others + 1).await;
    assert_eq!(rows(&target.exchanges("status=429", 0).await), [""; 0]);
}

#[tokio::test]
async fn exchange_link_leads_to_the_url_of_the_console_and_to_strangers_there_is_none() {
    let folder = folder("console");
    let settings = caller(folder.path());
    let token = format!("Bearer {TOKEN}");
    let known = [("authorization", token.as_str())];
    let far = [known[0], ("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https")];
    let proxied = ["--config", settings.as_str(), "--journal", "full", "--trusted-proxies", "127.0.0.1"];
    let target = start(&proxied).await;
    let refused = target.send("GET", "/fhir/Nothing", &far, "").await.expect(404);
    assert_eq!(refused.header("link"), "", "the console is on loopback");
    let public = [&proxied[..], &["--console-url", "https://console.example.org"]].concat();
    let target = start(&public).await;
    let refused = target.send("GET", "/fhir/Nothing", &far, "").await.expect(404);
    let id = refused.header("x-request-id");
    let expected = format!("<https://console.example.org/console/exchanges/{id}>; rel=\"describedby\"");
    assert_eq!(refused.header("link"), expected);
    let stranger = target.send("GET", "/fhir/Practitioner", &far[1..], "").await.expect(401);
    assert_eq!(stranger.header("link"), "");
}

#[tokio::test]
async fn journal_switched_off_is_shown_until_it_is_too_old() {
    let target = start(&[]).await;
    let refused = target.send("GET", "/fhir/Zyxwvut", &[], "").await.expect(404);
    let path = described_by(&refused);
    target.exchanges("", 1).await;
    let target = Target::serve(stop(target), &["--journal", "off"]);
    let refused = target.send("GET", "/fhir/Nothing", &[], "").await.expect(404);
    assert_eq!(refused.header("link"), "");
    // The list is that of the audit log; what was kept opens with its content.
    let page = target.exchanges("", 2).await;
    assert!(page.contains("keep their content") && !page.contains("Zyxwvut"), "{page}");
    assert!(target.page(&path).await.expect(200).text.contains("/fhir/Zyxwvut"));
    let target = Target::serve(stop(target), &["--journal", "off", "--journal-keep", "1s"]);
    until("it is deleted", async || {
        (!target.page(&path).await.expect(200).text.contains("/fhir/Zyxwvut")).then_some(())
    })
    .await;
    let database = stop(target);
    assert!(!files_contain(&database.url, "Zyxwvut"));
}

#[tokio::test]
async fn journal_deleted_while_stopped_begins_anew() {
    let target = start(&[]).await;
    target.send("GET", "/fhir/Zyxwvut", &[], "").await.expect(404);
    target.exchanges("", 1).await;
    let database = stop(target);
    std::fs::remove_file(file(&database)).expect("deleted");
    let target = Target::serve(database, &[]);
    target.exchanges("", 0).await;
    target.send("GET", "/fhir/Nothing", &[], "").await.expect(404);
    let page = target.exchanges("", 1).await;
    assert!(!page.contains("Zyxwvut"), "{page}");
}

#[tokio::test]
async fn journal_is_in_no_backup() {
    let target = start(&[]).await;
    target.send("GET", "/fhir/Zyxwvut", &[], "").await.expect(404);
    target.exchanges("", 1).await;
    let folder = folder("backup");
    let copy = folder.path().join("copy.db");
    let backup =
        on_free_ports(&["backup", copy.to_str().expect("UTF-8")]).args(databases(&target.database.url)).output();
    assert!(backup.expect("it runs").status.success());
    let files: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").flatten().map(|file| file.path()).collect();
    assert_eq!(files, std::slice::from_ref(&copy));
    let content = std::fs::read(copy).expect("the copy");
    assert!(!content.windows(7).any(|part| part == b"Zyxwvut"));
}

#[tokio::test]
async fn journal_counts_what_is_dropped_where_its_queue_is_full_and_where_its_database_fails() {
    let target = start(&[]).await;
    target.send("GET", "/fhir/Nothing", &[], "").await.expect(404);
    target.exchanges("", 1).await;
    let url = format!("sqlite://{}", file(&target.database).display());
    let mut other = SqliteConnection::connect(&url).await.expect("the journal");
    other.execute("BEGIN IMMEDIATE").await.expect("nobody else writes now");
    // No JSON, which is refused at once: 18 MiB of the 16 that wait.
    let body = "x".repeat(900 << 10);
    for _ in 0..20 {
        let refused = target.send("PUT", "/fhir/Practitioner?identifier=s%7Cv", &[JSON], body.clone()).await;
        assert_eq!(refused.status, 400, "no request waits");
    }
    for reason in ["queue-full", "database"] {
        until(reason, async || {
            let request = Request::get("/metrics").header("host", &target.serving.ops_address);
            let address = target.serving.ops_address.parse().expect("an address");
            let metrics = client::send(address, request.body(Body::empty()).expect("a request")).await.expect(200).text;
            let sample = format!("sas_journal_dropped_total{{reason=\"{reason}\"}} ");
            let count = metrics.lines().find_map(|line| line.strip_prefix(&sample))?;
            count.parse::<f64>().ok().filter(|count| *count >= 1.0)
        })
        .await;
    }
    other.execute("ROLLBACK").await.expect("it ends");
    let refused = target.send("GET", "/fhir/Zyxwvut", &[], "").await.expect(404);
    until("it goes on", async || {
        let page = target.page(&described_by(&refused)).await;
        (page.status == 200 && page.text.contains("Zyxwvut")).then_some(())
    })
    .await;
}
