//! Authentication, and the rights of callers for each interaction.

use axum::body::Body;
use sas_endpoint::access::caller::{Caller, Callers, Credential};
use sas_endpoint::access::file::parse_callers;
use sas_endpoint::access::right::Right;
use sas_endpoint::access::token::TokenHash;
use sas_endpoint::access::{Access, Metadata};
use sas_endpoint::interaction::ROUTES;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::*;

/// What is asked, and which rights suffice for it.
const REQUESTS: [(&str, &str, &[&str]); 30] = [
    ("POST", "/fhir/Practitioner", &["practitioner:write"]),
    ("PUT", "/fhir/Practitioner", &["practitioner:write"]),
    ("PUT", "/fhir/Practitioner/1", &["practitioner:write"]),
    ("POST", "/fhir/Practitioner/$validate", &["practitioner:write", "read"]),
    ("GET", "/fhir/Practitioner", &["read"]),
    ("POST", "/fhir/Practitioner/_search", &["read"]),
    ("GET", "/fhir/Practitioner/1", &["read"]),
    ("GET", "/fhir/Practitioner/_history", &["read"]),
    ("GET", "/fhir/Practitioner/1/_history", &["read"]),
    ("GET", "/fhir/Practitioner/1/_history/1", &["read"]),
    ("POST", "/fhir/Appointment", &["appointment:write"]),
    ("PUT", "/fhir/Appointment", &["appointment:write"]),
    ("PUT", "/fhir/Appointment/1", &["appointment:write"]),
    ("POST", "/fhir/Appointment/$validate", &["appointment:write", "read"]),
    ("GET", "/fhir/Appointment", &["read"]),
    ("POST", "/fhir/Appointment/_search", &["read"]),
    ("GET", "/fhir/Appointment/1", &["read"]),
    ("GET", "/fhir/Appointment/_history", &["read"]),
    ("GET", "/fhir/Appointment/1/_history", &["read"]),
    ("GET", "/fhir/Appointment/1/_history/1", &["read"]),
    ("GET", "/fhir/_history", &["read"]),
    ("GET", "/annuaire/fhir/v2/Practitioner", &["annuaire:read"]),
    ("POST", "/annuaire/fhir/v2/Device/_search", &["annuaire:read"]),
    ("GET", "/annuaire/fhir/v2/Organization/1", &["annuaire:read"]),
    ("GET", "/annuaire/fhir/v2/_page?id=x", &["annuaire:read"]),
    // Unsupported paths are reported to any caller.
    ("GET", "/", &[]),
    ("GET", "/fhir/Patient", &[]),
    ("DELETE", "/fhir/Practitioner/1", &[]),
    ("GET", "/annuaire/fhir/v2/Patient", &[]),
    ("PUT", "/annuaire/fhir/v2/Practitioner", &[]),
];

const RIGHTS: [&str; 4] = ["practitioner:write", "appointment:write", "read", "annuaire:read"];

const METADATA: [&str; 2] = ["/fhir/metadata", "/annuaire/fhir/v2/metadata"];

/// A caller for each right, whose token is `of-` and its name; and one who has none.
fn access(metadata: Metadata) -> Access {
    let caller = |right: &str, rights: &str| {
        let name = right.replace(':', "-");
        let hash = TokenHash::from_token(&format!("of-{name}"));
        format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nrights = [{rights}]\n")
    };
    let file: String = RIGHTS.iter().map(|right| caller(right, &format!("\"{right}\""))).collect();
    let mut file: toml::Table = (file + &caller("nothing", "")).parse().expect("TOML");
    Access::restricted(parse_callers(file.remove("caller").expect("callers")).expect("callers"), metadata)
}

async fn server() -> TestServer {
    Setup { access: access(Metadata::Open), ..Setup::default() }.start_somewhere().await
}

fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

#[test]
fn access_every_route_is_covered_by_these_tests() {
    for route in &ROUTES {
        for resource_type in ["Practitioner", "Appointment"] {
            let path = route.path.replace("{type}", resource_type).replace("{id}", "1").replace("{vid}", "1");
            let asked =
                |(method, asked, _): &(&str, &str, _)| *method == route.method && *asked == format!("/fhir{path}");
            assert!(REQUESTS.iter().any(asked), "{} {path}", route.method);
        }
    }
}

#[tokio::test]
async fn access_right_allows_its_interactions_only() {
    let server = server().await;
    for (method, path, needed) in REQUESTS {
        for right in RIGHTS.into_iter().chain(["nothing"]) {
            let (name, value) = bearer(&format!("of-{}", right.replace(':', "-")));
            let answer = server.ask(method, path, &[(name, &value)]).await;
            if needed.is_empty() || needed.contains(&right) {
                assert!(![401, 403].contains(&answer.status.as_u16()), "{method} {path} by {right}: {}", answer.text);
            } else {
                let answer = answer.refused(403, "http-forbidden");
                let reported = answer.json()["issue"][0]["details"]["text"].as_str().expect("a sentence").to_owned();
                assert!(needed.iter().all(|needed| reported.contains(needed)), "{method} {path}: {reported}");
                assert_eq!(answer.json()["issue"][0]["code"], "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn access_conditional_create_without_read_right_shows_no_resource() {
    let server = server().await;
    let headers = [("authorization", "Bearer of-practitioner-write"), ("if-none-exist", "identifier=urn:x|y")];
    let answer = server.ask("POST", "/fhir/Practitioner", &headers).await.refused(403, "http-forbidden");
    assert!(answer.text.contains("requis : read."), "{}", answer.text);
    server.ask("POST", "/fhir/Practitioner", &headers[..1]).await.refused(400, "json-empty");
}

#[tokio::test]
async fn access_without_credentials_returns_401_and_reveals_nothing() {
    let server = server().await;
    for (method, path, _) in REQUESTS {
        let answer = server.ask(method, path, &[]).await.refused(401, "http-login");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert_eq!((answer.json()["issue"][0]["code"].clone(), answer.rules().len()), (Value::from("login"), 1));
    }
    assert_eq!(server.ask("HEAD", "/fhir/Practitioner", &[]).await.status, 401);
}

#[tokio::test]
async fn access_unknown_token_is_refused_and_not_echoed() {
    let server = server().await;
    let hash_itself = TokenHash::from_token("of-read").to_string();
    for token in ["of-reader", "OF-READ", "of-read=", "s3cr3t-of-nobody", &hash_itself] {
        for path in ["/fhir/Practitioner", "/nowhere", "/annuaire/fhir/v2/Device"] {
            let answer = server.ask("GET", path, &[("authorization", &format!("Bearer {token}"))]).await;
            let answer = answer.refused(401, "http-token");
            assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
            assert!(!format!("{:?}{}", answer.headers, answer.text).contains(token));
        }
    }
}

#[tokio::test]
async fn access_malformed_authorization_is_refused() {
    let server = server().await;
    for value in
        ["", "Bearer", "of-read", "Basic b2YtcmVhZA==", "Bearer of-read of-read", "Bearer \"of-read\"", "Bearer é"]
    {
        let request = axum::extract::Request::get("/fhir/Practitioner").header("authorization", value.as_bytes());
        let answer = server.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.refused(401, "http-authorization").header("www-authenticate"), "Bearer");
    }
    let twice = [("authorization", "Bearer of-read"), ("authorization", "Bearer of-read")];
    server.ask("GET", "/fhir/Practitioner", &twice).await.refused(401, "http-authorization");
    server.ask("GET", "/fhir/Practitioner", &[("authorization", "bearer  of-read")]).await.expect(200);
}

#[tokio::test]
async fn access_metadata_is_open_unless_closed() {
    for (metadata, unknown_client) in [(Metadata::Open, 200), (Metadata::Closed, 401)] {
        let server = Setup { access: access(metadata), ..Setup::default() }.start_somewhere().await;
        for path in METADATA {
            assert_eq!(server.ask("GET", path, &[]).await.status, unknown_client, "{metadata:?} {path}");
            assert_eq!(server.ask("GET", path, &[("authorization", "Bearer x")]).await.status, unknown_client);
            server.ask("GET", path, &[("authorization", "Bearer of-nothing")]).await.expect(200);
            // Another method is no reading of it.
            server.ask("POST", path, &[]).await.refused(401, "http-login");
        }
    }
}

#[tokio::test]
async fn access_unauthenticated_body_is_not_read_completely() {
    let server = server().await;
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    for (length, closes) in [(8, false), (60_000, false), (70_000, true)] {
        let head = format!("POST /fhir/Practitioner HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{}", "x".repeat(length)).as_bytes()).await.expect("sent");
        let head = next_head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
        assert_eq!(head.contains("\r\nconnection: close\r\n"), closes, "{head}");
    }
}

#[tokio::test]
async fn capability_statement_lists_authentication_methods() {
    let caller = |name: &str| Caller { name: name.to_owned(), rights: vec![Right::Read] };
    let certificate = || Credential::Certificate { common_name: "cn".to_owned(), organizational_unit: "ou".to_owned() };
    let token = || Credential::Token(TokenHash::from_token("t"));
    for credentials in [vec![], vec![certificate()], vec![token()], vec![certificate(), token()]] {
        let mut callers = Callers::default();
        for (number, credential) in credentials.iter().enumerate() {
            callers.add(caller(&number.to_string()), credential.clone()).expect("another caller");
        }
        let is_open = credentials.is_empty();
        let access = if is_open { Access::open() } else { Access::restricted(callers, Metadata::Open) };
        let server = Setup { access, ..Setup::default() }.start_somewhere().await;
        for (path, right) in [("/fhir/metadata", "practitioner:write"), ("/annuaire/fhir/v2/metadata", "annuaire:read")]
        {
            let statement = server.ask("GET", path, &[]).await.expect(200).json();
            let security = &statement["rest"][0]["security"];
            let description = security["description"].as_str().expect("a sentence");
            assert_eq!(security["cors"], false);
            assert_eq!(description.contains(right), !is_open, "{description}");
            assert_eq!(description.starts_with("No authentication"), is_open, "{description}");
            let services = security["service"].as_array().map_or(&[][..], Vec::as_slice);
            assert_eq!(services.len(), credentials.len(), "{security}");
            let has = |credential: fn(&Credential) -> bool| credentials.iter().any(credential);
            let (by_certificate, by_token) =
                (has(|by| matches!(by, Credential::Certificate { .. })), has(|by| matches!(by, Credential::Token(_))));
            assert_eq!(description.contains("client certificate"), by_certificate, "{description}");
            assert_eq!(description.contains("bearer token"), by_token, "{description}");
            let codes: Vec<_> = services.iter().filter_map(|service| service["coding"][0]["code"].as_str()).collect();
            assert_eq!(codes, if by_certificate { vec!["Certificates"] } else { vec![] });
        }
    }
}

/// The head of the next answer; its body is read over.
async fn next_head(stream: &mut TcpStream) -> String {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer"));
    }
    let head = String::from_utf8(head).expect("UTF-8");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    stream.read_exact(&mut body).await.expect("a whole answer");
    head
}
