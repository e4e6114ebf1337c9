//! How much of a refused request is read, and `Expect: 100-continue`.

use sas_endpoint::access::Access;
use sas_endpoint::access::file::parse_callers;
use sas_endpoint::access::token::TokenHash;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::*;

const U: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";

/// One caller, who may write accounts and read the directory; its token is `caller`.
fn access() -> Access {
    let hash = TokenHash::from_token("caller");
    let rights = "[\"practitioner:write\", \"annuaire:read\"]";
    let file = format!("[[caller]]\nname = \"caller\"\ntoken_sha256 = \"{hash}\"\nrights = {rights}\n");
    let mut file: toml::Table = file.parse().expect("TOML");
    Access::restricted(parse_callers(file.remove("caller").expect("callers")).expect("callers"), Default::default())
}

async fn server(rate: u32) -> TestServer {
    let mut setup = Setup { access: access(), ..Setup::default() };
    setup.bounds.rate = rate;
    setup.start_somewhere().await
}

/// Everything that is answered until the server closes.
async fn until_closed(server: &TestServer, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn expect_continue_refused_is_answered_without_the_body() {
    let (server, limited) = (server(0).await, server(1).await);
    let (unknown_client, caller) = ("", "authorization: Bearer caller\r\n");
    let long = "x".repeat(40_000);
    for (status, line, headers) in [
        (401, "POST /fhir/Practitioner", unknown_client.to_owned()),
        (401, "PUT /annuaire/fhir/v2/Device", "authorization: Bearer nobody\r\n".to_owned()),
        (401, "POST /nowhere", "authorization: Basic x\r\n".to_owned()),
        (403, "POST /fhir/Appointment", caller.to_owned()),
        (403, "POST /fhir/Practitioner/_search", caller.to_owned()),
        (404, "POST /nowhere", caller.to_owned()),
        (404, "POST /annuaire/fhir/v2/Patient/_search", caller.to_owned()),
        (405, "DELETE /fhir/Practitioner/1", caller.to_owned()),
        (405, "PUT /annuaire/fhir/v2/Device", caller.to_owned()),
        (406, "POST /fhir/Practitioner", format!("{caller}accept: text/html\r\n")),
        (400, "PUT /fhir/Practitioner?x=%zz", caller.to_owned()),
        (400, "PUT /fhir/Practitioner/1", format!("{caller}if-match: 1\r\n")),
        (414, &format!("POST /fhir/Practitioner?x={long}"), caller.to_owned()),
        (431, "POST /fhir/Practitioner", format!("{caller}x: {long}\r\n")),
        (415, "POST /fhir/Practitioner", format!("{caller}content-type: text/plain\r\n")),
        (415, "POST /fhir/Practitioner", format!("{caller}content-encoding: gzip\r\n")),
        (415, "POST /annuaire/fhir/v2/Device/_search", format!("{caller}content-type: text/plain\r\n")),
        (503, "GET /annuaire/fhir/v2/Device", caller.to_owned()),
    ] {
        for (expect, framing) in
            [("100-continue", "content-length: 100"), ("100-Continue", "transfer-encoding: chunked")]
        {
            let request =
                format!("{line} HTTP/1.1\r\nhost: localhost\r\nexpect: {expect}\r\n{framing}\r\n{headers}\r\n");
            let answer = until_closed(&server, &request).await;
            refused_and_closed(status, &answer);
        }
    }
    let announced = "expect: 100-continue\r\ncontent-length: 2000000\r\n";
    let request = format!("POST /fhir/Practitioner HTTP/1.1\r\nhost: localhost\r\n{announced}{caller}\r\n");
    refused_and_closed(413, &until_closed(&server, &request).await);
    let request =
        "POST /fhir/Practitioner HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    // Until it is too fast, it is the request of a stranger.
    let mut answer = until_closed(&limited, request).await;
    while !answer.starts_with("HTTP/1.1 429") {
        refused_and_closed(401, &answer);
        answer = until_closed(&limited, request).await;
    }
    refused_and_closed(429, &answer);
}

#[track_caller]
fn refused_and_closed(status: u16, answer: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.contains("OperationOutcome"), "{status}: {answer}");
    assert!(!answer.contains("100 Continue"), "{status}: {answer}");
}

#[tokio::test]
async fn expect_continue_accepted_gets_100_continue() {
    let server = server(0).await;
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    let account = regulator(&[(T, U)]).to_string();
    let chunk = |content: &str| format!("{:x}\r\n{content}\r\n0\r\n\r\n", content.len());
    let (length, chunked) = (format!("content-length: {}", account.len()), "transfer-encoding: chunked".to_owned());
    // One connection for all: what was read to its end closes nothing.
    for (framing, body, status) in [
        (&length, account.clone(), 201),
        (&chunked, chunk(&account), 422),
        (&chunked, chunk("[]"), 400),
        (&"content-length: 2".to_owned(), "[]".to_owned(), 400),
    ] {
        let head = "POST /fhir/Practitioner HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer caller\r\n";
        stream.write_all(format!("{head}expect: 100-continue\r\n{framing}\r\n\r\n").as_bytes()).await.expect("sent");
        assert_eq!(next_head(&mut stream).await, "HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(body.as_bytes()).await.expect("sent");
        let head = next_head(&mut stream).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")) && !head.contains("connection: close"), "{head}");
    }
    // What turns out to be too large only while it is read.
    let head =
        "POST /fhir/Practitioner HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer caller\r\nconnection: close\r\n";
    let head = format!("{head}expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n");
    let answer = until_closed(&server, &(head + &chunk(&"x".repeat(MAX_BODY + 1)))).await;
    assert!(answer.contains("HTTP/1.1 413 ") && answer.contains("http-body-size"), "{answer}");
}

#[tokio::test]
async fn body_too_many_chunks_is_refused() {
    let server = server(0).await;
    let request = |headers: &str, body: &str, length: usize| {
        let chunk = |chunk: &[u8]| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk));
        let chunks: String = body.as_bytes().chunks(length).map(chunk).collect();
        let head = "POST /fhir/Practitioner HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n";
        format!("{head}{headers}\r\n{chunks}0\r\n\r\n")
    };
    let (caller, account) = ("authorization: Bearer caller\r\n", regulator(&[(T, U)]).to_string());
    let answer = until_closed(&server, &request(caller, &account, 1)).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    // A stranger's account.
    let answer = until_closed(&server, &request("", &account, 10)).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    let answer = until_closed(&server, &request(caller, &" ".repeat((64 << 10) + 1), 1)).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("http-body-chunks"), "{answer}");
    assert!(answer.contains("65536"), "{answer}");
}

/// The head of the next answer; its body is read over.
async fn next_head(stream: &mut TcpStream) -> String {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer"));
    }
    let head = String::from_utf8(head).expect("UTF-8");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().expect("a number")];
    stream.read_exact(&mut body).await.expect("a whole answer");
    head
}
