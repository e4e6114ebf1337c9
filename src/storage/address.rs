//! Addresses of databases: SQLite or Postgres, and the options with which a SQLite file is opened.

use std::str::FromStr;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, SqliteConnection};

use super::database_name::DatabaseName;
use super::open_error::OpenError;

/// How long a write without a deadline waits for the lock of another process, on either database.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// The database of an address.
    pub(super) fn of(url: &str) -> Result<Self, OpenError> {
        // A database in memory would vanish with its connection.
        if url.starts_with("sqlite:") && !url.contains(":memory:") && !url.contains("mode=memory") {
            Ok(Self::Sqlite)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres)
        } else {
            Err(OpenError::Scheme)
        }
    }
}

/// The options for a SQLite file, and its name.
pub(super) fn sqlite_options(url: &str) -> Result<(SqliteConnectOptions, DatabaseName), OpenError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(OpenError::Address)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(LOCK_TIMEOUT)
        .statement_cache_capacity(200);
    let name = DatabaseName::Sqlite { path: options.get_filename().to_owned() };
    Ok((options, name))
}

/// The same for a connection that only reads: it creates no file and keeps the journal mode.
pub(super) fn sqlite_reading_options(url: &str) -> Result<SqliteConnectOptions, OpenError> {
    let options = SqliteConnectOptions::from_str(url).map_err(OpenError::Address)?;
    Ok(options.create_if_missing(false).read_only(true).busy_timeout(LOCK_TIMEOUT).statement_cache_capacity(200))
}

/// A connection to a SQLite file that may be new. The connection that creates a file sets its journal mode, and of
/// several at the same time all but one get `SQLITE_BUSY`, whatever their timeout.
pub(super) async fn first_connection(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let often = ConstantBuilder::new().with_delay(Duration::from_millis(50)).with_max_times(100);
    let is_busy = |error: &sqlx::Error| {
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
    };
    (|| options.connect()).retry(often).when(is_busy).await
}
