//! Unread responses: their maximum size, and the refusal beyond it.

use std::time::Duration;

use sas_endpoint::access::file::parse_callers;
use sas_endpoint::access::token::TokenHash;
use sas_endpoint::access::{Access, Metadata};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::server::*;
use crate::support::polling::poll_until;

/// Longer than any test.
const LONG: Duration = Duration::from_mins(10);

/// Every account, on one page of some 3.75 MiB.
const PAGE: &str = "/fhir/Practitioner?_count=1000";
const ACCOUNTS: usize = 4;
/// So many of these pages are less than one client may leave unread, which is the largest page of the directory; one
/// more is not. Twice as many and one are less than all may together.
const UNREAD: usize = 8;

/// A server that believes its clients what address they have, with a page of accounts.
async fn server(mut setup: Setup) -> TestServer {
    setup.proxies.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    let server = setup.start_somewhere().await;
    for number in 0..ACCOUNTS {
        put(&server, number, &[("authorization", "Bearer one")]).await.expect(201);
    }
    server
}

fn patient() -> Setup {
    let mut setup = Setup::default();
    setup.bounds.body_timeout = LONG;
    setup
}

/// Creates or updates an account of almost the size that a body may have.
async fn put(server: &TestServer, number: usize, headers: &[(&str, &str)]) -> Answer {
    let identifier = format!("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a{number:02}");
    let mut account = regulator(&[(T, &identifier)]);
    account["name"][0]["text"] = json!("x".repeat(MAX_BODY - (64 << 10)));
    let headers = [headers, &[("content-type", "application/json")]].concat();
    server.request("PUT", &format!("/Practitioner?identifier={T}|{identifier}"), &headers, account.to_string()).await
}

/// Asks for the page and reads the beginning of the answer, which is on its way then: its status.
async fn leave_unread(server: &TestServer, header: &str) -> (u16, TcpStream) {
    let socket = TcpSocket::new_v4().expect("a socket");
    // Little of the answer disappears between the sockets.
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(server.address).await.expect("the server listens");
    let request = format!("GET {PAGE} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).await.expect("a status");
    let status = std::str::from_utf8(&beginning[9..]).expect("ASCII").parse().expect("a number");
    (status, stream)
}

/// So many unread answers of this client.
async fn unread(server: &TestServer, header: &str, number: usize) -> Vec<TcpStream> {
    let mut streams = vec![];
    for _ in 0..number {
        let (status, stream) = leave_unread(server, header).await;
        assert_eq!(status, 200, "{header}");
        streams.push(stream);
    }
    streams
}

fn assert_refused(answer: Answer) {
    let answer = answer.refused(503, "responses-unread");
    assert_eq!((answer.header("retry-after"), answer.json()["issue"][0]["code"].as_str()), ("2", Some("throttled")));
}

#[tokio::test]
async fn unread_responses_of_one_address_are_bounded_and_others_are_served() {
    let server = server(patient()).await;
    let (one, other) = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2")].into();
    let mut streams = unread(&server, "x-forwarded-for: 192.0.2.1", UNREAD).await;
    assert_refused(server.ask("GET", PAGE, &[one]).await);
    let english = server.ask("GET", PAGE, &[one, ("accept-language", "en")]).await;
    assert!(english.refused(503, "responses-unread").text.contains("Too many bytes of responses are still unread"));
    // What has no body costs nothing, and what is small fits beside.
    let head = server.ask("HEAD", PAGE, &[one]).await.expect(200);
    assert!(head.header("content-length").parse::<usize>().expect("a number") > 3 << 20);
    let small = server.ask("GET", "/fhir/Appointment", &[one]).await.expect(200);
    assert_eq!(small.json()["total"], 0);
    server.ask("GET", "/fhir/metadata", &[one]).await.expect(200);
    server.ask("GET", "/fhir/Practitioner/unknown", &[one]).await.expect(404);
    let written = put(&server, 0, &[one]).await.expect(200);
    let read = format!("/fhir/Practitioner/{}", written.id());
    server.ask("GET", &read, &[one, ("if-none-match", written.header("etag"))]).await.expect(304);
    server.ask("GET", PAGE, &[other]).await.expect(200);
    // Who reads at last has the whole answer, and gives its bytes back.
    let mut rest = vec![];
    let mut last = streams.pop().expect("a connection");
    last.read_to_end(&mut rest).await.expect("the rest");
    assert!(rest.ends_with(b"]}") && rest.len() > 3 << 20);
    server.ask("GET", PAGE, &[one]).await.expect(200);
    assert_refused_again_once_unread(&server).await;
}

/// The bytes of a connection that its client has closed are given back too.
async fn assert_refused_again_once_unread(server: &TestServer) {
    let header = "x-forwarded-for: 192.0.2.9";
    for _ in 0..2 {
        let streams = unread(server, header, UNREAD).await;
        assert_refused(server.ask("GET", PAGE, &[("x-forwarded-for", "192.0.2.9")]).await);
        drop(streams);
        while server.ask("GET", PAGE, &[("x-forwarded-for", "192.0.2.9")]).await.status == 503 {}
    }
}

#[tokio::test]
async fn unread_responses_in_total_are_bounded_and_writes_are_answered() {
    let server = server(patient()).await;
    let mut streams = unread(&server, "x-forwarded-for: 192.0.2.1", UNREAD).await;
    streams.extend(unread(&server, "x-forwarded-for: 192.0.2.2", UNREAD).await);
    streams.extend(unread(&server, "x-forwarded-for: 2001:db8::1", 1).await);
    let newcomer = [("x-forwarded-for", "192.0.2.3")];
    assert_refused(server.ask("GET", PAGE, &newcomer).await);
    for number in 0..ACCOUNTS {
        let written = put(&server, number, &newcomer).await.expect(200);
        assert!(written.text.len() > MAX_BODY / 2);
    }
    put(&server, 10, &newcomer).await.expect(201);
    server.ask("GET", "/fhir/metadata", &newcomer).await.expect(200);
    server.ask("GET", "/annuaire/fhir/v2/metadata", &newcomer).await.expect(200);
    drop(streams);
    while server.ask("GET", PAGE, &newcomer).await.status == 503 {}
}

#[tokio::test]
async fn unread_responses_are_counted_per_caller() {
    let file = ["one", "two"].map(|name| {
        let hash = TokenHash::from_token(name);
        format!(
            "[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nrights = [\"read\", \"practitioner:write\"]\n"
        )
    });
    let mut file: toml::Table = file.concat().parse().expect("TOML");
    let callers = parse_callers(file.remove("caller").expect("callers")).expect("callers");
    let server = server(Setup { access: Access::restricted(callers, Metadata::default()), ..patient() }).await;
    let mut streams = vec![];
    for address in 1..=UNREAD {
        let headers = format!("authorization: Bearer one\r\nx-forwarded-for: 192.0.2.{address}");
        streams.extend(unread(&server, &headers, 1).await);
    }
    let one = ("authorization", "Bearer one");
    assert_refused(server.ask("GET", PAGE, &[one, ("x-forwarded-for", "192.0.2.99")]).await);
    let two = [("authorization", "Bearer two"), ("x-forwarded-for", "192.0.2.1")];
    server.ask("GET", PAGE, &two).await.expect(200);
}

#[tokio::test]
async fn unread_responses_of_closed_connections_are_released() {
    let mut setup = Setup::default();
    setup.bounds.body_timeout = Duration::from_millis(300);
    let server = server(setup).await;
    // More than may be unread at once, and none is ever read: each goes by its timeout.
    let mut streams = vec![];
    while streams.len() < 2 * UNREAD {
        let (status, stream) = leave_unread(&server, "x-forwarded-for: 192.0.2.1").await;
        assert!(matches!(status, 200 | 503), "{status}");
        streams.extend((status == 200).then_some(stream));
    }
}

#[tokio::test]
async fn unread_stream_of_events_is_cut_and_frees_its_place() {
    let mut setup = Setup::default();
    setup.bounds.body_timeout = Duration::from_millis(300);
    setup.bounds.max_event_streams = 1;
    let server = server(setup).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(server.address).await.expect("the server listens");
    let request = b"GET /events?content=full HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    stream.read_exact(&mut [0; 12]).await.expect("a status");
    let waiting = async |after: usize| server.ask("GET", &format!("/events?after={after}&wait=1"), &[]).await;
    waiting(ACCOUNTS).await.refused(503, "event-streams");
    // More than the socket's buffers hold.
    for number in ACCOUNTS..4 * ACCOUNTS {
        put(&server, number, &[]).await.expect(201);
    }
    poll_until("the place is free", async || waiting(4 * ACCOUNTS).await.status == 200).await;
}
