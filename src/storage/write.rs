//! Writes a batch: one transaction, few statements, all or nothing.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use super::database::Storage;
use super::error::StorageError;
use super::exchanges::add_events;
use super::registry::{Claim, Entry, Identifiers, Registry};
use super::sql::{placeholders, runs};
use super::write_transaction::in_write_transaction;
use crate::audit::AuditEvent;
use crate::fhir::date::{instant, parse_instant};
use crate::fhir::id::Id;
use crate::fhir::identifier::Identifier;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;

/// The keys of the state that the decisions of a batch depend on.
#[derive(Clone, Debug, Default)]
pub struct StateKeys {
    /// Resources by id.
    pub ids: Vec<(ResourceType, Id)>,
    /// Resources by an identifier that they hold.
    pub identifiers: Vec<(ResourceType, Identifier)>,
    /// Resources by a value of the identifiers that they hold or mention, whatever the system.
    pub values: Vec<(ResourceType, String)>,
}

impl StateKeys {
    /// Removes keys that several writes name.
    pub(super) fn sort(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
        self.identifiers.sort_unstable();
        self.identifiers.dedup();
        self.values.sort_unstable();
        self.values.dedup();
    }
}

/// A version to be added.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The type of the resource.
    pub resource_type: ResourceType,
    /// Its id.
    pub id: Id,
    /// The number of this version.
    pub version: Version,
    /// When it was written, as stored.
    pub last_updated: String,
    /// The interaction that wrote it: `create` or `update`.
    pub interaction: &'static str,
    /// The resource as JSON text.
    pub content: String,
}

/// The rows that a batch adds.
#[derive(Clone, Debug, Default)]
pub struct WriteSet {
    /// Versions of resources.
    pub versions: Vec<NewVersion>,
    /// Their audit events.
    pub events: Vec<AuditEvent>,
}

/// One row of the state that a batch reads: a resource and, if it has any, one of its identifiers.
type StateRow = (
    String,
    String,
    i64,
    String,
    String,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// Runs one multi-row statement for each run of `rows`; `bind` adds the values of a row.
macro_rules! for_rows {
    ($transaction:ident, $rows:expr, $columns:expr, $sql:expr, |$query:ident, $row:ident| $bind:expr) => {
        for run in runs($rows) {
            let sql = $sql(&placeholders(1, run.len(), $columns));
            let mut $query = sqlx::query(AssertSqlSafe(sql));
            for $row in run {
                $query = $bind;
            }
            $query.execute(&mut *$transaction).await?;
        }
    };
}

impl Storage {
    /// Reads the state of these keys, lets `decide` change it, and commits the changes with the events of `others`.
    ///
    /// When this returns, the changes are on disk. When it fails, nothing is written, unless
    /// [`StorageError::is_rolled_back`] says that this is unknown.
    pub async fn write(
        &self,
        keys: &StateKeys,
        others: &[AuditEvent],
        decide: impl FnOnce(&mut Registry) -> WriteSet,
    ) -> Result<(), StorageError> {
        in_write_transaction!(self, transaction => {
            let (sql, binds) = state_query(keys);
            let mut query = sqlx::query_as::<_, StateRow>(AssertSqlSafe(sql));
            for bind in binds {
                query = query.bind(bind);
            }
            let rows = query.fetch_all(&mut *transaction).await?;
            let mut registry = Registry::new(entries(rows));
            let WriteSet { versions, events } = decide(&mut registry);
            for_rows!(transaction, &versions, 6, |rows: &str| format!(
                "INSERT INTO resource_version (resource_type, id, version, last_updated, interaction, content) VALUES {rows}"
            ), |query, row| query
                .bind(row.resource_type.as_str())
                .bind(row.id.as_str())
                .bind(row.version)
                .bind(row.last_updated.as_str())
                .bind(row.interaction)
                .bind(row.content.as_str()));
            for_rows!(transaction, &registry.changed(), 8, |rows: &str| format!(
                "INSERT INTO resource (resource_type, id, version, last_updated, content_hash, active, status, start) \
                 VALUES {rows} ON CONFLICT (resource_type, id) DO UPDATE SET version = excluded.version, \
                 last_updated = excluded.last_updated, content_hash = excluded.content_hash, \
                 active = excluded.active, status = excluded.status, start = excluded.start"
            ), |query, row| query
                .bind(row.resource_type.as_str())
                .bind(row.id.as_str())
                .bind(row.version)
                .bind(instant(row.last_updated))
                .bind(row.content_hash.as_str())
                .bind(i64::from(row.active))
                .bind(row.status.as_deref())
                .bind(row.start.map(instant)));
            // With `IN`, SQLite would not look up each row by its key.
            for_rows!(transaction, &registry.replaced_identifiers(), 2, |rows: &str| format!(
                "DELETE FROM identifier WHERE (resource_type, resource_id) = {}",
                rows.replace("), (", ") OR (resource_type, resource_id) = (")
            ), |query, row| query.bind(row.resource_type.as_str()).bind(row.id.as_str()));
            let identifiers: Vec<_> = registry
                .changed_identifiers()
                .into_iter()
                .flat_map(|entry| entry.identifiers.iter().map(move |(identifier, claim)| (entry, identifier, *claim)))
                .collect();
            for_rows!(transaction, &identifiers, 5, |rows: &str| format!(
                "INSERT INTO identifier (resource_type, resource_id, system, value, hold) VALUES {rows}"
            ), |query, row| query
                .bind(row.0.resource_type.as_str())
                .bind(row.0.id.as_str())
                .bind(row.1.system.as_str())
                .bind(row.1.value.as_str())
                .bind(row.2.as_str()));
            add_events!(self, transaction, others.iter().chain(&events));
        });
        Ok(())
    }
}

/// The statement that reads the state: the resources with these ids or identifiers, each with all its identifiers.
/// The lists are padded, so that few different statements are prepared.
/// 128 writes of 50 identifiers each stay well below the 32,766 values that SQLite binds.
///
/// `NOT IN ('released', 'mentioned')` means *held* without the partial index `identifier_holder`, all of which Postgres
/// would read while the table is small.
///
/// SQLite keeps the order of a `CROSS JOIN`: from the lists to the tables, by their keys. With `(type, id) IN (…)`, it
/// would scan both tables for every batch.
fn state_query(keys: &StateKeys) -> (String, Vec<&str>) {
    let ids = padded(keys.ids.iter().map(|(resource_type, id)| [resource_type.as_str(), id.as_str()]));
    let held = padded(keys.identifiers.iter().map(|(resource_type, identifier)| {
        [resource_type.as_str(), identifier.system.as_str(), identifier.value.as_str()]
    }));
    let values = padded(keys.values.iter().map(|(resource_type, value)| [resource_type.as_str(), value]));
    let sql = format!(
        "SELECT r.resource_type, r.id, r.version, r.last_updated, r.content_hash, r.active, r.status, r.start, \
                i.system, i.value, i.hold \
         FROM ( \
             VALUES {} \
             UNION \
             SELECT n.resource_type, n.resource_id FROM (VALUES {}) AS v CROSS JOIN identifier n \
             WHERE n.resource_type = v.column1 AND n.system = v.column2 AND n.value = v.column3 \
               AND n.hold NOT IN ('released', 'mentioned') \
             UNION \
             SELECT n.resource_type, n.resource_id FROM (VALUES {}) AS v CROSS JOIN identifier n \
             WHERE n.resource_type = v.column1 AND n.value = v.column2 AND n.hold <> 'released' \
         ) AS found \
         CROSS JOIN resource r \
         LEFT JOIN identifier i ON i.resource_type = r.resource_type AND i.resource_id = r.id \
         WHERE r.resource_type = found.column1 AND r.id = found.column2",
        placeholders(1, ids.len(), 2),
        placeholders(1 + 2 * ids.len(), held.len(), 3),
        placeholders(1 + 2 * ids.len() + 3 * held.len(), values.len(), 2),
    );
    (sql, ids.into_iter().flatten().chain(held.into_iter().flatten()).chain(values.into_iter().flatten()).collect())
}

/// The rows, padded to a power of two by repeating the last; without rows, one that matches nothing.
fn padded<'a, const COLUMNS: usize>(rows: impl Iterator<Item = [&'a str; COLUMNS]>) -> Vec<[&'a str; COLUMNS]> {
    let mut rows: Vec<_> = rows.collect();
    let last = rows.last().copied().unwrap_or([""; COLUMNS]);
    rows.resize(rows.len().next_power_of_two(), last);
    rows
}

/// Groups the rows by resource. A row of an unknown type is skipped.
fn entries(rows: Vec<StateRow>) -> impl Iterator<Item = Entry> {
    let mut entries: BTreeMap<(ResourceType, Id), Entry> = BTreeMap::new();
    for (resource_type, id, version, last_updated, content_hash, active, status, start, system, value, claim) in rows {
        let (Some(resource_type), Some(id)) = (ResourceType::parse(&resource_type), Id::parse(&id)) else { continue };
        let Some(last_updated) = parse_instant(&last_updated) else { continue };
        let entry = entries.entry((resource_type, id.clone())).or_insert_with(|| Entry {
            resource_type,
            id,
            version,
            last_updated,
            content_hash,
            active: active != 0,
            status,
            start: start.as_deref().and_then(parse_instant),
            identifiers: Identifiers::new(),
        });
        if let (Some(system), Some(value), Some(claim)) = (system, value, claim.as_deref().and_then(Claim::parse)) {
            entry.identifiers.insert(Identifier { system, value }, claim);
        }
    }
    entries.into_values()
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::storage::database::Writer;

    #[tokio::test]
    async fn sqlite_reads_the_state_of_a_batch_by_keys() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/plan.db", folder.path().display());
        let storage = Storage::open(&url).await.expect("a database");
        let Writer::Sqlite { pool: writer, .. } = &storage.writer else { unreachable!() };
        let wanted = StateKeys {
            ids: vec![(ResourceType::Practitioner, Id::parse("a").expect("an id"))],
            identifiers: vec![(ResourceType::Practitioner, Identifier::new("s", "v"))],
            values: vec![(ResourceType::Practitioner, "v".to_owned())],
        };
        let (sql, binds) = state_query(&wanted);
        let mut query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        for bind in binds {
            query = query.bind(bind);
        }
        let plan: Vec<String> =
            query.fetch_all(writer).await.expect("a plan").iter().map(|row| row.get("detail")).collect();
        let scans: Vec<_> =
            plan.iter().filter(|step| ["SCAN r", "SCAN n", "SCAN i"].contains(&step.as_str())).collect();
        assert!(scans.is_empty(), "{plan:#?}");
        storage.close().await;
    }

    #[tokio::test]
    async fn a_full_disk_passes() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage =
            Storage::open(&format!("sqlite://{}/full.db", folder.path().display())).await.expect("a database");
        let Writer::Sqlite { pool: writer, .. } = &storage.writer else { unreachable!() };
        let write = async |name: &str| {
            let version = NewVersion {
                resource_type: ResourceType::Practitioner,
                id: Id::parse(name).expect("an id"),
                version: 1,
                last_updated: String::new(),
                interaction: "create",
                content: "x".repeat(1 << 20),
            };
            let additions = WriteSet { versions: vec![version], events: vec![] };
            storage.write(&StateKeys::default(), &[], |_| additions).await
        };
        // For SQLite, the same as a full disk; the setting is of this connection.
        sqlx::query("PRAGMA max_page_count = 60").execute(writer).await.expect("set");
        let full = write("a").await.expect_err("no room");
        assert!(matches!(full, StorageError::Unavailable(_)), "{full:?}");
        write("b").await.expect("there is room again");
        storage.close().await;
    }
}
