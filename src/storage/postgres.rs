//! Connections to Postgres, where any of them may fall silent: a firewall forgot it, or a cable was pulled.
//! Nobody is told then, so that both ends are bounded: the server drops a session whose client does not
//! answer, with its locks, and the pool a connection whose server does not.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool, Postgres};

use super::database::LOCK_TIMEOUT;

/// A connection that does not answer within this time is given up, and makes room for another: early enough
/// for the read that waits, and for whoever asks whether the program is ready.
const LONGEST_PING: Duration = Duration::from_secs(1);

/// What every session is told: a client that does not answer is gone after ten seconds, and its locks with it.
///
/// No time-out of Postgres runs while it waits for the rest of what it was sent, say the `Sync` after an
/// `Execute`. The first three count while nothing is being sent to the client, the last while something is.
/// On a socket file they mean nothing.
pub(crate) const KEEP_ALIVE: &str = "SET tcp_keepalives_idle = '4s';SET tcp_keepalives_interval = '2s';\
    SET tcp_keepalives_count = 3;SET tcp_user_timeout = '10s'";

/// What those are told that read and write resources.
const SESSION: &str = concat!(
    // An instance that hangs inside a transaction must not hold up the others for ever.
    "SET idle_in_transaction_session_timeout = '10s';",
    "SET statement_timeout = '30s';",
    "SET lock_timeout = '15s';",
    // Acknowledged means on disk, and decided over what was committed before.
    "SET synchronous_commit = on;",
    "SET default_transaction_isolation = 'read committed';",
    // A plan made while a table was small would be kept for as long as it grows.
    "SET plan_cache_mode = force_custom_plan",
);

/// A pool of at most so many connections, each of which answers when it is acquired.
pub(crate) fn pool(most: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(LOCK_TIMEOUT)
        // The pool's own test lasts for as long as whoever waits has patience, and then nobody is served.
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(async { Ok(answers(connection).await) }))
}

/// Whether there is still a server at the other end, which comes to answer.
pub(crate) async fn answers(connection: &mut PgConnection) -> bool {
    matches!(tokio::time::timeout(LONGEST_PING, connection.ping()).await, Ok(Ok(())))
}

/// Connections that are lent, each with an answering server at its other end.
#[derive(Clone)]
pub(super) struct Connections(PgPool);

impl Connections {
    /// Opens one, of at most so many.
    pub async fn open(options: PgConnectOptions, most: u32) -> Result<Self, sqlx::Error> {
        let pool = pool(most).after_connect(|connection, _| {
            Box::pin(async {
                connection.execute(KEEP_ALIVE).await?;
                connection.execute(SESSION).await?;
                Ok(())
            })
        });
        Ok(Self(pool.connect_with(options).await?))
    }

    /// Lends one.
    pub async fn lend(&self) -> Result<Lent, sqlx::Error> {
        Ok(Lent(self.0.acquire().await?))
    }

    /// How many are open, and how many of these are idle.
    pub fn count(&self) -> (u32, usize) {
        (self.0.size(), self.0.num_idle())
    }

    /// Waits for what is under way and closes them all.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

/// A connection that is given back when it is dropped, if it still answers.
///
/// Giving back is the pool's: it asks the server for an answer, without end where the server fell silent, and
/// keeps the place meanwhile (<https://github.com/launchbadge/sqlx/issues/4349>). Of the one connection that
/// writes there would be none until the program is restarted. Here it has an end; what is dropped then is
/// closed, and its place is free.
pub(super) struct Lent(PoolConnection<Postgres>);

impl Drop for Lent {
    fn drop(&mut self) {
        tokio::spawn(tokio::time::timeout(LONGEST_PING, self.0.return_to_pool()));
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
