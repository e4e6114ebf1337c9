//! An exchange in a list, and its parts as pages show them.

use super::text::Text;
use super::time::milliseconds;
use crate::audit::AuditEvent;
use crate::storage::journal::JournalRow;

/// Characters of a request that a list shows.
const MAX_TARGET: usize = 300;

/// An exchange in a list.
pub struct ExchangeRow {
    pub link: String,
    pub at: String,
    /// The same for people, in UTC.
    pub time: String,
    pub request: String,
    pub status: String,
    pub class: &'static str,
    pub caller: String,
    pub rules: String,
    pub duration: String,
}

impl ExchangeRow {
    pub fn new(row: &JournalRow, text: &Text) -> Self {
        Self {
            link: format!("/console/exchanges/{}?number={}", row.request_id, row.id),
            time: time_of(&row.at),
            at: row.at.clone(),
            request: shortened(&request_line(&row.method, &row.target, text)),
            status: row.status.to_string(),
            class: class_of(row.status),
            caller: row.caller.clone().unwrap_or_default(),
            rules: row.rules.trim().to_owned(),
            duration: milliseconds(row.duration_us as f64 / 1e3, text),
        }
    }

    pub fn of_event(event: &AuditEvent, text: &Text) -> Self {
        Self {
            link: format!("/console/exchanges/{}", event.request_id),
            time: time_of(&event.at),
            at: event.at.clone(),
            request: format!("{} {}", event.interaction, event.resource_type.as_deref().unwrap_or_default()),
            status: event.status.to_string(),
            class: class_of(event.status.into()),
            caller: event.caller.name.clone().unwrap_or_default(),
            rules: event.rules.join(" "),
            duration: milliseconds(event.duration_ms, text),
        }
    }
}

/// Method and target, as far as they are kept.
pub fn request_line(method: &str, target: &str, text: &Text) -> String {
    match (method.is_empty(), target.is_empty()) {
        (true, _) => text.exchange_unreadable.to_owned(),
        (false, true) => format!("{method} {}", text.exchange_unrecognised),
        (false, false) => format!("{method} {target}"),
    }
}

/// The beginning of a long text.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TARGET) {
        Some((end, _)) => format!("{} […]", &text[..end]),
        None => text.to_owned(),
    }
}

/// A time as stored, for people.
pub fn time_of(at: &str) -> String {
    at.replacen('T', " ", 1).trim_end_matches('Z').to_owned()
}

/// The class of a status, for its colour.
fn class_of(status: i64) -> &'static str {
    match status {
        ..400 => "good",
        400..500 => "warn",
        _ => "bad",
    }
}
