//! Filling the mirror from files of NDJSON, as `annuaire generate` writes them, or as somebody exported
//! a directory.

mod input;
mod lines;
mod parallel;

use std::time::Duration;

use tokio::sync::mpsc;

pub use input::Input;

use crate::annuaire::ingest::parsed_batch::ParsedBatch;
use crate::annuaire::ingest::progress::{Length, Progress, Step};
use crate::annuaire::ingest::run_log::{Record, Records, Work};
use crate::annuaire::ingest::sync_state::{DeletionsSuppressed, MAX_REMOVED, SyncCursor, SyncPhase, SyncState};
use crate::annuaire::store::resource::ParsedResource;
use crate::annuaire::store::{Mirror, Rejected, Writer};
use crate::clock::Clock;
use crate::error::Error;
use crate::error::chain::join_causes;
use crate::fhir::directory_type::DirectoryType;

/// Resources are committed so many at a time: larger batches than a synchronisation's, because a file
/// can be read again from its beginning, and each commit makes a segment of the index.
const BATCH: u64 = 65_536;

/// Resources of a type are handed to the mirror so many at a time.
const INSERT_BATCH: usize = 1_000;

/// Chunks of lines that wait to be read. Each holds a few MB.
const MAX_WAITING_CHUNKS: usize = 2;

/// How they are loaded.
#[derive(Clone)]
pub struct Settings {
    /// Whether what is not in the files is removed from the mirror.
    pub replace: bool,
    /// Whether that is done however much it is.
    pub allow_deletions: bool,
    /// How long superseded versions are kept, for walks over the mirror that have begun.
    pub keep: Duration,
    /// What time it is.
    pub clock: Clock,
}

/// Why a load did not come to its end. What was committed stays; loading the same files again does no
/// harm.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file.
    #[error("{0}")]
    Input(String),
    /// The database.
    #[error("the directory mirror cannot be written: {}", join_causes(.0))]
    Database(#[from] Error),
    /// Somebody else writes.
    #[error("another process is writing to the directory mirror: try again when it has finished")]
    Busy,
}

/// Fails where a file is not there, as one whose name is mistyped: before a mirror is made for it.
pub fn check(inputs: &[Input]) -> Result<(), Failure> {
    lines::length(inputs).map(|_| ()).map_err(Failure::Input)
}

/// Loads the files, one after the other, and says what that did.
pub async fn load(
    mirror: &Mirror,
    inputs: Vec<Input>,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Record, Failure> {
    // Before anything is done: a name that is mistyped.
    let length = lines::length(&inputs).map_err(Failure::Input)?;
    let writer = mirror.writer().await?.ok_or(Failure::Busy)?.with_clock(settings.clock.clone());
    let records = Records::before_run(mirror).await?;
    let names: Vec<_> = inputs.iter().map(Input::name).collect();
    let record = Record::new(Work::Load, names.join(" "), settings.clock.now());
    let mut load =
        Load { mirror, writer, settings, progress, records, record, shelves: Default::default(), pending: 0 };
    progress.begin("load", length.map_or(Length::Unknown, Length::Bytes), Step::default());
    let done = load.everything(inputs).await;
    progress.end();
    load.end(done).await
}

/// A load, under way.
struct Load<'a> {
    mirror: &'a Mirror,
    writer: Writer,
    settings: &'a Settings,
    progress: &'a dyn Progress,
    records: Records,
    record: Record,
    /// What was read, a shelf for each type of [`DirectoryType::ALL`].
    shelves: [Vec<ParsedResource>; 5],
    /// How many resources came since the last commit.
    pending: u64,
}

impl Load<'_> {
    async fn everything(&mut self, inputs: Vec<Input>) -> Result<(), Failure> {
        self.forget_walks().await?;
        let (sender, chunks) = mpsc::channel(MAX_WAITING_CHUNKS);
        // A thread of its own: whoever waits for standard input must not hold up the end of the program.
        let lines = std::thread::spawn(move || lines::read(&inputs, &sender));
        let mut readings = parallel::read(chunks);
        while let Some(reading) = readings.recv().await {
            let (reading, bytes) = reading.map_err(Failure::Input)?;
            self.take(reading.await.map_err(Error::internal)?, bytes).await?;
        }
        // The channel ended, and so the thread does; unless it broke away, everything was read.
        lines.join().map_err(|_| Error::internal("a task that reads files panicked"))?;
        if self.settings.replace {
            self.sweep().await?;
        }
        Ok(())
    }

    /// Takes what was read of a chunk.
    async fn take(&mut self, readings: ParsedBatch, bytes: u64) -> Result<(), Error> {
        let resources = (readings.prepared.len() + readings.aside.len()) as u64;
        for aside in readings.aside {
            self.reject(aside).await?;
        }
        if self.settings.replace {
            self.writer.mark_seen(&readings.unreadable).await?;
        }
        for prepared in readings.prepared {
            let shelf = &mut self.shelves[prepared.resource_type as usize];
            shelf.push(prepared);
            if shelf.len() == INSERT_BATCH {
                let full = std::mem::take(shelf);
                self.add(full).await?;
            }
        }
        self.record.bytes += bytes;
        self.pending += resources;
        self.progress.advance(Step { resources, bytes });
        if self.pending >= BATCH { self.commit().await } else { Ok(()) }
    }

    async fn reject(&mut self, aside: Rejected) -> Result<(), Error> {
        let of = aside.resource_type.map_or("unknown", DirectoryType::as_str);
        self.record.count(of, "load").set_aside += 1;
        self.writer.reject(aside).await
    }

    /// Adds resources of one type.
    async fn add(&mut self, resources: Vec<ParsedResource>) -> Result<(), Error> {
        let Some(first) = resources.first() else { return Ok(()) };
        let of = first.resource_type;
        let counts = self.writer.add(resources, self.settings.replace).await?;
        self.record.count(of.as_str(), "load").add(counts);
        Ok(())
    }

    async fn empty_shelves(&mut self) -> Result<(), Error> {
        for shelf in std::mem::take(&mut self.shelves) {
            self.add(shelf).await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Error> {
        self.empty_shelves().await?;
        self.pending = 0;
        self.record.last = self.settings.clock.now();
        self.records.note(&mut self.writer, &self.record).await?;
        self.writer.commit().await
    }

    /// Forgets what will not hold any more of what is known of an upstream.
    async fn forget_walks(&mut self) -> Result<(), Error> {
        for of in DirectoryType::ALL {
            let mut state = SyncState::noted(self.mirror, of).await?.unwrap_or_default();
            if self.settings.replace {
                // The next synchronisation is a full one.
                state = SyncState::default();
                self.writer.forget_seen(of).await?;
            } else if let Some(walk) = state.cursor {
                // What the walk marked is no longer what the mirror has: the walk starts over.
                state.cursor = Some(SyncCursor::over(if walk.phase.is_full() { SyncPhase::Full } else { walk.phase }));
            }
            state.note(&mut self.writer, of).await?;
        }
        Ok(())
    }

    async fn sweep(&mut self) -> Result<(), Error> {
        self.empty_shelves().await?;
        // More than usual looks like half a file.
        let max_removed = if self.settings.allow_deletions { 1.0 } else { MAX_REMOVED };
        for of in DirectoryType::ALL {
            let swept = self.writer.sweep(of, max_removed).await?;
            if swept.unseen > 0 {
                self.record.count(of.as_str(), "load").add_swept(swept);
            }
            if let Some(held_back) = DeletionsSuppressed::by(swept, self.settings.clock.now()) {
                let remedy = "`annuaire load --replace --allow-deletions` deletes them";
                self.record.warnings.push(format!("{}; {remedy}", held_back.sentence(of)));
                self.record.held_back = true;
            }
        }
        Ok(())
    }

    /// Commits what came, and records how it ended.
    async fn end(mut self, done: Result<(), Failure>) -> Result<Record, Failure> {
        if let Err(failure @ (Failure::Database(_) | Failure::Busy)) = done {
            return Err(failure);
        }
        let now = self.settings.clock.now();
        self.empty_shelves().await?;
        match &done {
            Ok(()) => self.record.end(true, self.record.summary(), now),
            Err(failure) => self.record.end(false, failure.to_string(), now),
        }
        self.records.note(&mut self.writer, &self.record).await?;
        self.writer.commit().await?;
        done?;
        if let Ok(before) = now.checked_sub(self.settings.keep) {
            self.writer.purge(before).await?;
        }
        Ok(self.record)
    }
}
