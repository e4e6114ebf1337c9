//! Writes a batch to SQLite, in two messages to the thread of the connection: each takes tens of microseconds, as much
//! as several statements.

use serde::{Serialize, Serializer as _};

use super::state::{StateRow, select_state};
use crate::audit::AuditEvent;
use crate::fhir::date::instant;
use crate::fhir::identifier::Identifier;
use crate::storage::event_batch::{EventBatch, RUN};
use crate::storage::registry::Registry;
use crate::storage::sqlite::PooledConnection;
use crate::storage::write_set::{NewVersion, StateKeys, WriteSet};

const SELECT_STATE: &str = select_state! {
    before: "",
    system: "n.system",
    ids: "(SELECT value ->> 0 AS column1, value ->> 1 AS column2 FROM json_each($1)) AS k",
    identifiers: "(SELECT value ->> 0 AS column1, value ->> 1 AS column2, value ->> 2 AS column3 FROM json_each($2)) AS k",
    values: "(SELECT value ->> 0 AS column1, value ->> 1 AS column2 FROM json_each($3)) AS k"
};

/// Begins as [`crate::storage::sqlite::Connections::begin_write`].
const BEGIN_AND_SELECT_STATE: &str = select_state! {
    before: "BEGIN IMMEDIATE; ",
    system: "n.system",
    ids: "(SELECT value ->> 0 AS column1, value ->> 1 AS column2 FROM json_each($1)) AS k",
    identifiers: "(SELECT value ->> 0 AS column1, value ->> 1 AS column2, value ->> 2 AS column3 FROM json_each($2)) AS k",
    values: "(SELECT value ->> 0 AS column1, value ->> 1 AS column2 FROM json_each($3)) AS k"
};

/// Contents and changes are one value, `$2`, of which each version has two parts that follow one another: JSON would escape
/// and unescape every quote.
///
/// `WHERE true` tells `ON CONFLICT` from a join.
const STORE_AND_COMMIT: &str = concat!(
    "INSERT INTO resource_version (resource_type, id, version, last_updated, interaction, content, change) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
            CAST(substr($2, value ->> 5, value ->> 6) AS TEXT), \
            CAST(substr($2, value ->> 5 + value ->> 6, value ->> 7) AS TEXT) \
     FROM json_each($1); \
     INSERT INTO resource (resource_type, id, version, last_updated, content_hash, active, status, start) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7 \
     FROM json_each($3) WHERE true \
     ON CONFLICT (resource_type, id) DO UPDATE SET version = excluded.version, last_updated = excluded.last_updated, \
         content_hash = excluded.content_hash, active = excluded.active, status = excluded.status, \
         start = excluded.start; \
     DELETE FROM identifier WHERE rowid IN ( \
         SELECT i.rowid FROM json_each($4) AS k CROSS JOIN identifier i \
         WHERE i.resource_type = k.value ->> 0 AND i.resource_id = k.value ->> 1); \
     INSERT INTO identifier (resource_type, resource_id, system, value, hold) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($5); ",
    // Numbered from the largest on, in the order of the rows. Asked for the largest number, SQLite would read the whole
    // table for each batch.
    "INSERT INTO exchange (at, record) SELECT value ->> 'at', value FROM json_each($6); \
     INSERT INTO exchange_subject (run, subject, exchange) \
     SELECT (last_insert_rowid() - $8 + 1 + event.key) / $9, subject.value, last_insert_rowid() - $8 + 1 + event.key \
     FROM json_each($7) AS event CROSS JOIN json_each(event.value) AS subject \
     WHERE true ON CONFLICT DO NOTHING; \
     COMMIT",
);

/// Begins the transaction and reads the state of these keys.
pub(super) async fn begin_and_read(
    connection: &mut PooledConnection,
    keys: &StateKeys,
) -> Result<Vec<StateRow>, sqlx::Error> {
    let [ids, identifiers, values] = lists(keys)?;
    let query = sqlx::query_as(BEGIN_AND_SELECT_STATE).bind(ids).bind(identifiers).bind(values);
    query.fetch_all(connection.will_begin()).await
}

/// Reads the state of these keys outside a batch.
pub(super) async fn read(connection: &mut PooledConnection, keys: &StateKeys) -> Result<Vec<StateRow>, sqlx::Error> {
    let [ids, identifiers, values] = lists(keys)?;
    sqlx::query_as(SELECT_STATE).bind(ids).bind(identifiers).bind(values).fetch_all(&mut **connection).await
}

/// The lists of keys, as JSON.
fn lists(keys: &StateKeys) -> Result<[String; 3], sqlx::Error> {
    Ok([
        json(keys.ids.iter().map(|(resource_type, id)| (resource_type.as_str(), id.as_str())))?,
        json(keys.identifiers.iter().map(|(resource_type, identifier)| {
            (resource_type.as_str(), identifier.system.as_str(), identifier.value.as_str())
        }))?,
        json(keys.values.iter().map(|(resource_type, value)| (resource_type.as_str(), value)))?,
    ])
}

/// Stores what the batch has changed, and its events with those of `others`, and commits the transaction.
pub(super) async fn store_and_commit(
    connection: &mut PooledConnection,
    registry: &Registry,
    set: &WriteSet,
    others: &[AuditEvent],
) -> Result<(), sqlx::Error> {
    let WriteSet { versions, events } = set;
    let length = |version: &NewVersion| version.content.len() + version.change.len();
    let mut texts = Vec::with_capacity(versions.iter().map(length).sum());
    let versions = json(versions.iter().map(|version| {
        // The first byte is number 1.
        let start = texts.len() + 1;
        let NewVersion { resource_type, id, version, last_updated, interaction, content, change } = version;
        texts.extend_from_slice(content.as_bytes());
        texts.extend_from_slice(change.as_bytes());
        let lengths = (content.len(), change.len());
        (resource_type.as_str(), id.as_str(), version, last_updated, interaction, start, lengths.0, lengths.1)
    }))?;
    let resources = json(registry.changed().into_iter().map(|entry| {
        let (status, start) = (entry.status.as_deref(), entry.start.map(instant));
        let active = i64::from(entry.active);
        let hash = entry.content_hash.as_str();
        (
            entry.resource_type.as_str(),
            entry.id.as_str(),
            entry.version,
            instant(entry.last_updated),
            hash,
            active,
            status,
            start,
        )
    }))?;
    let replaced = registry.replaced_identifiers().into_iter();
    let replaced = json(replaced.map(|entry| (entry.resource_type.as_str(), entry.id.as_str())))?;
    let identifiers = json(registry.changed_identifiers().into_iter().flat_map(|entry| {
        entry.identifiers.iter().map(move |(Identifier { system, value }, claim)| {
            (entry.resource_type.as_str(), entry.id.as_str(), system, value, claim.as_str())
        })
    }))?;
    let events = EventBatch::new(others.iter().chain(events))?;
    let query = sqlx::query(STORE_AND_COMMIT).bind(versions).bind(texts).bind(resources).bind(replaced);
    let query = query.bind(identifiers).bind(events.events).bind(events.keys).bind(events.length).bind(RUN);
    query.execute(connection.will_commit()).await?;
    connection.committed();
    Ok(())
}

/// Rows as a JSON array.
fn json<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<String, sqlx::Error> {
    let mut text = Vec::with_capacity(256);
    let written = serde_json::Serializer::new(&mut text).collect_seq(rows);
    written.map_err(|error| sqlx::Error::Encode(error.into()))?;
    String::from_utf8(text).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// The plan by which the state is read.
#[cfg(test)]
pub(super) async fn explain_read(connection: &mut PooledConnection, keys: &StateKeys) -> Vec<sqlx::sqlite::SqliteRow> {
    let [ids, identifiers, values] = lists(keys).expect("JSON");
    let sql = sqlx::AssertSqlSafe(BEGIN_AND_SELECT_STATE.replace("SELECT r.", "EXPLAIN QUERY PLAN SELECT r."));
    let query = sqlx::query(sql).bind(ids).bind(identifiers).bind(values);
    query.fetch_all(connection.will_begin()).await.expect("a plan")
}
