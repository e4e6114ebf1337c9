//! Each kind of request has its own permits, waits for one for at most a second, and ends at its deadline.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use sas_endpoint::http::bounds::{Bounds, Timeouts};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::*;
use crate::support::polling::poll_until;
use crate::support::{Backend, GENEROUS};

const SHORT: Duration = Duration::from_millis(50);

const U: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";

/// Permits for one request of each kind.
fn one_of_each() -> Setup {
    let Setup { bounds, .. } = Setup::default();
    let bounds =
        Bounds { max_writes: 1, max_reads: 1, max_searches: 1, max_validations: 1, max_directory: 1, ..bounds };
    let timeouts = Timeouts { permit: SHORT, ..GENEROUS };
    Setup { bounds: Bounds { timeouts, ..bounds }, ..Setup::default() }
}

#[tokio::test]
async fn bulkhead_permit_is_acquired_after_the_body() {
    let server = one_of_each().start_somewhere().await;
    let mut slow = vec![];
    for path in ["/fhir/Practitioner", "/fhir/Practitioner/$validate", "/fhir/Appointment/_search"] {
        let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
        let form = if path.ends_with("_search") { "application/x-www-form-urlencoded" } else { "application/json" };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {form}\r\nexpect: 100-continue\r\n\
             content-length: 5\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        // Told as soon as the body is waited for.
        let mut reported = [0; 25];
        stream.read_exact(&mut reported).await.expect("told to go on");
        assert!(reported.starts_with(b"HTTP/1.1 100 Continue"));
        slow.push(stream);
    }
    server.get("/Practitioner").await.expect(200);
    server.post("/Practitioner/$validate", &regulator(&[(T, U)])).await.expect(200);
    server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
    for mut stream in slow {
        stream.write_all(b"[1,2]").await.expect("sent");
        let mut reported = [0; 13];
        stream.read_exact(&mut reported).await.expect("an answer");
        assert!(reported.starts_with(b"HTTP/1.1 400 ") || reported.starts_with(b"HTTP/1.1 200 "));
    }
}

/// Whoever writes waits until what is returned is closed.
async fn locked(server: &TestServer) -> sqlx::SqliteConnection {
    let options: sqlx::sqlite::SqliteConnectOptions = server.database.url.parse().expect("an address");
    let mut lock = options.connect().await.expect("the database opens");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.expect("locked");
    lock
}

#[tokio::test]
async fn bulkhead_writes_full_other_kinds_are_served() {
    let server = one_of_each().start_somewhere().await;
    let existing = server.post("/Practitioner", &regulator(&[(T, "1b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11")])).await;
    let existing = existing.expect(201).id();
    let lock = locked(&server).await;
    let writing = tokio::spawn(written_at_last(server.address));
    for (method, path) in [
        ("POST", "/Practitioner"),
        ("PUT", "/Practitioner/x"),
        ("PUT", "/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6|2b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11"),
    ] {
        let body = regulator(&[(T, "2b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11")]).to_string();
        let refused = loop {
            assert!(!writing.is_finished(), "the lock holds nobody up");
            let answer = server.request(method, path, &[("content-type", "application/json")], body.clone()).await;
            // The request that gets the permit is refused after a while: the database is busy.
            if answer.rules() != ["http-unavailable"] {
                break answer.refused(503, "too-busy-writes");
            }
        };
        let code = refused.json()["issue"][0]["code"].clone();
        assert_eq!((refused.header("retry-after"), code.as_str()), ("2", Some("throttled")), "{method} {path}");
    }
    server.get("/Practitioner?_count=0").await.expect(200);
    server.get(&format!("/Practitioner/{existing}")).await.expect(200);
    server.get(&format!("/Practitioner/{existing}/_history")).await.expect(200);
    server.get("/metadata").await.expect(200);
    server.post("/Practitioner/$validate", &regulator(&[(T, U)])).await.expect(200);
    server.ask("GET", "/annuaire/fhir/v2/Device", &[]).await.refused(503, "annuaire-empty");
    lock.close().await.expect("closed");
    writing.await.expect("not cut off").expect(201);
}

#[tokio::test]
async fn bulkhead_searches_full_reads_by_id_are_served_and_histories_of_several_resources_are_not() {
    let server = one_of_each().start_somewhere().await;
    let id = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201).id();
    let by_id = ["", "/_history/1", "/_history"].map(|rest| format!("/Practitioner/{id}{rest}"));
    let scans = ["/Practitioner", "/_history", "/Practitioner/_history?_at=2026-03-01", "/_history?_count=0"];
    let with = async |max_reads, max_searches| {
        let Setup { bounds, .. } = one_of_each();
        server.another_with(Setup { bounds: Bounds { max_reads, max_searches, ..bounds }, ..one_of_each() }).await
    };
    // Without a permit, as where each is taken.
    let (searches_full, reads_full) = (with(1, 0).await, with(0, 1).await);
    for path in scans {
        let refused = searches_full.get(path).await.refused(503, "too-busy-searches");
        assert_eq!(refused.header("retry-after"), "2", "{path}");
        reads_full.get(path).await.expect(200);
    }
    for path in &by_id {
        searches_full.get(path).await.expect(200);
        reads_full.get(path).await.refused(503, "too-busy-reads");
    }
}

/// Sends an account until it is taken.
async fn written_at_last(address: std::net::SocketAddr) -> Answer {
    loop {
        let request = Request::post("/fhir/Practitioner").header("content-type", "application/json");
        let request = request.body(Body::from(regulator(&[(T, U)]).to_string())).expect("a request");
        let answer = crate::client::send(address, request).await;
        if answer.status != 503 {
            return answer;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadline_passed_statement_is_stopped_in_postgres_and_permit_is_free() {
    let mut setup = one_of_each();
    let Some(server) = setup.clone().start(Backend::Postgres).await else { return };
    let account = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201).id();
    let mut lock = PgConnection::connect(&server.database.url).await.expect("the database opens");
    sqlx::query("BEGIN").execute(&mut lock).await.expect("a transaction");
    sqlx::query("LOCK TABLE resource_version, resource").execute(&mut lock).await.expect("locked");
    // The same database, with deadlines that are soon over.
    setup.bounds.timeouts = Timeouts { read: SHORT, search: SHORT, permit: Duration::from_mins(1), ..GENEROUS };
    let hasty = server.another_with(setup).await;
    for path in [
        format!("/Practitioner/{account}"),
        format!("/Practitioner/{account}/_history/1"),
        format!("/Practitioner/{account}/_history"),
    ] {
        let refused = hasty.get(&path).await.refused(503, "http-deadline");
        assert_eq!(
            (refused.header("retry-after"), refused.json()["issue"][0]["code"].as_str()),
            ("2", Some("timeout"))
        );
    }
    hasty.get("/Practitioner?_count=0").await.refused(503, "http-deadline");
    hasty.get("/Practitioner").await.refused(503, "http-deadline");
    let waiting =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    poll_until("the statements to be stopped", async || {
        sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut lock).await.expect("a number") == 0
    })
    .await;
    sqlx::query("ROLLBACK").execute(&mut lock).await.expect("free again");
    lock.close().await.expect("closed");
    server.get(&format!("/Practitioner/{account}")).await.expect(200);
    server.get("/Practitioner?_count=0").await.expect(200);
}

#[tokio::test]
async fn search_repeated_criteria_count_once_and_match_as_one() {
    let server = one_of_each().start_somewhere().await;
    let system = "https://agenda.example.org/rdv";
    for value in ["1", "2"] {
        server.put(&format!("/Appointment?identifier={system}|{value}"), &appointment(system, value)).await.expect(201);
    }
    let once = format!("/Appointment?_count=0&identifier={system}%7C");
    let often = format!("{once}&identifier={system}%7C&identifier={system}%7C,{system}%7C");
    for path in [once, often] {
        assert_eq!(server.get(&path).await.expect(200).json()["total"], 2, "{path}");
    }
}
