//! The state of each webhook, the events that were passed over, and the lease of the instance that delivers.

use std::time::Duration;

use serde::Serialize;

use super::database::{Storage, Writer, on_reader};
use super::feed::Position;
use super::write_transaction::in_write_transaction;
use crate::storage::error::StorageError;

/// How far a webhook is, and how its receiver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryState {
    pub webhook: String,
    /// The log that `position` is a place of.
    pub log: String,
    /// Every event up to it was delivered, passed over, or is not wanted.
    pub position: Position,
    /// The number of commands that have changed the row.
    pub revision: i64,
    /// The number of those that have set the position.
    pub moves: i64,
    /// Why nothing is delivered until an operator resumes it; `None` while it is active.
    pub paused: Option<String>,
    /// Attempts at the event behind `position` that failed.
    pub attempts: i64,
    /// Since when: UTC text of fixed width, as all times here.
    pub failing_since: Option<String>,
    pub next_attempt: Option<String>,
    pub last: LastAnswer,
}

/// How the receiver answered last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LastAnswer {
    pub at: Option<String>,
    /// `None` if it gave no answer.
    pub status: Option<i64>,
    /// Why that is no success.
    pub error: Option<String>,
}

/// An event that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    pub webhook: String,
    pub position: Position,
    pub at: String,
    /// The status with which it was refused; `None` if there was no answer.
    pub status: Option<i64>,
}

/// A change by an operator.
#[derive(Clone, Debug)]
pub enum WebhookCommand<'a> {
    /// Delivers nothing until it is resumed.
    Pause { reason: &'a str },
    /// Delivers at once, as positions of this log.
    Resume { log: &'a str },
    /// Passes over this event.
    Skip(&'a DeadLetter),
    /// Goes back, or forward, to just behind this position.
    Replay { after: Position },
}

type Row = (
    String,
    String,
    i64,
    i64,
    i64,
    String,
    Option<String>,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
);

const SELECT: &str = "\
    SELECT name, log, position, revision, moves, state, reason, attempts, failing_since, next_attempt, last_at, last_status, \
           last_error \
    FROM webhook ORDER BY name";

const SELECT_ONE: &str = "\
    SELECT name, log, position, revision, moves, state, reason, attempts, failing_since, next_attempt, last_at, last_status, \
           last_error \
    FROM webhook WHERE name = $1";

/// `WHERE TRUE`: SQLite would take `ON` for that of a join.
const INSERT: &str = "\
    INSERT INTO webhook (name, log, position, revision, moves, state, attempts) \
    SELECT $1, $2, CASE WHEN $3 < head.position THEN $3 ELSE head.position END, 0, 0, 'active', 0 \
    FROM (SELECT COALESCE(MAX(position), 0) AS position FROM resource_version) AS head WHERE TRUE \
    ON CONFLICT (name) DO NOTHING";

const SAVE: &str = "\
    UPDATE webhook SET position = $1, state = $2, reason = $3, attempts = $4, failing_since = $5, next_attempt = $6, \
           last_at = $7, last_status = $8, last_error = $9 \
    WHERE name = $10 AND revision = $11 \
      AND EXISTS (SELECT 1 FROM lease WHERE lease.name = $12 AND lease.holder = $13)";

const INSERT_DEAD_LETTER: &str = "\
    INSERT INTO webhook_dead_letter (webhook, position, at, status) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (webhook, position) DO UPDATE SET at = excluded.at, status = excluded.status";

/// One process serves a SQLite file: what another has left behind is no lease.
const TAKE_LEASE_SQLITE: &str = "\
    INSERT INTO lease (name, holder, expires) \
    VALUES ($1, $2, CAST(unixepoch('subsec') * 1000 AS INTEGER) + $3) \
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires = excluded.expires";

const TAKE_LEASE_POSTGRES: &str = "\
    INSERT INTO lease (name, holder, expires) \
    VALUES ($1, $2, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $3) \
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires = excluded.expires \
    WHERE lease.holder = excluded.holder \
       OR lease.expires < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

/// The lease of the instance that delivers.
const LEASE: &str = "webhooks";

impl Storage {
    /// The state of every webhook that there ever was, by name.
    pub async fn webhooks(&self) -> Result<Vec<DeliveryState>, StorageError> {
        let rows: Vec<Row> = on_reader!(self, feed, reader => sqlx::query_as(SELECT).fetch_all(reader).await)?;
        Ok(rows.into_iter().map(DeliveryState::from_row).collect())
    }

    /// The state of one webhook.
    pub async fn webhook(&self, name: &str) -> Result<Option<DeliveryState>, StorageError> {
        let row: Option<Row> =
            on_reader!(self, feed, reader => sqlx::query_as(SELECT_ONE).bind(name).fetch_optional(reader).await)?;
        Ok(row.map(DeliveryState::from_row))
    }

    /// Adds a webhook that begins behind this position, or at the end of the log. One that is there stays as it is.
    pub async fn add_webhook(&self, name: &str, log: &str, after: Option<Position>) -> Result<(), StorageError> {
        let after = after.unwrap_or(Position::MAX);
        in_write_transaction!(self, transaction => {
            sqlx::query(INSERT).bind(name).bind(log).bind(after).execute(&mut *transaction).await?;
        });
        Ok(())
    }

    /// Saves the state, with the event that was passed over, unless a command has changed the row meanwhile, or this holder has
    /// no lease: then nothing is saved, and the answer is `false`.
    pub async fn save_delivery(
        &self,
        state: &DeliveryState,
        dead_letter: Option<&DeadLetter>,
        holder: &str,
    ) -> Result<bool, StorageError> {
        let (name, reason) = (&state.webhook, state.paused.as_deref());
        let activity = if reason.is_some() { "paused" } else { "active" };
        let LastAnswer { at, status, error } = &state.last;
        Ok(in_write_transaction!(self, transaction => {
            let query = sqlx::query(SAVE).bind(state.position).bind(activity).bind(reason).bind(state.attempts);
            let query = query.bind(&state.failing_since).bind(&state.next_attempt).bind(at).bind(*status).bind(error);
            let query = query.bind(name).bind(state.revision).bind(LEASE).bind(holder);
            let is_saved = query.execute(&mut *transaction).await?.rows_affected() == 1;
            if let Some(letter) = dead_letter.filter(|_| is_saved) {
                let query = sqlx::query(INSERT_DEAD_LETTER).bind(&letter.webhook).bind(letter.position);
                query.bind(&letter.at).bind(letter.status).execute(&mut *transaction).await?;
            }
            is_saved
        }))
    }

    /// Changes a webhook; whether there is one with this name.
    pub async fn command_webhook(&self, name: &str, command: &WebhookCommand<'_>) -> Result<bool, StorageError> {
        let pause = "UPDATE webhook SET revision = revision + 1, state = 'paused', reason = $2 WHERE name = $1";
        let resume = "UPDATE webhook SET revision = revision + 1, state = 'active', reason = NULL, attempts = 0, \
            next_attempt = NULL, log = $2, \
            position = CASE WHEN webhook.position < head.position THEN webhook.position ELSE head.position END \
            FROM (SELECT COALESCE(MAX(position), 0) AS position FROM resource_version) AS head WHERE name = $1";
        // What comes next is another event, of which nothing failed yet.
        let go_to = "UPDATE webhook SET revision = revision + 1, moves = moves + 1, position = $2, attempts = 0, next_attempt = NULL \
            WHERE name = $1";
        let forget = "DELETE FROM webhook_dead_letter WHERE webhook = $1 AND position > $2";
        Ok(in_write_transaction!(self, transaction => {
            let query = match command {
                WebhookCommand::Pause { reason } => sqlx::query(pause).bind(name).bind(*reason),
                WebhookCommand::Resume { log } => sqlx::query(resume).bind(name).bind(*log),
                WebhookCommand::Skip(letter) => {
                    let query = sqlx::query(INSERT_DEAD_LETTER).bind(&letter.webhook).bind(letter.position);
                    query.bind(&letter.at).bind(letter.status).execute(&mut *transaction).await?;
                    sqlx::query(go_to).bind(name).bind(letter.position)
                }
                WebhookCommand::Replay { after } => {
                    // They are delivered, or passed over again.
                    sqlx::query(forget).bind(name).bind(*after).execute(&mut *transaction).await?;
                    sqlx::query(go_to).bind(name).bind(*after)
                }
            };
            query.execute(&mut *transaction).await?.rows_affected() == 1
        }))
    }

    /// The newest events that were passed over, oldest first: of one webhook, or of all.
    pub async fn dead_letters(&self, webhook: Option<&str>, limit: i64) -> Result<Vec<DeadLetter>, StorageError> {
        let sql = "SELECT webhook, position, at, status FROM webhook_dead_letter \
            WHERE webhook = COALESCE($1, webhook) ORDER BY at DESC, webhook, position DESC LIMIT $2";
        let rows: Vec<(String, i64, String, Option<i64>)> =
            on_reader!(self, feed, reader => sqlx::query_as(sql).bind(webhook).bind(limit).fetch_all(reader).await)?;
        let letters = rows.into_iter().rev();
        Ok(letters.map(|(webhook, position, at, status)| DeadLetter { webhook, position, at, status }).collect())
    }

    /// The position before the first version that was written at this time or later.
    ///
    /// Positions increase with time, but for the differences between the clocks of the instances, which are not indexed by it.
    pub async fn position_before(&self, time: &str) -> Result<Position, StorageError> {
        let sql = "SELECT last_updated FROM resource_version WHERE position >= $1 ORDER BY position LIMIT 1";
        let (mut low, mut high) = (1, self.head().await? + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let found: Option<String> =
                on_reader!(self, feed, reader => sqlx::query_scalar(sql).bind(middle).fetch_optional(reader).await)?;
            match found.is_some_and(|found| *found < *time) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low - 1)
    }

    /// Takes the lease for this long, or renews it, unless another instance has it; whether this holder has it now.
    pub async fn take_webhook_lease(&self, holder: &str, duration: Duration) -> Result<bool, StorageError> {
        let sql = match &self.writer {
            Writer::Sqlite(_) => TAKE_LEASE_SQLITE,
            Writer::Postgres(_) => TAKE_LEASE_POSTGRES,
        };
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Ok(in_write_transaction!(self, transaction => {
            let query = sqlx::query(sql).bind(LEASE).bind(holder).bind(milliseconds);
            query.execute(&mut *transaction).await?.rows_affected() == 1
        }))
    }

    /// Gives the lease back, for the next instance.
    pub async fn release_webhook_lease(&self, holder: &str) -> Result<(), StorageError> {
        let sql = "DELETE FROM lease WHERE name = $1 AND holder = $2";
        in_write_transaction!(self, transaction => {
            sqlx::query(sql).bind(LEASE).bind(holder).execute(&mut *transaction).await?;
        });
        Ok(())
    }
}

impl DeliveryState {
    fn from_row(row: Row) -> Self {
        let (
            webhook,
            log,
            position,
            revision,
            moves,
            state,
            reason,
            attempts,
            failing_since,
            next_attempt,
            at,
            status,
            error,
        ) = row;
        Self {
            webhook,
            log,
            position,
            revision,
            moves,
            paused: (state != "active").then(|| reason.unwrap_or_default()),
            attempts,
            failing_since,
            next_attempt,
            last: LastAnswer { at, status, error },
        }
    }
}
