//! The open connections, and the choice of the one to evict for a new one.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{Id, JoinSet};

use super::activity::{Activity, Waiting};
use super::gauge_guard::GaugeGuard;
use super::shutdown::shutdown_requested;
use crate::http::log_limit::LogRateLimit;

/// Every open connection, by the task that serves it.
pub struct OpenConnections {
    tasks: JoinSet<()>,
    activities: HashMap<Id, Arc<Activity>>,
    permits: Arc<Semaphore>,
    max_connections: usize,
    waiting: Arc<Waiting>,
    full_log: LogRateLimit,
}

impl OpenConnections {
    pub fn new(max_connections: usize) -> Self {
        Self {
            tasks: JoinSet::new(),
            activities: HashMap::new(),
            permits: Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS))),
            max_connections,
            waiting: Arc::default(),
            full_log: LogRateLimit::per_second(1),
        }
    }

    /// The activity of a new connection.
    pub fn new_activity(&self) -> Arc<Activity> {
        Arc::new(Activity::new(self.waiting.clone()))
    }

    /// Serves a connection in a task of its own.
    pub fn spawn(&mut self, activity: Arc<Activity>, connection: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(connection).id();
        self.activities.insert(id, activity);
    }

    /// Waits until one has ended; `None` if none is open.
    pub async fn ended(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
        self.activities.remove(&id);
        Some(())
    }

    /// A permit for one more connection, if one is free.
    pub fn try_acquire(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().try_acquire_owned().ok()
    }

    /// A permit for one more connection. If all are taken, evicts the connection that has been idle longest,
    /// unauthenticated ones first; if none is idle, waits. `None` at shutdown.
    pub async fn acquire(&mut self, shutdown: &mut watch::Receiver<bool>) -> Option<OwnedSemaphorePermit> {
        if let Some(permit) = self.try_acquire() {
            return Some(permit);
        }
        let _full = GaugeGuard::new("sas_listeners_full");
        self.waiting.set(true);
        let permit = self.evict_and_wait(shutdown).await;
        self.waiting.set(false);
        permit
    }

    async fn evict_and_wait(&mut self, shutdown: &mut watch::Receiver<bool>) -> Option<OwnedSemaphorePermit> {
        let mut evicted: Option<Arc<Activity>> = None;
        loop {
            if evicted.as_ref().is_none_or(|evicted| !evicted.is_evicted()) {
                evicted = self.evict();
            }
            let permits = self.permits.clone();
            let waiting = self.waiting.clone();
            tokio::select! {
                biased;
                permit = permits.acquire_owned() => return permit.ok(),
                () = shutdown_requested(shutdown) => return None,
                Some(()) = self.ended() => {}
                () = waiting.changed() => {}
            }
        }
    }

    /// Asks the first connection in eviction order to end.
    fn evict(&self) -> Option<Arc<Activity>> {
        let evictable = self.activities.values().filter(|activity| !activity.is_evicted());
        let orders = evictable.filter_map(|activity| Some((activity.eviction_order()?, activity)));
        let found = orders.min_by_key(|(order, _)| *order).map(|(_, activity)| activity.clone());
        if let Some(activity) = &found {
            activity.evict();
            metrics::counter!("sas_connections_evicted_total").increment(1);
        }
        if let Some(left_out) = self.full_log.next() {
            let max_connections = self.max_connections;
            let consequence = match found {
                Some(_) => "closing the one idle longest for each new one",
                None => "none is idle, new connections wait",
            };
            tracing::warn!(max_connections, left_out, "SAS_MAX_CONNECTIONS reached: {consequence}");
        }
        found
    }
}
