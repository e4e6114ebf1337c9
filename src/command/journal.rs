//! Opens the journal that `serve` keeps and shows.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::audit::AuditQueue;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::console::Switch;
use crate::http::{Links, Recorder};
use crate::journal::settings::Mode;
use crate::journal::{JournalQueue, JournalReader, JournalWriter};
use crate::storage::OpenError;
use crate::storage::journal::JournalDatabase;

/// The task that stores exchanges.
pub struct JournalTask {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl JournalTask {
    /// Returns when what is queued is stored, or not within this time.
    pub async fn finish(self, within: Duration) {
        self.stop.send_replace(true);
        if tokio::time::timeout(within, self.task).await.is_err() {
            tracing::warn!("exchanges are missing in the journal: its database did not take them before the stop");
        }
    }
}

/// The journal of this process.
#[derive(Clone, Default)]
pub struct Journal {
    database: Option<JournalDatabase>,
    queue: JournalQueue,
    is_kept: bool,
    has_failed: bool,
}

impl Journal {
    /// Opens the journal, and creates it where exchanges are kept. Where they are not, one of former runs is opened: it is migrated, and
    /// shown until it is too old.
    pub async fn open(config: &Config) -> Self {
        let is_kept = config.journal.mode(config.is_test_target()) == Mode::Full;
        let opened: Result<_, OpenError> = match is_kept {
            true => JournalDatabase::open(&config.database_url).await.map(Some),
            false => JournalDatabase::open_existing(&config.database_url).await,
        };
        match opened {
            Ok(database) => {
                let is_kept = is_kept && database.is_some();
                Self { database, is_kept, ..Self::default() }
            }
            Err(error) => {
                // No request depends on it.
                tracing::error!("the journal is not kept: {error}");
                Self { has_failed: true, ..Self::default() }
            }
        }
    }

    /// Keeps exchanges, where the settings say so. Refusals link to the console, where it is served.
    pub fn recorder(&self, config: &Config, ops: SocketAddr) -> Option<Recorder> {
        let url = config.console.console_url.clone().unwrap_or_else(|| format!("http://{ops}"));
        let is_public = config.console.console_url.is_some();
        let links = Links { console: format!("{url}/console").into(), is_public };
        let links = (config.console.console == Switch::On).then_some(links);
        self.is_kept.then(|| Recorder::new(self.queue.clone(), links))
    }

    /// Starts the task that stores exchanges and removes old ones.
    pub fn start(&self, config: &Config, clock: &Clock, audit: AuditQueue) -> Option<JournalTask> {
        let (database, queue) = (self.database.clone()?, self.queue.clone());
        let settings = config.journal.clone();
        let writer = JournalWriter { database, queue, settings, clock: clock.clone(), audit };
        let (stop, stopping) = watch::channel(false);
        Some(JournalTask { stop, task: writer.start(stopping) })
    }

    /// What pages show of it.
    pub fn reader(&self) -> JournalReader {
        match self.has_failed {
            true => JournalReader::failed(),
            false => JournalReader::new(self.database.clone(), self.queue.clone(), self.is_kept),
        }
    }
}
