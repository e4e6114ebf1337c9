//! Writes that wait at the same moment share one transaction and one commit.
//!
//! A single task takes what is queued, reads in one statement what the batch needs, decides each
//! write in order by the pure function of [`crate::sas::identity`], and commits once. A refused
//! write changes nothing and spoils nobody.

mod batch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::batch::{commit_together, with_commit_timeout};
use crate::audit::{AuditEvent, Key, Losses, Recorder, ResourceRef, Trace, WriteOutcome};
use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::error::{Error, Workload};
use crate::fhir::content::Content;
use crate::fhir::date::instant;
use crate::fhir::id::Id;
use crate::fhir::version::Version;
use crate::issue::Issue;
use crate::sas::identity::{Effect, Write};
use crate::storage::Storage;

/// More writes than this are not committed together.
const MAX_BATCH: usize = 128;
/// More records of other exchanges than this do not wait for the next batch of writes.
const MAX_WAITING_EVENTS: usize = 256;
/// Nor do they longer than this. So often is a database tried, too, that did not take the last batch.
const MAX_EVENT_DELAY: Duration = Duration::from_secs(1);
/// More writes than this do not wait: the client is asked to come back.
const MAX_QUEUED: usize = 1024;

/// A write with what is stored if it is accepted.
#[derive(Debug)]
pub struct Job {
    /// What identity depends on.
    pub write: Write,
    /// The resource.
    pub content: Content,
    /// `Appointment.status`
    pub status: Option<String>,
    /// `Appointment.start`
    pub start: Option<Timestamp>,
    /// The exchange that it is part of.
    pub trace: Trace,
    /// When its answer is due; what its client does not wait for any more is not begun.
    pub deadline: Deadline,
    /// The rules that were cited before it was queued.
    pub rules: Vec<&'static str>,
}

/// A write that is on disk.
#[derive(Debug)]
pub struct Stored {
    /// What it did.
    pub effect: Effect,
    /// The resource.
    pub id: Id,
    /// Its version before.
    pub before: Option<Version>,
    /// Its current version.
    pub version: Version,
    /// When that came to be.
    pub last_updated: Timestamp,
    /// Its content, unless nothing had to be written.
    pub content: Option<String>,
    /// Warnings and information.
    pub issues: Vec<Issue>,
}

impl Stored {
    fn decided(&self) -> ResourceRef {
        ResourceRef { id: Some(self.id.to_string()), before: self.before, after: Some(self.version) }
    }
}

type Answer = Result<Stored, Error>;

struct Queued {
    job: Job,
    answer: oneshot::Sender<Answer>,
}

/// The writing task.
pub struct Writing {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Writing {
    /// Returns if the task ends by itself, as by a panic: nothing is written any more.
    pub async fn ended(&mut self) {
        let _ = (&mut self.task).await;
    }

    /// Takes no more writes, and returns once those that wait are committed.
    pub async fn finish(self) {
        self.stop.notify_one();
        if self.task.await.is_err() {
            tracing::error!("the writing task ended unexpectedly");
        }
    }
}

/// The queue of the writing task.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Queued>,
    recorder: Recorder,
    is_failing: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the writing task. Identifiers of persons are recorded as hashes by this key.
    pub fn start(storage: Storage, clock: Clock, key: Key) -> (Self, Writing) {
        let (queue, queued) = mpsc::channel::<Queued>(MAX_QUEUED);
        let (recorder, records) = Recorder::new(key, clock.clone());
        let is_failing = Arc::new(AtomicBool::new(false));
        let stop = Arc::new(Notify::new());
        let (waiting, is_failing) = (Vec::with_capacity(MAX_WAITING_EVENTS), is_failing);
        let (losses, failing) = (recorder.losses(), is_failing.clone());
        let task = Task { storage, clock, queued, records, waiting, due: None, is_failing: failing, losses };
        let task = tokio::spawn(task.run(stop.clone()));
        (Self { queue, recorder, is_failing }, Writing { stop, task })
    }

    /// Queues a write and waits until it is decided and on disk, or its deadline has passed.
    pub async fn write(&self, job: Job) -> Answer {
        let (deadline, trace) = (job.deadline.clone(), job.trace.clone());
        let (answer, answered) = oneshot::channel();
        // A write that nobody waits for any more is not taken from the queue.
        trace.write_fails(WriteOutcome::Failed);
        self.queue.try_send(Queued { job, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::TooBusy(Workload::Writes),
            mpsc::error::TrySendError::Closed(_) => Error::internal("the writing task has ended"),
        })?;
        let ended = |_| Error::internal("the writing task has ended");
        deadline.limit(async { answered.await.map_err(ended)? }).await
    }

    /// Where the records of exchanges go that change nothing.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Whether writes are being taken: the task runs, and the database took the last batch. One that did not is
    /// tried once a second until it does.
    pub fn is_ready(&self) -> bool {
        !self.queue.is_closed() && !self.is_failing.load(Ordering::Acquire)
    }
}

/// The writing task.
struct Task {
    storage: Storage,
    clock: Clock,
    queued: mpsc::Receiver<Queued>,
    records: mpsc::Receiver<AuditEvent>,
    /// Records for the next commit.
    waiting: Vec<AuditEvent>,
    /// When the next commit is to be, whether or not there are writes.
    due: Option<Instant>,
    is_failing: Arc<AtomicBool>,
    losses: Losses,
}

impl Task {
    async fn run(mut self, stop: Arc<Notify>) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        loop {
            let room = MAX_WAITING_EVENTS - self.waiting.len();
            let due = self.due.unwrap_or_else(Instant::now);
            tokio::select! {
                taken = self.queued.recv_many(&mut batch, MAX_BATCH) => match taken {
                    0 => break,
                    _ => self.commit_batch(&mut batch).await,
                },
                Some(record) = self.records.recv(), if room > 0 => self.take(record).await,
                () = tokio::time::sleep_until(due), if self.due.is_some() => self.commit_records().await,
                () = stop.notified() => self.queued.close(),
            }
        }
        self.records.close();
        loop {
            let room = MAX_WAITING_EVENTS - self.waiting.len();
            let taken = self.records.recv_many(&mut self.waiting, room.max(1)).await;
            if taken == 0 && self.waiting.is_empty() {
                break;
            }
            self.commit_records().await;
            if self.is_failing.load(Ordering::Acquire) {
                self.losses.add(self.waiting.len() as u64 + self.records.len() as u64);
                break;
            }
        }
        self.losses.tell();
    }

    async fn take(&mut self, record: AuditEvent) {
        self.waiting.push(record);
        self.due.get_or_insert_with(|| Instant::now() + MAX_EVENT_DELAY);
        // Those that a failing database did not take are not tried again with each that comes.
        if self.waiting.len() == MAX_WAITING_EVENTS && !self.is_failing.load(Ordering::Acquire) {
            self.commit_records().await;
        }
    }

    async fn commit_batch(&mut self, batch: &mut Vec<Queued>) {
        // Whoever was asked to come back, or went away, sends it again: it must not be carried out behind
        // that client's back, after what it sends next through another instance.
        batch.retain(|queued| {
            // In this order: the record of a client that goes away in between says that the outcome is unknown.
            queued.job.trace.write_begins();
            !queued.answer.is_closed()
        });
        if batch.is_empty() {
            return;
        }
        metrics::histogram!("sas_write_batch_size").record(batch.len() as f64);
        let (jobs, answers): (Vec<_>, Vec<_>) = batch.drain(..).map(|queued| (queued.job, queued.answer)).unzip();
        // What came since goes along.
        while self.waiting.len() < MAX_WAITING_EVENTS
            && let Ok(record) = self.records.try_recv()
        {
            self.waiting.push(record);
        }
        let committed = self.commit(&jobs, &answers).await;
        for (sender, answer) in answers.into_iter().zip(committed) {
            // A client that went away during the commit does not read its answer; its write stands.
            let _ = sender.send(answer);
        }
    }

    /// Commits a batch, with the records that wait. Where it fails for good, another writer was faster or one
    /// write is poisoned: it is run again, then each write alone. Where the database is away, nobody is
    /// retried: whether the commit was carried out may be unknown.
    async fn commit(&mut self, jobs: &[Job], clients: &[oneshot::Sender<Answer>]) -> Vec<Answer> {
        let mut failure = None;
        for _attempt in 0..2 {
            match commit_together(&self.storage, &self.clock, jobs, &self.waiting).await {
                Ok(answers) => {
                    self.committed();
                    return answers;
                }
                Err(error) => failure = Some(Error::from(error)),
            }
            if matches!(failure, Some(Error::Unavailable(_))) {
                break;
            }
            // They are run again.
            jobs.iter().for_each(|job| job.trace.write_begins());
        }
        match failure {
            Some(Error::Unavailable(error)) => {
                self.failed();
                jobs.iter().map(|_| Err(Error::Unavailable(error.clone()))).collect()
            }
            _ => {
                let mut answers = Vec::with_capacity(jobs.len());
                for (job, client) in jobs.iter().zip(clients) {
                    // As above: what its client sends next must not be undone.
                    if client.is_closed() {
                        answers.push(Err(Error::DeadlineExceeded));
                        continue;
                    }
                    match commit_together(&self.storage, &self.clock, std::slice::from_ref(job), &[]).await {
                        Ok(one) => answers.extend(one),
                        Err(error) => match Error::from(error) {
                            // It fell silent in the meantime: each that is left would wait as long for it.
                            Error::Unavailable(error) => {
                                self.failed();
                                answers.resize_with(jobs.len(), || Err(Error::Unavailable(error.clone())));
                                return answers;
                            }
                            error => answers.push(Err(error)),
                        },
                    }
                }
                self.commit_records().await;
                answers
            }
        }
    }

    /// Commits the records that wait; of none, a few bytes, to see whether anything can be written.
    async fn commit_records(&mut self) {
        let written = async {
            match self.waiting.as_slice() {
                [] => self.storage.try_writing(&instant(self.clock.now())).await,
                records => self.storage.add_events(records).await,
            }
        };
        let written = with_commit_timeout(written).await;
        match written.map_err(Error::from) {
            Ok(()) => self.committed(),
            Err(Error::Unavailable(error)) => {
                tracing::debug!("audit events are waiting for the database: {error}");
                self.failed();
            }
            Err(error) => {
                tracing::error!("the database refused audit events, which are lost: {}", error.causes());
                self.losses.add(self.waiting.len() as u64);
                self.committed();
            }
        }
    }

    fn committed(&mut self) {
        self.waiting.clear();
        self.due = None;
        if self.is_failing.swap(false, Ordering::AcqRel) {
            tracing::info!("the database accepts writes again");
        }
    }

    fn failed(&mut self) {
        self.is_failing.store(true, Ordering::Release);
        self.due = Some(Instant::now() + MAX_EVENT_DELAY);
    }
}

#[cfg(test)]
mod tests;
