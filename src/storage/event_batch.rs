//! Audit events as a write transaction adds them.

use crate::audit::AuditEvent;

/// The events whose lookup keys are sorted together.
pub(super) const RUN: i64 = 128;

/// Events to insert, as JSON arrays.
pub(super) struct EventBatch {
    pub length: i64,
    /// One object each.
    pub events: String,
    /// One array of lookup keys each.
    pub keys: String,
}

impl EventBatch {
    pub(super) fn new<'a>(events: impl IntoIterator<Item = &'a AuditEvent>) -> Result<Self, sqlx::Error> {
        let events: Vec<_> = events.into_iter().collect();
        let keys: Vec<Vec<i64>> =
            events.iter().map(|event| event.lookup_keys().into_iter().map(|key| key.0).collect()).collect();
        let text = |json: serde_json::Result<String>| json.map_err(|error| sqlx::Error::Encode(error.into()));
        Ok(Self {
            length: i64::try_from(events.len()).unwrap_or(i64::MAX),
            keys: text(serde_json::to_string(&keys))?,
            events: text(serde_json::to_string(&events))?,
        })
    }
}
