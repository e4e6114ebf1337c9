//! A bad request with its expected refusal.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};

use super::*;

/// A bad request, and how it is refused.
pub struct Case {
    pub name: String,
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub body: Vec<u8>,
    pub status: u16,
    pub rule: &'static str,
    pub allow: Option<&'static str>,
}

pub fn request(method: &'static str, path: impl Into<String>) -> Case {
    let path = path.into();
    Case { name: String::new(), method, path, headers: vec![], body: vec![], status: 0, rule: "", allow: None }
}

/// `GET` below the base.
pub fn get(path: &str) -> Case {
    request("GET", format!("/fhir{path}"))
}

/// `POST` below the base.
pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Case {
    request("POST", format!("/fhir{path}")).header("content-type", "application/json").body(body)
}

/// `PUT` below the base.
pub fn put(path: &str, body: impl Into<Vec<u8>>) -> Case {
    request("PUT", format!("/fhir{path}")).header("content-type", "application/json").body(body)
}

impl Case {
    /// Adds to the path.
    pub fn at(mut self, rest: &str) -> Self {
        self.path += rest;
        self
    }

    /// Adds a header, or replaces it.
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.and_header(name, value)
    }

    /// Adds a header beside those of that name.
    pub fn and_header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name, value.as_ref().to_vec()));
        self
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The answer to be expected.
    pub fn refused(self, name: impl Into<String>, status: u16, rule: &'static str) -> Self {
        Self { name: name.into(), status, rule, ..self }
    }

    /// A method that the path does not serve.
    pub fn not_allowed(self, allow: &'static str) -> Self {
        let name = format!("{} {}", self.method, self.path);
        Self { allow: Some(allow), ..self.refused(name, 405, "http-method") }
    }

    /// What is wrong with the answer, if anything is.
    pub async fn check(self, server: &TestServer, request_id: &str) -> Result<(), String> {
        let mut request = Request::builder().method(self.method).uri(&self.path).header("x-request-id", request_id);
        if self.headers.iter().all(|(name, _)| *name != "host") {
            request = request.header(header::HOST, "other.localhost");
        }
        for (name, value) in self.headers {
            request = request.header(name, HeaderValue::from_bytes(&value).expect("a header value"));
        }
        let answer = server.send(request.body(Body::from(self.body)).expect("a request")).await;
        let wrong = |what: String| Err(format!("{}: {what}", self.name));
        let (status, name) = (answer.status.as_u16(), answer.header("x-request-id"));
        if (status, name) != (self.status, request_id) {
            return wrong(format!("{status} for {}, {name}: {:.400}", self.status, answer.text));
        }
        assert_operation_outcome(&answer);
        let rules = answer.rules();
        if !rules.iter().any(|rule| rule == self.rule) {
            return wrong(format!("{rules:?} for {}", self.rule));
        }
        let allow: Vec<_> = answer.headers.get_all(header::ALLOW).iter().collect();
        if allow != self.allow.into_iter().collect::<Vec<_>>() {
            return wrong(format!("{allow:?} for {:?}", self.allow));
        }
        for issue in answer.json()["issue"].as_array().expect("issues") {
            let text = issue["details"]["text"].as_str().expect("a sentence");
            if text.contains(['{', '}']) || !text.ends_with('.') {
                return wrong(format!("not a whole sentence: {text}"));
            }
        }
        Ok(())
    }
}

pub const FORM: &str = "application/x-www-form-urlencoded";
