//! An open mirror, and its reads by id or name. Searches are in `search/execution.rs`.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::term::INDEX_FORMAT;
use super::{Rejected, Snapshot, Stored, Writer};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::{MirrorDatabase, OpenedMirror, Purpose, ReadTransaction};
use crate::storage::{COUNT_TIMEOUT, DatabaseName, OpenError};

/// Concurrent expensive searches: far fewer than connections, so that they do not delay cheap ones.
const MAX_EXPENSIVE_SEARCHES: usize = 3;

#[derive(Clone)]
pub struct Mirror {
    database: MirrorDatabase,
    description: Arc<DatabaseName>,
    page_key: [u8; 32],
    index_format: i64,
    pub(in crate::annuaire) expensive: Arc<Semaphore>,
    /// After this time, a total is left out.
    pub(in crate::annuaire) count_timeout: Duration,
    purpose: Purpose,
    pub(in crate::annuaire) deadline: Deadline,
}

impl Mirror {
    /// Opens the mirror at `sqlite://path` or `postgres://…` (schema `annuaire`), and creates what is missing.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::of(MirrorDatabase::open(url, INDEX_FORMAT).await?).checked()
    }

    /// Opens an existing mirror, and creates nothing; `None` where there is none.
    pub async fn open_existing(url: &str) -> Result<Option<Self>, OpenError> {
        match Self::exists(url).await? {
            true => Ok(Some(Self::of(MirrorDatabase::open_existing(url).await?).checked()?)),
            false => Ok(None),
        }
    }

    /// Opens an existing mirror with any format of its index, for [`Writer::reindex`].
    pub async fn open_to_reindex(url: &str) -> Result<Option<Self>, OpenError> {
        match Self::exists(url).await? {
            true => Ok(Some(Self::of(MirrorDatabase::open_existing(url).await?))),
            false => Ok(None),
        }
    }

    /// Refuses an index of another format than this program reads.
    fn checked(self) -> Result<Self, OpenError> {
        if self.index_format == INDEX_FORMAT {
            return Ok(self);
        }
        let (description, found, expected) = (DatabaseName::clone(&self.description), self.index_format, INDEX_FORMAT);
        Err(OpenError::IndexFormat { description, found, expected })
    }

    fn of(opened: OpenedMirror) -> Self {
        let OpenedMirror { database, description, page_key, index_format } = opened;
        let expensive = Arc::new(Semaphore::new(MAX_EXPENSIVE_SEARCHES));
        let (description, count_timeout) = (Arc::new(description), COUNT_TIMEOUT);
        let (purpose, deadline) = (Purpose::Searches, Deadline::none());
        Self { database, description, page_key, index_format, expensive, count_timeout, purpose, deadline }
    }

    #[must_use]
    pub fn with_count_timeout(self, count_timeout: Duration) -> Self {
        Self { count_timeout, ..self }
    }

    /// The same mirror, which stops its statements at this deadline.
    #[must_use]
    pub fn until(&self, deadline: &Deadline) -> Self {
        Self { deadline: deadline.clone(), ..self.clone() }
    }

    /// The same, with the connections of lookups, which do not wait for searches: for searches by identifier that find
    /// few resources.
    #[must_use]
    pub(crate) fn for_lookups(&self, deadline: &Deadline) -> Self {
        Self { purpose: Purpose::Lookups, ..self.until(deadline) }
    }

    /// Whether there is a mirror at this address. Creates none.
    pub async fn exists(url: &str) -> Result<bool, OpenError> {
        MirrorDatabase::exists(url).await
    }

    /// The database, for messages; without a password.
    pub fn description(&self) -> &DatabaseName {
        &self.description
    }

    /// The key that authenticates page tokens, which all instances on the mirror share.
    pub fn page_key(&self) -> &[u8; 32] {
        &self.page_key
    }

    /// The newest snapshot; `None` before the first commit.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, Error> {
        Ok(self.begin().await?.snapshot().await?)
    }

    /// The current version of a resource.
    pub async fn read(&self, resource_type: DirectoryType, id: &str) -> Result<Option<Stored>, Error> {
        let mut transaction = self.database.begin(Purpose::Lookups, &self.deadline).await?;
        let ids = [id.to_owned()];
        let found: Vec<_> = transaction.versions_of(resource_type, &ids, i64::MAX - 1).await?.into_values().collect();
        Ok(transaction.versions(resource_type, &found).await?.pop())
    }

    /// The resources with these ids that the snapshot sees.
    pub async fn by_ids(
        &self,
        at: &Snapshot,
        resource_type: DirectoryType,
        ids: &[String],
    ) -> Result<Vec<Stored>, Error> {
        let mut transaction = self.begin_at(at).await?;
        let found: Vec<_> = transaction.versions_of(resource_type, ids, at.revision).await?.into_values().collect();
        Ok(transaction.versions(resource_type, &found).await?)
    }

    /// A value written with [`Writer::write_metadata`].
    pub async fn read_metadata(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(self.begin().await?.read_metadata(name).await?)
    }

    /// For each type, a hash of all current resources; equal for equal mirrors.
    pub async fn content_hashes(&self) -> Result<[String; 5], Error> {
        let mut hashes: [String; 5] = Default::default();
        let mut transaction = self.begin().await?;
        for (hash, resource_type) in hashes.iter_mut().zip(DirectoryType::ALL) {
            let mut digest = Sha256::new();
            let mut after = String::new();
            loop {
                let rows = transaction.hashes(resource_type, &after).await?;
                let Some((last, _)) = rows.last() else { break };
                after.clone_from(last);
                for (id, hash) in &rows {
                    digest.update(id.as_bytes());
                    digest.update([0]);
                    digest.update(hash);
                }
            }
            *hash = HEXLOWER.encode(&digest.finalize());
        }
        Ok(hashes)
    }

    /// The rejected resources, newest first, at most `limit`.
    pub async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, Error> {
        Ok(self.begin().await?.rejected(i64::try_from(limit).unwrap_or(i64::MAX)).await?)
    }

    /// The writer, which one process at a time has; `None` where another process has it.
    pub async fn writer(&self) -> Result<Option<Writer>, Error> {
        match self.database.writer().await? {
            Some(connection) => Ok(Some(Writer::new(connection).await?)),
            None => Ok(None),
        }
    }

    /// Begins to read at a snapshot. Fails with [`Error::Gone`] where versions that it sees may have been purged.
    pub(in crate::annuaire) async fn begin_at(&self, at: &Snapshot) -> Result<ReadTransaction, Error> {
        let mut transaction = self.begin().await?;
        if transaction.has_snapshot(at).await? { Ok(transaction) } else { Err(Error::Gone) }
    }

    pub(in crate::annuaire) async fn begin(&self) -> Result<ReadTransaction, Error> {
        Ok(self.database.begin(self.purpose, &self.deadline).await?)
    }
}
