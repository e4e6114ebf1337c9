//! The limits of requests, and the refusals beyond them.

use std::time::Duration;

use sas_endpoint::access::Access;
use sas_endpoint::http::bounds::Bounds;
use sas_endpoint::http::origin::proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::*;

async fn server(change: impl FnOnce(&mut Bounds)) -> TestServer {
    let mut setup = Setup::default();
    change(&mut setup.bounds);
    setup.start_somewhere().await
}

/// A path of this length.
fn path(length: usize) -> String {
    let start = "/fhir/Practitioner?identifier=";
    format!("{start}{}", "a".repeat(length - start.len()))
}

#[tokio::test]
async fn bounds_url_too_long_returns_414() {
    for (server, limit) in [(server(|_| {}).await, 32 << 10), (server(|bounds| bounds.max_url = 1024).await, 1024)] {
        server.ask("GET", &path(limit), &[]).await.expect(200);
        let answer = server.ask("GET", &path(limit + 1), &[]).await.refused(414, "http-url-size");
        assert_eq!(answer.json()["issue"][0]["code"], "too-long");
        assert!(sentence(&answer).contains(&limit.to_string()));
        server.ask("GET", &format!("/nowhere/{}", path(limit)), &[]).await.refused(414, "http-url-size");
    }
}

#[tokio::test]
async fn bounds_headers_too_large_or_too_many_return_431() {
    let server = server(|_| {}).await;
    // `name: value` and the end of the line; `host: other.localhost` is one more.
    const HOST: usize = "host: other.localhost\r\n".len();
    let of_size = |size: usize| "x".repeat(size - "a: \r\n".len());
    server.ask("GET", "/fhir/Practitioner", &[("a", &of_size((32 << 10) - HOST))]).await.expect(200);
    let answer = server.ask("GET", "/fhir/Practitioner", &[("a", &of_size((32 << 10) - HOST + 1))]).await;
    assert!(sentence(&answer.refused(431, "http-header-size")).contains("32768"));
    let halves = [("a", of_size(16 << 10)), ("b", of_size((16 << 10) - HOST + 1))];
    let halves: Vec<_> = halves.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.ask("GET", "/fhir/Practitioner", &halves).await.refused(431, "http-header-size");

    server.ask("GET", "/fhir/Practitioner", &[("a", "x"); 63]).await.expect(200);
    let answer = server.ask("GET", "/fhir/Practitioner", &[("a", "x"); 64]).await.refused(431, "http-header-size");
    assert!(sentence(&answer).contains("64"));
}

#[tokio::test]
async fn body_timeout_returns_408() {
    let server = server(|bounds| bounds.body_timeout = Duration::from_millis(50)).await;
    for head in [
        "POST /fhir/Practitioner HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
        "PUT /fhir/Practitioner/1 HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
        "POST /fhir/Practitioner/_search HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n",
    ] {
        let answer = until_closed(&server, head).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n") && answer.contains("http-timeout"), "{answer}");
        assert!(answer.contains("content-type: application/fhir+json; charset=utf-8\r\n"), "{answer}");
    }
    // Who is refused anyway is not waited for any longer.
    let answer =
        until_closed(&server, "DELETE /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn rate_limit_is_per_caller() {
    let callers = ["one", "other"].map(|name| {
        let hash = sas_endpoint::access::token::TokenHash::from_token(name);
        format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nrights = [\"read\"]\n")
    });
    let mut file: toml::Table = callers.concat().parse().expect("TOML");
    let callers = sas_endpoint::access::file::parse_callers(file.remove("caller").expect("callers")).expect("callers");
    let mut setup = Setup { access: Access::restricted(callers, Default::default()), ..Setup::default() };
    setup.bounds.rate = 1;
    let server = setup.start_somewhere().await;
    let one = [("authorization", "Bearer one")];
    let answer = too_fast(&server, &one).await;
    assert_eq!((answer.header("retry-after"), answer.json()["issue"][0]["code"].as_str()), ("1", Some("throttled")));
    server.ask("GET", "/fhir/Practitioner", &[("authorization", "Bearer other")]).await.expect(200);
    // Those who are not recognised share what their address has.
    server.ask("GET", "/fhir/Practitioner", &[]).await.refused(401, "http-login");
    too_fast(&server, &[("authorization", "Bearer nobody")]).await;
}

#[tokio::test]
async fn rate_limit_is_per_client_address() {
    let mut setup = Setup::default();
    setup.bounds.rate = 1;
    setup.proxies.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    let server = setup.start_somewhere().await;
    too_fast(&server, &[("x-forwarded-for", "192.0.2.1")]).await;
    server.ask("GET", "/fhir/Practitioner", &[("x-forwarded-for", "192.0.2.1, 192.0.2.2")]).await.expect(200);
    too_fast(&server, &[("x-forwarded-for", "2001:db8:0:1::1")]).await;
    // Whoever has one address of a network has them all.
    too_fast(&server, &[("x-forwarded-for", "2001:db8:0:1::2")]).await;
    server.ask("GET", "/fhir/Practitioner", &[("x-forwarded-for", "2001:db8:0:2::1")]).await.expect(200);
}

#[tokio::test]
async fn rate_limit_ignores_forwarded_address_of_untrusted_peer() {
    let mut setup = Setup { proxies: proxy::Settings::default(), ..Setup::default() };
    setup.bounds.rate = 1;
    let server = setup.start_somewhere().await;
    let mut number = 0;
    loop {
        number += 1;
        assert!(number < 250, "each address that is told has a rate of its own");
        let reported = format!("192.0.2.{number}");
        let headers = [("x-forwarded-for", reported.as_str()), ("forwarded", &format!("for={reported}"))];
        if server.ask("GET", "/fhir/Practitioner", &headers).await.status == 429 {
            break;
        }
    }
}

/// What people are told, without the request id, in which any number may stand.
fn sentence(answer: &Answer) -> String {
    answer.json()["issue"][0]["details"]["text"].as_str().expect("a sentence").to_owned()
}

/// Asks until it is too much.
async fn too_fast(server: &TestServer, headers: &[(&str, &str)]) -> Answer {
    for _ in 0..1000 {
        let answer = server.ask("GET", "/fhir/Practitioner", headers).await;
        if answer.status == 429 {
            return answer.refused(429, "http-rate");
        }
    }
    panic!("a thousand requests are not too many");
}

/// Sends this and no more; what is answered until the server closes.
async fn until_closed(server: &TestServer, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}
