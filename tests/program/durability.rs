//! Acknowledged writes survive the end of the process.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use serde_json::Value;

use crate::process::{Serving, databases, on_free_ports};
use crate::support::{Backend, TestDatabase};

const REGULATOR: &str = include_str!("../fixtures/regulator.json");
const WRITERS: usize = 8;

/// What was acknowledged: the version and the name of each account, by its `Location` id.
type Ledger = Mutex<BTreeMap<String, (i64, String)>>;

fn intrn(writer: usize, account: usize) -> String {
    format!("0b9c2a54-7f0e-4c1b-{writer:04}-{account:012}")
}

/// Creates and updates accounts until the connection breaks.
fn write_until_it_breaks(serving: &Serving, round: usize, writer: usize, ledger: &Ledger, acknowledged: Sender<()>) {
    for step in 0.. {
        // Each account is created, then updated twice.
        let account = round * 100_000 + step / 3;
        let name = format!("name-{round}-{writer}-{step}");
        let body =
            REGULATOR.replace("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", &intrn(writer, account)).replace("AUBERT", &name);
        let path = format!("/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6|{}", intrn(writer, account));
        let Ok((status, answer)) = serving.put(&path, &body) else { return };
        assert!(status == 200 || status == 201, "{status}: {answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let id = answer["id"].as_str().expect("an id").to_owned();
        let version = answer["meta"]["versionId"].as_str().expect("a version").parse().expect("a number");
        ledger.lock().expect("the ledger").insert(id, (version, name));
        // Towards the end, nobody counts any more.
        let _ = acknowledged.send(());
    }
}

/// Lets writers run against the process until `enough` is acknowledged, then does `what` to it.
fn write_until(serving: Serving, round: usize, ledger: &Ledger, enough: usize, what: impl FnOnce(&Serving)) -> Serving {
    let (sender, acknowledged) = channel();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (serving, sender) = (&serving, sender.clone());
            scope.spawn(move || write_until_it_breaks(serving, round, writer, ledger, sender));
        }
        drop(sender);
        // Where every writer has ended, there is nothing to wait for.
        let counted = acknowledged.iter().take(enough).count();
        assert_eq!(counted, enough, "acknowledged before the writers ended");
        what(&serving);
    });
    serving
}

/// Everything in the ledger is there: that version or, where the answer to a later one was lost, a newer one.
fn check(serving: &Serving, ledger: &Ledger) {
    for (id, (version, name)) in &*ledger.lock().expect("the ledger") {
        let (status, text) = serving.get(&format!("/Practitioner/{id}/_history/{version}")).expect("an answer");
        assert_eq!(status, 200, "{id} version {version} was acknowledged and is missing");
        assert!(text.contains(name), "{id} version {version} has another content: {text}");
        let (_, current) = serving.get(&format!("/Practitioner/{id}")).expect("an answer");
        let current: Value = serde_json::from_str(&current).expect("JSON");
        let current: i64 = current["meta"]["versionId"].as_str().expect("a version").parse().expect("a number");
        assert!(current >= *version, "{id} went back from {version} to {current}");
    }
}

/// No account was doubled: each INTRN finds one.
fn check_none_doubled(serving: &Serving, ledger: &Ledger) {
    let (_, counted) = serving.get("/Practitioner?_count=0").expect("an answer");
    let total = serde_json::from_str::<Value>(&counted).expect("JSON")["total"].as_u64().expect("a total") as usize;
    let known = ledger.lock().expect("the ledger").len();
    // A creation whose answer was lost is there without being in the ledger: at most one a writer and crash.
    assert!((known..=known + WRITERS * 5).contains(&total), "{known} acknowledged, {total} there");
    for writer in 0..WRITERS {
        let path = format!("/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6|{}", intrn(writer, 100_000));
        let (_, found) = serving.get(&path).expect("an answer");
        assert!(serde_json::from_str::<Value>(&found).expect("JSON")["total"].as_u64() <= Some(1), "{found}");
    }
}

async fn nothing_acknowledged_is_lost_by_kill_9(backend: Backend) {
    let Some(database) = TestDatabase::new(backend).await else { return };
    let ledger = Ledger::default();
    for round in 1..=4 {
        let serving = Serving::start(&database.url);
        check(&serving, &ledger);
        write_until(serving, round, &ledger, 60, |serving| serving.signal("-KILL"));
    }
    let serving = Serving::start(&database.url);
    check(&serving, &ledger);
    check_none_doubled(&serving, &ledger);
}

async fn sigterm_finishes_what_is_in_flight_and_ends_with_zero(backend: Backend) {
    let Some(database) = TestDatabase::new(backend).await else { return };
    let ledger = Ledger::default();
    let serving = Serving::start(&database.url);
    let serving = write_until(serving, 1, &ledger, 60, |serving| serving.signal("-TERM"));
    assert_eq!(serving.wait(), Some(0));
    let serving = Serving::start(&database.url);
    check(&serving, &ledger);
    check_none_doubled(&serving, &ledger);
}

#[tokio::test]
async fn backup_under_load_contains_acknowledged_writes() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let folder = crate::support::folder("backup-under-load");
    let copy = folder.path().join("copy.db");
    let (ledger, before) = (Ledger::default(), Ledger::default());
    let serving = Serving::start(&database.url);
    write_until(serving, 1, &ledger, 60, |serving| {
        before.lock().expect("the ledger").clone_from(&ledger.lock().expect("the ledger"));
        let made =
            crate::process::run(&["backup", copy.to_str().expect("a path"), "--database-url", &database.url], "");
        assert!(made.status.success(), "{made:?}");
        serving.signal("-TERM");
    });
    let restored = Serving::start(&format!("sqlite://{}", copy.display()));
    check(&restored, &before);
    let (status, _) = restored.get("/Practitioner?_count=0").expect("an answer");
    assert_eq!(status, 200);
}

#[tokio::test]
async fn kill_9_loses_no_acknowledged_write_on_sqlite() {
    nothing_acknowledged_is_lost_by_kill_9(Backend::Sqlite).await;
}

#[tokio::test]
async fn kill_9_loses_no_acknowledged_write_on_postgres() {
    nothing_acknowledged_is_lost_by_kill_9(Backend::Postgres).await;
}

#[tokio::test]
async fn sigterm_finishes_requests_in_progress_on_sqlite() {
    sigterm_finishes_what_is_in_flight_and_ends_with_zero(Backend::Sqlite).await;
}

#[tokio::test]
async fn sigterm_finishes_requests_in_progress_on_postgres() {
    sigterm_finishes_what_is_in_flight_and_ends_with_zero(Backend::Postgres).await;
}

#[tokio::test]
async fn sigterm_answers_connections_already_established() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let mut command = on_free_ports(&[]);
    let mut serving = Serving::spawn(command.args(databases(&database.url)).stderr(Stdio::piped()));
    let mut connected = TcpStream::connect(&serving.address).expect("a connection");
    serving.stop_and_see();
    write!(connected, "GET /fhir/metadata HTTP/1.1\r\nhost: {}\r\n\r\n", serving.address).expect("written");
    let mut answer = String::new();
    connected.read_to_string(&mut answer).expect("an answer, then the end");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(serving.wait(), Some(0));
}
