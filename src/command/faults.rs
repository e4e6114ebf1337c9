//! `sas-endpoint faults …`: arms, lists and ends faults of a running instance, by the console's API.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::Value;

use super::failure::Failure;
use super::ops_client::{address_of, send};
use super::terminal;
use crate::config::faults_command::{Command, Faults};

/// An instance that does not respond within this time has a problem.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Runs one of the commands.
///
/// # Errors
/// A sentence that says what the instance refuses, or why it was not reached.
pub async fn faults(arguments: &Faults, ops_listen: SocketAddr) -> Result<ExitCode, Failure> {
    let api = Api { address: address_of(ops_listen), token: arguments.console_token.as_ref().map(|token| &*token.0) };
    match &arguments.command {
        Command::List(list) => {
            let faults = api.list().await?;
            if list.json {
                println!("{}", terminal::json(&serde_json::to_string_pretty(&faults)?));
            } else if faults.is_empty() {
                println!("No fault is armed.");
            } else {
                for fault in &faults {
                    println!("{}", terminal::cell(&line(fault)));
                }
            }
        }
        Command::Add(add) => {
            let fault = api.ask(Method::POST, "", Some(&add.json())).await?;
            println!("{}", terminal::cell(&line(&fault)));
        }
        Command::Clear(clear) => {
            let ids = match &clear.id {
                Some(id) => vec![id.clone()],
                None => api.list().await?.iter().map(|fault| text(fault, "id")).collect(),
            };
            let mut ended = 0;
            for id in &ids {
                let is_id = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                if !is_id {
                    return Err(format!("{id} is no id of a fault: `faults list` shows them").into());
                }
                match api.request(Method::DELETE, &format!("/{id}"), None).await? {
                    // One of all may have ended by itself.
                    (StatusCode::NOT_FOUND, _) if clear.id.is_none() => {}
                    answer => {
                        api.accepted(answer)?;
                        ended += 1;
                    }
                }
            }
            println!("{} ended.", if ended == 1 { "1 fault".to_owned() } else { format!("{ended} faults") });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A fault in one line: its id, what it does, and how long.
fn line(fault: &Value) -> String {
    let further = ["status", "retryAfter", "delay"].into_iter().filter(|name| !fault[*name].is_null());
    let further = further.map(|name| format!(" {name}={}", text(fault, name)));
    let matches = fault["match"].as_object().into_iter().flatten();
    let matches = matches.map(|(name, value)| format!(" {name}={}", value.as_str().unwrap_or_default()));
    let what: String = further.chain(matches).collect();
    let [id, kind, left, count, until] = ["id", "kind", "left", "count", "until"].map(|name| text(fault, name));
    format!("{id}  {kind}{what}  {left} of {count} left  until {until}")
}

/// A member as a text.
fn text(fault: &Value, name: &str) -> String {
    match &fault[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The console's API of an instance.
struct Api<'a> {
    address: SocketAddr,
    token: Option<&'a str>,
}

impl Api<'_> {
    async fn list(&self) -> Result<Vec<Value>, Failure> {
        let answer = self.ask(Method::GET, "", None).await?;
        Ok(answer["faults"].as_array().cloned().unwrap_or_default())
    }

    /// Sends a request below `/console/api/faults`; the JSON of the answer, or null where it has none.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.accepted(self.request(method, path, body).await?)
    }

    /// The same with its status, whatever that is.
    async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value), Failure> {
        let url = self.url();
        let mut request = Request::builder().method(method).uri(format!("/console/api/faults{path}"));
        request = request.header(header::ACCEPT_LANGUAGE, "en");
        if let Some(token) = self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = match body {
            Some(body) => {
                request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))?
            }
            None => request.body(Body::empty())?,
        };
        let answered = tokio::time::timeout(TIMEOUT, send(self.address, request)).await;
        let answered = answered.map_err(|_| format!("{url} did not respond within {TIMEOUT:?}"))?;
        let (status, answer) = answered.map_err(|error| format!("{url}: {error}; is an instance running?"))?;
        Ok((status, serde_json::from_slice(&answer).unwrap_or_default()))
    }

    fn url(&self) -> String {
        format!("http://{}/console/api/faults", self.address)
    }

    /// The answer, if it is a success.
    fn accepted(&self, (status, answer): (StatusCode, Value)) -> Result<Value, Failure> {
        match status {
            status if status.is_success() => Ok(answer),
            StatusCode::UNAUTHORIZED => {
                Err("the console asks for a token: set SAS_CONSOLE_TOKEN to that of a caller with the right console"
                    .into())
            }
            status => {
                let parts = ["error", "detail"].map(|name| answer[name].as_str().unwrap_or_default());
                Err(format!("{} responded with {status}: {}. {}", self.url(), parts[0], parts[1]).into())
            }
        }
    }
}
