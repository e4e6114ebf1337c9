//! The records of exchanges that changed nothing wait here for the writing task's next commit.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::mpsc;

use super::{AuditEvent, Caller, Key, Trace};
use crate::clock::Clock;

/// Records that wait to be taken by the writing task.
pub(crate) const QUEUE: usize = 1024;

/// How long an answer waits for a place in the queue: longer, and its record is lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// Of so many exchanges a second with those who are not recognised a record is kept: enough to see who tries
/// what, and too few to fill a disk or to displace the records of callers.
const STRANGERS: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Losses are told together, so often at most.
const BETWEEN_TELLINGS: Duration = Duration::from_secs(1);

/// Where the records of reads and refusals go. They are committed within about a second: so much of them may be
/// lost by a power cut or `kill -9`, and none by a stop.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<AuditEvent>,
    key: Key,
    clock: Clock,
    strangers: Arc<DefaultDirectRateLimiter>,
    losses: Losses,
}

impl Recorder {
    /// A recorder, and what it records.
    pub fn new(key: Key, clock: Clock) -> (Self, mpsc::Receiver<AuditEvent>) {
        let (queue, records) = mpsc::channel(QUEUE);
        let strangers = Arc::new(RateLimiter::direct(Quota::per_second(STRANGERS)));
        (Self { queue, key, clock, strangers, losses: Losses::default() }, records)
    }

    /// One that no writing task takes from.
    #[cfg(test)]
    pub fn alone() -> (Self, mpsc::Receiver<AuditEvent>) {
        Self::new(Key::from_bytes(b"key"), Clock::system())
    }

    /// A request id as it is logged and recorded.
    pub fn request_id(&self, request_id: &str) -> String {
        self.key.request_id(request_id)
    }

    /// Begins the trace of an exchange, with its request id as it is recorded.
    pub fn begin(&self, request_id: &str, caller: Caller) -> Trace {
        Trace::begin(self.clock.now(), request_id.to_owned(), caller, self.key.clone())
    }

    /// Queues a record. With a full queue, as when the database is away for long, the answer waits; then the
    /// record is counted as lost.
    pub async fn record(&self, record: AuditEvent) {
        if self.queue.send_timeout(record, PATIENCE).await.is_err() {
            self.losses.add(1);
        }
    }

    /// Queues a record where there is room for it: for those who wait for nothing.
    pub fn record_at_once(&self, record: AuditEvent) {
        if self.queue.try_send(record).is_err() {
            self.losses.add(1);
        }
    }

    /// Whether one more exchange with somebody who is not recognised is recorded; where not, it is counted.
    pub fn allow_unauthenticated(&self) -> bool {
        let takes = self.strangers.check().is_ok();
        if !takes {
            metrics::counter!("sas_exchanges_unrecorded_total", "reason" => "stranger").increment(1);
        }
        takes
    }

    /// Records that will never be kept, for the writing task to count its own.
    pub(crate) fn losses(&self) -> Losses {
        self.losses.clone()
    }
}

/// Counts records that will never be kept, and tells of them.
#[derive(Clone, Default)]
pub(crate) struct Losses(Arc<AtomicU64>);

impl Losses {
    /// Counts these; told a little later, with those that come until then.
    pub(crate) fn add(&self, records: u64) {
        metrics::counter!("sas_exchanges_unrecorded_total", "reason" => "lost").increment(records);
        if self.0.fetch_add(records, Ordering::AcqRel) > 0 {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let losses = self.clone();
                runtime.spawn(async move {
                    tokio::time::sleep(BETWEEN_TELLINGS).await;
                    losses.tell();
                });
            }
            // The program ends.
            Err(_) => self.tell(),
        }
    }

    /// Tells of those that were not told.
    pub(crate) fn tell(&self) {
        let records = self.0.swap(0, Ordering::AcqRel);
        if records > 0 {
            tracing::error!(records, "audit events are lost: the database did not store them in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_neither_wait_nor_displace_the_records_of_callers() {
        let (recorder, _records) = Recorder::alone();
        let taken = (0..100_000).filter(|_| recorder.allow_unauthenticated()).count();
        assert!((10..QUEUE).contains(&taken), "{taken}");
    }

    #[test]
    fn what_finds_no_room_is_counted_and_told_once() {
        let (recorder, _records) = Recorder::alone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let _entered = runtime.enter();
        let trace = recorder.begin("id", Caller::default());
        for _ in 0..QUEUE + 3 {
            recorder.record_at_once(trace.record(200, std::iter::empty(), None));
        }
        let losses = recorder.losses();
        assert_eq!(losses.0.load(Ordering::Acquire), 3);
        losses.tell();
        assert_eq!(losses.0.load(Ordering::Acquire), 0);
    }
}
