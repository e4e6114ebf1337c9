//! Connections to a SQLite file. Each stops its statement at a deadline.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::background;
use crate::deadline::Deadline;

/// Instructions of SQLite's virtual machine between two checks of the deadline: some tens of microseconds.
const INSTRUCTIONS_BETWEEN_CHECKS: i32 = 1000;

/// The instant at which a connection stops its statement, which then fails with `SQLITE_INTERRUPT`.
#[derive(Clone, Debug)]
pub(crate) struct StopAt(Arc<AtomicU64>);

/// The zero of instants in nanoseconds.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

impl StopAt {
    /// No instant.
    pub fn never() -> Self {
        LazyLock::force(&EPOCH);
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    /// Makes a connection check it.
    pub async fn install(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let own = self.clone();
        let goes_on = move || nanoseconds(Instant::now()) < own.0.load(Ordering::Relaxed);
        connection.lock_handle().await?.set_progress_handler(INSTRUCTIONS_BETWEEN_CHECKS, goes_on);
        Ok(())
    }

    /// Sets the instant.
    pub fn set(&self, deadline: &Deadline) {
        self.0.store(deadline.instant().map_or(u64::MAX, nanoseconds), Ordering::Relaxed);
    }

    fn now(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

fn nanoseconds(instant: Instant) -> u64 {
    u64::try_from(instant.saturating_duration_since(*EPOCH).as_nanos()).unwrap_or(u64::MAX)
}

/// A pool of connections.
///
/// sqlx's pool has no place for data of a connection, such as its [`StopAt`].
#[derive(Clone)]
pub(crate) struct Connections(Arc<Shared>);

struct Shared {
    options: SqliteConnectOptions,
    size: u32,
    is_background: bool,
    /// One permit per connection.
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<Connected>>,
}

struct Connected {
    connection: SqliteConnection,
    stop_at: StopAt,
}

impl Connections {
    /// At most `size` connections that only read, each opened when it is first needed.
    pub fn read_only(options: SqliteConnectOptions, size: u32) -> Self {
        Self::new(options.read_only(true).create_if_missing(false), size)
    }

    /// The same, for reads that give way to others where processors are short.
    pub fn background(options: SqliteConnectOptions, size: u32) -> Self {
        Self::open(options.read_only(true).create_if_missing(false), size, true)
    }

    /// At most `size` connections, each opened when it is first needed.
    pub fn new(options: SqliteConnectOptions, size: u32) -> Self {
        Self::open(options, size, false)
    }

    fn open(options: SqliteConnectOptions, size: u32, is_background: bool) -> Self {
        let slots = Arc::new(Semaphore::new(size as usize));
        Self(Arc::new(Shared { options, size, is_background, slots, idle: Mutex::default() }))
    }

    /// A connection, which returns to the pool when it is dropped. Its statement is stopped at the deadline, and when the
    /// connection is dropped.
    pub async fn acquire(&self, deadline: &Deadline) -> Result<PooledConnection, sqlx::Error> {
        let slot = self.0.slots.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.0.idle().pop();
        let connected = match idle {
            Some(connected) => connected,
            None if self.0.is_background => Connected::open_in_background(self.0.options.clone()).await?,
            None => Connected::open(&self.0.options).await?,
        };
        connected.stop_at.set(deadline);
        let held = Some((slot, deadline.clone()));
        let pool = self.0.clone();
        Ok(PooledConnection { connected: Some(connected), in_transaction: false, is_idle: false, pool, held })
    }

    /// A connection in a transaction that keeps other writers out.
    pub async fn begin_write(&self, deadline: &Deadline) -> Result<PooledConnection, sqlx::Error> {
        let mut connection = self.acquire(deadline).await?;
        // A deferred transaction that turns into a write fails at once when another process writes.
        connection.will_begin().execute("BEGIN IMMEDIATE").await?;
        Ok(connection)
    }

    /// How many are open, and how many of these are idle.
    pub fn count(&self) -> (u32, usize) {
        let idle = self.0.idle().len();
        let lent = self.0.size.saturating_sub(u32::try_from(self.0.slots.available_permits()).unwrap_or(u32::MAX));
        (lent + u32::try_from(idle).unwrap_or(u32::MAX), idle)
    }

    /// Waits until every connection has returned, and closes them.
    pub async fn close(&self) {
        let _all = self.0.slots.acquire_many(self.0.size).await;
        self.0.slots.close();
        let idle = std::mem::take(&mut *self.0.idle());
        for connected in idle {
            let _ = connected.connection.close().await;
        }
    }
}

impl Shared {
    /// A panic elsewhere does not leave the list half changed.
    fn idle(&self) -> MutexGuard<'_, Vec<Connected>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected {
    async fn open(options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        let stop_at = StopAt::never();
        stop_at.install(&mut connection).await?;
        Ok(Self { connection, stop_at })
    }

    /// Opens it on a background thread, whose priority the thread of the connection inherits.
    async fn open_in_background(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let runtime = Handle::current();
        background::run(move || runtime.block_on(Self::open(&options))).await?
    }
}

/// A connection of the pool.
pub(crate) struct PooledConnection {
    /// Until it is dropped.
    connected: Option<Connected>,
    in_transaction: bool,
    /// Whether its statements have ended.
    is_idle: bool,
    pool: Arc<Shared>,
    /// The slot, and the permit of the request: both are released when the connection is free.
    held: Option<(OwnedSemaphorePermit, Deadline)>,
}

impl PooledConnection {
    /// Sets another deadline.
    pub fn stop_at(&mut self, deadline: &Deadline) {
        if let Some(connected) = &self.connected {
            connected.stop_at.set(deadline);
        }
    }

    /// Begins a transaction that lasts until the connection is dropped: all that is read is of one state.
    pub async fn begin_snapshot(&mut self) -> Result<(), sqlx::Error> {
        self.will_begin().execute("BEGIN").await?;
        Ok(())
    }

    /// Commits the transaction.
    pub async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.will_commit().execute("COMMIT").await?;
        self.committed();
        Ok(())
    }

    /// The connection, for statements of which the first begins a transaction. Dropped, it is rolled back.
    pub fn will_begin(&mut self) -> &mut SqliteConnection {
        self.in_transaction = true;
        self
    }

    /// The connection, for statements of which the last commits the transaction. They are not stopped: a commit that is
    /// stopped when it is on disk would be taken for one that failed.
    pub fn will_commit(&mut self) -> &mut SqliteConnection {
        self.stop_at(&Deadline::none());
        self
    }

    /// The transaction has been committed by the last statement.
    pub fn committed(&mut self) {
        self.in_transaction = false;
        self.is_idle = true;
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        let (Some(mut connected), held, pool) = (self.connected.take(), self.held.take(), self.pool.clone()) else {
            return;
        };
        if self.is_idle {
            pool.idle().push(connected);
            return;
        }
        let in_transaction = self.in_transaction;
        connected.stop_at.now();
        // Without a runtime, the program ends.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            // Executed after the statement in progress has ended.
            let ended = match in_transaction {
                true => connected.connection.execute("ROLLBACK").await.map(|_| ()),
                false => connected.connection.ping().await,
            };
            match ended {
                Ok(()) => pool.idle().push(connected),
                // The next one is not opened beside a transaction of this one.
                Err(_) => drop(connected.connection.close().await),
            }
            drop(held);
        });
    }
}

impl Deref for PooledConnection {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        let Some(Connected { connection, .. }) = &self.connected else { unreachable!("it is taken by `drop` only") };
        connection
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        let Some(Connected { connection, .. }) = &mut self.connected else {
            unreachable!("it is taken by `drop` only")
        };
        connection
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::storage::error::StorageError;

    /// Counts until it is stopped.
    const ENDLESS: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n";

    async fn readers(size: u32) -> (tempfile::TempDir, Connections) {
        let folder = tempfile::tempdir().expect("a folder");
        let options = SqliteConnectOptions::new().filename(folder.path().join("test.db")).create_if_missing(true);
        options.connect().await.expect("a file").close().await.expect("closed");
        (folder, Connections::read_only(options, size))
    }

    #[tokio::test]
    async fn sqlite_reader_deadline_passed_statement_is_stopped() {
        let (_folder, readers) = readers(1).await;
        let mut reader = readers.acquire(&Deadline::after(Duration::from_millis(20))).await.expect("a reader");
        let stopped = sqlx::query(ENDLESS).fetch_one(&mut *reader).await.expect_err("it is stopped");
        assert_eq!(stopped.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(), Some("9"));
        assert!(matches!(StorageError::from(stopped), StorageError::Unavailable(_)));
        drop(reader);
        // The same connection serves the next caller.
        let mut reader = readers.acquire(&Deadline::none()).await.expect("a reader");
        let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&mut *reader).await.expect("a row");
        assert_eq!((one, readers.count()), (1, (1, 0)));
        drop(reader);
        readers.close().await;
        assert!(matches!(readers.acquire(&Deadline::none()).await, Err(sqlx::Error::PoolClosed)));
    }

    #[tokio::test]
    async fn sqlite_reader_dropped_in_a_statement_is_free_only_when_that_has_ended() {
        let (_folder, readers) = readers(1).await;
        let permits = Arc::new(Semaphore::new(1));
        let permit = permits.clone().try_acquire_owned().expect("a permit");
        let mut reader = readers.acquire(&Deadline::none().holding(permit)).await.expect("a reader");
        let mut endless = Box::pin(sqlx::query(ENDLESS).fetch_one(&mut *reader));
        // The connection's thread has it, and the future is dropped.
        assert!(futures_util::poll!(&mut endless).is_pending());
        drop(endless);
        drop(reader);
        assert_eq!(permits.available_permits(), 0, "the connection still works for it");
        let mut next = readers.acquire(&Deadline::none()).await.expect("it was stopped");
        assert_eq!(permits.available_permits(), 1);
        let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&mut *next).await.expect("a row");
        assert_eq!(one, 1);
        drop(next);
        readers.close().await;
    }
}
