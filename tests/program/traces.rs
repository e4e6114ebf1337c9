//! Traces: the client's is continued, logged, and exported to a collector if one is configured.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use data_encoding::HEXLOWER;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::process::{Serving, databases, exchange, on_free_ports};
use crate::support::{Backend, TestDatabase};

const REGULATOR: &str = include_str!("../fixtures/regulator.json");
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The beginning of [`IDENTIFIER`]'s value, longer than anything that is alike at random.
const PERSON: &str = "b6e39355-8a61-4556";
const IDENTIFIER: &str = "urn:oid:1.2.250.1.213.3.6|b6e39355-8a61-4556-b340-36f7b95fec6a";

/// The program, with its log to be read and without the collector of this machine.
fn traced(variables: &[(&str, &str)]) -> Command {
    let mut command = on_free_ports(&["--log", "info"]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")) {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).stderr(Stdio::piped());
    command
}

/// An account is created within the trace.
fn put_within_the_trace(serving: &Serving) {
    let head = format!(
        "PUT /fhir/Practitioner?identifier={IDENTIFIER} HTTP/1.1\r\ncontent-type: application/json\r\n\
         traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\ntracestate: vendor=AUBERT\r\n\
         x-request-id: nadia.aubert@example.org\r\n\
         content-length: {}\r\n",
        REGULATOR.len()
    );
    let (status, body) = exchange(&serving.address, &head, REGULATOR).expect("an answer");
    assert_eq!(status, 201, "{body}");
}

async fn sqlite() -> TestDatabase {
    TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there")
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_are_exported_without_personal_data() {
    let collector = MockServer::start().await;
    let traces =
        Mock::given(method("POST")).and(path("/v1/traces")).and(header("content-type", "application/x-protobuf"));
    traces.respond_with(ResponseTemplate::new(200)).mount(&collector).await;
    let database = sqlite().await;
    let serving =
        Serving::spawn(traced(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.uri())]).args(databases(&database.url)));
    put_within_the_trace(&serving);
    let (status, log) = serving.stop();
    assert_eq!(status, Some(0), "{log}");

    let sent = collector.received_requests().await.expect("recorded");
    let sent: Vec<u8> = sent.into_iter().flat_map(|request| request.body).collect();
    let trace = HEXLOWER.decode(TRACE.as_bytes()).expect("hexadecimal");
    assert!(holds(&sent, &trace), "the trace is the client's; {log}");
    for reported in [
        "sas-endpoint",
        "PUT /fhir/Practitioner",
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "url.scheme",
        "sas.request_id",
        "sas.interaction",
    ] {
        assert!(holds(&sent, reported.as_bytes()), "{reported}");
    }
    for secret in ["1.2.250.1.213.3.6", PERSON, "identifier=", "AUBERT", "Nadia", "nadia", "example.org"] {
        assert!(!holds(&sent, secret.as_bytes()), "{secret} was sent to the collector");
        assert!(!log.contains(secret), "{secret} was logged: {log}");
    }
    assert!(log.contains(TRACE), "{log}");
}

#[tokio::test]
async fn traces_collector_unresponsive_delays_nothing() {
    // It takes connections, and never says a word.
    let collector = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", collector.local_addr().expect("its address"));
    let database = sqlite().await;
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_BSP_MAX_QUEUE_SIZE", "1")];
    let serving = Serving::spawn(traced(&settings).args(databases(&database.url)));
    put_within_the_trace(&serving);
    assert!(serving.threads().iter().any(|thread| thread.contains("Telemetry")), "{:?}", serving.threads());
    for _ in 0..20 {
        assert_eq!(serving.get("/metadata").expect("an answer").0, 200);
    }
    let (status, log) = serving.stop();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("stopped"), "{log}");
}

#[tokio::test]
async fn traces_without_a_collector_are_logged_only() {
    let database = sqlite().await;
    let serving = Serving::spawn(traced(&[]).args(databases(&database.url)));
    put_within_the_trace(&serving);
    let threads = serving.threads();
    assert!(!threads.iter().any(|thread| thread.contains("Telemetry")), "{threads:?}");
    let (status, log) = serving.stop();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains(TRACE), "{log}");
}

#[tokio::test]
async fn traces_collector_url_invalid_is_reported_and_exits() {
    let database = sqlite().await;
    let mut command = traced(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url")]);
    let output = command.args(databases(&database.url)).output().expect("it ends");
    let reported = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{reported}");
    assert!(reported.contains("invalid exporter configuration"), "{reported}");
}
