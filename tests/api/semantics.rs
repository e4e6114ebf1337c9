//! HTTP as RFC 9110 and RFC 9112 define it: hosts, codings, conditions, paths; and search criteria in headers.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::asking::*;
use crate::on_both_databases;
use crate::server::*;

const METADATA: [&str; 2] = ["/fhir/metadata", "/annuaire/fhir/v2/metadata"];

/// The status and the rule of the answer to these bytes.
async fn exchanged(server: &TestServer, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    assert!(head.to_lowercase().contains("content-type: application/fhir+json"), "{answer}");
    let outcome: Value = serde_json::from_str(body).expect("JSON");
    let rule = outcome["issue"][0]["details"]["coding"][0]["code"].as_str().unwrap_or_default().to_owned();
    (status, rule)
}

on_both_databases! { TestServer::tolerant;
    async fn host_missing_doubled_or_invalid_returns_400(server: TestServer) {
        for path in METADATA {
            for headers in ["", "host: a\r\nhost: a\r\n", "host: a\r\nhost: b\r\n", "host: a b\r\n", "host: a/b\r\n", "host:\r\n", "host: a:x\r\n", "host: [::1\r\n"] {
                let request = format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
                assert_eq!(exchanged(&server, &request).await, (400, "http-host".to_owned()), "{request:?}");
            }
            let doubled = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\nhost: localhost\r\n\r\n");
            assert_eq!(exchanged(&server, &doubled).await, (400, "http-host".to_owned()));
            for request in [
                format!("GET {path} HTTP/1.0\r\n\r\n"),
                format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
                format!("GET {path} HTTP/1.1\r\nhost: [::1]:8080\r\nconnection: close\r\n\r\n"),
                // RFC 9112, section 2.2: a line feed alone may end a line.
                format!("GET {path} HTTP/1.1\nhost: localhost\nconnection: close\n\n"),
            ] {
                assert_eq!(exchanged(&server, &request).await, (200, String::new()), "{request:?}");
            }
        }
    }

    async fn transfer_coding_before_chunked_returns_501(server: TestServer) {
        let body = regulator(&[(T, U)]).to_string();
        let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let request = |coding: &str| {
            format!(
                "POST /fhir/Practitioner HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 connection: close\r\n{coding}\r\n{chunked}"
            )
        };
        for coding in [
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: identity, chunked\r\n",
        ] {
            let refused = exchanged(&server, &request(coding)).await;
            assert_eq!(refused, (501, "http-transfer-coding".to_owned()), "{coding}");
        }
        assert_eq!(server.count("Practitioner").await, 0);
        assert_eq!(exchanged(&server, &request("transfer-encoding: Chunked\r\n")).await.0, 201);
    }

    async fn path_repeated_slashes_are_one(server: TestServer) {
        let body = regulator(&[(T, U)]);
        let created = server.put(&format!("//Practitioner//?identifier={T}|{U}"), &body).await.expect(201);
        for path in [
            format!("//fhir/Practitioner/{}", created.id()),
            format!("/fhir//Practitioner///{}/", created.id()),
            format!("/fhir/Practitioner//{}//_history/1//", created.id()),
            "/fhir//metadata".to_owned(),
            "/annuaire//fhir/v2/metadata/".to_owned(),
            "//annuaire/fhir//v2//metadata".to_owned(),
        ] {
            server.ask("GET", &path, &[]).await.expect(200);
        }
        server.ask("GET", "/annuaire//fhir/v2//Device", &[]).await.refused(503, "annuaire-empty");
    }

    async fn metadata_mode_terminology_returns_400(server: TestServer) {
        for path in METADATA {
            let statement = server.ask("GET", path, &[]).await.expect(200);
            for mode in ["full", "normative", ""] {
                let asked = server.ask("GET", &format!("{path}?mode={mode}&_format="), &[]).await.expect(200);
                assert_eq!(asked.text, statement.text, "{mode}");
            }
            for mode in ["terminology", "FULL", "x", "full&mode=terminology"] {
                server.ask("GET", &format!("{path}?mode={mode}"), &[]).await.expect(400);
            }
        }
    }

    async fn metadata_known_to_the_client_returns_304(server: TestServer) {
        for path in METADATA {
            let statement = server.ask("GET", path, &[]).await.expect(200);
            let tag = statement.header("etag").to_owned();
            assert!(tag.starts_with("W/\""), "{tag}");
            for known in [tag.clone(), format!("\"other\", {tag}"), tag[2..].to_owned(), "*".to_owned()] {
                let answer = server.ask("GET", path, &[("if-none-match", &known)]).await.expect(304);
                assert_eq!((answer.text.as_str(), answer.header("etag")), ("", tag.as_str()));
            }
            let answer = server.ask("GET", path, &[("if-none-match", "W/\"1\"")]).await.expect(200);
            assert_eq!(answer.text, statement.text);
        }
    }

    async fn if_unmodified_since_in_the_past_returns_412(server: TestServer) {
        let body = regulator(&[(T, U)]);
        // The clock of the tests begins on 2026-03-01, at 8.
        let (past, future) = ("Sun, 01 Mar 2026 07:00:00 GMT", "Sun, 01 Mar 2099 07:00:00 GMT");
        let path = account(T, U);
        // Where nothing is, nothing was modified.
        let created = server.write("PUT", &path, &[("if-unmodified-since", past)], &body).await.expect(201);
        let by_id = format!("/Practitioner/{}", created.id());
        let changed = with(&with(&body, "/id", created.id().into()), "/gender", "female".into());
        for path in [&path, &by_id] {
            for date in [past, "Sunday, 01-Mar-26 07:00:00 GMT", "Sun Mar  1 07:00:00 2026"] {
                let refused = server.write("PUT", path, &[("if-unmodified-since", date)], &changed).await;
                let refused = refused.refused(412, "http-precondition");
                assert!(refused.text.contains("http.If-Unmodified-Since"), "{}", refused.text);
            }
        }
        // To the second: the version is of a second and some milliseconds.
        let same_second = created.header("last-modified").to_owned();
        server.write("PUT", &path, &[("if-unmodified-since", &same_second)], &body).await.expect(200);
        for headers in [
            &[("if-unmodified-since", future)][..],
            &[("if-unmodified-since", "yesterday")],
            &[("if-unmodified-since", past), ("if-unmodified-since", past)],
            &[("if-unmodified-since", past), ("if-match", "W/\"1\"")],
        ] {
            server.write("PUT", &path, headers, &body).await.expect(200);
        }
    }

    async fn if_none_match_malformed_is_ignored_by_reads_and_refused_by_writes(server: TestServer) {
        let body = regulator(&[(T, U)]);
        let created = server.put(&account(T, U), &body).await.expect(201);
        // fhirpy sends the bare number of a version.
        for tag in ["1", "W/1", "x"] {
            for path in [format!("/Practitioner/{}", created.id()), format!("/Practitioner/{}/_history/1", created.id())] {
                let read = server.request("GET", &path, &[("if-none-match", tag)], "").await.expect(200);
                assert_eq!(read.text, created.text);
            }
            server.write("PUT", &account(T, U), &[("if-none-match", tag)], &body).await.refused(400, "http-header");
        }
    }

    async fn content_encoding_empty_is_accepted_and_another_returns_415(server: TestServer) {
        let path = account(T, U);
        let body = regulator(&[(T, U)]);
        for (index, encoding) in ["", "identity", "Identity, identity", " , "].into_iter().enumerate() {
            let written = server.write("PUT", &path, &[("content-encoding", encoding)], &body).await;
            written.expect(if index == 0 { 201 } else { 200 });
        }
        for encoding in ["gzip", "identity, gzip", "br", "x"] {
            let refused = server.write("PUT", &path, &[("content-encoding", encoding)], &body).await;
            let refused = refused.refused(415, "http-content-encoding");
            assert_eq!(refused.header("accept-encoding"), "identity", "{encoding}");
        }
        let refused = server.write("PUT", &path, &[("content-type", "text/plain")], &body).await;
        assert_eq!(refused.header("accept-encoding"), "");
    }

    async fn if_none_exist_may_be_the_whole_url_of_the_search(server: TestServer) {
        let body = regulator(&[(T, U)]);
        let create = async |criterion: String| server.write("POST", "/Practitioner", &[("if-none-exist", &criterion)], &body).await;
        let query = format!("identifier={T}|{U}");
        let created = create(format!("http://other.localhost/fhir/Practitioner?{query}")).await.expect(201);
        for url in ["", "?", "Practitioner?", "/Practitioner?", "/fhir/Practitioner?", "https://proxy.example/sas/Practitioner?"] {
            let found = create(format!("{url}{query}")).await.expect(200);
            assert_eq!(found.id(), created.id(), "{url}");
        }
        let escaped = query.replace(':', "%3A").replace('|', "%7C");
        create(format!("http://other.localhost/fhir/Practitioner?{escaped}")).await.expect(200);
        create("identifier=urn:x|a?b".to_owned()).await.refused(422, "identifier-duplicate");
        for criterion in [
            format!("http://other.localhost/fhir/Appointment?{query}"),
            format!("Patient?{query}"),
            format!("practitioner?{query}"),
            format!("http://other.localhost/fhir?{query}"),
            format!("x?{query}"),
            "Practitioner?".to_owned(),
            "Practitioner?identifier=".to_owned(),
            format!("Practitioner?{query}&active="),
        ] {
            create(criterion).await.refused(400, "http-if-none-exist");
        }
    }

    async fn write_with_an_empty_or_unknown_parameter_returns_400(server: TestServer) {
        let body = regulator(&[(T, U)]);
        let created = server.put(&account(T, U), &body).await.expect(201);
        let (path, id) = (account(T, U), created.id());
        for (method, path) in [
            ("PUT", "/Practitioner".to_owned()),
            ("PUT", "/Practitioner?identifier=".to_owned()),
            ("PUT", "/Practitioner?identifier".to_owned()),
            ("PUT", format!("{path}&identifier=")),
            ("PUT", format!("{path}&active=")),
            ("PUT", format!("{path}&_count=")),
            ("PUT", format!("{path}&x=")),
            ("PUT", format!("/Practitioner/{id}?x=")),
            ("PUT", format!("/Practitioner/{id}?identifier=")),
            ("POST", "/Practitioner?identifier=".to_owned()),
            ("POST", "/Practitioner?x=".to_owned()),
        ] {
            let body = with(&body, "/id", id.as_str().into());
            let lenient = [("prefer", "handling=lenient")];
            for headers in [&[][..], &lenient] {
                server.write(method, &path, headers, &body).await.expect(400);
            }
        }
        assert_eq!(server.versions("Practitioner", &id).await, 1);
    }
}
