//! The queue of audit events of requests that changed nothing: they wait for the writing task's next commit.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::mpsc;

use super::{AuditDraft, AuditEvent, Caller, Key, LookupKey, is_server_id};
use crate::clock::Clock;
use crate::fhir::identifier::Token;

/// Maximum events that wait for the writing task.
pub(crate) const MAX_QUEUED_EVENTS: usize = 1024;

/// How long an answer waits for room in the queue. After that its event is lost.
const ENQUEUE_TIMEOUT: Duration = Duration::from_secs(1);

/// Audit events per second of unauthenticated requests: enough to see who tries what, and too few to fill a disk or
/// to displace the events of callers.
const UNAUTHENTICATED_RATE: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Interval at which lost events are logged, as one number.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// The sending side of the queue. Events are committed within about a second: a power cut or `kill -9` loses at most
/// these, and a stop none.
#[derive(Clone)]
pub struct AuditQueue {
    queue: mpsc::Sender<AuditEvent>,
    key: Key,
    clock: Clock,
    unauthenticated: Arc<DefaultDirectRateLimiter>,
    lost: LostEvents,
}

impl AuditQueue {
    /// A queue, and its receiving side.
    pub fn new(key: Key, clock: Clock) -> (Self, mpsc::Receiver<AuditEvent>) {
        let (queue, events) = mpsc::channel(MAX_QUEUED_EVENTS);
        let unauthenticated = Arc::new(RateLimiter::direct(Quota::per_second(UNAUTHENTICATED_RATE)));
        (Self { queue, key, clock, unauthenticated, lost: LostEvents::default() }, events)
    }

    /// A queue for tests without a writing task.
    #[cfg(test)]
    pub fn without_task() -> (Self, mpsc::Receiver<AuditEvent>) {
        Self::new(Key::from_bytes(b"key"), Clock::system())
    }

    /// A request id as it is logged and kept.
    pub fn request_id(&self, request_id: &str) -> String {
        self.key.request_id(request_id)
    }

    /// The key under which exchanges about this identifier are found; `None` for a system alone.
    pub(crate) fn key_of_identifier(&self, token: &Token) -> Option<LookupKey> {
        LookupKey::from_hash(&self.key.token(token)?)
    }

    /// The key under which exchanges about this resource are found.
    pub(crate) fn key_of_resource(&self, resource_type: &str, id: &str) -> Option<LookupKey> {
        match is_server_id(id) {
            true => Some(LookupKey::from_resource(resource_type, id)),
            false => LookupKey::from_hash(&self.key.resource(resource_type, id)),
        }
    }

    /// The key under which the journal finds exchanges about an account of this name and mail address.
    pub(crate) fn key_of_person(&self, name: &str, mail: &str) -> Option<LookupKey> {
        LookupKey::from_hash(&self.key.person(name, mail))
    }

    /// The draft for a request that arrives now, with its request id as it is kept.
    pub(crate) fn draft(&self, request_id: &str, caller: Caller) -> AuditDraft {
        AuditDraft::new(self.clock.now(), request_id.to_owned(), caller, self.key.clone())
    }

    /// Queues an event. While the queue is full, as when the database is away for long, the answer waits up to
    /// a second; then the event is counted as lost.
    pub async fn send(&self, event: AuditEvent) {
        if self.queue.send_timeout(event, ENQUEUE_TIMEOUT).await.is_err() {
            self.lost.add(1);
        }
    }

    /// Queues an event without waiting; where there is no room, it is counted as lost.
    pub(crate) fn try_send(&self, event: AuditEvent) {
        if self.queue.try_send(event).is_err() {
            self.lost.add(1);
        }
    }

    /// Whether one more event of an unauthenticated request is kept; where not, it is counted.
    pub(crate) fn allow_unauthenticated(&self) -> bool {
        let is_allowed = self.unauthenticated.check().is_ok();
        if !is_allowed {
            metrics::counter!("sas_exchanges_unrecorded_total", "reason" => "stranger").increment(1);
        }
        is_allowed
    }

    /// The count of lost events, to which the writing task adds its own.
    pub(crate) fn lost_events(&self) -> LostEvents {
        self.lost.clone()
    }
}

/// Counts events that will never be stored, and logs their number.
#[derive(Clone, Default)]
pub(crate) struct LostEvents(Arc<AtomicU64>);

impl LostEvents {
    /// Counts these; they are logged a little later, with those that are lost until then.
    pub(crate) fn add(&self, events: u64) {
        metrics::counter!("sas_exchanges_unrecorded_total", "reason" => "lost").increment(events);
        if self.0.fetch_add(events, Ordering::AcqRel) > 0 {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let lost = self.clone();
                runtime.spawn(async move {
                    tokio::time::sleep(LOG_INTERVAL).await;
                    lost.log();
                });
            }
            // The program ends.
            Err(_) => self.log(),
        }
    }

    /// Logs the number of events that were lost since the last time.
    pub(crate) fn log(&self) {
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
    fn audit_queue_unauthenticated_events_are_rate_limited() {
        let (queue, _events) = AuditQueue::without_task();
        let allowed = (0..100_000).filter(|_| queue.allow_unauthenticated()).count();
        assert!((10..MAX_QUEUED_EVENTS).contains(&allowed), "{allowed}");
    }

    #[test]
    fn audit_queue_full_counts_lost_events_and_logs_them_once() {
        let (queue, _events) = AuditQueue::without_task();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let _entered = runtime.enter();
        let draft = queue.draft("id", Caller::default());
        for _ in 0..MAX_QUEUED_EVENTS + 3 {
            queue.try_send(draft.event(200, std::iter::empty()));
        }
        let lost = queue.lost_events();
        assert_eq!(lost.0.load(Ordering::Acquire), 3);
        lost.log();
        assert_eq!(lost.0.load(Ordering::Acquire), 0);
    }
}
