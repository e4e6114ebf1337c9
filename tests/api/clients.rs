//! The requests of common FHIR clients, taken down from the clients themselves: `tests/fixtures/clients`.
//!
//! Each file holds requests in order, as `### name: expected status`, request line, headers, and body after an empty
//! line. `{key…}` stands for an identifier's value, `{id}` for the id of the first resource that is created, `{base}`
//! for the base URL.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;

use crate::on_both_databases;
use crate::server::*;

/// Sends each request of a client in turn.
async fn replay(server: &TestServer, requests: &str) {
    let (mut id, mut wrong, mut count) = (None, vec![], 0);
    for text in requests.split("### ").skip(1) {
        let (title, request) = text.split_once('\n').expect("a title");
        let (name, status) = title.rsplit_once(": ").expect("a status");
        let filled = request.replace("{id}", id.as_deref().unwrap_or("none")).replace("{base}", BASE);
        let filled = filled.replace("{key1}", KEYS[0]).replace("{key2}", KEYS[1]);
        let (head, body) = filled.trim_end().split_once("\n\n").unwrap_or((filled.trim_end(), ""));
        let mut lines = head.lines();
        let (method, url) = lines.next().and_then(|line| line.split_once(' ')).expect("a request line");
        let mut request = Request::builder().method(method).uri(url).header(header::HOST, "localhost");
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header");
            request = request.header(name, value);
        }
        let answer = server.send(request.body(Body::from(body.to_owned())).expect("a request")).await;
        if id.is_none() && !answer.id().is_empty() {
            id = Some(answer.id());
        }
        if answer.status.as_str() != status {
            wrong.push(format!("{name}: {} instead of {status}: {}", answer.status, answer.text));
        }
        count += 1;
    }
    assert!(count > 10, "{count} requests");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const KEYS: [&str; 2] = ["0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", "5d1c9a77-3b1e-4f5a-8a66-7a0f6c1d2b22"];

on_both_databases! { TestServer::tolerant;
    async fn clients_hapi_requests_are_served(server: TestServer) {
        replay(&server, include_str!("../fixtures/clients/hapi.http")).await;
    }

    async fn clients_fhirpy_requests_are_served(server: TestServer) {
        replay(&server, include_str!("../fixtures/clients/fhirpy.http")).await;
    }

    async fn clients_fhir_kit_client_requests_are_served(server: TestServer) {
        replay(&server, include_str!("../fixtures/clients/fhir-kit-client.http")).await;
    }

    async fn clients_smart_client_requests_are_served(server: TestServer) {
        replay(&server, include_str!("../fixtures/clients/fhirclient.http")).await;
    }
}
