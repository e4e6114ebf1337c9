//! Sends a request over TCP, and reads the response.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use nothing_empty::assert_nothing_is_empty;

#[path = "nothing_empty.rs"]
pub mod nothing_empty;

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// Sends a request as it is, over a connection of its own; to a host of its own, unless it names one. Whatever the
/// accounts' API answers holds nothing empty; resources of the directory are handed out as they were received, and neither
/// events nor the console are FHIR.
pub async fn send(address: std::net::SocketAddr, mut request: Request) -> Answer {
    request.headers_mut().entry(header::HOST).or_insert(HeaderValue::from_static("other.localhost"));
    let path = request.uri().path();
    let is_ours = !path.contains("/annuaire") && !path.ends_with("/events") && !path.starts_with("/console");
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    let response = sender.send_request(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole answer").to_bytes();
    let text = String::from_utf8(body.to_vec()).expect("UTF-8");
    if let (true, Ok(answered @ Value::Object(_))) = (is_ours, serde_json::from_str(&text)) {
        assert_nothing_is_empty(&answered, "an answer");
    }
    Answer { status: parts.status, headers: parts.headers, text }
}
