//! The queue of writes: those that wait at the same moment share one transaction and one commit.
//!
//! A single task takes what is queued, reads in one statement the state that the batch depends on, lets each write
//! decide in order over that state, and commits once. A refused write changes nothing and does not affect the others.

mod batch;
mod queued_write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::batch::{commit_together, with_commit_timeout};
use self::queued_write::{Answer, Queued};
use super::database::Storage;
use super::error::StorageError;
use crate::audit::{AuditEvent, AuditQueue, Key, LostEvents, WriteOutcome, WriteReport};
use crate::clock::Clock;
use crate::error::chain::join_causes;
use crate::fhir::date::instant;

pub(crate) use self::queued_write::{Decided, PendingWrite, QueuedWrite, WriteError};

/// Maximum writes that are committed together.
const MAX_BATCH: usize = 128;
/// Maximum bytes of the contents that are committed together, unless the first write alone has more: while it is stored, a
/// content is in memory several times.
const MAX_BATCH_BYTES: usize = 8 << 20;
/// Maximum audit events that wait for the next batch of writes; more are committed at once.
const MAX_WAITING_EVENTS: usize = 256;
/// Maximum time that they wait. The interval, too, at which a database that did not take the last batch is tried.
const MAX_EVENT_DELAY: Duration = Duration::from_secs(1);
/// Maximum writes that wait; the client of a further one is asked to come back.
const MAX_QUEUED: usize = 1024;

/// The handle of the writing task.
pub struct WriteTask {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl WriteTask {
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

/// The sending side of the queue.
pub struct WriteQueue<W: QueuedWrite> {
    queue: mpsc::Sender<Queued<W>>,
    audit: AuditQueue,
    is_failing: Arc<AtomicBool>,
    committed: Arc<Notify>,
}

impl<W: QueuedWrite> Clone for WriteQueue<W> {
    fn clone(&self) -> Self {
        let Self { queue, audit, is_failing, committed } = self;
        let (queue, audit) = (queue.clone(), audit.clone());
        Self { queue, audit, is_failing: is_failing.clone(), committed: committed.clone() }
    }
}

impl<W: QueuedWrite> WriteQueue<W> {
    /// Starts the writing task. Audit events hash identifiers of persons with this key.
    pub fn start(storage: Storage, clock: Clock, key: Key) -> (Self, WriteTask) {
        let (queue, queued) = mpsc::channel(MAX_QUEUED);
        let (audit, events) = AuditQueue::new(key, clock.clone());
        let is_failing = Arc::new(AtomicBool::new(false));
        let (stop, committed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let task = Task {
            storage,
            clock,
            queued,
            events,
            waiting: Vec::with_capacity(MAX_WAITING_EVENTS),
            due: None,
            is_failing: is_failing.clone(),
            committed: committed.clone(),
            lost: audit.lost_events(),
        };
        let task = tokio::spawn(task.run(stop.clone()));
        (Self { queue, audit, is_failing, committed }, WriteTask { stop, task })
    }

    /// Queues a write.
    ///
    /// # Errors
    /// [`WriteError::QueueFull`], [`WriteError::QueueClosed`]
    pub(crate) fn submit(&self, write: W) -> Result<PendingWrite<W>, WriteError<W::Refusal>> {
        let (report, reported) = watch::channel(WriteReport::failed());
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Queued { write, report, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => WriteError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => WriteError::QueueClosed,
        })?;
        Ok(PendingWrite { report: reported, answer: answered })
    }

    /// The queue of audit events of requests that change nothing.
    pub fn audit(&self) -> &AuditQueue {
        &self.audit
    }

    /// Is notified after each commit of writes.
    pub fn committed(&self) -> Arc<Notify> {
        self.committed.clone()
    }

    /// Whether writes are being taken: the task runs, and the database took the last batch. One that did not is
    /// tried once a second until it does.
    pub fn is_ready(&self) -> bool {
        !self.queue.is_closed() && !self.is_failing.load(Ordering::Acquire)
    }
}

/// The writing task.
struct Task<W: QueuedWrite> {
    storage: Storage,
    clock: Clock,
    queued: mpsc::Receiver<Queued<W>>,
    events: mpsc::Receiver<AuditEvent>,
    /// Audit events for the next commit.
    waiting: Vec<AuditEvent>,
    /// When the next commit is to be, whether or not there are writes.
    due: Option<Instant>,
    is_failing: Arc<AtomicBool>,
    /// Notified after each commit of writes.
    committed: Arc<Notify>,
    lost: LostEvents,
}

impl<W: QueuedWrite> Task<W> {
    async fn run(mut self, stop: Arc<Notify>) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        loop {
            let room = MAX_WAITING_EVENTS - self.waiting.len();
            let due = self.due.unwrap_or_else(Instant::now);
            tokio::select! {
                taken = self.queued.recv_many(&mut batch, MAX_BATCH) => match taken {
                    0 => break,
                    _ => self.commit_batches(&mut batch).await,
                },
                Some(event) = self.events.recv(), if room > 0 => self.take(event).await,
                () = tokio::time::sleep_until(due), if self.due.is_some() => self.commit_events().await,
                () = stop.notified() => self.queued.close(),
            }
        }
        self.events.close();
        loop {
            let room = MAX_WAITING_EVENTS - self.waiting.len();
            let taken = self.events.recv_many(&mut self.waiting, room.max(1)).await;
            if taken == 0 && self.waiting.is_empty() {
                break;
            }
            self.commit_events().await;
            if self.is_failing.load(Ordering::Acquire) {
                self.lost.add(self.waiting.len() as u64 + self.events.len() as u64);
                break;
            }
        }
        self.lost.log();
    }

    async fn take(&mut self, event: AuditEvent) {
        self.waiting.push(event);
        self.due.get_or_insert_with(|| Instant::now() + MAX_EVENT_DELAY);
        // Events that a failing database did not take are not tried again with each that comes.
        if self.waiting.len() == MAX_WAITING_EVENTS && !self.is_failing.load(Ordering::Acquire) {
            self.commit_events().await;
        }
    }

    async fn commit_batches(&mut self, taken: &mut Vec<Queued<W>>) {
        while !taken.is_empty() {
            let first = length_of_batch(taken.iter().map(|queued| queued.write.size()));
            // The others are still queued: their clients may give them up.
            let mut batch = taken.drain(..first).collect();
            self.commit_batch(&mut batch).await;
        }
    }

    async fn commit_batch(&mut self, batch: &mut Vec<Queued<W>>) {
        // A client that was asked to come back, or went away, sends its write again: the write must not be committed
        // later, after what the client sends next through another instance.
        batch.retain(|queued| {
            // In this order: the audit event of a client that goes away in between says that the outcome is unknown.
            queued.report.send_modify(|report| report.outcome = Some(WriteOutcome::Unknown));
            !queued.answer.is_closed()
        });
        if batch.is_empty() {
            return;
        }
        metrics::histogram!("sas_write_batch_size").record(batch.len() as f64);
        // Events that came since are committed with the batch.
        while self.waiting.len() < MAX_WAITING_EVENTS
            && let Ok(event) = self.events.try_recv()
        {
            self.waiting.push(event);
        }
        let answers = self.commit(batch).await;
        for (queued, answer) in batch.drain(..).zip(answers) {
            // A client that went away during the commit does not read its answer; its write stands.
            let _ = queued.answer.send(answer);
        }
    }

    /// Commits a batch, with the audit events that wait. Where it fails for good, another writer was faster or one
    /// write is poisoned: the batch is run again, then each write alone. Where the database is away, nothing is
    /// retried: whether it was committed may be unknown.
    async fn commit(&mut self, batch: &[Queued<W>]) -> Vec<Answer<W>> {
        for _attempt in 0..2 {
            match commit_together(&self.storage, &self.clock, batch, &self.waiting).await {
                Ok(answers) => {
                    self.committed.notify_one();
                    self.committed();
                    return answers;
                }
                Err(error @ (StorageError::Unavailable(_) | StorageError::DeadlineExceeded)) => {
                    self.failed();
                    return batch.iter().map(|_| Err(WriteError::Storage(error.clone()))).collect();
                }
                Err(StorageError::Internal(_)) => {}
            }
            for queued in batch {
                queued.report.send_modify(|report| report.outcome = Some(WriteOutcome::Unknown));
            }
        }
        self.commit_one_by_one(batch).await
    }

    async fn commit_one_by_one(&mut self, batch: &[Queued<W>]) -> Vec<Answer<W>> {
        let mut answers = Vec::with_capacity(batch.len());
        for queued in batch {
            // As in `commit_batch`: what the client sends next must not be undone.
            if queued.answer.is_closed() {
                answers.push(Err(WriteError::DeadlineExceeded));
                continue;
            }
            match commit_together(&self.storage, &self.clock, std::slice::from_ref(queued), &[]).await {
                Ok(one) => {
                    self.committed.notify_one();
                    answers.extend(one);
                }
                Err(error @ StorageError::Internal(_)) => answers.push(Err(WriteError::Storage(error))),
                // The database fell silent in the meantime: each write that is left would wait as long for it.
                Err(error) => {
                    self.failed();
                    answers.resize_with(batch.len(), || Err(WriteError::Storage(error.clone())));
                    return answers;
                }
            }
        }
        self.commit_events().await;
        answers
    }

    /// Commits the audit events that wait; of none, a few bytes, to see whether anything can be written.
    async fn commit_events(&mut self) {
        let written = async {
            match self.waiting.as_slice() {
                [] => self.storage.try_writing(&instant(self.clock.now())).await,
                events => self.storage.add_events(events).await,
            }
        };
        match with_commit_timeout(written).await {
            Ok(()) => self.committed(),
            Err(StorageError::Internal(cause)) => {
                tracing::error!("the database refused audit events, which are lost: {}", join_causes(&cause));
                self.lost.add(self.waiting.len() as u64);
                self.committed();
            }
            Err(error) => {
                tracing::debug!("audit events are waiting for the database: {}", join_causes(&error));
                self.failed();
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

/// How many of the writes with contents of these sizes are committed together: one at least.
fn length_of_batch(sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fits = |size: &usize| {
        bytes += size;
        bytes <= MAX_BATCH_BYTES
    };
    sizes.take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests;
