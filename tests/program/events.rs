//! The change feed of the program: its command, and the end of those who wait when it is asked to stop.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::process::{Serving, databases, exchange, program, run};
use crate::support::polling::poll_until_blocking;
use crate::support::{Backend, TestDatabase, folder, postgres};

const REGULATOR: &str = include_str!("../fixtures/regulator.json");
const ACCOUNT: &str = "/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6|0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";

/// A program that is ended with the test.
struct Follower(std::process::Child);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn events_command_prints_what_was_written_and_what_follows(backend: Backend) {
    let Some(database) = TestDatabase::new(backend).await else { return };
    let serving = Serving::start(&database.url);
    serving.put(ACCOUNT, REGULATOR).expect("an answer");
    let databases = databases(&database.url);
    let arguments = |more: &[&str]| {
        let options = databases.iter().map(String::as_str);
        ["events"].into_iter().chain(more.iter().copied()).chain(options).map(str::to_owned).collect::<Vec<_>>()
    };
    let table = arguments(&[]);
    let table = run(&table.iter().map(String::as_str).collect::<Vec<_>>(), "");
    let table = String::from_utf8(table.stdout).expect("UTF-8");
    let lines: Vec<_> = table.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("POSITION"), "{table}");
    assert!(
        lines[1].contains("practitioner.created practitioner.enabled") && !table.contains("0b9c2a54-7f0e"),
        "{table}"
    );

    let follow = arguments(&["--follow", "--json", "--after", "1", "--types", "practitioner.disabled"]);
    let follow: Vec<_> = follow.iter().map(String::as_str).collect();
    let mut follower = Follower(program(&follow).stdout(Stdio::piped()).spawn().expect("it starts"));
    let mut printed = BufReader::new(follower.0.stdout.take().expect("its output"));
    let inactive = REGULATOR.replace("\"active\": true", "\"active\": false");
    for body in [inactive.as_str(), REGULATOR, inactive.as_str()] {
        assert_eq!(serving.put(ACCOUNT, body).expect("an answer").0, 200);
    }
    for position in [2, 4] {
        let mut line = String::new();
        printed.read_line(&mut line).expect("a line");
        let event: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((event["position"].as_i64(), event["changed"][0].as_str()), (Some(position), Some("active")));
    }
}

#[tokio::test]
async fn events_command_prints_what_was_written_and_what_follows_on_sqlite() {
    events_command_prints_what_was_written_and_what_follows(Backend::Sqlite).await;
}

#[tokio::test]
async fn events_command_prints_what_was_written_and_what_follows_on_postgres() {
    events_command_prints_what_was_written_and_what_follows(Backend::Postgres).await;
}

async fn events_command_beyond_the_last_position_fails_and_names_it(backend: Backend) {
    let Some(database) = TestDatabase::new(backend).await else { return };
    let serving = Serving::start(&database.url);
    serving.put(ACCOUNT, REGULATOR).expect("an answer");
    let databases = databases(&database.url);
    for more in [&["--after", "7"][..], &["--after", "7", "--follow"], &["--after", "2", "--follow", "--json"]] {
        let options = databases.iter().map(String::as_str);
        let arguments: Vec<_> = ["events"].into_iter().chain(more.iter().copied()).chain(options).collect();
        let failed = run(&arguments, "");
        let reported = String::from_utf8(failed.stderr).expect("UTF-8");
        assert_eq!(failed.status.code(), Some(1), "{reported}");
        let position = format!("position {} ", more[1]);
        assert!(reported.contains(&position) && reported.contains("last position is 1"), "{reported}");
    }
    let options = databases.iter().map(String::as_str);
    let at_the_end: Vec<_> = ["events", "--after", "1"].into_iter().chain(options).collect();
    assert_eq!(run(&at_the_end, "").status.code(), Some(0));
}

#[tokio::test]
async fn events_command_beyond_the_last_position_fails_and_names_it_on_sqlite() {
    events_command_beyond_the_last_position_fails_and_names_it(Backend::Sqlite).await;
}

#[tokio::test]
async fn events_command_beyond_the_last_position_fails_and_names_it_on_postgres() {
    events_command_beyond_the_last_position_fails_and_names_it(Backend::Postgres).await;
}

/// The status and the body of `GET /events` with this query.
fn feed(serving: &Serving, query: &str) -> (u16, Value) {
    let (status, body) =
        exchange(&serving.address, &format!("GET /events?{query} HTTP/1.1\r\n"), "").expect("an answer");
    (status, serde_json::from_str(&body).expect("JSON"))
}

/// Restores by the commands of deploy/README.md: into the database itself, and into another.
#[tokio::test]
async fn events_of_a_restored_dump_are_another_log_on_postgres() {
    let Some(database) = TestDatabase::new(Backend::Postgres).await else { return };
    let other = TestDatabase::new(Backend::Postgres).await.expect("there is a server");
    let folder = folder("dump");
    let dump = folder.path().join("sas.dump");
    let serving = Serving::start(&database.url);
    serving.put(ACCOUNT, REGULATOR).expect("an answer");
    let dumped = Command::new(postgres::program("pg_dump")).args(["-Fc", "-f"]).arg(&dump).arg(&database.url).status();
    assert!(dumped.expect("pg_dump runs").success());
    let inactive = REGULATOR.replace("\"active\": true", "\"active\": false");
    serving.put(ACCOUNT, &inactive).expect("an answer");
    let (_, before) = feed(&serving, "");
    assert_eq!(before["next"], 2);
    let log = before["log"].as_str().expect("a log");
    assert_eq!(serving.stop().0, Some(0));

    let mut logs = BTreeSet::from([log.to_owned()]);
    for url in [&database.url, &other.url] {
        let mut restore = Command::new(postgres::program("pg_restore"));
        let restored =
            restore.args(["--clean", "--if-exists", "-d", url]).arg(&dump).output().expect("pg_restore runs");
        assert!(restored.status.success(), "{restored:?}");
        let serving = Serving::start(url);
        let (status, page) = feed(&serving, "");
        assert_eq!((status, &page["next"]), (200, &Value::from(1)), "the account of the dump");
        assert!(logs.insert(page["log"].as_str().expect("a log").to_owned()), "the log of before: {page}");
        for query in [format!("log={log}"), format!("log={log}&after=1"), "after=2".to_owned()] {
            let (status, refused) = feed(&serving, &query);
            assert_eq!((status, &refused["resourceType"]), (410, &Value::from("OperationOutcome")), "{query}");
            assert_eq!(refused["issue"][0]["details"]["coding"][0]["code"], "events-gone");
        }
        assert_eq!(serving.stop().0, Some(0));
    }
}

#[tokio::test]
async fn events_polls_are_answered_and_streams_ended_when_the_server_stops() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let serving = Serving::start(&database.url);
    let ask = |path: &str, accept: &str| {
        let mut stream = TcpStream::connect(&serving.address).expect("the server listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\n\r\n", serving.address).expect("sent");
        stream
    };
    let mut stream = ask("/events", "text/event-stream");
    let mut head = [0; 15];
    stream.read_exact(&mut head).expect("the head of the answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let mut poll = ask("/events?wait=25", "application/json");
    // It waits once it is counted.
    poll_until_blocking("two who wait", || {
        serving.ops("/metrics").is_ok_and(|(_, metrics)| metrics.contains("sas_event_streams 2"))
    });
    serving.signal("-TERM");
    let mut answer = String::new();
    poll.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("\"events\":[]"), "{answer}");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the end");
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    assert_eq!(serving.wait(), Some(0));
}
