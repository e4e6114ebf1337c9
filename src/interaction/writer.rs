//! Writes that wait at the same moment share one transaction and one commit.
//!
//! A single task takes what is queued, reads in one statement what the batch needs, decides each
//! write in order by the pure function of [`crate::sas::identity`], and commits once. A refused
//! write changes nothing and spoils nobody.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::error::Error;
use crate::fhir::content::Content;
use crate::fhir::date::instant;
use crate::fhir::id::Id;
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::issue::Issue;
use crate::sas::identity::{Decision, Effect, Target, Write, decide};
use crate::storage::registry::{Entry, Registry};
use crate::storage::{NewVersion, Storage, Wanted};

/// More writes than this are not committed together.
const LARGEST_BATCH: usize = 128;
/// A batch that takes longer is given up; whether it was committed is then unknown.
const LONGEST_COMMIT: Duration = Duration::from_secs(35);
/// A client is not kept waiting longer for a database that falls silent: it is asked to come back before it
/// gives up by itself. For slots, SAS's platform gives up after 7 s; for writes SAS names no time.
const PATIENCE: Duration = Duration::from_secs(6);
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
}

/// A write that is on disk.
#[derive(Debug)]
pub struct Stored {
    /// What it did.
    pub effect: Effect,
    /// The resource.
    pub id: Id,
    /// Its current version.
    pub version: Version,
    /// When that came to be.
    pub last_updated: Timestamp,
    /// Its content, unless nothing had to be written.
    pub content: Option<String>,
    /// Warnings and information.
    pub issues: Vec<Issue>,
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
}

impl Writer {
    /// Starts the writing task.
    pub fn start(storage: Storage, clock: Clock) -> (Self, Writing) {
        let (queue, mut queued) = mpsc::channel::<Queued>(QUEUE);
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut batch = Vec::with_capacity(LARGEST_BATCH);
            loop {
                let taken = tokio::select! {
                    taken = queued.recv_many(&mut batch, LARGEST_BATCH) => taken,
                    () = stopped.notified() => {
                        queued.close();
                        continue;
                    }
                };
                if taken == 0 {
                    break;
                }
                // Whoever was asked to come back, or went away, sends it again: it must not be carried out
                // twice, nor after what that client sends next through another instance.
                batch.retain(|queued| !queued.answer.is_closed());
                if batch.is_empty() {
                    continue;
                }
                metrics::histogram!("sas_write_batch_size").record(taken as f64);
                let (jobs, answers): (Vec<_>, Vec<_>) =
                    batch.drain(..).map(|queued| (queued.job, queued.answer)).unzip();
                for (sender, answer) in answers.into_iter().zip(commit(&storage, &clock, &jobs).await) {
                    // A client that went away during the commit does not read its answer; its write stands.
                    let _ = sender.send(answer);
                }
            }
        });
        (Self { queue }, Writing { stop, task })
    }

    /// Queues a write and waits until it is decided and on disk; not for longer than a client would.
    pub async fn write(&self, job: Job) -> Answer {
        self.write_within(PATIENCE, job).await
    }

    async fn write_within(&self, patience: Duration, job: Job) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Queued { job, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Throttled,
            mpsc::error::TrySendError::Closed(_) => Error::internal("the writing task has ended"),
        })?;
        match tokio::time::timeout(patience, answered).await {
            Ok(answer) => answer.map_err(|_| Error::internal("the writing task has ended"))?,
            Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()),
        }
    }

    /// Whether the writing task still runs.
    pub fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }
}

/// Commits a batch. Where it fails for good, another writer was faster or one write is poisoned:
/// it is run again, then each write alone. Where the database is away, nobody is retried: whether
/// the commit was carried out may be unknown.
async fn commit(storage: &Storage, clock: &Clock, jobs: &[Job]) -> Vec<Answer> {
    let mut failure = None;
    for _attempt in 0..2 {
        match commit_together(storage, clock, jobs).await {
            Ok(answers) => return answers,
            Err(error) => failure = Some(Error::from(error)),
        }
        if matches!(failure, Some(Error::Unavailable(_))) {
            break;
        }
    }
    match failure {
        Some(Error::Unavailable(error)) => jobs.iter().map(|_| Err(Error::Unavailable(error.clone()))).collect(),
        _ => {
            let mut answers = Vec::with_capacity(jobs.len());
            for job in jobs {
                match commit_together(storage, clock, std::slice::from_ref(job)).await {
                    Ok(one) => answers.extend(one),
                    Err(error) => answers.push(Err(error.into())),
                }
            }
            answers
        }
    }
}

async fn commit_together(storage: &Storage, clock: &Clock, jobs: &[Job]) -> Result<Vec<Answer>, sqlx::Error> {
    let mut answers = Vec::with_capacity(jobs.len());
    let decide_all = |registry: &mut Registry| {
        let mut versions = vec![];
        for job in jobs {
            let decision = decide(registry, &job.write);
            answers.push(decision.map(|decision| carry_out(registry, job, decision, clock.now(), &mut versions)));
        }
        versions
    };
    let wanted = wanted(jobs.iter().map(|job| &job.write));
    let written = storage.write(&wanted, decide_all);
    // A server that falls silent in the middle must not hold up every write after this one.
    match tokio::time::timeout(LONGEST_COMMIT, written).await {
        Ok(written) => written.map(|()| answers),
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
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
    versions: &mut Vec<NewVersion>,
) -> Stored {
    let resource_type = job.write.resource_type;
    let Decision { effect, id, identifiers, issues } = decision;
    let before = registry.entry(resource_type, &id);
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
    versions.extend(content.clone().map(|content| NewVersion {
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
        version: entry.version,
        last_updated: entry.last_updated,
        content,
        issues,
    };
    registry.record(entry);
    stored
}

#[cfg(test)]
mod tests;
