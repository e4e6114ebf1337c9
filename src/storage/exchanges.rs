//! The table of audit events: added with the changes they describe, looked up by identifier and by resource.

use std::collections::BTreeSet;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::database::{Storage, on_reader};
use super::event_batch::RUN;
use super::write_set::{StateKeys, WriteSet};
use super::write_transaction::in_write_transaction;
use crate::audit::{AuditEvent, Key, LookupKey};
use crate::fhir::date::instant;
use crate::fhir::identifier::Identifier;
use crate::storage::error::StorageError;

/// Maximum events that one transaction removes: writes wait for it.
const MAX_PURGED_EVENTS: i64 = 500;
/// Maximum events that are searched for old ones, from the lowest number. Events that were committed late, or while the
/// clock was ahead, have lower numbers than older ones and must not hide them.
const MAX_PURGE_CANDIDATES: i64 = 20_000;
/// Maximum runs of lookup keys that one transaction removes: more than these events fill.
const MAX_PURGED_RUNS: i64 = 8;
/// Events read at once.
const PAGE: i64 = 500;
/// Events are numbered in the order of commits: an event that waited while the database was away has a higher number
/// than later ones. This exceeds the number of events that can wait.
const MAX_LATE_EVENTS: usize = 4096;
/// The same, for statements.
const LATE_EVENTS: i64 = 4096;
/// Between the time in a request id of ours and that of the event: two readings of the same clock, which may be set in between.
const REQUEST_TIME: SignedDuration = SignedDuration::from_secs(5);

const SELECT_KEY: &str = "SELECT value FROM note WHERE name = 'exchanges-key'";

/// Which events to read.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Events under any of these keys; empty: all.
    pub lookup_keys: Vec<LookupKey>,
    /// From this time on, as stored.
    pub since: Option<String>,
    /// Before this time, as stored.
    pub until: Option<String>,
    /// With a lower number: where the last page has ended.
    pub before: Option<i64>,
    /// Maximum number of events.
    pub limit: usize,
    /// Reads on no longer than this.
    pub end: Option<Instant>,
}

/// Some of the events, and how far the log was read.
#[derive(Debug, Default)]
pub struct AuditPage {
    /// Oldest first.
    pub events: Vec<AuditEvent>,
    /// The lowest number that was read, where there may be more events before it.
    pub reached: Option<i64>,
}

impl AuditQuery {
    fn is_within(&self, event: &AuditEvent) -> bool {
        self.since.as_ref().is_none_or(|since| event.at >= *since)
            && self.until.as_ref().is_none_or(|until| event.at < *until)
    }

    fn has_ended(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }
}

impl Storage {
    /// Adds events that describe no change.
    pub async fn add_events(&self, events: &[AuditEvent]) -> Result<(), StorageError> {
        self.write(&StateKeys::default(), events, |_| WriteSet::default()).await
    }

    /// Writes a few bytes, to see whether anything can be written.
    pub async fn try_writing(&self, now: &str) -> Result<(), StorageError> {
        let sql = "INSERT INTO note (name, value) VALUES ('written', $1) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        in_write_transaction!(self, transaction => {
            sqlx::query(sql).bind(now).execute(&mut *transaction).await?;
        });
        Ok(())
    }

    /// The key of the hashes if none is configured: generated once, and stored in the database.
    pub async fn exchanges_key(&self) -> Result<Key, StorageError> {
        if let Some(kept) = self.kept_exchanges_key().await? {
            return Ok(kept);
        }
        let new = Key::random().map_err(StorageError::internal)?;
        let insert = "INSERT INTO note (name, value) VALUES ('exchanges-key', $1) ON CONFLICT (name) DO NOTHING";
        // Another instance may be first.
        let kept: String = in_write_transaction!(self, transaction => {
            sqlx::query(insert).bind(new).execute(&mut *transaction).await?;
            sqlx::query_scalar(SELECT_KEY).fetch_one(&mut *transaction).await?
        });
        Ok(Key::from_bytes(kept.as_bytes()))
    }

    /// The stored key, if there is one.
    pub async fn kept_exchanges_key(&self) -> Result<Option<Key>, StorageError> {
        let kept: Option<String> =
            on_reader!(self, searches, reader => sqlx::query_scalar(SELECT_KEY).fetch_optional(reader).await)?;
        Ok(kept.map(|kept| Key::from_bytes(kept.as_bytes())))
    }

    /// Whether this key has the stored fingerprint; `None` where none is stored.
    pub async fn key_fingerprint_matches(&self, key: &Key) -> Result<Option<bool>, StorageError> {
        let select = "SELECT value FROM note WHERE name = 'exchanges-key-check'";
        let stored: Option<String> =
            on_reader!(self, searches, pool => sqlx::query_scalar(select).fetch_optional(pool).await)?;
        Ok(stored.map(|stored| stored == key.fingerprint()))
    }

    /// Stores the fingerprint of the key that makes hashes from now on.
    pub async fn set_key_fingerprint(&self, key: &Key) -> Result<(), StorageError> {
        let upsert = "INSERT INTO note (name, value) VALUES ('exchanges-key-check', $1) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        in_write_transaction!(self, transaction => {
            sqlx::query(upsert).bind(key.fingerprint()).execute(&mut *transaction).await?;
        });
        Ok(())
    }

    /// The newest events that match the query and that `keep` keeps, oldest first.
    pub async fn exchanges(
        &self,
        query: &AuditQuery,
        keep: impl Fn(&AuditEvent) -> bool,
    ) -> Result<Vec<AuditEvent>, StorageError> {
        Ok(self.exchanges_page(query, keep).await?.events)
    }

    /// The newest events that match the query and that `keep` keeps, and how far the log was read for them.
    pub async fn exchanges_page(
        &self,
        query: &AuditQuery,
        keep: impl Fn(&AuditEvent) -> bool,
    ) -> Result<AuditPage, StorageError> {
        let keep = |event: &AuditEvent| query.is_within(event) && keep(event);
        let mut page = match query.lookup_keys.is_empty() {
            true => self.scan_events(query, keep).await?,
            false => self.find_events(query, keep).await?,
        };
        page.events.reverse();
        Ok(page)
    }

    /// The newest events of all, newest first.
    async fn scan_events(
        &self,
        query: &AuditQuery,
        keep: impl Fn(&AuditEvent) -> bool,
    ) -> Result<AuditPage, StorageError> {
        let sql = "SELECT id, at, record FROM exchange WHERE id < $1 ORDER BY id DESC LIMIT $2";
        let (mut page, mut older) = (AuditPage { reached: query.before, events: vec![] }, 0);
        'pages: loop {
            let before = page.reached.unwrap_or(i64::MAX);
            let rows: Vec<(i64, String, String)> = on_reader!(self, searches, reader => sqlx::query_as(sql).bind(before).bind(PAGE).fetch_all(reader).await)?;
            let is_end = rows.is_empty();
            for (id, at, text) in rows {
                if page.events.len() == query.limit {
                    break 'pages;
                }
                page.reached = Some(id);
                let is_older = query.since.as_ref().is_some_and(|since| at < *since);
                older = if is_older { older + 1 } else { 0 };
                page.events.extend(parse_event(&text).filter(&keep));
            }
            if is_end || older >= MAX_LATE_EVENTS {
                page.reached = None;
                break;
            }
            if query.has_ended() {
                break;
            }
        }
        page.events.sort_by(|one, other| other.at.cmp(&one.at));
        Ok(page)
    }

    /// The newest events under the keys of the query, newest first.
    async fn find_events(
        &self,
        query: &AuditQuery,
        keep: impl Fn(&AuditEvent) -> bool,
    ) -> Result<AuditPage, StorageError> {
        let sql = "SELECT record FROM exchange WHERE id = $1";
        let mut page = AuditPage { reached: query.before, events: vec![] };
        let ids = self.find_by_keys(&query.lookup_keys).await?;
        for id in ids.range(..query.before.unwrap_or(i64::MAX)).rev() {
            // One at least, so that a page goes on where the last one has ended.
            if page.events.len() == query.limit || (page.reached != query.before && query.has_ended()) {
                return Ok(page);
            }
            page.reached = Some(*id);
            let text: Option<String> =
                on_reader!(self, searches, reader => sqlx::query_scalar(sql).bind(id).fetch_optional(reader).await)?;
            page.events.extend(text.as_deref().and_then(parse_event).filter(&keep));
        }
        Ok(AuditPage { reached: None, ..page })
    }

    /// The newest event of the request with this id. There is no index of these: the time in an id of ours (a UUID of version 7)
    /// says where to look first. Another one, or one that is not there, is looked for from the newest event on.
    ///
    /// # Errors
    /// [`StorageError::DeadlineExceeded`] where the log is longer than what is read in time: the event may exist.
    pub async fn event_of_request(&self, request_id: &str) -> Result<Option<AuditEvent>, StorageError> {
        if let Some(time) = time_of_id(request_id)
            && let Some(event) = self.event_of_request_at(request_id, time).await?
        {
            return Ok(Some(event));
        }
        let query = AuditQuery { limit: 1, ..AuditQuery::default() };
        Ok(self.exchanges(&query, |event| event.request_id == request_id).await?.pop())
    }

    /// The newest event of the request with this id that began at about this time.
    pub async fn event_of_request_at(
        &self,
        request_id: &str,
        time: Timestamp,
    ) -> Result<Option<AuditEvent>, StorageError> {
        let bound = |time: Result<Timestamp, _>| time.map(instant).map_err(StorageError::internal);
        let (since, until) = (bound(time.checked_sub(REQUEST_TIME))?, bound(time.checked_add(REQUEST_TIME))?);
        let last =
            "SELECT MAX(id), MIN(at) FROM (SELECT id, at FROM exchange WHERE id >= $1 ORDER BY id LIMIT $2) AS page";
        let select = "SELECT record FROM exchange WHERE id >= $1 AND id <= $2 AND at >= $3 AND at < $4 ORDER BY id";
        let (mut first, mut found) = (self.first_event_since(&since).await?, None);
        loop {
            let page: (Option<i64>, Option<String>) = on_reader!(self, searches, reader => sqlx::query_as(last).bind(first).bind(LATE_EVENTS).fetch_one(reader).await)?;
            let (Some(last), Some(oldest)) = page else { return Ok(found) };
            let texts: Vec<String> = on_reader!(self, searches, reader => {
                let query = sqlx::query_scalar(select).bind(first).bind(last).bind(&since).bind(&until);
                query.fetch_all(reader).await
            })?;
            let events = texts.iter().filter_map(|text| parse_event(text));
            found = events.rev().find(|event| event.request_id == request_id).or(found);
            if oldest >= until {
                return Ok(found);
            }
            first = last + 1;
        }
    }

    /// A number before which no event is from this time on, but for those that were committed late: a binary search, as events
    /// are numbered in about the order of time.
    async fn first_event_since(&self, since: &str) -> Result<i64, StorageError> {
        let ends = "SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id), 0) FROM exchange";
        // Among as many events, one is not late.
        let newest = "SELECT MAX(at) FROM (SELECT at FROM exchange WHERE id >= $1 ORDER BY id LIMIT $2) AS page";
        let (mut low, mut high): (i64, i64) =
            on_reader!(self, searches, reader => sqlx::query_as(ends).fetch_one(reader).await)?;
        while high - low > LATE_EVENTS {
            let middle = low.midpoint(high);
            let newest: Option<String> = on_reader!(self, searches, reader => sqlx::query_scalar(newest).bind(middle).bind(LATE_EVENTS).fetch_one(reader).await)?;
            match newest.is_some_and(|newest| newest.as_str() < since) {
                true => low = middle,
                false => high = middle,
            }
        }
        Ok(low)
    }

    /// The numbers of the events under any of these keys, run by run.
    async fn find_by_keys(&self, keys: &[LookupKey]) -> Result<BTreeSet<i64>, StorageError> {
        let sql = "WITH RECURSIVE run(number) AS ( \
                 SELECT MIN(run) FROM exchange_subject \
                 UNION ALL \
                 SELECT number + 1 FROM run WHERE number < (SELECT MAX(run) FROM exchange_subject) \
             ) \
             SELECT s.exchange FROM run CROSS JOIN exchange_subject s WHERE s.run = run.number AND s.subject = $1";
        let mut found = BTreeSet::new();
        for key in keys {
            let ids: Vec<i64> =
                on_reader!(self, searches, reader => sqlx::query_scalar(sql).bind(key.0).fetch_all(reader).await)?;
            found.extend(ids);
        }
        Ok(found)
    }

    /// The resources that hold this identifier, or held it: type and id.
    pub async fn holders(&self, identifier: &Identifier) -> Result<Vec<(String, String)>, StorageError> {
        let sql = "SELECT resource_type, resource_id FROM identifier \
             WHERE value = $1 AND system = $2 AND hold IN ('held', 'released')";
        let Identifier { system, value } = identifier;
        Ok(on_reader!(self, searches, reader => sqlx::query_as(sql).bind(value).bind(system).fetch_all(reader).await)?)
    }

    /// Removes some of the events that are older than this, with their lookup keys. Returns their number: 0 if none is
    /// left.
    pub async fn purge_exchanges(&self, before: &str) -> Result<u64, StorageError> {
        let purge = "DELETE FROM exchange WHERE id IN ( \
                 SELECT id FROM (SELECT id, at FROM exchange ORDER BY id LIMIT $2) AS first WHERE at < $1 LIMIT $3)";
        let keys = "DELETE FROM exchange_subject WHERE run IN ( \
                 SELECT DISTINCT run FROM exchange_subject \
                 WHERE run < COALESCE((SELECT MIN(id) FROM exchange), $1) / $2 ORDER BY run LIMIT $3)";
        Ok(in_write_transaction!(self, transaction => {
            let query = sqlx::query(purge).bind(before).bind(MAX_PURGE_CANDIDATES).bind(MAX_PURGED_EVENTS);
            let purged = query.execute(&mut *transaction).await?.rows_affected();
            let query = sqlx::query(keys).bind(i64::MAX).bind(RUN).bind(MAX_PURGED_RUNS);
            query.execute(&mut *transaction).await?;
            purged
        }))
    }
}

/// The time in a request id of ours.
fn time_of_id(request_id: &str) -> Option<Timestamp> {
    let id = Uuid::try_parse(request_id).ok().filter(|id| id.get_version_num() == 7)?;
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    Timestamp::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?).ok()
}

/// Parses a stored event; one that a later release wrote in another form is skipped.
fn parse_event(text: &str) -> Option<AuditEvent> {
    serde_json::from_str(text).ok()
}
