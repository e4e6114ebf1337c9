//! Connections to Postgres. Any of them may fall silent, as when a firewall forgets it, and neither end is notified. So
//! both ends have timeouts: the server drops a session whose client does not answer, with its locks, and the pool drops
//! a connection whose server does not.
//!
//! After a failover, the former primary may go on answering, read-only. Its connections are closed, so that the
//! host's name is resolved again.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, Postgres, Row};

use tokio::time::timeout;

use super::address::LOCK_TIMEOUT;
use crate::deadline::Deadline;

/// A connection that does not answer within this time is closed and replaced: soon enough for a waiting read and for a
/// health check.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings of every session: the server drops a client that does not answer after ten seconds, and its locks.
///
/// No timeout of Postgres runs while it waits for the rest of a message, such as the `Sync` after an `Execute`. The
/// first three settings apply while the server sends nothing to the client, the last while it does. They have no effect
/// on a Unix socket.
pub(crate) const KEEP_ALIVE: &str = "SET tcp_keepalives_idle = '4s';SET tcp_keepalives_interval = '2s';\
    SET tcp_keepalives_count = 3;SET tcp_user_timeout = '10s'";

/// The settings of the sessions of a pool.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Whether they write.
    pub writes: bool,
    /// The server stops a statement that takes longer.
    pub statement_timeout: Duration,
    /// Further settings, as SQL.
    pub settings: &'static str,
}

/// How long a reader keeps a connection to a read-only server. Without it, every search would connect again while there
/// is no other server.
const READ_ONLY_MAX_AGE: Duration = Duration::from_secs(1);

/// Begins a transaction, takes the lock of writers if it is free, and says whether the server accepts writes. The number of
/// the lock is arbitrary, and the same for every instance.
const BEGIN_WRITE: &str = "BEGIN; SELECT pg_try_advisory_xact_lock(7302451), current_setting('transaction_read_only')";

/// Waits for the same lock.
const LOCK_WRITERS: &str = "SELECT pg_advisory_xact_lock(7302451)";

/// Whether the server answers in time, and whether it accepts writes.
async fn probe(connection: &mut PgConnection) -> Option<Server> {
    // On for a standby, and for a primary with `default_transaction_read_only`.
    let asked = connection.fetch_one("SHOW transaction_read_only");
    let row = timeout(PING_TIMEOUT, asked).await.ok()?.ok()?;
    Some(Server::of(row.try_get(0).ok()?))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Writable,
    ReadOnly,
}

impl Server {
    /// By `transaction_read_only`.
    fn of(read_only: &str) -> Self {
        if read_only == "on" { Self::ReadOnly } else { Self::Writable }
    }
}

/// A transaction that has begun.
struct Begun {
    /// Whether it keeps other writers out.
    is_locked: bool,
    server: Server,
}

/// A pool of connections, each probed when it is acquired, or when it begins to write.
#[derive(Clone)]
pub(crate) struct Connections {
    pool: PgPool,
    release_timeout: Duration,
}

impl Connections {
    /// At most `size` connections for statements of this kind, each opened when it is first needed.
    pub fn new(options: PgConnectOptions, size: u32, session: Session) -> Self {
        let Session { writes, statement_timeout, settings } = session;
        let timeout = format!("SET statement_timeout = {}", statement_timeout.as_millis());
        let pool = PgPoolOptions::new()
            .max_connections(size)
            .acquire_timeout(LOCK_TIMEOUT)
            // The pool's own test has no timeout: a silent server would block every caller.
            .test_before_acquire(false)
            .before_acquire(move |connection, metadata| {
                let is_young = metadata.age < READ_ONLY_MAX_AGE;
                Box::pin(async move {
                    // `begin_write` probes those that write.
                    Ok(writes
                        || match probe(connection).await {
                            Some(Server::Writable) => true,
                            Some(Server::ReadOnly) => is_young,
                            None => false,
                        })
                })
            })
            .after_connect(move |connection, _| {
                let timeout = AssertSqlSafe(timeout.clone());
                Box::pin(async move {
                    connection.execute(KEEP_ALIVE).await?;
                    connection.execute(timeout).await?;
                    connection.execute(settings).await?;
                    Ok(())
                })
            });
        // An abandoned statement ends by its timeout.
        Self { pool: pool.connect_lazy_with(options), release_timeout: statement_timeout + PING_TIMEOUT }
    }

    /// The same, which closes connections that do not answer at once, even in the middle of a statement.
    pub fn given_up_early(self) -> Self {
        Self { release_timeout: PING_TIMEOUT, ..self }
    }

    /// A connection, which returns to the pool when it is dropped.
    pub async fn acquire(&self, deadline: &Deadline) -> Result<PooledConnection, sqlx::Error> {
        Ok(PooledConnection {
            connection: Some(self.pool.acquire().await?),
            in_transaction: false,
            is_kept: true,
            release_timeout: self.release_timeout,
            deadline: deadline.clone(),
        })
    }

    /// A connection in a transaction, which waits for no other writer. Dropped before [`PooledConnection::commit`], the connection
    /// is closed.
    pub async fn begin(&self, deadline: &Deadline) -> Result<PooledConnection, sqlx::Error> {
        let mut connection = self.acquire(deadline).await?;
        connection.is_kept = false;
        connection.execute("BEGIN").await?;
        Ok(connection)
    }

    /// A connection in a transaction that keeps other writers out, over all instances that share the database: each decides
    /// over the commits of the others. Dropped before [`PooledConnection::commit`], the connection is closed.
    ///
    /// A pooled connection is probed by the beginning itself: one that was closed meanwhile, or is silent or read-only, is
    /// replaced.
    pub async fn begin_write(&self, deadline: &Deadline) -> Result<PooledConnection, sqlx::Error> {
        let mut connection = self.acquire(deadline).await?;
        let begun = match timeout(PING_TIMEOUT, connection.begin_write()).await {
            Ok(Ok(begun)) if begun.server == Server::Writable => begun,
            // Nothing is written yet.
            _ => {
                drop(connection);
                connection = self.acquire(deadline).await?;
                let timed_out = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
                timeout(PING_TIMEOUT, connection.begin_write()).await.map_err(timed_out)??
            }
        };
        if !begun.is_locked {
            connection.execute(LOCK_WRITERS).await?;
        }
        Ok(connection)
    }

    /// How many are open, and how many of these are idle.
    pub fn count(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// Waits for what is under way and closes them all.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection that returns to its pool when it is dropped, if it still answers.
///
/// The pool asks the server for an answer first, without a timeout, and keeps the slot meanwhile
/// (<https://github.com/launchbadge/sqlx/issues/4349>): with a silent server, the only connection that writes would be
/// lost until a restart. Here the return has a timeout; then the connection is closed and its slot is free.
pub(crate) struct PooledConnection {
    /// Until it is dropped.
    connection: Option<PoolConnection<Postgres>>,
    in_transaction: bool,
    /// Whether it returns to the pool.
    is_kept: bool,
    release_timeout: Duration,
    /// Holds the permit of the request until the connection is free.
    deadline: Deadline,
}

impl PooledConnection {
    /// Begins a transaction that lasts until the connection is dropped: all that is read is of one state.
    pub async fn begin_snapshot(&mut self) -> Result<(), sqlx::Error> {
        self.in_transaction = true;
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(())
    }

    /// Begins a transaction that lasts until the connection is dropped, whose statements find rows in the order of an index.
    /// Without statistics, as after a restore, Postgres would read and sort whole tables.
    pub async fn begin_in_index_order(&mut self) -> Result<(), sqlx::Error> {
        self.in_transaction = true;
        self.execute("BEGIN READ ONLY; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off").await?;
        Ok(())
    }

    /// Begins a transaction, and takes the lock of writers if it is free.
    async fn begin_write(&mut self) -> Result<Begun, sqlx::Error> {
        self.is_kept = false;
        let row = self.fetch_one(sqlx::raw_sql(BEGIN_WRITE)).await?;
        Ok(Begun { is_locked: row.try_get(0)?, server: Server::of(row.try_get(1)?) })
    }

    /// Commits the transaction.
    pub async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.execute("COMMIT").await?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if !self.is_kept {
            // It may be silent, read-only, or in the middle of a statement.
            connection.close_on_drop();
            return;
        }
        // Without a runtime, the program ends.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (in_transaction, deadline) = (self.in_transaction, std::mem::take(&mut self.deadline));
        let release_timeout = self.release_timeout;
        runtime.spawn(async move {
            let returned = async {
                if in_transaction {
                    connection.execute("ROLLBACK").await?;
                }
                connection.return_to_pool().await;
                Ok::<_, sqlx::Error>(())
            };
            if !matches!(timeout(release_timeout, returned).await, Ok(Ok(()))) {
                // Its return would wait for the server without end.
                connection.close_on_drop();
            }
            drop(deadline);
        });
    }
}

impl Deref for PooledConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        let Some(connection) = &self.connection else { unreachable!("it is taken by `drop` only") };
        connection
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        let Some(connection) = &mut self.connection else { unreachable!("it is taken by `drop` only") };
        connection
    }
}
