//! What all webhooks of an instance share.

use std::sync::Arc;
use std::time::Duration;

use super::retry::RetryPolicy;
use super::settings::Webhook;
use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::feed::Head;
use crate::storage::{Storage, StorageError};

/// A database that does not answer in this time is asked again.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

pub struct Context {
    pub database: Storage,
    pub head: Head,
    /// The id of the log.
    pub log: Arc<str>,
    /// The URLs in events begin with it.
    pub base_url: Arc<str>,
    pub clock: Clock,
    /// The name of this instance in the lease.
    pub holder: String,
    pub policy: RetryPolicy,
}

impl Context {
    /// The database, with a deadline for one operation.
    pub fn storage(&self) -> (Deadline, Storage) {
        let deadline = Deadline::after(DATABASE_TIMEOUT);
        let storage = self.database.until(&deadline);
        (deadline, storage)
    }

    /// Adds the row of a webhook, if there is none.
    pub async fn add(&self, webhook: &Webhook) -> Result<(), StorageError> {
        let (deadline, storage) = self.storage();
        deadline.limit(storage.add_webhook(&webhook.name, &self.log, webhook.from)).await
    }
}
