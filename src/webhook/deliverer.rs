//! Delivers the events of all webhooks while this instance has the lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::context::Context;
use super::lease::{Lease, keep_lease};
use super::receiver::Receiver;
use super::retry::RetryPolicy;
use super::settings::Webhook;
use super::status::{Statuses, WebhookStatus, read_statuses};
use super::worker::Worker;
use crate::clock::Clock;
use crate::feed::Head;
use crate::storage::{Storage, StorageError};

/// Between two readings of the states for metrics and health checks.
const STATUS_INTERVAL: Duration = Duration::from_secs(3);

/// After a panic of a worker.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// What a deliverer is made of.
pub struct DelivererParts {
    pub storage: Storage,
    pub head: Head,
    /// The id of the log.
    pub log: Arc<str>,
    pub base_url: Arc<str>,
    pub clock: Clock,
}

/// The webhooks of an instance.
pub struct Deliverer {
    context: Arc<Context>,
    webhooks: Vec<(Arc<Webhook>, Arc<Receiver>)>,
    statuses: Statuses,
}

impl Deliverer {
    /// Reads the secrets of the webhooks, and adds those that are new to the database: they begin here, whichever instance
    /// delivers.
    ///
    /// # Errors
    /// A sentence that says what to correct; or the database fails.
    pub async fn open(
        parts: DelivererParts,
        webhooks: &[Webhook],
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let DelivererParts { storage, head, log, base_url, clock } = parts;
        let (holder, policy) = (clock.new_id().to_string(), RetryPolicy::default());
        let context = Context { database: storage, head, log, base_url, clock, holder, policy };
        let mut receivers = vec![];
        for webhook in webhooks {
            receivers.push((Arc::new(webhook.clone()), Arc::new(Receiver::new(webhook)?)));
            context.add(webhook).await?;
        }
        Ok(Self { context: Arc::new(context), webhooks: receivers, statuses: Statuses::default() })
    }

    /// The states of the webhooks, which are kept up to date.
    pub fn statuses(&self) -> Statuses {
        self.statuses.clone()
    }

    /// Delivers until the server stops; `None` without webhooks.
    pub fn start(self, stopping: watch::Receiver<bool>) -> Option<JoinHandle<()>> {
        (!self.webhooks.is_empty()).then(|| tokio::spawn(self.run(stopping)))
    }

    async fn run(self, stopping: watch::Receiver<bool>) {
        let (held_until, lease) = Lease::new();
        tokio::select! {
            () = keep_lease(&self.context.database, &self.context.holder, held_until) => {}
            () = self.report_states() => {}
            () = self.deliver(lease, stopping) => {}
        }
        let (deadline, storage) = self.context.storage();
        // Otherwise it ends by itself.
        let _ = deadline.limit(storage.release_webhook_lease(&self.context.holder)).await;
    }

    /// Runs the workers while this instance has the lease.
    async fn deliver(&self, mut lease: Lease, stopping: watch::Receiver<bool>) {
        let mut stop = stopping.clone();
        loop {
            tokio::select! {
                () = lease.acquired() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            tracing::info!("this instance delivers the webhooks");
            let mut workers = JoinSet::new();
            for (webhook, receiver) in &self.webhooks {
                let (webhook, receiver) = (webhook.clone(), receiver.clone());
                let (context, stopping) = (self.context.clone(), stopping.clone());
                workers.spawn(Worker { context, webhook, receiver, stopping }.run());
            }
            tokio::select! {
                () = lease.lost() => {
                    tracing::warn!("this instance no longer delivers the webhooks: another does, or the database is away");
                    workers.shutdown().await;
                }
                // Each ends with the server.
                is_complete = end_together(&mut workers) => {
                    if is_complete {
                        return;
                    }
                    tracing::error!("the delivery of a webhook has ended by itself: all are started again");
                    workers.shutdown().await;
                    tokio::time::sleep(RESTART_PAUSE).await;
                }
            }
        }
    }

    /// Keeps metrics and states up to date, without end.
    async fn report_states(&self) {
        let mut interval = tokio::time::interval(STATUS_INTERVAL);
        loop {
            interval.tick().await;
            // What was known stays.
            let Ok(statuses) = self.read_statuses().await else { continue };
            let now = self.context.clock.now();
            for status in &statuses {
                let failing = status.failing_since.as_ref().and_then(|since| since.parse().ok());
                let failing = failing.map_or(0.0, |since: jiff::Timestamp| now.duration_since(since).as_secs_f64());
                let is_paused = f64::from(u8::from(status.reason.is_some()));
                metrics::gauge!("sas_webhook_lag", "webhook" => status.name.clone()).set(status.lag as f64);
                metrics::gauge!("sas_webhook_failing_seconds", "webhook" => status.name.clone()).set(failing);
                metrics::gauge!("sas_webhook_paused", "webhook" => status.name.clone()).set(is_paused);
            }
            self.statuses.store(statuses);
        }
    }

    async fn read_statuses(&self) -> Result<Vec<WebhookStatus>, StorageError> {
        let (deadline, storage) = self.context.storage();
        let is_configured = |name: &str| self.webhooks.iter().any(|(webhook, _)| webhook.name == name);
        deadline.limit(read_statuses(&storage, is_configured)).await
    }
}

/// Waits until all workers have ended; `false` as soon as one has panicked.
async fn end_together(workers: &mut JoinSet<()>) -> bool {
    while let Some(ended) = workers.join_next().await {
        if ended.is_err() {
            return false;
        }
    }
    true
}
