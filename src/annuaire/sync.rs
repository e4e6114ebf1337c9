//! Synchronises the mirror with its upstream.
//!
//! A run walks over each type page by page: over all resources (a full walk) or over changes (a delta). Each commit has
//! a batch of resources together with the position of the walk, so that the next run resumes a run that was interrupted
//! at any instant. The mark of a type advances only when its walk is complete.

mod crawl;
mod fetch;
mod plan;
pub mod schedule;
pub mod upstream;

use std::sync::Arc;
use std::time::Duration;

pub use plan::SyncMode;

use crate::annuaire::ingest::progress::Progress;
use crate::annuaire::ingest::run_log::{EarlierRuns, RunRecord, Work};
use crate::annuaire::ingest::sync_state::{MAX_REMOVED, SyncState};
use crate::annuaire::store::{Mirror, Writer};
use crate::clock::Clock;
use crate::error::Error;
use crate::error::chain::join_causes;
use crate::fhir::directory_type::DirectoryType;
use upstream::{Upstream, UpstreamError};

/// Resources of a page. The national API has failed with more.
pub const PAGE_SIZE: u16 = 200;

/// Resources of a commit, unless a batch reaches its maximum age before. Each commit makes a segment of the index: many
/// small ones must be merged, and a large one is lost at an interruption and visible late.
pub const COMMIT_BATCH: u64 = 8_192;

#[derive(Clone)]
pub struct Settings {
    pub upstream: upstream::Settings,
    /// Resources of a page.
    pub count: u16,
    /// Resources of a commit: [`COMMIT_BATCH`].
    pub batch: u64,
    /// How long superseded versions are kept for the walks of clients.
    pub keep: Duration,
    pub clock: Clock,
}

/// The request of a run.
#[derive(Clone, Debug)]
pub struct Request {
    pub asked: SyncMode,
    /// The types, which are synchronised in the order of [`DirectoryType::ALL`].
    pub types: Vec<DirectoryType>,
    /// Whether a full walk removes what the directory no longer has, however much that is. A type with suppressed
    /// deletions gets a full walk.
    pub allow_deletions: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self { asked: SyncMode::Due, types: DirectoryType::ALL.to_vec(), allow_deletions: false }
    }
}

/// Why a run failed. Commits stay; the next run resumes there.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// Its own database.
    #[error("the directory mirror cannot be written: {}", join_causes(.0))]
    Database(#[from] Error),
    #[error("another process is writing to the directory mirror: try again when it has finished")]
    Busy,
}

impl Failure {
    /// Whether the directory sent less than it announced.
    pub(crate) fn is_incomplete(&self) -> bool {
        matches!(self, Self::Upstream(error) if error.is_incomplete())
    }
}

struct Run<'a> {
    mirror: &'a Mirror,
    writer: Writer,
    upstream: Arc<Upstream>,
    settings: &'a Settings,
    progress: &'a dyn Progress,
    earlier_runs: EarlierRuns,
    record: RunRecord,
    /// Maximum share of a type that is removed.
    max_removed: f64,
}

/// Runs a synchronisation, and returns its record.
///
/// It is safe to drop the future, or to kill the process, at any point.
pub async fn run(
    mirror: &Mirror,
    settings: &Settings,
    request: &Request,
    progress: &dyn Progress,
) -> Result<RunRecord, Failure> {
    let upstream = Arc::new(Upstream::new(&settings.upstream)?);
    let writer = mirror.writer().await?.ok_or(Failure::Busy)?.with_clock(settings.clock.clone());
    let earlier_runs = EarlierRuns::read(mirror).await?;
    let record = RunRecord::new(Work::Sync, upstream.base().to_owned(), settings.clock.now());
    let mut run = Run { mirror, writer, upstream, settings, progress, earlier_runs, record, max_removed: MAX_REMOVED };
    let done = run.synchronise_types(request).await;
    run.finish(done).await
}

impl Run<'_> {
    async fn synchronise_types(&mut self, request: &Request) -> Result<(), Failure> {
        let mut incomplete = None;
        for resource_type in DirectoryType::ALL {
            if request.types.contains(&resource_type) {
                match self.bring_up_to_date(resource_type, request).await {
                    // The directory answers: an incomplete type must not keep the others from being synchronised.
                    Err(Failure::Upstream(error)) if error.is_incomplete() => {
                        tracing::error!("{error}");
                        incomplete.get_or_insert(error);
                    }
                    done => done?,
                }
            }
        }
        incomplete.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Records the outcome, unless the database failed.
    async fn finish(mut self, done: Result<(), Failure>) -> Result<RunRecord, Failure> {
        if let Err(failure @ (Failure::Database(_) | Failure::Busy)) = done {
            return Err(failure);
        }
        let now = self.settings.clock.now();
        match &done {
            Ok(()) => self.record.end(true, self.record.summary(), now),
            Err(failure) => self.record.end(false, failure.to_string(), now),
        }
        self.earlier_runs.save(&mut self.writer, &self.record).await?;
        self.writer.commit().await?;
        // The purge is last, as no response depends on it. It runs after a failure too: failures may go on for weeks.
        if let Ok(before) = now.checked_sub(self.settings.keep) {
            self.writer.purge(before).await?;
        }
        done?;
        Ok(self.record)
    }

    /// Commits the batch with the state of the walk.
    async fn commit(&mut self, resource_type: DirectoryType, state: &SyncState) -> Result<(), Error> {
        self.record.last = self.settings.clock.now();
        state.save(&mut self.writer, resource_type).await?;
        self.earlier_runs.save(&mut self.writer, &self.record).await?;
        self.writer.commit().await
    }
}
