//! Headers of every exchange: request ids, languages.

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;

use crate::on_both_databases;
use crate::server::*;

/// One request of each outcome: served, refused by FHIR, not there, not served.
const REQUESTS: [(&str, &str); 4] = [
    ("GET", "/fhir/Practitioner"),
    ("GET", "/fhir/Practitioner?x=y"),
    ("GET", "/fhir/Practitioner/unknown"),
    ("DELETE", "/nowhere"),
];

async fn send(server: &TestServer, (method, path): (&str, &str), headers: &[(&str, &[u8])]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value).expect("a header value"));
    }
    server.send(request.body(Body::empty()).expect("a request")).await
}

on_both_databases! { TestServer::tolerant;
    async fn request_id_of_the_client_is_echoed(server: TestServer) {
        for request in REQUESTS {
            for id in ["a", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "!~|{}\"'", &"x".repeat(128)] {
                let answer = send(&server, request, &[("x-request-id", id.as_bytes())]).await;
                assert_eq!(answer.header("x-request-id"), id, "{request:?}");
                assert_eq!(answer.header("x-correlation-id"), "");
            }
        }
    }

    async fn request_id_malformed_is_replaced(server: TestServer) {
        let long = "x".repeat(129);
        let illegible: [&[u8]; 5] = [b"", b"two words", b"tab\there", b"\xC3\xA9", long.as_bytes()];
        for request in REQUESTS {
            for id in illegible {
                let answer = send(&server, request, &[("x-request-id", id)]).await;
                assert_is_made(answer.header("x-request-id"));
            }
        }
    }

    async fn request_id_absent_is_generated(server: TestServer) {
        for request in REQUESTS {
            let (one, other) = (send(&server, request, &[]).await, send(&server, request, &[]).await);
            assert_is_made(one.header("x-request-id"));
            assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
        }
    }

    async fn correlation_id_is_echoed_and_used_as_request_id(server: TestServer) {
        for request in REQUESTS {
            let both: [(&str, &[u8]); 2] = [("x-request-id", b"request"), ("x-correlation-id", b"correlation")];
            let answer = send(&server, request, &both).await;
            assert_eq!(ids(&answer), ("request", "correlation"));
            let answer = send(&server, request, &both[1..]).await;
            assert_eq!(ids(&answer), ("correlation", "correlation"));
            let answer = send(&server, request, &[("x-correlation-id", b"two words")]).await;
            assert_is_made(answer.header("x-request-id"));
            assert_eq!(answer.header("x-correlation-id"), "", "what is illegible is not echoed");
        }
    }

    async fn language_is_french_unless_english_is_preferred(server: TestServer) {
        let cases = [
            ("", "fr"),
            ("fr", "fr"),
            ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
            ("en", "en"),
            ("en-US,en;q=0.9,fr;q=0.8", "en"),
            ("en, fr", "fr"),
            ("EN", "en"),
            ("de, en;q=0.1", "en"),
            ("en;q=0", "fr"),
            ("de", "fr"),
            ("*", "fr"),
            ("rubbish;;;q==,\"", "fr"),
        ];
        for request in &REQUESTS[1..] {
            for (accepted, expected) in cases {
                let answer = send(&server, *request, &[("accept-language", accepted.as_bytes())]).await;
                assert_operation_outcome(&answer);
                assert_eq!(answer.header("content-language"), expected, "{request:?} {accepted}");
                assert_eq!(answer.json()["language"], expected);
                let text = answer.json()["issue"][0]["details"]["text"].as_str().expect("a sentence").to_owned();
                let french = ["Le paramètre ", "La ressource", "Ce chemin"];
                assert_eq!(french.iter().any(|start| text.starts_with(start)), expected == "fr", "{text}");
            }
        }
        assert_eq!(send(&server, REQUESTS[1], &[]).await.header("content-language"), "fr");
    }

    async fn cache_control_is_no_store(server: TestServer) {
        for request in REQUESTS {
            assert_eq!(send(&server, request, &[]).await.header("cache-control"), "no-store", "{request:?}");
        }
    }

    async fn head_has_the_headers_of_get_without_body(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, "u")])).await.expect(201);
        let id = created.id();
        for path in ["/metadata".to_owned(), "/Practitioner".to_owned(), format!("/Practitioner/{id}")] {
            let (get, head) = (server.get(&path).await, server.request("HEAD", &path, &[], Body::empty()).await);
            assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
            for name in ["content-type", "etag", "last-modified"] {
                assert_eq!(head.header(name), get.header(name), "{path} {name}");
            }
        }
    }
}

fn ids(answer: &Answer) -> (&str, &str) {
    (answer.header("x-request-id"), answer.header("x-correlation-id"))
}

/// Asserts that the server made this id: a UUID.
#[track_caller]
fn assert_is_made(id: &str) {
    let groups: Vec<_> = id.split('-').map(str::len).collect();
    let hexadecimal = id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    assert!(groups == [8, 4, 4, 4, 12] && hexadecimal, "{id:?}");
}
