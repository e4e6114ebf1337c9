//! The connections that are open, and room for one more.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{Id, JoinSet};

use super::super::log_limit::Lines;
use super::activity::{Activity, Waiting};
use super::{Counted, stopped};

/// Every connection that is open, by the task that serves it.
pub struct OpenConnections {
    tasks: JoinSet<()>,
    activities: HashMap<Id, Arc<Activity>>,
    permits: Arc<Semaphore>,
    max_connections: usize,
    waiting: Arc<Waiting>,
    logged: Lines,
}

impl OpenConnections {
    pub fn new(max_connections: usize) -> Self {
        Self {
            tasks: JoinSet::new(),
            activities: HashMap::new(),
            permits: Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS))),
            max_connections,
            waiting: Arc::default(),
            logged: Lines::a_second(1),
        }
    }

    /// The activity of a connection that is about to be served.
    pub fn activity(&self) -> Arc<Activity> {
        Arc::new(Activity::new(self.waiting.clone()))
    }

    /// Serves a connection.
    pub fn spawn(&mut self, activity: Arc<Activity>, connection: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(connection).id();
        self.activities.insert(id, activity);
    }

    /// Waits until one has ended; `None` where none is open.
    pub async fn ended(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
        self.activities.remove(&id);
        Some(())
    }

    /// A permit, if one is free.
    pub fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().try_acquire_owned().ok()
    }

    /// A permit for one more connection. Where all are taken, the one that has been idle longest ends for it,
    /// unauthenticated ones first; where none is idle, this waits. `None` once the program is asked to stop.
    pub async fn permit(&mut self, stopping: &mut watch::Receiver<bool>) -> Option<OwnedSemaphorePermit> {
        if let Some(permit) = self.try_permit() {
            return Some(permit);
        }
        let _full = Counted::by("sas_listeners_full");
        self.waiting.set(true);
        let permit = self.evict_and_wait(stopping).await;
        self.waiting.set(false);
        permit
    }

    async fn evict_and_wait(&mut self, stopping: &mut watch::Receiver<bool>) -> Option<OwnedSemaphorePermit> {
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
                () = stopped(stopping) => return None,
                Some(()) = self.ended() => {}
                () = waiting.changed() => {}
            }
        }
    }

    /// Asks the connection to end that is the first to go.
    fn evict(&self) -> Option<Arc<Activity>> {
        let evictable = self.activities.values().filter(|activity| !activity.is_evicted());
        let orders = evictable.filter_map(|activity| Some((activity.eviction_order()?, activity)));
        let found = orders.min_by_key(|(order, _)| *order).map(|(_, activity)| activity.clone());
        if let Some(activity) = &found {
            activity.evict();
            metrics::counter!("sas_connections_evicted_total").increment(1);
        }
        if let Some(left_out) = self.logged.next() {
            let max_connections = self.max_connections;
            let consequence = match found {
                Some(_) => "the one idle longest is closed for each new one",
                None => "none is idle, and new ones wait for one to end",
            };
            tracing::warn!(max_connections, left_out, "all connections are taken (SAS_MAX_CONNECTIONS): {consequence}");
        }
        found
    }
}
