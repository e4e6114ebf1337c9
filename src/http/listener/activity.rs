//! What a connection is doing: written by its task, read by the accept loop when connections run out.
//!
//! Each connection has its own atomics, so that a request takes no lock for them.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use tokio::sync::Notify;

/// The phase of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connected, and nothing received; a TLS handshake may be in progress.
    Silent,
    /// The head of a request has begun to arrive.
    Head,
    /// A request is being answered. The timeout of its body is applied where the body is read.
    Busy,
    /// hyper is taking the body of the response.
    Answering,
    /// hyper has taken the whole response, and is writing it.
    Answered,
    /// The response was written; the next request may arrive.
    Idle,
}

const PHASES: [Phase; 6] = [Phase::Silent, Phase::Head, Phase::Busy, Phase::Answering, Phase::Answered, Phase::Idle];

impl Phase {
    /// Whether no request is being answered, and no response being written.
    fn is_evictable(self) -> bool {
        matches!(self, Self::Silent | Self::Head | Self::Idle)
    }
}

/// Wakes the accept loop when a connection may have become evictable.
#[derive(Default)]
pub struct Waiting {
    is_waiting: AtomicBool,
    changed: Notify,
}

impl Waiting {
    /// Whether a new connection waits for an eviction.
    pub fn set(&self, is_waiting: bool) {
        self.is_waiting.store(is_waiting, Ordering::SeqCst);
    }

    /// Returns once a connection has become idle, or refused to be evicted.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn notify(&self) {
        if self.is_waiting.load(Ordering::SeqCst) {
            self.changed.notify_one();
        }
    }
}

/// What one connection is doing.
pub struct Activity {
    phase: AtomicU8,
    /// When it connected, or its last response was written, in nanoseconds since [`START`].
    idle_since: AtomicU64,
    is_authenticated: AtomicBool,
    /// Whether the accept loop has asked it to end and it has not refused.
    is_evicted: AtomicBool,
    evicted: Notify,
    waiting: Arc<Waiting>,
}

/// The origin of the times in [`Activity`].
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl Activity {
    pub fn new(waiting: Arc<Waiting>) -> Self {
        Self {
            phase: AtomicU8::new(Phase::Silent as u8),
            idle_since: AtomicU64::new(now()),
            is_authenticated: AtomicBool::new(false),
            is_evicted: AtomicBool::new(false),
            evicted: Notify::new(),
            waiting,
        }
    }

    pub fn phase(&self) -> Phase {
        PHASES[usize::from(self.phase.load(Ordering::SeqCst)) % PHASES.len()]
    }

    pub fn set(&self, phase: Phase) {
        if phase == Phase::Idle {
            self.idle_since.store(now(), Ordering::Relaxed);
        }
        // Before `waiting` is read: either the accept loop sees this phase, or this task sees that it waits.
        self.phase.store(phase as u8, Ordering::SeqCst);
        if phase == Phase::Idle {
            self.waiting.notify();
        }
    }

    /// Marks the connection as that of a caller.
    pub fn authenticate(&self) {
        self.is_authenticated.store(true, Ordering::Relaxed);
    }

    /// The sort key of evictions, least first; `None` if this connection must not be evicted.
    pub fn eviction_order(&self) -> Option<(bool, u64)> {
        let order = (self.is_authenticated.load(Ordering::Relaxed), self.idle_since.load(Ordering::Relaxed));
        self.phase().is_evictable().then_some(order)
    }

    /// Asks the connection to end. Its task refuses if a request has begun meanwhile.
    pub fn evict(&self) {
        self.is_evicted.store(true, Ordering::SeqCst);
        self.evicted.notify_one();
    }

    /// Whether it was asked to end, and has not refused.
    pub fn is_evicted(&self) -> bool {
        self.is_evicted.load(Ordering::SeqCst)
    }

    /// Returns once the connection must end. Its own task polls this after reading what has arrived: a request that has
    /// begun meanwhile is answered, and another connection is evicted.
    pub async fn evicted(&self) {
        loop {
            self.evicted.notified().await;
            if self.phase().is_evictable() {
                return;
            }
            self.is_evicted.store(false, Ordering::SeqCst);
            self.waiting.notify();
        }
    }
}

/// The connection that a request came over; the listener adds it to each request.
#[derive(Clone)]
pub struct OnConnection(pub(super) Arc<Activity>);

impl OnConnection {
    /// Marks the connection as authenticated: it is evicted after unauthenticated ones.
    pub fn authenticate(&self) {
        self.0.authenticate();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn activity(phase: Phase) -> Activity {
        let activity = Activity::new(Arc::default());
        activity.set(phase);
        activity
    }

    #[test]
    fn eviction_takes_no_connection_that_is_answering() {
        for phase in PHASES {
            let expected = matches!(phase, Phase::Silent | Phase::Head | Phase::Idle);
            let activity = activity(phase);
            assert_eq!(activity.eviction_order().is_some(), expected, "{phase:?}");
            // Nor where the request came between the choice and this task's turn.
            activity.evict();
            assert_eq!(activity.evicted().now_or_never().is_some(), expected, "{phase:?}");
            assert_eq!(activity.is_evicted(), expected, "{phase:?}");
        }
    }

    #[test]
    fn eviction_order_is_unauthenticated_first_then_idle_longest() {
        let [first, second, third] = [Phase::Silent, Phase::Idle, Phase::Head].map(activity);
        first.authenticate();
        let order = |activity: &Activity| activity.eviction_order().expect("evictable");
        assert!(order(&second) < order(&third) && order(&third) < order(&first));
        // An answer makes it the youngest.
        second.set(Phase::Busy);
        second.set(Phase::Idle);
        assert!(order(&third) < order(&second));
        // A head that arrives slowly does not.
        let before = order(&second);
        second.set(Phase::Head);
        assert_eq!(order(&second), before);
    }

    #[test]
    fn eviction_refused_or_idle_connection_wakes_the_waiting_accept_loop() {
        let busy = activity(Phase::Busy);
        busy.waiting.set(true);
        assert!(busy.waiting.changed().now_or_never().is_none());
        busy.evict();
        assert!(busy.evicted().now_or_never().is_none());
        assert!(busy.waiting.changed().now_or_never().is_some());
        busy.set(Phase::Idle);
        assert!(busy.waiting.changed().now_or_never().is_some());
    }
}
