//! What operators do with a webhook, by a command or in the console. A running instance sees a change within a second.

use jiff::Timestamp;

use super::answer::Answer;
use super::message::Message;
use super::receiver::Receiver;
use super::settings::Webhook;
use crate::feed::{EventQuery, read_page};
use crate::fhir::date::instant;
use crate::storage::feed::Position;
use crate::storage::webhook::{DeadLetter, WebhookCommand};
use crate::storage::{Storage, StorageError};

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// No instance has served this webhook.
    #[error("`serve` has not delivered a webhook “{0}” from this database")]
    NotStarted(String),
    #[error("the database was never served")]
    NeverServed,
    #[error("webhook “{0}” has delivered everything")]
    NothingToSkip(String),
    #[error("the log ends before position {0}")]
    BeyondEnd(Position),
    #[error("the start of a replay cannot be read")]
    UnreadableStart,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Where a replay begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayStart {
    Position(Position),
    Time(Timestamp),
}

/// Delivers nothing until it is resumed.
pub async fn pause(storage: &Storage, name: &str, reason: &str) -> Result<(), OperationError> {
    change(storage, name, &WebhookCommand::Pause { reason }).await
}

/// Delivers at once, where the webhook stands.
pub async fn resume(storage: &Storage, name: &str) -> Result<(), OperationError> {
    let log = storage.log_id().await?.ok_or(OperationError::NeverServed)?;
    change(storage, name, &WebhookCommand::Resume { log: &log }).await
}

/// Passes over the first event that the webhook wants; returns its position.
pub async fn skip(storage: &Storage, webhook: &Webhook, now: Timestamp) -> Result<Position, OperationError> {
    let name = &webhook.name;
    let state = storage.webhook(name).await?.ok_or_else(|| OperationError::NotStarted(name.clone()))?;
    let mut query = EventQuery {
        after: state.position,
        limit: 1,
        max_bytes: usize::MAX,
        filter: webhook.filter.clone(),
        content: webhook.content,
    };
    let position = loop {
        let page = read_page(storage, &query, "").await?;
        match page.events.into_iter().next() {
            Some(event) => break event.position,
            None if page.is_full => query.after = page.next,
            None => return Err(OperationError::NothingToSkip(name.clone())),
        }
    };
    let letter = DeadLetter { webhook: name.clone(), position, at: instant(now), status: state.last.status };
    change(storage, name, &WebhookCommand::Skip(&letter)).await?;
    Ok(position)
}

/// Delivers again from a position, or from a time, on; returns the position.
pub async fn replay(storage: &Storage, name: &str, from: ReplayStart) -> Result<Position, OperationError> {
    let after = match from {
        ReplayStart::Position(position) => (position - 1).max(0),
        ReplayStart::Time(time) => storage.position_before(&instant(time)).await?,
    };
    if after > storage.head().await? {
        return Err(OperationError::BeyondEnd(after + 1));
    }
    change(storage, name, &WebhookCommand::Replay { after }).await?;
    Ok(after + 1)
}

/// Posts a message that is no event.
///
/// # Errors
/// A sentence, if the secrets or the authorities of the webhook cannot be read.
pub async fn test(webhook: &Webhook, now: Timestamp) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let receiver = Receiver::new(webhook)?;
    let message = Message::of_test(format!("test-{}", crate::clock::new_uuid()), &instant(now))?;
    Ok(receiver.post(&message, now).await)
}

async fn change(storage: &Storage, name: &str, command: &WebhookCommand<'_>) -> Result<(), OperationError> {
    match storage.command_webhook(name, command).await? {
        true => Ok(()),
        false => Err(OperationError::NotStarted(name.to_owned())),
    }
}
