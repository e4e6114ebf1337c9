//! What operators see of a webhook.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Serialize;

use crate::storage::feed::Position;
use crate::storage::webhook::{DeliveryState, LastAnswer};
use crate::storage::{Storage, StorageError};

/// The state of one webhook.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookStatus {
    pub name: String,
    /// `active`, `failing` or `paused`.
    pub state: &'static str,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Every event up to it was delivered, passed over, or is not wanted.
    pub position: Position,
    /// How many versions there are behind it.
    pub lag: Position,
    pub attempts: i64,
    pub failing_since: Option<String>,
    pub next_attempt: Option<String>,
    pub last_answer: LastAnswer,
}

impl WebhookStatus {
    /// The status of a webhook whose log ends here.
    pub fn new(state: DeliveryState, head: Position) -> Self {
        let DeliveryState { webhook, position, paused, attempts, failing_since, next_attempt, last, .. } = state;
        let activity = match (&paused, &failing_since) {
            (Some(_), _) => "paused",
            (None, Some(_)) => "failing",
            (None, None) => "active",
        };
        Self {
            name: webhook,
            state: activity,
            reason: paused,
            position,
            lag: (head - position).max(0),
            attempts,
            failing_since,
            next_attempt,
            last_answer: last,
        }
    }
}

/// Reads the states of the webhooks with these names, ordered by name.
pub async fn read_statuses(
    storage: &Storage,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<WebhookStatus>, StorageError> {
    let (rows, head) = (storage.webhooks().await?, storage.head().await?);
    let rows = rows.into_iter().filter(|row| is_wanted(&row.webhook));
    Ok(rows.map(|row| WebhookStatus::new(row, head)).collect())
}

/// The states of the configured webhooks, as of some seconds ago. The same on each instance.
#[derive(Clone, Default)]
pub struct Statuses(Arc<ArcSwap<Vec<WebhookStatus>>>);

impl Statuses {
    pub fn load(&self) -> Arc<Vec<WebhookStatus>> {
        self.0.load_full()
    }

    pub(super) fn store(&self, statuses: Vec<WebhookStatus>) {
        self.0.store(Arc::new(statuses));
    }
}
