//! Recognises a connection pooler (PgBouncer) that changes the server's session between transactions.
//!
//! The program cannot work behind one: prepared statements, settings such as `statement_timeout`, and the advisory
//! locks of migrations and of the mirror belong to a session. Alone, a client often gets the same session again; the
//! start would then succeed, and fail later under load.

use std::time::Duration;

use sqlx::{Executor, PgConnection, Row};

use super::open_error::OpenError;
use super::pooler_error::SHARED_SESSION;
use super::postgres_address::PostgresAddress;

/// How long a statement waits for a session: a pooler without a free one blocks its client.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Rounds of the check: in one round, other clients of the pooler may hide that sessions are shared.
const ROUNDS: usize = 3;

const NO_SESSION: &str = "it gives no second session within 10 s; raise default_pool_size, or connect to Postgres \
    directly";

/// Fails if sessions are shared: `first` and another connection then have the same one, or that of `first` is
/// another one while a transaction keeps the other connection's.
///
/// Statements are sent without preparing them, which would fail first.
pub(crate) async fn check(address: &PostgresAddress, first: &mut PgConnection) -> Result<(), OpenError> {
    let shared = || pooler(address, SHARED_SESSION.to_owned());
    let mut second = address.connect().await?;
    for _ in 0..ROUNDS {
        let before = session(address, first).await?.ok_or_else(|| pooler(address, NO_SESSION.to_owned()))?;
        let begun = tokio::time::timeout(SESSION_TIMEOUT, second.execute("BEGIN")).await;
        begun.map_err(|_| pooler(address, NO_SESSION.to_owned()))?.map_err(|error| address.failed(error))?;
        let other = session(address, &mut second).await?.ok_or_else(|| pooler(address, NO_SESSION.to_owned()))?;
        if other == before {
            return Err(shared());
        }
        // If there is none left, another connection has its session.
        let after = session(address, first).await?.ok_or_else(shared)?;
        if after != before {
            return Err(shared());
        }
        second.execute("ROLLBACK").await.map_err(|error| address.failed(error))?;
    }
    Ok(())
}

/// The process id of the server's session; `None` if there was no session in time.
async fn session(address: &PostgresAddress, connection: &mut PgConnection) -> Result<Option<i32>, OpenError> {
    let asked = connection.fetch_one("SELECT pg_backend_pid()");
    let Ok(row) = tokio::time::timeout(SESSION_TIMEOUT, asked).await else { return Ok(None) };
    let number = row.and_then(|row| row.try_get(0));
    number.map(Some).map_err(|error| address.failed(error))
}

fn pooler(address: &PostgresAddress, reason: String) -> OpenError {
    OpenError::Pooler { description: address.description.clone(), reason }
}
