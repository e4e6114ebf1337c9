//! `/console/api`: the same for programs, as JSON.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::home::Status;
use super::state::Console;
use crate::fhir::date::instant;

/// `GET /console/api/status`: what the first page shows.
pub async fn status(State(console): State<Arc<Console>>) -> impl IntoResponse {
    let Status { readiness, directory, webhooks } = Status::read(&console).await;
    let directory = directory.map(|marks| {
        let types = marks.unwrap_or_default().into_iter();
        types
            .map(|mark| json!({ "type": mark.resource_type.as_str(), "upToDateUntil": mark.mark.map(instant) }))
            .collect::<Value>()
    });
    let status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started": instant(console.started),
        "ready": readiness.is_ready(),
        "database": console.parts.endpoint.storage.description().to_string(),
        "directory": directory,
        "webhooks": webhooks,
    });
    ([(header::CONTENT_TYPE, "application/json")], format!("{status}\n"))
}
