//! Writes a batch to Postgres: four round trips, and one more where identifiers are replaced.

use super::state::{StateRow, select_state};
use crate::audit::AuditEvent;
use crate::fhir::date::instant;
use crate::storage::event_batch::{EventBatch, RUN};
use crate::storage::postgres::PooledConnection;
use crate::storage::registry::Registry;
use crate::storage::write_set::{StateKeys, WriteSet};

const SELECT_STATE: &str = select_state! {
    before: "",
    system: "n.system || ''",
    ids: "unnest($1::text[], $2::text[]) AS k (column1, column2)",
    identifiers: "unnest($3::text[], $4::text[], $5::text[]) AS k (column1, column2, column3)",
    values: "unnest($6::text[], $7::text[]) AS k (column1, column2)"
};

/// One statement cannot delete a row and insert it again.
const DELETE_IDENTIFIERS: &str = "DELETE FROM identifier USING unnest($1::text[], $2::text[]) AS k (resource_type, id) \
     WHERE identifier.resource_type = k.resource_type AND identifier.resource_id = k.id";

/// All parts see the tables as they were before the statement. Events are numbered after the last one; if every event
/// has been removed, numbers start from 1 again, and may meet keys that are not yet removed.
const STORE: &str = "WITH new_version AS ( \
         INSERT INTO resource_version (resource_type, id, version, last_updated, interaction, content, change) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $23::text[]) \
     ), new_state AS ( \
         INSERT INTO resource (resource_type, id, version, last_updated, content_hash, active, status, start) \
         SELECT * FROM unnest($7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::bigint[], \
                              $13::text[], $14::text[]) \
         ON CONFLICT (resource_type, id) DO UPDATE SET version = excluded.version, \
             last_updated = excluded.last_updated, content_hash = excluded.content_hash, active = excluded.active, \
             status = excluded.status, start = excluded.start \
     ), new_identifier AS ( \
         INSERT INTO identifier (resource_type, resource_id, system, value, hold) \
         SELECT * FROM unnest($15::text[], $16::text[], $17::text[], $18::text[], $19::text[]) \
     ), last AS ( \
         SELECT COALESCE(MAX(id), 0) AS id FROM exchange \
     ), new_event AS ( \
         INSERT INTO exchange (id, at, record) \
         SELECT last.id + event.position, event.record ->> 'at', event.record::text \
         FROM last CROSS JOIN json_array_elements($20::json) WITH ORDINALITY AS event (record, position) \
     ) \
     INSERT INTO exchange_subject (run, subject, exchange) \
     SELECT (last.id + event.position) / $22, subject.value::bigint, last.id + event.position \
     FROM last \
     CROSS JOIN json_array_elements($21::json) WITH ORDINALITY AS event (subjects, position) \
     CROSS JOIN json_array_elements_text(event.subjects) AS subject (value) \
     ON CONFLICT DO NOTHING";

/// Reads the state of these keys.
pub(super) async fn read(
    connection: &mut PooledConnection,
    StateKeys { ids, identifiers, values }: &StateKeys,
) -> Result<Vec<StateRow>, sqlx::Error> {
    sqlx::query_as(SELECT_STATE)
        .bind(column(ids, |(resource_type, _)| resource_type.as_str()))
        .bind(column(ids, |(_, id)| id.as_str()))
        .bind(column(identifiers, |(resource_type, _)| resource_type.as_str()))
        .bind(column(identifiers, |(_, identifier)| identifier.system.as_str()))
        .bind(column(identifiers, |(_, identifier)| identifier.value.as_str()))
        .bind(column(values, |(resource_type, _)| resource_type.as_str()))
        .bind(column(values, |(_, value)| value.as_str()))
        .fetch_all(&mut **connection)
        .await
}

/// Stores what the batch has changed, and its events with those of `others`.
pub(super) async fn store(
    connection: &mut PooledConnection,
    registry: &Registry,
    set: &WriteSet,
    others: &[AuditEvent],
) -> Result<(), sqlx::Error> {
    let replaced = registry.replaced_identifiers();
    if !replaced.is_empty() {
        sqlx::query(DELETE_IDENTIFIERS)
            .bind(column(&replaced, |entry| entry.resource_type.as_str()))
            .bind(column(&replaced, |entry| entry.id.as_str()))
            .execute(&mut **connection)
            .await?;
    }
    let WriteSet { versions, events } = set;
    let resources = registry.changed();
    let changed = registry.changed_identifiers();
    let identifiers: Vec<_> = changed
        .into_iter()
        .flat_map(|entry| entry.identifiers.iter().map(move |(identifier, claim)| (entry, identifier, claim)))
        .collect();
    let events = EventBatch::new(others.iter().chain(events))?;
    if versions.is_empty() && resources.is_empty() && identifiers.is_empty() && events.length == 0 {
        return Ok(());
    }
    sqlx::query(STORE)
        .bind(column(versions, |version| version.resource_type.as_str()))
        .bind(column(versions, |version| version.id.as_str()))
        .bind(column(versions, |version| version.version))
        .bind(column(versions, |version| version.last_updated.as_str()))
        .bind(column(versions, |version| version.interaction))
        .bind(column(versions, |version| version.content.as_str()))
        .bind(column(&resources, |entry| entry.resource_type.as_str()))
        .bind(column(&resources, |entry| entry.id.as_str()))
        .bind(column(&resources, |entry| entry.version))
        .bind(column(&resources, |entry| instant(entry.last_updated)))
        .bind(column(&resources, |entry| entry.content_hash.as_str()))
        .bind(column(&resources, |entry| i64::from(entry.active)))
        .bind(column(&resources, |entry| entry.status.as_deref()))
        .bind(column(&resources, |entry| entry.start.map(instant)))
        .bind(column(&identifiers, |(entry, ..)| entry.resource_type.as_str()))
        .bind(column(&identifiers, |(entry, ..)| entry.id.as_str()))
        .bind(column(&identifiers, |(_, identifier, _)| identifier.system.as_str()))
        .bind(column(&identifiers, |(_, identifier, _)| identifier.value.as_str()))
        .bind(column(&identifiers, |(.., claim)| claim.as_str()))
        .bind(events.events)
        .bind(events.keys)
        .bind(RUN)
        .bind(column(versions, |version| version.change.as_str()))
        .execute(&mut **connection)
        .await?;
    Ok(())
}

/// The values of one column.
fn column<'a, R, V>(rows: &'a [R], value: impl Fn(&'a R) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}
