//! A write in the queue, from the side of the task and from that of its sender.

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use crate::audit::{MatchedBy, ResourceRef, WriteReport};
use crate::deadline::Deadline;
use crate::fhir::id::Id;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::storage::error::StorageError;
use crate::storage::registry::{Entry, Registry};
use crate::storage::write_set::{StateKeys, WriteSet};

/// A write as the queue commits it.
pub trait QueuedWrite: Send + Sync + 'static {
    /// What its sender learns once it is committed.
    type Answer: Send;
    /// Why it is refused.
    type Refusal: Send;

    /// The type of the resource that it writes.
    fn resource_type(&self) -> ResourceType;

    /// The bytes of its content.
    fn size(&self) -> usize;

    /// When its answer is due: a write whose client no longer waits is not begun.
    fn deadline(&self) -> &Deadline;

    /// Adds the keys of the state that its decision depends on.
    fn add_state_keys(&self, keys: &mut StateKeys);

    /// Decides over the state, changes the registry accordingly, and adds what is to be stored. Does nothing else: a
    /// batch that fails is decided again.
    ///
    /// # Errors
    /// The refusal; the registry and `set` are as before.
    fn decide(
        &self,
        registry: &mut Registry,
        now: Timestamp,
        set: &mut WriteSet,
    ) -> Result<Decided<Self::Answer>, Self::Refusal>;

    /// The resource that it is meant for, where it is refused.
    fn target<'a>(&self, registry: &'a Registry) -> Option<&'a Entry>;
}

/// An accepted write.
#[derive(Debug)]
pub struct Decided<A> {
    /// What its sender learns once it is committed.
    pub answer: A,
    /// The resource.
    pub id: Id,
    /// Its version before.
    pub before: Option<Version>,
    /// Its version after.
    pub after: Version,
    /// How it was found; `None` where it is new.
    pub matched_by: Option<MatchedBy>,
}

impl<A> Decided<A> {
    /// The resource, as audit events name it.
    pub fn resource(&self) -> ResourceRef {
        ResourceRef {
            id: Some(self.id.to_string()),
            before: self.before,
            after: Some(self.after),
            matched_by: self.matched_by,
        }
    }
}

/// Why a write was not answered with success. Whether it was committed is in its [`WriteReport`].
#[derive(Debug)]
pub enum WriteError<R> {
    /// It was decided so.
    Refused(R),
    /// Its deadline passed before it was decided.
    DeadlineExceeded,
    /// The queue is full.
    QueueFull,
    /// The writing task has ended.
    QueueClosed,
    /// The database failed.
    Storage(StorageError),
}

pub(super) type Answer<W> = Result<<W as QueuedWrite>::Answer, WriteError<<W as QueuedWrite>::Refusal>>;

pub(super) struct Queued<W: QueuedWrite> {
    pub write: W,
    pub report: watch::Sender<WriteReport>,
    pub answer: oneshot::Sender<Answer<W>>,
}

/// A queued write, from the side of its sender. Dropped, it is given up unless the batch has been begun.
pub struct PendingWrite<W: QueuedWrite> {
    pub(super) report: watch::Receiver<WriteReport>,
    pub(super) answer: oneshot::Receiver<Answer<W>>,
}

impl<W: QueuedWrite> PendingWrite<W> {
    /// Waits until it is decided and on disk.
    pub async fn answer(&mut self) -> Answer<W> {
        (&mut self.answer).await.unwrap_or(Err(WriteError::QueueClosed))
    }

    /// Gives it up if it has not been begun, and reports what is known of it.
    pub fn close(&mut self) -> WriteReport {
        // In this order: the task reports the beginning of a write before it checks whether its sender still waits.
        self.answer.close();
        self.report.borrow().clone()
    }
}
