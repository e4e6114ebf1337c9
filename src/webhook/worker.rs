//! Delivers the events of one webhook, in order, one at a time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::answer::{Answer, Verdict};
use super::context::Context;
use super::cursor::Cursor;
use super::message::Message;
use super::receiver::Receiver;
use super::retry::random;
use super::settings::{OnRefusal, Webhook};
use crate::error::Error;
use crate::feed::{Event, EventQuery};
use crate::fhir::date::instant;
use crate::storage::StorageError;
use crate::storage::webhook::{DeadLetter, LastAnswer};

/// Events that are read at once.
const PAGE_EVENTS: usize = 100;
/// A page ends with the event with which its contents reach this.
const PAGE_BYTES: usize = 4 << 20;

/// How long a failing database is left alone.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

/// Time for the delivery in progress when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

pub struct Worker {
    pub context: Arc<Context>,
    pub webhook: Arc<Webhook>,
    pub receiver: Arc<Receiver>,
    pub stopping: watch::Receiver<bool>,
}

impl Worker {
    /// Delivers until the server stops. A failing database is tried again.
    pub async fn run(self) {
        let (mut cursor, mut is_failing) = (None, false);
        while !*self.stopping.borrow() {
            let Err(error) = self.step(&mut cursor).await else {
                is_failing = false;
                continue;
            };
            if !std::mem::replace(&mut is_failing, true) {
                let causes = Error::from(error).causes();
                tracing::error!(webhook = self.webhook.name, "events wait for the database: {causes}");
            }
            let mut stopping = self.stopping.clone();
            tokio::select! {
                () = sleep(DATABASE_PAUSE) => {}
                _ = stopping.wait_for(|stop| *stop) => {}
            }
        }
        if let Some(cursor) = &mut cursor
            && let Err(error) = cursor.finish().await
        {
            let causes = Error::from(error).causes();
            tracing::warn!(webhook = self.webhook.name, "some events will be delivered again: {causes}");
        }
    }

    /// Delivers a page, or waits.
    async fn step(&self, cursor: &mut Option<Cursor>) -> Result<(), StorageError> {
        let cursor = match cursor {
            Some(cursor) => cursor,
            None => cursor.insert(Cursor::open(self.context.clone(), &self.webhook).await?),
        };
        cursor.sync().await?;
        if cursor.state.paused.is_some() {
            return self.wait(cursor, None, None).await;
        }
        if *cursor.state.log != *self.context.log {
            return self.pause(cursor, "the database was restored from a backup: its log is another".to_owned()).await;
        }
        if let Some(until) = self.next_attempt(cursor) {
            return self.wait(cursor, Some(until), None).await;
        }
        let query = EventQuery {
            after: cursor.state.position,
            limit: PAGE_EVENTS,
            max_bytes: PAGE_BYTES,
            filter: self.webhook.filter.clone(),
            content: self.webhook.content,
        };
        let (deadline, storage) = self.context.storage();
        let page = deadline.limit(self.context.head.read_page(&storage, &query, &self.context.base_url)).await?;
        if page.next == cursor.state.position && deadline.limit(storage.last_position()).await? < page.next {
            return self.pause(cursor, "its position is beyond the end of the log".to_owned()).await;
        }
        for event in &page.events {
            if *self.stopping.borrow() || !self.deliver(cursor, event).await? {
                return Ok(());
            }
        }
        // What lies between is not wanted.
        cursor.advance(page.next);
        if page.is_full {
            return Ok(());
        }
        self.wait(cursor, None, Some(page.rewinds)).await
    }

    /// Waits until this instant, or for an event behind a page with these `rewinds`, or for a command that changes the row, or
    /// the stop.
    async fn wait(
        &self,
        cursor: &mut Cursor,
        until: Option<Instant>,
        for_events: Option<u64>,
    ) -> Result<(), StorageError> {
        let revision = cursor.state.revision;
        let mut stopping = self.stopping.clone();
        loop {
            let due = cursor.due();
            let event = self.context.head.wait_beyond(cursor.state.position, for_events.unwrap_or_default());
            tokio::select! {
                () = sleep_until(until.map_or(due, |until| until.min(due))) => {}
                () = event, if for_events.is_some() => return Ok(()),
                _ = stopping.wait_for(|stop| *stop) => return Ok(()),
            }
            cursor.sync().await?;
            if cursor.state.revision != revision || until.is_some_and(|until| until <= Instant::now()) {
                return Ok(());
            }
        }
    }

    /// When the event at the head is tried again, if that is later.
    fn next_attempt(&self, cursor: &Cursor) -> Option<Instant> {
        let at: Timestamp = cursor.state.next_attempt.as_ref()?.parse().ok()?;
        let wait = at.duration_since(self.context.clock.now());
        let wait = Duration::try_from(wait).ok().filter(|wait| !wait.is_zero())?;
        // Also where the clock was set back.
        Some(Instant::now() + wait.min(self.context.policy.max_retry_after))
    }

    /// Delivers an event; whether the next one of the same page follows.
    async fn deliver(&self, cursor: &mut Cursor, event: &Event) -> Result<bool, StorageError> {
        let message = Message::of_event(&self.context.log, event).map_err(StorageError::internal)?;
        let Some(answer) = self.post(cursor, &message).await? else { return Ok(false) };
        let now = self.context.clock.now();
        let status = answer.status.map(i64::from);
        cursor.state.last = LastAnswer { at: Some(instant(now)), status, error: answer.error.clone() };
        let outcome = match (answer.verdict, self.webhook.on_refusal) {
            (Verdict::Delivered, _) => "delivered",
            (Verdict::Refused, OnRefusal::Skip) => "skipped",
            (Verdict::Refused, OnRefusal::Stop) => "refused",
            (Verdict::TryAgain(_) | Verdict::Pause, _) => "failed",
        };
        let name = self.webhook.name.clone();
        metrics::counter!("sas_webhook_deliveries_total", "webhook" => name, "outcome" => outcome).increment(1);
        match (answer.verdict, self.webhook.on_refusal) {
            (Verdict::Delivered, _) => {
                self.recover(cursor);
                cursor.advance(event.position);
                let moves = cursor.state.moves;
                cursor.sync().await?;
                return Ok(cursor.state.moves == moves && cursor.state.paused.is_none());
            }
            (Verdict::Refused, OnRefusal::Skip) => {
                let (webhook, position) = (self.webhook.name.clone(), event.position);
                tracing::warn!(webhook, position, "event passed over: {}", answer.sentence());
                self.recover(cursor);
                cursor.advance(position);
                let moves = cursor.state.moves;
                cursor.save(Some(&DeadLetter { webhook, position, at: instant(now), status })).await?;
                return Ok(cursor.state.moves == moves && cursor.state.paused.is_none());
            }
            (Verdict::Refused, OnRefusal::Stop) => {
                self.fail(cursor, &answer, now, self.context.policy.delay_of_refusal(random())).await?;
            }
            (Verdict::TryAgain(asked), _) => {
                let delay = self.context.policy.delay(cursor.state.attempts + 1, asked, random());
                self.fail(cursor, &answer, now, delay).await?;
            }
            (Verdict::Pause, _) => self.pause(cursor, answer.sentence().to_owned()).await?,
        }
        Ok(false)
    }

    /// Posts a message, and saves the progress meanwhile. `None` if the server stops first, or a command moves the place.
    async fn post(&self, cursor: &mut Cursor, message: &Message) -> Result<Option<Answer>, StorageError> {
        let moves = cursor.state.moves;
        let mut stopping = self.stopping.clone();
        let mut posting = pin!(self.receiver.post(message, self.context.clock.now()));
        let mut stopped = pin!(async {
            let _ = stopping.wait_for(|stop| *stop).await;
            sleep(STOP_TIMEOUT).await;
        });
        loop {
            tokio::select! {
                answer = &mut posting => return Ok((cursor.state.moves == moves).then_some(answer)),
                () = sleep_until(cursor.due()) => cursor.sync().await?,
                () = &mut stopped => return Ok(None),
            }
        }
    }

    /// The receiver accepts events.
    fn recover(&self, cursor: &mut Cursor) {
        let state = &mut cursor.state;
        if let Some(since) = state.failing_since.take() {
            tracing::info!(webhook = self.webhook.name, since, attempts = state.attempts, "deliveries succeed again");
        }
        (state.attempts, state.next_attempt) = (0, None);
    }

    async fn fail(
        &self,
        cursor: &mut Cursor,
        answer: &Answer,
        now: Timestamp,
        delay: Duration,
    ) -> Result<(), StorageError> {
        let state = &mut cursor.state;
        state.attempts += 1;
        let next = now.checked_add(SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX));
        state.next_attempt = next.ok().map(instant);
        if state.failing_since.is_none() {
            state.failing_since = Some(instant(now));
            tracing::warn!(webhook = self.webhook.name, "deliveries fail: {}", answer.sentence());
        }
        cursor.save(None).await
    }

    async fn pause(&self, cursor: &mut Cursor, reason: String) -> Result<(), StorageError> {
        tracing::warn!(
            webhook = self.webhook.name,
            reason,
            "webhook paused: `sas-endpoint webhooks resume` resumes it"
        );
        cursor.state.paused = Some(reason);
        cursor.save(None).await
    }
}
