//! `webhooks listen`: a receiver to try webhooks with.

use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::command::failure::Failure;
use crate::command::terminal;
use crate::config::Config;
use crate::config::webhooks::Listen;
use crate::webhook::{Secret, read_secrets};

/// Maximum bytes of an event: more than a resource with `SAS_MAX_BODY` at its maximum.
const MAX_BODY_BYTES: usize = 80 << 20;

/// Receives until Ctrl-C.
pub async fn listen(arguments: &Listen, config: &Config) -> Result<ExitCode, Failure> {
    let secrets = match &arguments.secret_file {
        Some(file) => read_secrets(file)?,
        None => {
            let configured: Result<Vec<_>, _> = config.webhooks.iter().map(|webhook| webhook.secrets.read()).collect();
            configured?.concat()
        }
    };
    if secrets.is_empty() {
        return Err("no secret to verify with: give --secret-file, or a settings file with a [[webhook]]".into());
    }
    let listener = TcpListener::bind(arguments.address).await;
    let listener = listener.map_err(|error| format!("cannot listen on {}: {error}", arguments.address))?;
    eprintln!("Listening for webhooks on http://{}/ (Ctrl-C ends it).", listener.local_addr()?);
    let (secrets, json): (Arc<[Secret]>, _) = (secrets.into(), arguments.json);
    let receive = async move |headers: HeaderMap, body: Bytes| receive(&secrets, json, &headers, &body);
    let router = Router::new().fallback(receive).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(ExitCode::SUCCESS)
}

fn receive(secrets: &[Secret], json: bool, headers: &HeaderMap, body: &[u8]) -> StatusCode {
    if !secrets.iter().any(|secret| secret.has_signed(body, headers)) {
        eprintln!("401: no secret has signed this, or not within five minutes");
        return StatusCode::UNAUTHORIZED;
    }
    let text = String::from_utf8_lossy(body);
    match json {
        true => println!("{}", terminal::json(&text)),
        false => println!("{}", terminal::cell(&describe(&text, headers))),
    }
    StatusCode::NO_CONTENT
}

/// One line, which names no person.
fn describe(text: &str, headers: &HeaderMap) -> String {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = &message["data"];
    let Some(position) = data["position"].as_i64() else {
        return format!("{}  {}  {id}", word(&message["timestamp"]), word(&message["type"]));
    };
    let types = data["types"].as_array().map(|types| types.iter().map(word).collect::<Vec<_>>().join(" "));
    let (resource_type, resource, version) = (word(&data["resourceType"]), word(&data["id"]), &data["version"]);
    let types = types.unwrap_or_default();
    format!("{}  {position}  {types}  {resource_type}/{resource} version {version}  {id}", word(&message["timestamp"]))
}
