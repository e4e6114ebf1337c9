//! The log under a flood: lines are limited, and the number of suppressed ones is logged.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::process::{Serving, databases, exchange_within, run};
use crate::support::{Backend, TestDatabase, folder};

const REQUESTS: u64 = 300;

/// The token is `abc`.
const CALLER: &str = "[[caller]]\nname = \"agenda\"\n\
    token_sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\nrights = [\"read\"]\n";

/// Sends one request so often over one connection; how often it was answered with this status.
fn flood(address: &str, request: &str, status: u16) -> u64 {
    let mut stream = BufReader::new(TcpStream::connect(address).expect("it listens"));
    let mut counted = 0;
    for _ in 0..REQUESTS {
        stream.get_mut().write_all(request.as_bytes()).expect("sent");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).expect("an answer") > 0, "it closes");
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        stream.read_exact(&mut vec![0; length.parse().expect("a number")]).expect("a whole answer");
        counted += u64::from(head.starts_with(&format!("HTTP/1.1 {status} ")));
    }
    counted
}

/// What a line tells in a field `left_out`.
fn left_out(line: &str) -> u64 {
    let reported = line.split("left_out=").nth(1).and_then(|rest| rest.split_whitespace().next());
    reported.map_or(0, |number| number.parse().expect("a number"))
}

/// Floods a server of these settings, and expects the lines of this status within a limit, or all of them without a
/// reason for one.
async fn flooded(settings: &[&str], headers: &str, status: u16, reason: Option<&str>) {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let (serving, log) = Serving::start_and_log(&database.url, settings);
    let began = Instant::now();
    let host = if headers.starts_with("host:") { "" } else { "host: localhost\r\n" };
    let request = format!("GET /fhir/Practitioner/1 HTTP/1.1\r\n{host}{headers}\r\n");
    let answered = flood(&serving.address, &request, status);
    assert!(answered > REQUESTS / 2, "{answered} of {status}");
    let metrics = serving.ops("/metrics").expect("an answer").1;
    // Ten at once, then ten a second, however long this machine takes.
    let most = 10 * (2 + began.elapsed().as_secs());
    serving.signal("-TERM");
    assert_eq!(serving.wait(), Some(0));
    let log = log.join().expect("a log");
    let lines: Vec<_> =
        log.lines().filter(|line| line.contains("answered") && line.contains(&format!("status={status}"))).collect();
    let written = lines.len() as u64;
    let Some(reason) = reason else {
        assert_eq!(written, answered, "{log}");
        return;
    };
    assert!((1..=most).contains(&written) && written < answered, "{written} lines of {answered} with {status}");
    let sums = log.lines().filter(|line| line.contains("log lines were suppressed") && line.contains(reason));
    let reported = lines.iter().copied().chain(sums).map(left_out).sum::<u64>();
    assert_eq!(written + reported, answered, "{log}");
    let counted = format!("sas_log_lines_left_out_total{{reason=\"{reason}\"}} {reported}");
    assert!(metrics.contains(&counted), "{counted}: {metrics}");
}

#[tokio::test]
async fn log_of_a_flood_is_limited_and_reports_lines_left_out() {
    let folder = folder("log");
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, CALLER).expect("written");
    let callers = ["--config", file.to_str().expect("a path")];
    flooded(&callers, "", 401, Some("unauthenticated")).await;
    flooded(&callers, "authorization: Bearer nobody\r\n", 401, Some("unauthenticated")).await;
    flooded(&callers, "authorization: Basic x\r\n", 401, Some("unauthenticated")).await;
    flooded(&[], "origin: https://evil.example\r\n", 403, Some("unauthenticated")).await;
    flooded(&[], "host: evil.example\r\n", 421, Some("unauthenticated")).await;
    flooded(&[], "host: a b\r\n", 400, Some("unauthenticated")).await;
    flooded(&["--rate", "1"], "", 429, Some("rate-limited")).await;
    // What a caller asks for and is answered is in the log, whatever is answered.
    flooded(&callers, "authorization: Bearer abc\r\n", 404, None).await;
}

#[tokio::test]
async fn request_id_of_a_client_is_echoed_hashed_in_the_log_and_found_in_the_audit_log() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let (serving, log) = Serving::start_and_log(&database.url, &["--log", "trace"]);
    let foreign = ["nadia.aubert@example.org", "810002909371", "AUBERT-\\u202e"];
    let random = ["0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", "4bf92f3577b34da6"];
    for (header, id) in ["x-request-id", "x-correlation-id"]
        .into_iter()
        .flat_map(|header| foreign.iter().chain(&random).map(move |id| (header, *id)))
    {
        let head = format!("GET /fhir/Practitioner/nobody HTTP/1.1\r\n{header}: {id}\r\n");
        let answer = exchange_within(None, &serving.address, &head, "").expect("an answer");
        let echoed = |name: &str| answer.head.lines().any(|line| line == format!("{name}: {id}"));
        assert!(answer.status == 404 && echoed("x-request-id") && echoed(header), "{}", answer.head);
    }
    serving.signal("-TERM");
    assert_eq!(serving.wait(), Some(0));
    let log = log.join().expect("a log");
    let databases = databases(&database.url);
    let found = |id: &str| {
        let arguments = ["exchanges", "--json", "--request-id", id];
        let arguments: Vec<_> = arguments.into_iter().chain(databases.iter().map(String::as_str)).collect();
        String::from_utf8(run(&arguments, "").stdout).expect("UTF-8")
    };
    for id in foreign {
        assert!(!log.contains(id), "{id} is logged");
        let records = found(id);
        assert!(records.lines().count() == 2 && !records.contains(id), "{records}");
        // The log leads to the record, too.
        let record: serde_json::Value = serde_json::from_str(records.lines().next().expect("a line")).expect("JSON");
        let hash = record["request_id"].as_str().expect("an id");
        assert!(log.contains(&format!("id=\"{hash}\"")), "{hash}: {log}");
        assert_eq!(found(hash), records);
    }
    for id in random {
        assert!(log.contains(&format!("id=\"{id}\"")), "{id}: {log}");
        assert_eq!(found(id).lines().count(), 2);
    }
}
