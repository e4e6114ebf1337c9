//! Writes a batch: one transaction, all or nothing.
//!
//! The text of each statement is the same for every batch, whatever its size, so that it is prepared once: rows are
//! bound as lists, JSON on SQLite and arrays on Postgres.

mod postgres;
mod sqlite;
mod state;

use super::database::{Readers, Storage, Writer};
use super::error::StorageError;
use super::registry::Registry;
use super::write_set::{StateKeys, WriteSet};
use crate::audit::AuditEvent;
use state::entries;

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
        let decide = |rows| {
            let mut registry = Registry::new(entries(rows));
            let set = decide(&mut registry);
            (registry, set)
        };
        match &self.writer {
            Writer::Sqlite(connections) => {
                let mut connection = connections.acquire(&self.deadline).await?;
                let rows = sqlite::begin_and_read(&mut connection, keys).await?;
                let (registry, set) = decide(rows);
                sqlite::store_and_commit(&mut connection, &registry, &set, others).await?;
            }
            Writer::Postgres(connections) => {
                let mut connection = connections.begin_write(&self.deadline).await?;
                let rows = postgres::read(&mut connection, keys).await?;
                let (registry, set) = decide(rows);
                postgres::store(&mut connection, &registry, &set, others).await?;
                connection.commit().await?;
            }
        }
        Ok(())
    }

    /// The state of these keys as it stands; until a batch reads it, it may change. It does not wait for reads.
    pub(crate) async fn read_state(&self, keys: &StateKeys) -> Result<Registry, StorageError> {
        let rows = match &self.readers.unchanged {
            Readers::Sqlite(readers) => sqlite::read(&mut readers.acquire(&self.deadline).await?, keys).await?,
            Readers::Postgres(readers) => postgres::read(&mut readers.acquire(&self.deadline).await?, keys).await?,
        };
        Ok(Registry::new(entries(rows)))
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::fhir::id::Id;
    use crate::fhir::identifier::Identifier;
    use crate::fhir::resource_type::ResourceType;
    use crate::storage::write_set::NewVersion;

    #[tokio::test]
    async fn sqlite_reads_the_state_of_a_batch_by_keys() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/plan.db", folder.path().display());
        let storage = Storage::open(&url).await.expect("a database");
        let Writer::Sqlite(connections) = &storage.writer else { unreachable!() };
        let mut writer = connections.acquire(&storage.deadline).await.expect("a connection");
        let wanted = StateKeys {
            ids: vec![(ResourceType::Practitioner, Id::parse("a").expect("an id"))],
            identifiers: vec![(ResourceType::Practitioner, Identifier::new("s", "v"))],
            values: vec![(ResourceType::Practitioner, "v".to_owned())],
        };
        let plan: Vec<String> =
            sqlite::explain_read(&mut writer, &wanted).await.iter().map(|row| row.get("detail")).collect();
        let scans: Vec<_> =
            plan.iter().filter(|step| ["SCAN r", "SCAN n", "SCAN i"].contains(&step.as_str())).collect();
        assert!(scans.is_empty(), "{plan:#?}");
        drop(writer);
        storage.close().await;
    }

    #[tokio::test]
    async fn a_full_disk_passes() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage =
            Storage::open(&format!("sqlite://{}/full.db", folder.path().display())).await.expect("a database");
        let Writer::Sqlite(connections) = &storage.writer else { unreachable!() };
        let write = async |name: &str| {
            let version = NewVersion {
                resource_type: ResourceType::Practitioner,
                id: Id::parse(name).expect("an id"),
                version: 1,
                last_updated: String::new(),
                interaction: "create",
                content: "x".repeat(1 << 20),
                change: String::new(),
            };
            let additions = WriteSet { versions: vec![version], events: vec![] };
            storage.write(&StateKeys::default(), &[], |_| additions).await
        };
        // For SQLite, the same as a full disk; the setting is of this connection.
        let set_max_pages = async |pages: u32| {
            let mut writer = connections.acquire(&storage.deadline).await.expect("a connection");
            let pragma = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
            sqlx::query(pragma).execute(&mut *writer).await.expect("set");
        };
        set_max_pages(60).await;
        let full = write("a").await.expect_err("no room");
        assert!(matches!(full, StorageError::Unavailable(_)), "{full:?}");
        set_max_pages(u32::MAX).await;
        write("b").await.expect("there is room again");
        storage.close().await;
    }
}
