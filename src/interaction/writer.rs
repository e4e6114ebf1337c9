//! Writes that wait at the same moment share one transaction and one commit.
//!
//! A single task takes what is queued, reads in one statement what the batch needs, decides each
//! write in order by the pure function of [`crate::sas::identity`], and commits once. A refused
//! write changes nothing and spoils nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::audit::{AuditEvent, Key, Losses, Recorder, ResourceRef, Trace, WriteOutcome};
use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::error::{Error, Workload};
use crate::fhir::content::Content;
use crate::fhir::date::instant;
use crate::fhir::id::Id;
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::issue::Issue;
use crate::sas::identity::{Decision, Effect, Target, Write, decide};
use crate::storage::registry::{Entry, Registry};
use crate::storage::{Additions, NewVersion, Storage, Wanted};

/// More writes than this are not committed together.
const LARGEST_BATCH: usize = 128;
/// A batch that takes longer is given up; whether it was committed is then unknown. Longer than any lock is waited for.
const LONGEST_COMMIT: Duration = Duration::from_secs(20);
/// More records of other exchanges than this do not wait for the next batch of writes.
const MOST_RECORDS: usize = 256;
/// Nor do they longer than this. So often is a database tried, too, that did not take the last batch.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// More writes than this do not wait: the client is asked to come back.
const QUEUE: usize = 1024;

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
            tracing::error!("the writing task had ended by itself");
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
        let (queue, queued) = mpsc::channel::<Queued>(QUEUE);
        let (recorder, records) = Recorder::new(key, clock.clone());
        let is_failing = Arc::new(AtomicBool::new(false));
        let stop = Arc::new(Notify::new());
        let (waiting, is_failing) = (Vec::with_capacity(MOST_RECORDS), is_failing);
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
        let mut batch = Vec::with_capacity(LARGEST_BATCH);
        loop {
            let room = MOST_RECORDS - self.waiting.len();
            let due = self.due.unwrap_or_else(Instant::now);
            tokio::select! {
                taken = self.queued.recv_many(&mut batch, LARGEST_BATCH) => match taken {
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
            let room = MOST_RECORDS - self.waiting.len();
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
        self.due.get_or_insert_with(|| Instant::now() + LONGEST_WAIT);
        // Those that a failing database did not take are not tried again with each that comes.
        if self.waiting.len() == MOST_RECORDS && !self.is_failing.load(Ordering::Acquire) {
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
        while self.waiting.len() < MOST_RECORDS
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
        let written = within_patience(written).await;
        match written.map_err(Error::from) {
            Ok(()) => self.committed(),
            Err(Error::Unavailable(error)) => {
                tracing::debug!("the records of exchanges wait: {error}");
                self.failed();
            }
            Err(error) => {
                tracing::error!("the records of exchanges are refused by the database: {}", error.causes());
                self.losses.add(self.waiting.len() as u64);
                self.committed();
            }
        }
    }

    fn committed(&mut self) {
        self.waiting.clear();
        self.due = None;
        if self.is_failing.swap(false, Ordering::AcqRel) {
            tracing::info!("the database takes writes again");
        }
    }

    fn failed(&mut self) {
        self.is_failing.store(true, Ordering::Release);
        self.due = Some(Instant::now() + LONGEST_WAIT);
    }
}

async fn commit_together(
    storage: &Storage,
    clock: &Clock,
    jobs: &[Job],
    others: &[AuditEvent],
) -> Result<Vec<Answer>, sqlx::Error> {
    let (mut answers, mut changing) = (Vec::with_capacity(jobs.len()), vec![]);
    // What each record will say once the batch is committed. Until then it says what the database holds: whatever the
    // batch decides may never be stored.
    let mut outcomes: Vec<(&Trace, Result<ResourceRef, WriteOutcome>)> = Vec::with_capacity(jobs.len());
    let decide_all = |registry: &mut Registry| {
        let mut additions = Additions::default();
        for job in jobs {
            // Its client was asked to come back while this transaction waited for its turn: carried out now, it might
            // undo what that client has written since.
            let is_late = job.deadline.has_passed();
            let decision = if is_late { Err(Error::DeadlineExceeded) } else { decide(registry, &job.write) };
            let resource_type = job.write.resource_type;
            let designated = match &decision {
                Ok(decision) => registry.entry(resource_type, &decision.id),
                Err(_) => find_designated(registry, job),
            };
            let designated = designated.map(|entry| (entry.id.clone(), entry.version));
            let stored = designated
                .as_ref()
                .and_then(|(id, _)| registry.stored_version(resource_type, id).map(|version| (id.as_str(), version)));
            job.trace.write_is_for(stored);
            let answer = decision.map(|decision| carry_out(registry, job, decision, clock.now(), &mut additions));
            let outcome = match (&answer, designated) {
                (Ok(stored), _) => Ok(stored.decided()),
                (Err(_), _) if is_late => Err(WriteOutcome::Failed),
                // Refused: the resource stays as it is.
                (Err(_), Some((id, version))) => {
                    Ok(ResourceRef { id: Some(id.to_string()), before: Some(version), after: Some(version) })
                }
                (Err(_), None) => Ok(ResourceRef::default()),
            };
            if additions.events.len() > changing.len() {
                changing.push(&job.trace);
            }
            outcomes.push((&job.trace, outcome));
            answers.push(answer);
        }
        additions
    };
    let wanted = wanted(jobs.iter().map(|job| &job.write));
    let last = jobs.iter().map(|job| job.deadline.clone()).reduce(|last, next| last.later(&next)).unwrap_or_default();
    let written = within_patience(storage.until(&last).write(&wanted, others, decide_all)).await;
    if let Err(error) = written {
        let outcome = if is_rolled_back(&error) { WriteOutcome::Failed } else { WriteOutcome::Unknown };
        jobs.iter().for_each(|job| job.trace.write_fails(outcome));
        return Err(error);
    }
    changing.into_iter().for_each(Trace::set_recorded);
    for (trace, outcome) in outcomes {
        match outcome {
            Ok(decided) => trace.write_ends(decided),
            Err(outcome) => trace.write_fails(outcome),
        }
    }
    Ok(answers)
}

/// A server that falls silent in the middle must not hold up every write after this one.
async fn within_patience(written: impl Future<Output = Result<(), sqlx::Error>>) -> Result<(), sqlx::Error> {
    let timed_out = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(LONGEST_COMMIT, written).await.unwrap_or_else(timed_out)
}

/// Whether nothing was written: the database answered that a statement or the commit failed, or no transaction began.
/// Where the connection broke or fell silent, the commit may have been carried out.
fn is_rolled_back(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Encode(_) => true,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            // SQLite: SQLITE_IOERR, SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC; the commit may be in the file.
            let is_sync_error = ["10", "1034", "1290"].contains(&&*code);
            // PostgreSQL: 08 is a broken connection, 57P an administrator's shutdown, 58 the system, XX a fault.
            let is_break = code.len() == 5 && ["08", "57P", "58", "XX"].iter().any(|class| code.starts_with(class));
            !(code.is_empty() || is_sync_error || is_break)
        }
        _ => false,
    }
}

/// The resource that a write was meant for that is not carried out.
fn find_designated<'a>(registry: &'a Registry, job: &'a Job) -> Option<&'a Entry> {
    let resource_type = job.write.resource_type;
    match &job.write.target {
        Target::New(_) => None,
        Target::Id(id) => registry.entry(resource_type, id),
        Target::Identifier(token) => registry.matching(resource_type, token).next(),
    }
}

/// What the decisions of a batch depend on.
fn wanted<'a>(writes: impl Iterator<Item = &'a Write>) -> Wanted {
    let mut wanted = Wanted::default();
    for write in writes {
        let resource_type = write.resource_type;
        let is_account_key = |own: &Identifier| resource_type != ResourceType::Practitioner || own.is_account_key();
        // What an account merely mentions has no holder.
        let own = write.identifiers.iter().filter(|own| is_account_key(own));
        wanted.identifiers.extend(own.map(|own| (resource_type, own.clone())));
        match &write.target {
            Target::New(Some(token)) | Target::Identifier(token) => match token {
                Token::Exact(identifier) if is_account_key(identifier) => {
                    wanted.identifiers.push((resource_type, identifier.clone()));
                }
                Token::Exact(Identifier { value, .. }) => wanted.values.push((resource_type, value.clone())),
                Token::Value(value) => {
                    // The comparable form of an INTRN is lower case.
                    wanted
                        .values
                        .extend([value.clone(), value.to_ascii_lowercase()].map(|value| (resource_type, value)));
                }
                Token::NoSystem(_) | Token::System(_) => {}
            },
            Target::New(None) => {}
            Target::Id(id) => wanted.ids.push((resource_type, id.clone())),
        }
        if let Some((operator, _)) = &write.operator {
            wanted.identifiers.push((ResourceType::Practitioner, operator.clone()));
        }
        wanted.ids.extend(write.body_id.clone().map(|id| (resource_type, id)));
    }
    wanted.ids.sort_unstable();
    wanted.ids.dedup();
    wanted.identifiers.sort_unstable();
    wanted.identifiers.dedup();
    wanted.values.sort_unstable();
    wanted.values.dedup();
    wanted
}

/// Applies a decision to the registry and to the list of versions to be added.
fn carry_out(
    registry: &mut Registry,
    job: &Job,
    decision: Decision,
    now: Timestamp,
    additions: &mut Additions,
) -> Stored {
    let resource_type = job.write.resource_type;
    let Decision { effect, id, identifiers, issues } = decision;
    let before = registry.entry(resource_type, &id);
    let version_before = before.map(|before| before.version);
    // A replay that changes nothing needs no commit, and its record does not either.
    let changes = effect != Effect::Keep || before.is_none_or(|before| before.identifiers != identifiers);
    let entry = match (effect, before) {
        (Effect::Keep, Some(before)) => Entry { identifiers, ..before.clone() },
        (_, before) => Entry {
            resource_type,
            id,
            version: before.map_or(1, |before| before.version + 1),
            // A clock that was set back does not make a version older than the one before it.
            last_updated: before.map_or(now, |before| before.last_updated.max(now)),
            content_hash: job.write.content_hash.clone(),
            active: job.write.active,
            status: job.status.clone(),
            start: job.start,
            identifiers,
        },
    };
    let content = (effect != Effect::Keep).then(|| job.content.stamp(&entry.id, entry.version, entry.last_updated));
    additions.versions.extend(content.clone().map(|content| NewVersion {
        resource_type,
        id: entry.id.clone(),
        version: entry.version,
        last_updated: instant(entry.last_updated),
        interaction: if effect == Effect::Create { "create" } else { "update" },
        content,
    }));
    let stored = Stored {
        effect,
        id: entry.id.clone(),
        before: version_before,
        version: entry.version,
        last_updated: entry.last_updated,
        content,
        issues,
    };
    if changes {
        let rules = job.rules.iter().copied().chain(stored.issues.iter().map(|issue| issue.rule.id));
        // As it will be answered.
        let status = if effect == Effect::Create { 201 } else { 200 };
        additions.events.push(job.trace.record(status, rules, Some(stored.decided())));
    }
    registry.record(entry);
    stored
}

#[cfg(test)]
mod tests;
