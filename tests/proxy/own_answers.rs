//! Responses that nginx makes itself are FHIR, never HTML.

use std::net::TcpListener;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificates::Kind;
use crate::deployment::{fhir, read};
use crate::nginx::Nginx;
use crate::support::ports::ReservedPort;

/// An nginx before two places where nobody listens, which are kept like that; `None` without nginx.
fn before_nobody() -> Option<(Nginx, [ReservedPort; 2])> {
    let places = [(); 2].map(|()| ReservedPort::new().expect("a port"));
    Some((Nginx::start([places[0].address(), places[1].address()])?, places))
}

/// Writes these bytes, and reads the answer to its end.
async fn raw(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &str) -> String {
    stream.write_all(bytes.as_bytes()).await.expect("written");
    let mut answer = vec![];
    // How the connection ends matters to nobody.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("text")
}

async fn over_tls(nginx: &Nginx, bytes: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(nginx.authority.root.der().to_vec())).expect("a root");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(nginx.address()).await.expect("nginx listens");
    let name = ServerName::try_from("localhost").expect("a name");
    raw(TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS"), bytes).await
}

fn is_fhir(answer: &str, status: u16) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(head.contains("Content-Type: application/fhir+json"), "{answer}");
    let outcome: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    assert_eq!(outcome["resourceType"], "OperationOutcome");
}

#[tokio::test]
async fn proxy_malformed_requests_get_an_outcome() {
    let Some((nginx, _nobody)) = before_nobody() else { return };
    for (bytes, status) in [
        ("GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n".to_owned(), 400),
        ("GET /fhir/metadata HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET /fhir/metadata HTTP/2.0\r\nHost: localhost\r\n\r\n".to_owned(), 505),
        ("TRACE /fhir/metadata HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), 405),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(70_000)), 414),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(70_000)), 431),
    ] {
        is_fhir(&over_tls(&nginx, &bytes).await, status);
    }
    let plain = TcpStream::connect(nginx.address()).await.expect("nginx listens");
    is_fhir(&raw(plain, "GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await, 400);
}

#[tokio::test]
async fn proxy_body_too_large_is_refused() {
    let Some((nginx, _nobody)) = before_nobody() else { return };
    let client = nginx.client(Some(&nginx.authority.client(Kind::Good)));
    // Nothing of it is sent before nginx says that it may.
    let put = client.put(nginx.url("/fhir/Practitioner?identifier=a|b")).header("expect", "100-continue");
    let refused = fhir(put.body("x".repeat(3 << 20))).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (413, "too-long"));
}

#[tokio::test]
async fn proxy_instances_unavailable_or_late_get_an_outcome() {
    let Some((nginx, _nobody)) = before_nobody() else { return };
    let client = nginx.client(Some(&nginx.authority.client(Kind::Good)));
    let away = fhir(client.get(nginx.url("/fhir/metadata"))).await;
    assert_eq!((away.status.as_u16(), away.code()), (502, "transient"));

    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("its address");
    let patience = [
        ("proxy_read_timeout          30s", "proxy_read_timeout 1s"),
        ("next_upstream_timeout 10s", "next_upstream_timeout 1s"),
    ];
    let nginx = Nginx::start_with([address, address], &patience).expect("nginx is there");
    let client = nginx.client(Some(&nginx.authority.client(Kind::Good)));
    let late = fhir(client.get(nginx.url("/fhir/metadata"))).await;
    assert_eq!((late.status.as_u16(), late.code()), (504, "timeout"));
}

#[tokio::test]
async fn proxy_connections_of_one_address_are_limited() {
    // It takes requests, and never says a word: each holds its place.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("its address");
    let one = [("limit_conn sas_clients 128", "limit_conn sas_clients 1")];
    let Some(nginx) = Nginx::start_with([address, address], &one) else { return };
    let client = nginx.client(Some(&nginx.authority.client(Kind::Good)));
    let held = tokio::spawn(client.get(nginx.url("/fhir/metadata")).send());
    let (_asked, _) = tokio::task::spawn_blocking(move || silent.accept()).await.expect("it waits").expect("a request");
    let other = nginx.client(None);
    let response = other.get(nginx.url("/fhir/metadata")).send().await.expect("an answer");
    assert!(response.headers().contains_key("retry-after"), "{response:?}");
    let refused = read(response).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, "throttled"));
    held.abort();
}

#[tokio::test]
async fn proxy_request_rate_exceeded_returns_429() {
    // The burst that is shipped takes longer to send than a slow machine needs to forgive it: a small one here.
    let few = [("limit_req zone=sas_requests burst=200 nodelay", "limit_req zone=sas_requests burst=3 nodelay")];
    let slow = [few[0], ("rate=100r/s", "rate=1r/m")];
    let places = [(); 2].map(|()| ReservedPort::new().expect("a port"));
    let Some(nginx) = Nginx::start_with([places[0].address(), places[1].address()], &slow) else { return };
    let client = nginx.client(Some(&nginx.authority.client(Kind::Good)));
    let mut statuses = vec![];
    for _ in 0..6 {
        let response = client.get(nginx.url("/fhir/metadata")).send().await.expect("an answer");
        let has_retry_after = response.headers().contains_key("retry-after");
        let answer = read(response).await;
        assert!(has_retry_after, "{}", answer.status);
        statuses.push((answer.status.as_u16(), answer.code().to_owned()));
    }
    // Nobody is behind: what is passed on is 502.
    let (passed_on, refused) = statuses.split_at(4);
    assert!(passed_on.iter().all(|(status, _)| *status == 502), "{statuses:?}");
    assert!(refused.iter().all(|(status, code)| (*status, code.as_str()) == (429, "throttled")), "{statuses:?}");
}
