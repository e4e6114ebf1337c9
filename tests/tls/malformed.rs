//! Malformed or oversized request heads get an OperationOutcome.

use sas_endpoint::http::bounds::Bounds;
use serde_json::Value;

use crate::client::{answer, exchange, rest};
use crate::server::TestServer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Asserts a refusal of this status that cites this rule, and that the connection is said to close.
#[track_caller]
pub fn assert_refused(answer: &str, status: u16, rule: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    for header in ["content-type: application/fhir+json; charset=utf-8", "connection: close", "x-request-id: "] {
        assert!(head.contains(header), "{header}: {answer}");
    }
    assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
    let outcome: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["details"]["coding"][0]["code"], rule);
}

#[tokio::test]
async fn malformed_head_is_refused_with_an_outcome() {
    let server = TestServer::start(Bounds::default()).await;
    let headers = "a: b\r\n".repeat(300);
    for (request, status, rule) in [
        ("garbage\r\n\r\n".to_owned(), 400, "http-malformed"),
        ("GET /who HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), 400, "http-malformed"),
        ("GET /who HTTP/1.1\r\nhost: a\0b\r\n\r\n".to_owned(), 400, "http-malformed"),
        ("GET /who HTTP/1.1\r\ncontent-length: x\r\n\r\n".to_owned(), 400, "http-malformed"),
        ("GET /who HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(), 400, "http-malformed"),
        ("POST /length HTTP/1.1\r\ntransfer-encoding: x\r\n\r\n".to_owned(), 400, "http-malformed"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400, "http-malformed"),
        (format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(70_000)), 414, "http-url-size"),
        (format!("GET /{}", "a".repeat(300_000)), 414, "http-url-size"),
        (format!("GET /who HTTP/1.1\r\n{headers}\r\n"), 431, "http-header-size"),
        (format!("GET /who HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(300_000)), 431, "http-header-size"),
    ] {
        let answer = exchange(server.address, request.as_bytes()).await;
        assert_refused(&answer, status, rule);
    }
    assert_eq!(server.asked.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn malformed_head_after_a_request_is_refused_after_its_answer() {
    let server = TestServer::start(Bounds::default()).await;
    let get = "GET /who HTTP/1.1\r\nhost: x\r\n\r\n";
    let post = "POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody";
    // All at once, so that hyper has read ahead.
    let answers = exchange(server.address, format!("{get}{post}{get}garbage\r\n\r\n").as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    assert_refused(&answers[answers.find("HTTP/1.1 400").expect("a refusal")..], 400, "http-malformed");
    // One after the other.
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    stream.write_all(get.as_bytes()).await.expect("written");
    assert_eq!(answer(&mut stream).await.expect("an answer"), "nobody");
    stream.write_all(b"garbage\r\n\r\n").await.expect("written");
    assert_refused(&rest(&mut stream).await.expect("an answer"), 400, "http-malformed");
}

#[tokio::test]
async fn malformed_head_refusal_does_not_replace_answers_of_the_service() {
    let server = TestServer::start(Bounds::default()).await;
    let request = "GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = exchange(server.address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n") && !answer.contains("OperationOutcome"), "{answer}");
}
