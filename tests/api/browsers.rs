//! Requests of pages in browsers: their site, their host, and the type of their body.

use axum::body::Body;
use axum::extract::Request;
use sas_endpoint::access::file::parse_callers;
use sas_endpoint::access::token::TokenHash;
use sas_endpoint::access::{Access, Metadata};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::*;

/// Requests of every kind, of both APIs, and some that are not served.
const REQUESTS: [(&str, &str); 18] = [
    ("GET", "/fhir/metadata"),
    ("GET", "/fhir/Practitioner"),
    ("HEAD", "/fhir/Practitioner"),
    ("GET", "/fhir/Practitioner/1/_history"),
    ("GET", "/fhir/_history"),
    ("POST", "/fhir/Practitioner"),
    ("PUT", "/fhir/Appointment?identifier=urn:x%7Cy"),
    ("PUT", "/fhir/Appointment/1"),
    ("POST", "/fhir/Appointment/$validate"),
    ("POST", "/fhir/Practitioner/_search"),
    ("GET", "/annuaire/fhir/v2/metadata"),
    ("GET", "/annuaire/fhir/v2/Device"),
    ("POST", "/annuaire/fhir/v2/Device/_search"),
    ("OPTIONS", "/fhir/Practitioner"),
    ("DELETE", "/fhir/Practitioner/1"),
    ("GET", "/"),
    ("POST", "/nowhere"),
    ("GET", "/annuaire/fhir/v2/Patient"),
];

/// The origin of [`BASE`].
const OURS: &str = "https://sas.example.org";

/// Every right; its token is `of-agenda`.
const CALLER: (&str, &str) = ("authorization", "Bearer of-agenda");

fn access() -> Access {
    let rights = "\"practitioner:write\", \"appointment:write\", \"read\", \"annuaire:read\"";
    let hash = TokenHash::from_token("of-agenda");
    let file = format!("[[caller]]\nname = \"agenda\"\ntoken_sha256 = \"{hash}\"\nrights = [{rights}]\n");
    let mut file: toml::Table = file.parse().expect("TOML");
    Access::restricted(parse_callers(file.remove("caller").expect("callers")).expect("callers"), Metadata::Open)
}

/// A server without callers, and one with.
async fn servers() -> [TestServer; 2] {
    [Setup::default().start_somewhere().await, Setup { access: access(), ..Setup::default() }.start_somewhere().await]
}

/// The answer to `method` on `path`; who asks is the caller, where there are any.
async fn send(server: &TestServer, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header(CALLER.0, CALLER.1);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(Body::from(body.to_owned())).expect("a request")).await
}

/// Asserts a refusal; the answer to HEAD has no body.
#[track_caller]
fn assert_refused(answer: Answer, method: &str, status: u16, rule: &str) {
    match method {
        "HEAD" => assert_eq!(answer.status, status),
        _ => assert_eq!(answer.refused(status, rule).rules(), [rule]),
    }
}

#[tokio::test]
async fn foreign_page_is_refused_with_and_without_callers() {
    for server in servers().await {
        let own = format!("http://{}", server.address);
        let host = server.address.to_string();
        for (method, path) in REQUESTS {
            for origin in [
                "https://evil.example",
                "null",
                "",
                "http://sas.example.org",
                "https://sas.example.org:8443",
                "https://other.example.org",
                "https://sas.example.org.evil.example",
                "http://127.0.0.1:1",
                "file://",
            ] {
                let headers = [("host", &*host), ("origin", origin), ("sec-fetch-site", "same-origin")];
                let answer = send(&server, method, path, &headers, "").await;
                assert_refused(answer, method, 403, "http-origin");
            }
            for origin in [OURS, "HTTPS://SAS.example.org:443", &own] {
                let answer = send(&server, method, path, &[("host", &host), ("origin", origin)], "").await;
                assert_ne!(answer.status, 403, "{method} {path} of {origin}: {}", answer.text);
            }
            let two = [("origin", OURS), ("origin", "https://evil.example")];
            assert_refused(send(&server, method, path, &two, "").await, method, 403, "http-origin");
        }
        assert_eq!(send(&server, "GET", "/fhir/Practitioner?_count=0", &[], "").await.json()["total"], 0);
    }
}

#[tokio::test]
async fn foreign_page_by_sec_fetch_site_is_refused_unless_it_reads() {
    for server in servers().await {
        for (method, path) in REQUESTS {
            for site in ["cross-site", "same-site", ""] {
                let answer = send(&server, method, path, &[("sec-fetch-site", site)], "").await;
                match method {
                    "GET" | "HEAD" => assert_ne!(answer.status, 403, "{method} {path} from {site}"),
                    _ => assert_refused(answer, method, 403, "http-origin"),
                }
            }
            for site in ["same-origin", "none"] {
                let answer = send(&server, method, path, &[("sec-fetch-site", site)], "").await;
                assert_ne!(answer.status, 403, "{method} {path} from {site}: {}", answer.text);
            }
        }
        // A link that somebody follows from another site's page.
        send(&server, "GET", "/fhir/metadata", &[("sec-fetch-site", "cross-site")], "").await.expect(200);
    }
}

#[tokio::test]
async fn content_type_is_required_from_browsers_only() {
    let account = regulator(&[(T, "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11")]).to_string();
    let appointment = appointment("https://agenda.example.org/rdv", "1").to_string();
    let (json, form) = ("application/fhir+json", "application/x-www-form-urlencoded");
    let updated = format!("/fhir/Practitioner?identifier={T}%7C0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11");
    for server in servers().await {
        for (method, path, content_type, body, status) in [
            ("POST", "/fhir/Practitioner", json, &*account, 201),
            ("PUT", &updated, json, &account, 200),
            ("PUT", "/fhir/Practitioner/1", json, "{}", 400),
            ("POST", "/fhir/Appointment", json, &appointment, 201),
            ("PUT", "/fhir/Appointment?identifier=https://agenda.example.org/rdv%7C1", json, &appointment, 200),
            ("POST", "/fhir/Practitioner/$validate", json, &account, 200),
            ("POST", "/fhir/Practitioner/_search", form, "active=true", 200),
            ("POST", "/fhir/Appointment/_search", form, "", 200),
            ("POST", "/annuaire/fhir/v2/Device/_search", form, "_count=1", 503),
            ("POST", "/annuaire/fhir/v2/Device", form, "_count=1", 503),
        ] {
            for browser in [("origin", OURS), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")] {
                let answer = send(&server, method, path, &[browser], body).await;
                answer.refused(415, "http-content-type");
                let text_type = ("content-type", "text/plain");
                send(&server, method, path, &[browser, text_type], body).await.refused(415, "http-content-type");
            }
            // Every other client may leave it out: JSON, or a form.
            let answer = send(&server, method, path, &[], body).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
            let headers = [("origin", OURS), ("sec-fetch-site", "same-origin"), ("content-type", content_type)];
            let answer = send(&server, method, path, &headers, body).await;
            assert!(![415, 403].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.text);
        }
        for path in ["/fhir/metadata", "/fhir/Practitioner", "/annuaire/fhir/v2/metadata"] {
            send(&server, "GET", path, &[("origin", OURS), ("sec-fetch-site", "same-origin")], "").await.expect(200);
        }
    }
}

#[tokio::test]
async fn foreign_host_without_callers_returns_421() {
    let [open, asking] = servers().await;
    let foreign = [
        "evil.example",
        "evil.example:8080",
        "x",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.sas.example.org",
        "sas.example.org.evil.example",
    ];
    let invalid = ["localhost:99999", "user@localhost", ""];
    let ours = [
        "localhost",
        "localhost:8080",
        "LocalHost.",
        "sas.localhost",
        "127.0.0.1:1",
        "192.0.2.1",
        "[::1]:8080",
        "[2001:db8::1]",
        "sas.example.org",
        "SAS.example.org:8443",
    ];
    for (method, path) in REQUESTS {
        for host in foreign {
            // For the browser, page and server are of one site.
            let origin = format!("http://{host}");
            for headers in [&[("host", host)][..], &[("host", host), ("origin", &origin)]] {
                assert_refused(send(&open, method, path, headers, "").await, method, 421, "foreign-host");
            }
            let answer = send(&asking, method, path, &[("host", host)], "").await;
            assert_ne!(answer.status, 421, "{method} {path} at {host}: {}", answer.text);
        }
        for host in invalid {
            assert_refused(send(&open, method, path, &[("host", host)], "").await, method, 400, "http-host");
        }
        for host in ours {
            let answer = send(&open, method, path, &[("host", host)], "").await;
            assert_ne!(answer.status, 421, "{method} {path} at {host}: {}", answer.text);
        }
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert_refused(send(&open, method, path, &two, "").await, method, 400, "http-host");
    }
}

#[tokio::test]
async fn foreign_host_in_absolute_target_returns_421() {
    let [open, asking] = servers().await;
    for (target, host, status) in [
        ("http://evil.example/fhir/metadata", "localhost", 421),
        ("http://evil.example/annuaire/fhir/v2/metadata", "localhost", 421),
        ("http://localhost/fhir/metadata", "evil.example", 421),
        ("http://localhost:8080/fhir/metadata", "localhost:8080", 200),
        ("http://sas.example.org/fhir/metadata", "sas.example.org", 200),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        for (server, status) in [(&open, status), (&asking, 200)] {
            let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
            stream.write_all(request.as_bytes()).await.expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {host}: {answer}");
            assert_eq!(answer.contains("foreign-host"), status == 421, "{target} {host}: {answer}");
        }
    }
}

#[tokio::test]
async fn foreign_host_refusal_is_in_both_languages() {
    let server = Setup::default().start_somewhere().await;
    for (language, words) in [("fr", "L'hôte demandé"), ("en", "The requested host")] {
        let headers = [("host", "evil.example"), ("accept-language", language)];
        let answer = server.ask("GET", "/fhir/metadata", &headers).await.refused(421, "foreign-host");
        let issue = answer.json()["issue"][0].clone();
        assert_eq!((issue["code"].as_str(), issue["expression"][0].as_str()), (Some("forbidden"), Some("http.Host")));
        let sentence = issue["details"]["text"].as_str().expect("a sentence").to_owned();
        assert!(sentence.starts_with(words) && sentence.contains("SAS_BASE_URL"), "{sentence}");
        assert!(!answer.text.contains("evil.example"), "{}", answer.text);
    }
}
