//! Bringing the mirror up to date from its upstream.
//!
//! Each type is walked over page by page: all of it (a full walk) or what changed (a delta). What came
//! is committed a batch at a time together with where the walk goes on, so that a run that is
//! interrupted at any instant is continued by the next one, and ends as if nothing had happened. The
//! mark of a type moves only when its walk came to the end.

mod crawl;
mod fetch;
mod plan;
pub mod schedule;
pub mod upstream;

use std::sync::Arc;

use jiff::SignedDuration;

pub use plan::SyncMode;

use crate::annuaire::ingest::progress::Progress;
use crate::annuaire::ingest::run_log::{Record, Records, Work};
use crate::annuaire::ingest::sync_state::{MAX_REMOVED, SyncState};
use crate::annuaire::ingest::with_cause;
use crate::annuaire::store::{Mirror, Writer};
use crate::clock::Clock;
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use upstream::{Upstream, UpstreamError};

/// How many resources are on a page: more has made the national API fail.
pub const COUNT: u16 = 200;

/// A batch is committed when it has this many resources, or is some seconds old. Each commit makes a
/// segment of the index: many small ones would have to be merged, few large ones would be lost at an
/// interruption and be seen late.
pub const BATCH: u64 = 8_192;

/// How the mirror is brought up to date.
#[derive(Clone)]
pub struct Settings {
    /// From where.
    pub upstream: upstream::Settings,
    /// How many resources are on a page.
    pub count: u16,
    /// How many resources are committed together: [`BATCH`].
    pub batch: u64,
    /// How long superseded versions are kept, for walks over the mirror that have begun.
    pub keep: SignedDuration,
    /// What time it is.
    pub clock: Clock,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Request {
    /// How much.
    pub asked: SyncMode,
    /// Of which types; they are done in the order of [`DirectoryType::ALL`].
    pub types: Vec<DirectoryType>,
    /// Whether a full walk removes what the directory no longer has, however much that is. A type of which something
    /// was held back is then walked over again.
    pub allow_deletions: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self { asked: SyncMode::Due, types: DirectoryType::ALL.to_vec(), allow_deletions: false }
    }
}

/// Why a run did not come to its end. What was committed stays; the next run continues there.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Its upstream.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// Its own database.
    #[error("the mirror cannot be written: {}", with_cause(.0))]
    Database(#[from] Error),
    /// Somebody else writes.
    #[error("another process is writing to the mirror of the directory: one at a time does")]
    Busy,
}

impl Failure {
    /// Whether the directory sent less than it announced.
    pub fn is_incomplete(&self) -> bool {
        matches!(self, Self::Upstream(error) if error.is_incomplete())
    }
}

/// A run, under way.
struct Run<'a> {
    mirror: &'a Mirror,
    writer: Writer,
    upstream: Arc<Upstream>,
    settings: &'a Settings,
    progress: &'a dyn Progress,
    records: Records,
    record: Record,
    /// The largest part of a type that is removed.
    max_removed: f64,
}

/// Does what is asked for, and says what it did.
///
/// Dropping the future at any point is safe, as is killing the process.
pub async fn run(
    mirror: &Mirror,
    settings: &Settings,
    request: &Request,
    progress: &dyn Progress,
) -> Result<Record, Failure> {
    let upstream = Arc::new(Upstream::new(&settings.upstream)?);
    let writer = mirror.writer().await?.ok_or(Failure::Busy)?.with_clock(settings.clock.clone());
    let records = Records::before_run(mirror).await?;
    let record = Record::new(Work::Sync, upstream.base().to_owned(), settings.clock.now());
    let mut run = Run { mirror, writer, upstream, settings, progress, records, record, max_removed: MAX_REMOVED };
    let done = run.synchronise_types(request).await;
    run.finish(done).await
}

impl Run<'_> {
    async fn synchronise_types(&mut self, request: &Request) -> Result<(), Failure> {
        let mut incomplete = None;
        for resource_type in DirectoryType::ALL {
            if request.types.contains(&resource_type) {
                match self.bring_up_to_date(resource_type, request).await {
                    // The directory answers: what is wrong with one type must not keep the others from it.
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

    /// Records how it ended. Where that was the database's fault, nothing can be written.
    async fn finish(mut self, done: Result<(), Failure>) -> Result<Record, Failure> {
        if let Err(failure @ (Failure::Database(_) | Failure::Busy)) = done {
            return Err(failure);
        }
        let now = self.settings.clock.now();
        match &done {
            Ok(()) => self.record.end(true, self.record.summary(), now),
            Err(failure) => self.record.end(false, failure.to_string(), now),
        }
        self.records.save(&mut self.writer, &self.record).await?;
        self.writer.commit().await?;
        // Nothing that is served depends on it: after everything else, and after a failure too, which may
        // come again for weeks.
        if let Ok(before) = now.checked_sub(self.settings.keep) {
            self.writer.purge(before).await?;
        }
        done?;
        Ok(self.record)
    }

    /// Makes what came visible and lasting, with how far the walk is.
    async fn commit(&mut self, resource_type: DirectoryType, state: &SyncState) -> Result<(), Error> {
        self.record.last = self.settings.clock.now();
        state.save(&mut self.writer, resource_type).await?;
        self.records.save(&mut self.writer, &self.record).await?;
        self.writer.commit().await
    }
}
