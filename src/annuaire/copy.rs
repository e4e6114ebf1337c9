//! The copy itself: the only door to its database.
//!
//! Every version of a resource is written once and has a number that grows with time, and each commit
//! makes a revision: a [`Snapshot`] is a revision, and sees the versions opened up to it and not closed
//! by it. The index is made of segments, each over a run of numbers, each written once: a sorted list of
//! terms with the set of versions that have it (see `copy/term.rs`). So a bulk load only ever appends, a
//! search intersects small sets and stops where its page is full, and the depth of a walk costs nothing.

mod condition;
mod evaluation;
mod link;
mod merging;
mod seen;
mod segment;
mod term;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};

use evaluation::{Evaluation, is_demanding};

use super::indexed::Field;
use super::search::{Criterion, Token, Total};
use crate::deadline::Deadline;
use crate::error::{Error, Workload};
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::{MirrorDatabase, Purpose, ReadTransaction};
use crate::storage::{COUNT_TIMEOUT, OpenError};

pub use crate::storage::mirror::{Marks, SetAside, Snapshot, Stored};
pub use seen::Swept;
pub use writer::{Tally, Writer};

/// Demanding searches at the same time: far fewer than connections, so that all others go on beside them.
const DEMANDING: usize = 3;

/// How long a demanding search waits for its turn.
const DEMANDING_TIMEOUT: Duration = Duration::from_secs(1);

/// How many resources are looked at for a total that nobody asked for.
const LITTLE_EFFORT: usize = 500;

/// A copy of the directory, open.
#[derive(Clone)]
pub struct Copy {
    database: MirrorDatabase,
    description: Arc<str>,
    page_key: [u8; 32],
    demanding: Arc<Semaphore>,
    /// How long a total is counted before it is left out.
    count_timeout: Duration,
    /// Which of the connections search.
    purpose: Purpose,
    deadline: Deadline,
}

/// Some matches.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of their numbers.
    pub matches: Vec<Stored>,
    /// Whether there may be more. Where finding them takes long, a page may be short, or empty.
    pub more: bool,
    /// The number of the last version that was looked at: the next page comes after it.
    pub seen: u32,
}

/// How many resources of a type there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub active: u64,
    pub inactive: u64,
}

impl Copy {
    /// Opens the copy at `sqlite://path` (made if missing) or `postgres://…` (schema `annuaire`).
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Ok(Self::of(MirrorDatabase::open(url).await?))
    }

    /// Opens the copy at this address as it is, and makes nothing; `None` where there is none.
    pub async fn open_existing(url: &str) -> Result<Option<Self>, OpenError> {
        match Self::exists(url).await? {
            true => Ok(Some(Self::of(MirrorDatabase::open_existing(url).await?))),
            false => Ok(None),
        }
    }

    fn of((database, description, page_key): (MirrorDatabase, String, [u8; 32])) -> Self {
        let demanding = Arc::new(Semaphore::new(DEMANDING));
        let (description, count_timeout) = (description.into(), COUNT_TIMEOUT);
        let (purpose, deadline) = (Purpose::Searches, Deadline::none());
        Self { database, description, page_key, demanding, count_timeout, purpose, deadline }
    }

    /// The same copy with another time in which a total is counted, or left out.
    #[must_use]
    pub fn with_count_timeout(self, count_timeout: Duration) -> Self {
        Self { count_timeout, ..self }
    }

    /// The same copy, for what must be answered until this deadline: what it executes then is stopped.
    #[must_use]
    pub fn until(&self, deadline: &Deadline) -> Self {
        Self { deadline: deadline.clone(), ..self.clone() }
    }

    /// The same, for searches that find a few resources by their identifiers: they do not wait for others.
    #[must_use]
    pub fn for_lookups(&self, deadline: &Deadline) -> Self {
        Self { purpose: Purpose::Lookups, ..self.until(deadline) }
    }

    /// Whether there is a copy at this address; none is made.
    pub async fn exists(url: &str) -> Result<bool, OpenError> {
        MirrorDatabase::exists(url).await
    }

    /// What and where it is, for people; never a password.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The key that authenticates page tokens: made with the copy, and shared by all who serve it.
    pub fn page_key(&self) -> &[u8; 32] {
        &self.page_key
    }

    /// The state of the copy now; `None` while it holds nothing.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, Error> {
        self.reading().await?.snapshot().await
    }

    /// The first `limit` matches after the version number `after` (0 at the beginning).
    ///
    /// Fails with [`Error::Gone`] when versions that the snapshot knew are no longer kept.
    pub async fn page(
        &self,
        resource_type: DirectoryType,
        criteria: &[Criterion],
        at: &Snapshot,
        after: u32,
        limit: usize,
    ) -> Result<Page, Error> {
        let _demanding = self.demanding_permit(criteria).await?;
        let mut reading = self.reading().await?;
        reading.check(at).await?;
        let evaluation = Evaluation::prepare(&mut reading, resource_type, criteria, at).await?;
        evaluation.page(&mut reading, after, limit).await
    }

    /// The number of matches, exactly; `None` where counting takes longer than a second, too many demanding searches
    /// are under way, or, with
    /// [`Total::BestEffort`], where many resources would have to be looked at for it.
    pub async fn total(
        &self,
        resource_type: DirectoryType,
        criteria: &[Criterion],
        at: &Snapshot,
        effort: Total,
    ) -> Result<Option<u64>, Error> {
        let most = match effort {
            Total::None => return Ok(None),
            Total::BestEffort => LITTLE_EFFORT,
            Total::Wanted => usize::MAX,
        };
        // A page does not wait for its number: the time includes the wait for a connection.
        let deadline = self.deadline.at_most(self.count_timeout);
        let counting = async {
            let _demanding = self.demanding_permit(criteria).await?;
            let mut reading = self.until(&deadline).reading().await?;
            reading.check(at).await?;
            let evaluation = Evaluation::prepare(&mut reading, resource_type, criteria, at).await?;
            evaluation.total(&mut reading, most).await
        };
        match deadline.limit(counting).await {
            Err(Error::DeadlineExceeded | Error::TooBusy(_)) => Ok(None),
            counted => counted,
        }
    }

    /// The current version of a resource.
    pub async fn read(&self, resource_type: DirectoryType, id: &str) -> Result<Option<Stored>, Error> {
        let mut reading = self.database.begin(Purpose::Lookups, &self.deadline).await?;
        let ids = [id.to_owned()];
        let found: Vec<_> = reading.versions_of(resource_type, &ids, i64::MAX - 1).await?.into_values().collect();
        Ok(reading.versions(resource_type, &found).await?.pop())
    }

    /// The resources of these ids, as the snapshot knows them; those it does not know are left out.
    pub async fn by_ids(
        &self,
        at: &Snapshot,
        resource_type: DirectoryType,
        ids: &[String],
    ) -> Result<Vec<Stored>, Error> {
        let mut reading = self.reading().await?;
        reading.check(at).await?;
        let found: Vec<_> = reading.versions_of(resource_type, ids, at.revision).await?.into_values().collect();
        reading.versions(resource_type, &found).await
    }

    /// A value noted with [`Writer::note`].
    pub async fn noted(&self, name: &str) -> Result<Option<String>, Error> {
        self.reading().await?.note(name).await
    }

    /// How many resources there are, for each type of [`DirectoryType::ALL`], in use and not
    /// (`active` false, or for a device `status` inactive).
    pub async fn counts(&self) -> Result<[Counts; 5], Error> {
        let mut counts = [Counts::default(); 5];
        let Some(at) = self.snapshot().await? else { return Ok(counts) };
        for (counts, resource_type) in counts.iter_mut().zip(DirectoryType::ALL) {
            let (field, code) = match resource_type {
                DirectoryType::Device => (Field::Status, "active"),
                _ => (Field::Active, "true"),
            };
            let active = [Criterion::Token { field, values: vec![Token::Code(code.to_owned())], not: false }];
            let mut reading = self.reading().await?;
            reading.check(&at).await?;
            let all = count(&mut reading, resource_type, &[], &at).await?;
            counts.active = count(&mut reading, resource_type, &active, &at).await?;
            counts.inactive = all.saturating_sub(counts.active);
        }
        Ok(counts)
    }

    /// For each type, a hash of all its resources as they are now: equal for equal copies.
    pub async fn content_hashes(&self) -> Result<[String; 5], Error> {
        let mut hashes: [String; 5] = Default::default();
        let mut reading = self.reading().await?;
        for (hash, resource_type) in hashes.iter_mut().zip(DirectoryType::ALL) {
            let mut digest = Sha256::new();
            let mut after = String::new();
            loop {
                let rows = reading.hashes(resource_type, &after).await?;
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

    /// What was set aside, newest first, at most `limit`.
    pub async fn set_aside(&self, limit: usize) -> Result<Vec<SetAside>, Error> {
        self.reading().await?.set_aside(i64::try_from(limit).unwrap_or(i64::MAX)).await
    }

    /// Takes the right to write, which one process at a time has; `None` where another has it.
    pub async fn writer(&self) -> Result<Option<Writer>, Error> {
        match self.database.writer().await? {
            Some(connection) => Ok(Some(Writer::new(connection).await?)),
            None => Ok(None),
        }
    }

    /// A permit of the demanding searches, for one that is; given back when it is dropped.
    async fn demanding_permit(&self, criteria: &[Criterion]) -> Result<Option<SemaphorePermit<'_>>, Error> {
        match is_demanding(criteria) {
            true => match tokio::time::timeout(DEMANDING_TIMEOUT, self.demanding.acquire()).await {
                Ok(permit) => permit.map(Some).map_err(Error::internal),
                Err(_) => Err(Error::TooBusy(Workload::Directory)),
            },
            false => Ok(None),
        }
    }

    async fn reading(&self) -> Result<ReadTransaction, Error> {
        self.database.begin(self.purpose, &self.deadline).await
    }
}

/// The number of matches, however long that takes.
async fn count(
    reading: &mut ReadTransaction,
    of: DirectoryType,
    criteria: &[Criterion],
    at: &Snapshot,
) -> Result<u64, Error> {
    let evaluation = Evaluation::prepare(reading, of, criteria, at).await?;
    Ok(evaluation.total(reading, usize::MAX).await?.unwrap_or_default())
}

/// Where a type stands in [`DirectoryType::ALL`].
fn index(resource_type: DirectoryType) -> usize {
    DirectoryType::ALL.iter().position(|other| *other == resource_type).unwrap_or_default()
}
