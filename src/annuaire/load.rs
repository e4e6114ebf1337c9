//! `annuaire load`: fills the mirror from NDJSON files, generated or exported.

mod input;
mod lines;
mod parallel;

use std::time::Duration;

use tokio::sync::mpsc;

pub use input::Input;

use crate::annuaire::ingest::parsed_batch::ParsedBatch;
use crate::annuaire::ingest::progress::{Length, Progress, Step};
use crate::annuaire::ingest::run_log::{EarlierRuns, RunRecord, Work};
use crate::annuaire::ingest::sync_state::{DeletionsSuppressed, MAX_REMOVED, SyncCursor, SyncPhase, SyncState};
use crate::annuaire::store::resource::ParsedResource;
use crate::annuaire::store::{Mirror, Rejected, Writer};
use crate::clock::Clock;
use crate::error::Error;
use crate::error::chain::join_causes;
use crate::fhir::directory_type::DirectoryType;

/// Resources of a commit. More than in a synchronisation: a file can be read again from its beginning, and each commit
/// makes a segment of the index.
const COMMIT_BATCH: u64 = 65_536;

/// Resources of a type that are inserted together.
const INSERT_BATCH: usize = 1_000;

/// Maximum chunks of lines that wait to be parsed. A chunk holds a few MB.
const MAX_WAITING_CHUNKS: usize = 2;

#[derive(Clone)]
pub struct Settings {
    /// Whether resources that are not in the files are removed from the mirror.
    pub replace: bool,
    /// Whether they are removed even if they are more than [`MAX_REMOVED`].
    pub allow_deletions: bool,
    /// How long superseded versions are kept for the walks of clients.
    pub keep: Duration,
    pub clock: Clock,
}

/// Why a load failed. Commits stay; loading the same files again is safe.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Input(String),
    /// The database.
    #[error("the directory mirror cannot be written: {}", join_causes(.0))]
    Database(#[from] Error),
    #[error("another process is writing to the directory mirror: try again when it has finished")]
    Busy,
}

/// Checks that all files can be opened, so that a mistyped name creates no mirror.
pub(crate) fn check(inputs: &[Input]) -> Result<(), Failure> {
    lines::length(inputs).map(|_| ()).map_err(Failure::Input)
}

/// Loads the files, one after the other.
pub async fn load(
    mirror: &Mirror,
    inputs: Vec<Input>,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<RunRecord, Failure> {
    // A mistyped name fails before anything is written.
    let length = lines::length(&inputs).map_err(Failure::Input)?;
    let writer = mirror.writer().await?.ok_or(Failure::Busy)?.with_clock(settings.clock.clone());
    let earlier_runs = EarlierRuns::read(mirror).await?;
    let names: Vec<_> = inputs.iter().map(Input::name).collect();
    let record = RunRecord::new(Work::Load, names.join(" "), settings.clock.now());
    let mut load =
        Load { mirror, writer, settings, progress, earlier_runs, record, waiting: Default::default(), pending: 0 };
    progress.begin("load", length.map_or(Length::Unknown, Length::Bytes), Step::default());
    let done = load.load_inputs(inputs).await;
    progress.end();
    load.finish(done).await
}

struct Load<'a> {
    mirror: &'a Mirror,
    writer: Writer,
    settings: &'a Settings,
    progress: &'a dyn Progress,
    earlier_runs: EarlierRuns,
    record: RunRecord,
    /// Resources that are not yet handed to the mirror, a list for each type of [`DirectoryType::ALL`].
    waiting: [Vec<ParsedResource>; 5],
    /// Resources received since the last commit.
    pending: u64,
}

impl Load<'_> {
    async fn load_inputs(&mut self, inputs: Vec<Input>) -> Result<(), Failure> {
        self.forget_walks().await?;
        let (sender, chunks) = mpsc::channel(MAX_WAITING_CHUNKS);
        // A thread outside the runtime: one that waits for standard input would delay the end of the process.
        let lines = std::thread::spawn(move || lines::read_chunks(&inputs, &sender));
        let mut tasks = parallel::parse_chunks(chunks);
        while let Some(task) = tasks.recv().await {
            let (parsing, bytes) = task.map_err(Failure::Input)?;
            self.store(parsing.await.map_err(Error::internal)?, bytes).await?;
        }
        // The channel is closed, so the thread ends. Unless it panicked, it read everything.
        lines.join().map_err(|_| Error::internal("a task that reads files panicked"))?;
        if self.settings.replace {
            self.sweep().await?;
        }
        Ok(())
    }

    /// Stores a parsed chunk.
    async fn store(&mut self, batch: ParsedBatch, bytes: u64) -> Result<(), Error> {
        let resources = (batch.prepared.len() + batch.rejected.len()) as u64;
        for rejected in batch.rejected {
            self.reject(rejected).await?;
        }
        if self.settings.replace {
            self.writer.mark_seen(&batch.unreadable).await?;
        }
        for prepared in batch.prepared {
            let list = &mut self.waiting[prepared.resource_type as usize];
            list.push(prepared);
            if list.len() == INSERT_BATCH {
                let full = std::mem::take(list);
                self.add_of_type(full).await?;
            }
        }
        self.record.bytes += bytes;
        self.pending += resources;
        self.progress.advance(Step { resources, bytes });
        if self.pending >= COMMIT_BATCH { self.commit().await } else { Ok(()) }
    }

    async fn reject(&mut self, rejected: Rejected) -> Result<(), Error> {
        let resource_type = rejected.resource_type.map_or("unknown", DirectoryType::as_str);
        self.record.count(resource_type, "load").rejected += 1;
        self.writer.reject(rejected).await
    }

    async fn add_of_type(&mut self, resources: Vec<ParsedResource>) -> Result<(), Error> {
        let Some(first) = resources.first() else { return Ok(()) };
        let resource_type = first.resource_type;
        let counts = self.writer.add(resources, self.settings.replace).await?;
        self.record.count(resource_type.as_str(), "load").add(counts);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Error> {
        for list in std::mem::take(&mut self.waiting) {
            self.add_of_type(list).await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Error> {
        self.flush().await?;
        self.pending = 0;
        self.record.last = self.settings.clock.now();
        self.earlier_runs.save(&mut self.writer, &self.record).await?;
        self.writer.commit().await
    }

    /// Resets the state of synchronisation that this load makes untrue.
    async fn forget_walks(&mut self) -> Result<(), Error> {
        for resource_type in DirectoryType::ALL {
            let mut state = SyncState::load(self.mirror, resource_type).await?.unwrap_or_default();
            if self.settings.replace {
                // Without a state, the next synchronisation is a full one.
                state = SyncState::default();
                self.writer.forget_seen(resource_type).await?;
            } else if let Some(walk) = state.cursor {
                // The marks of the walk are no longer true: it starts over.
                state.cursor = Some(SyncCursor::over(if walk.phase.is_full() { SyncPhase::Full } else { walk.phase }));
            }
            state.save(&mut self.writer, resource_type).await?;
        }
        Ok(())
    }

    async fn sweep(&mut self) -> Result<(), Error> {
        self.flush().await?;
        // More deletions than this look like an incomplete file.
        let max_removed = if self.settings.allow_deletions { 1.0 } else { MAX_REMOVED };
        for resource_type in DirectoryType::ALL {
            let swept = self.writer.sweep(resource_type, max_removed).await?;
            if swept.unseen > 0 {
                self.record.count(resource_type.as_str(), "load").add_swept(swept);
            }
            if let Some(held_back) = DeletionsSuppressed::by(swept, self.settings.clock.now()) {
                let remedy = "`annuaire load --replace --allow-deletions` deletes them";
                self.record.warnings.push(format!("{}; {remedy}", held_back.sentence(resource_type)));
                self.record.held_back = true;
            }
        }
        Ok(())
    }

    /// Commits the rest, and records the outcome.
    async fn finish(mut self, done: Result<(), Failure>) -> Result<RunRecord, Failure> {
        if let Err(failure @ (Failure::Database(_) | Failure::Busy)) = done {
            return Err(failure);
        }
        let now = self.settings.clock.now();
        self.flush().await?;
        match &done {
            Ok(()) => self.record.end(true, self.record.summary(), now),
            Err(failure) => self.record.end(false, failure.to_string(), now),
        }
        self.earlier_runs.save(&mut self.writer, &self.record).await?;
        self.writer.commit().await?;
        done?;
        if let Ok(before) = now.checked_sub(self.settings.keep) {
            self.writer.purge(before).await?;
        }
        Ok(self.record)
    }
}
