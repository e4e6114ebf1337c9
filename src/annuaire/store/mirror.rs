//! The mirror, open: what is read of it by id or by name. Searches are in `search/execution.rs`.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::term::INDEX_FORMAT;
use super::{Rejected, Snapshot, Stored, Writer};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::{MirrorDatabase, OpenedMirror, Purpose, ReadTransaction};
use crate::storage::{COUNT_TIMEOUT, OpenError};

/// Demanding searches at the same time: far fewer than connections, so that all others go on beside them.
const EXPENSIVE: usize = 3;

/// A mirror of the directory, open.
#[derive(Clone)]
pub struct Mirror {
    database: MirrorDatabase,
    description: Arc<str>,
    page_key: [u8; 32],
    index_format: i64,
    pub(in crate::annuaire) expensive: Arc<Semaphore>,
    /// How long a total is counted before it is left out.
    pub(in crate::annuaire) count_timeout: Duration,
    /// Which of the connections search.
    purpose: Purpose,
    pub(in crate::annuaire) deadline: Deadline,
}

impl Mirror {
    /// Opens the mirror at `sqlite://path` (made if missing) or `postgres://…` (schema `annuaire`).
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::of(MirrorDatabase::open(url, INDEX_FORMAT).await?).checked()
    }

    /// Opens the mirror at this address as it is, and makes nothing; `None` where there is none.
    pub async fn open_existing(url: &str) -> Result<Option<Self>, OpenError> {
        match Self::exists(url).await? {
            true => Ok(Some(Self::of(MirrorDatabase::open_existing(url).await?).checked()?)),
            false => Ok(None),
        }
    }

    /// The same, whatever the format of its index: for [`Writer::reindex`].
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
        let (description, found, expected) = (self.description.to_string(), self.index_format, INDEX_FORMAT);
        Err(OpenError::IndexFormat { description, found, expected })
    }

    fn of(opened: OpenedMirror) -> Self {
        let OpenedMirror { database, description, page_key, index_format } = opened;
        let expensive = Arc::new(Semaphore::new(EXPENSIVE));
        let (description, count_timeout) = (description.into(), COUNT_TIMEOUT);
        let (purpose, deadline) = (Purpose::Searches, Deadline::none());
        Self { database, description, page_key, index_format, expensive, count_timeout, purpose, deadline }
    }

    /// The same mirror with another time in which a total is counted, or left out.
    #[must_use]
    pub fn with_count_timeout(self, count_timeout: Duration) -> Self {
        Self { count_timeout, ..self }
    }

    /// The same mirror, for what must be answered until this deadline: what it executes then is stopped.
    #[must_use]
    pub fn until(&self, deadline: &Deadline) -> Self {
        Self { deadline: deadline.clone(), ..self.clone() }
    }

    /// The same, for searches that find a few resources by their identifiers: they do not wait for others.
    #[must_use]
    pub fn for_lookups(&self, deadline: &Deadline) -> Self {
        Self { purpose: Purpose::Lookups, ..self.until(deadline) }
    }

    /// Whether there is a mirror at this address; none is made.
    pub async fn exists(url: &str) -> Result<bool, OpenError> {
        MirrorDatabase::exists(url).await
    }

    /// What and where it is, for people; never a password.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The key that authenticates page tokens: made with the mirror, and shared by all who serve it.
    pub fn page_key(&self) -> &[u8; 32] {
        &self.page_key
    }

    /// The state of the mirror now; `None` while it holds nothing.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, Error> {
        self.begin().await?.snapshot().await
    }

    /// The current version of a resource.
    pub async fn read(&self, resource_type: DirectoryType, id: &str) -> Result<Option<Stored>, Error> {
        let mut transaction = self.database.begin(Purpose::Lookups, &self.deadline).await?;
        let ids = [id.to_owned()];
        let found: Vec<_> = transaction.versions_of(resource_type, &ids, i64::MAX - 1).await?.into_values().collect();
        Ok(transaction.versions(resource_type, &found).await?.pop())
    }

    /// The resources of these ids, as the snapshot knows them; those it does not know are left out.
    pub async fn by_ids(
        &self,
        at: &Snapshot,
        resource_type: DirectoryType,
        ids: &[String],
    ) -> Result<Vec<Stored>, Error> {
        let mut transaction = self.begin().await?;
        transaction.check(at).await?;
        let found: Vec<_> = transaction.versions_of(resource_type, ids, at.revision).await?.into_values().collect();
        transaction.versions(resource_type, &found).await
    }

    /// A value noted with [`Writer::write_metadata`].
    pub async fn read_metadata(&self, name: &str) -> Result<Option<String>, Error> {
        self.begin().await?.read_metadata(name).await
    }

    /// For each type, a hash of all its resources as they are now: equal for equal mirrors.
    pub async fn content_hashes(&self) -> Result<[String; 5], Error> {
        let mut hashes: [String; 5] = Default::default();
        let mut transaction = self.begin().await?;
        for (hash, resource_type) in hashes.iter_mut().zip(DirectoryType::ALL) {
            let mut digest = Sha256::new();
            let mut after = String::new();
            loop {
                let rows = transaction.hashes(resource_type, &after).await?;
                let Some((last, _)) = rows.last() else { break };
                after = last.clone();
                for (id, hash) in &rows {
                    digest.update(id.as_bytes());
                    digest.update([0]);
                    digest.update(hash);
                }
            }
            *hash = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        }
        Ok(hashes)
    }

    /// The rejected resources, newest first, at most `limit`.
    pub async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, Error> {
        self.begin().await?.rejected(i64::try_from(limit).unwrap_or(i64::MAX)).await
    }

    /// Takes the right to write, which one process at a time has; `None` where another has it.
    pub async fn writer(&self) -> Result<Option<Writer>, Error> {
        match self.database.writer().await? {
            Some(connection) => Ok(Some(Writer::new(connection).await?)),
            None => Ok(None),
        }
    }

    /// Begins to read.
    pub(in crate::annuaire) async fn begin(&self) -> Result<ReadTransaction, Error> {
        self.database.begin(self.purpose, &self.deadline).await
    }
}
