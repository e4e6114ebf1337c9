//! The place of one webhook in the log, in memory and in the database.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::context::Context;
use super::settings::Webhook;
use crate::storage::StorageError;
use crate::storage::feed::Position;
use crate::storage::webhook::{DeadLetter, DeliveryState};

/// Progress is saved after so many events, or this time, whichever comes first: after a crash, what lies between is delivered
/// again.
const MAX_UNSAVED_EVENTS: usize = 100;
const MAX_UNSAVED_TIME: Duration = Duration::from_millis(200);

/// Between two looks for a command of an operator, while there is nothing to save.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A row of the table of webhooks, with what is not saved yet.
pub struct Cursor {
    context: Arc<Context>,
    pub state: DeliveryState,
    unsaved_since: Option<Instant>,
    unsaved_events: usize,
    next_look: Instant,
}

impl Cursor {
    /// Reads the row, which is made where it is missing.
    pub async fn open(context: Arc<Context>, webhook: &Webhook) -> Result<Self, StorageError> {
        context.add(webhook).await?;
        let (deadline, storage) = context.storage();
        let state = deadline.limit(storage.webhook(&webhook.name)).await?;
        let state = state.ok_or_else(|| StorageError::internal("the row of a webhook has vanished"))?;
        let next_look = Instant::now() + LOOK_INTERVAL;
        Ok(Self { context, state, unsaved_since: None, unsaved_events: 0, next_look })
    }

    /// Goes on to this position.
    pub fn advance(&mut self, position: Position) {
        if position > self.state.position {
            self.state.position = position;
            self.unsaved_events += 1;
            self.unsaved_since.get_or_insert_with(Instant::now);
        }
    }

    /// When it must be saved, or looked at.
    pub fn due(&self) -> Instant {
        match self.unsaved_since {
            Some(_) if self.unsaved_events >= MAX_UNSAVED_EVENTS => Instant::now(),
            Some(since) => since + MAX_UNSAVED_TIME,
            None => self.next_look,
        }
    }

    /// Saves the progress, or looks for a command, if that is due.
    pub async fn sync(&mut self) -> Result<(), StorageError> {
        if self.due() > Instant::now() {
            return Ok(());
        }
        if self.unsaved_since.is_some() {
            return self.save(None).await;
        }
        self.next_look = Instant::now() + LOOK_INTERVAL;
        let row = self.read().await?;
        if row.revision != self.state.revision {
            self.adopt(row);
        }
        Ok(())
    }

    /// Saves what is not saved yet.
    pub async fn finish(&mut self) -> Result<(), StorageError> {
        if self.unsaved_since.is_some() { self.save(None).await } else { Ok(()) }
    }

    /// Saves the state as it is, with an event that was passed over.
    pub async fn save(&mut self, dead_letter: Option<&DeadLetter>) -> Result<(), StorageError> {
        loop {
            let (deadline, storage) = self.context.storage();
            let saving = storage.save_delivery(&self.state, dead_letter, &self.context.holder);
            if deadline.limit(saving).await? {
                self.settle();
                return Ok(());
            }
            let row = self.read().await?;
            if row.revision == self.state.revision {
                return Err(StorageError::internal("another instance has the lease of the webhooks"));
            }
            self.adopt(row);
            if self.unsaved_since.is_none() {
                return Ok(());
            }
        }
    }

    async fn read(&self) -> Result<DeliveryState, StorageError> {
        let (deadline, storage) = self.context.storage();
        let row = deadline.limit(storage.webhook(&self.state.webhook)).await?;
        row.ok_or_else(|| StorageError::internal("the row of a webhook has vanished"))
    }

    /// Takes over what a command has changed. Progress that is not saved yet is kept, unless the command has moved the place.
    fn adopt(&mut self, row: DeliveryState) {
        let is_moved = row.moves != self.state.moves || row.log != self.state.log;
        let before = std::mem::replace(&mut self.state, row);
        if is_moved || self.unsaved_since.is_none() {
            self.settle();
            return;
        }
        self.state.position = before.position;
        (self.state.attempts, self.state.failing_since, self.state.next_attempt) = (0, None, None);
    }

    fn settle(&mut self) {
        self.unsaved_since = None;
        self.unsaved_events = 0;
        self.next_look = Instant::now() + LOOK_INTERVAL;
    }
}
