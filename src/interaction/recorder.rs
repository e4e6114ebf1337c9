//! The records of exchanges that changed nothing wait here for the writing task's next commit.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::record::{Caller, Key, Record, Trace};

/// Records that wait to be taken by the writing task.
pub(super) const QUEUE: usize = 1024;

/// How long an answer waits for a place in the queue: longer, and its record is lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the records of reads and refusals go. They are committed within about a second: so much of them may be
/// lost by a power cut or `kill -9`, and none by a stop.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Record>,
    key: Key,
    clock: Clock,
}

impl Recorder {
    /// A recorder, and what it records.
    pub fn new(key: Key, clock: Clock) -> (Self, mpsc::Receiver<Record>) {
        let (queue, records) = mpsc::channel(QUEUE);
        (Self { queue, key, clock }, records)
    }

    /// Begins the trace of an exchange.
    pub fn begin(&self, request_id: &str, caller: Caller) -> Trace {
        Trace::begin(self.clock.now(), request_id.to_owned(), caller, self.key.clone())
    }

    /// Queues a record. With a full queue, as when the database is away for long, the answer waits; then the
    /// record is counted as lost.
    pub async fn record(&self, record: Record) {
        if self.queue.send_timeout(record, PATIENCE).await.is_err() {
            lost(1);
        }
    }
}

/// Counts records that will never be kept.
pub(super) fn lost(records: u64) {
    metrics::counter!("sas_exchanges_unrecorded_total").increment(records);
    tracing::error!(records, "records of exchanges are lost: the database has not taken them");
}
