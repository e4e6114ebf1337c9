//! Opens the database of the mirror: a separate SQLite file, or the schema `annuaire` on Postgres.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, Executor};

use super::read::ReadTransaction;
use super::write::WriteConnection;
use crate::deadline::Deadline;
use crate::storage::address::{Backend, first_connection, sqlite_options, sqlite_reading_options};
use crate::storage::database::Readers;
use crate::storage::database_name::DatabaseName;
use crate::storage::error::StorageError;
use crate::storage::open_error::OpenError;
use crate::storage::postgres::{Connections, KEEP_ALIVE, Session};
use crate::storage::postgres_address::PostgresAddress;
use crate::storage::schema::{Schema, Sql};
use crate::storage::{READ_TIMEOUT, SEARCH_TIMEOUT, pooler, private_file, sqlite};

const SCHEMA: Schema = Schema {
    migrations: &[(
        1,
        "copy",
        Sql::Each {
            sqlite: include_str!("../../../migrations/annuaire/0001_copy.sqlite.sql"),
            postgres: include_str!("../../../migrations/annuaire/0001_copy.postgres.sql"),
        },
    )],
    remedy: "start `serve` or `annuaire sync` of this program",
};

/// Connections for reads by id.
const MAX_LOOKUP_CONNECTIONS: u32 = 4;
/// Connections for searches.
const MAX_SEARCH_CONNECTIONS: u32 = 8;

/// The write lock on Postgres: a session advisory lock. The number is arbitrary.
const POSTGRES_WRITE_LOCK: &str = "SELECT pg_advisory_lock(7302452)";

/// The lock waits a second: the server takes a moment to notice that a session has ended.
const POSTGRES_WRITE_LOCK_TIMEOUT: &str = "SET lock_timeout = '1s'";

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The database of the mirror: pools of readers by purpose, and the options for the writer.
#[derive(Clone)]
pub(crate) struct MirrorDatabase {
    lookups: Readers,
    searches: Readers,
    options: Options,
}

#[derive(Clone)]
enum Options {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

/// The purpose of connections. Each has its own pool, so that none waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reads by id, and lookups during a write.
    Lookups,
    Searches,
}

pub(crate) struct OpenedMirror {
    pub database: MirrorDatabase,
    /// The database, for messages.
    pub description: DatabaseName,
    pub page_key: [u8; 32],
    pub index_format: i64,
}

/// The format of an index that was made before formats were stored.
const FIRST_INDEX_FORMAT: &str = "1";

const SELECT_INDEX_FORMAT: &str = "SELECT value FROM note WHERE name = 'index-format'";

const SELECT_PAGE_KEY: &str = "SELECT value FROM note WHERE name = 'page-token-key'";

/// The row with the key of page tokens, in hexadecimal, which all instances on the mirror share.
macro_rules! page_key {
    ($connection:ident) => {
        async {
            let kept: Option<String> = sqlx::query_scalar(SELECT_PAGE_KEY).fetch_optional(&mut $connection).await?;
            let key = match kept {
                Some(key) => key,
                None => {
                    let insert =
                        "INSERT INTO note (name, value) VALUES ('page-token-key', $1) ON CONFLICT (name) DO NOTHING";
                    sqlx::query(insert).bind(new_key()?).execute(&mut $connection).await?;
                    // Another process may have inserted it first.
                    sqlx::query_scalar(SELECT_PAGE_KEY).fetch_one(&mut $connection).await?
                }
            };
            Ok::<_, sqlx::Error>(Sha256::digest(key).into())
        }
        .await
    };
}

/// The row with the format of the index: that of this program where there is no index yet.
macro_rules! index_format {
    ($connection:ident, $own:expr) => {
        async {
            let insert = "INSERT INTO note (name, value) SELECT 'index-format', \
                CASE WHEN EXISTS (SELECT 1 FROM segment) THEN $1 ELSE $2 END WHERE TRUE ON CONFLICT (name) DO NOTHING";
            let query = sqlx::query(insert).bind(FIRST_INDEX_FORMAT).bind($own.to_string());
            query.execute(&mut $connection).await?;
            sqlx::query_scalar(SELECT_INDEX_FORMAT).fetch_optional(&mut $connection).await
        }
        .await
    };
}

impl MirrorDatabase {
    /// Whether there is a mirror. Creates none.
    pub async fn exists(url: &str) -> Result<bool, OpenError> {
        match Backend::of(url)? {
            Backend::Sqlite => Ok(sqlite_options(url)?.0.get_filename().exists()),
            Backend::Postgres => {
                let address = PostgresAddress::parse(url)?;
                let mut connection = address.connect().await?;
                let sql = "SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = 'annuaire')";
                let found = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
                found.map_err(|error| address.failed(error))
            }
        }
    }

    /// Opens an existing mirror, and creates nothing.
    pub async fn open_existing(url: &str) -> Result<OpenedMirror, OpenError> {
        match Backend::of(url)? {
            Backend::Sqlite => {
                let (options, description) = sqlite_options(url)?;
                let reading = sqlite_reading_options(url)?.disable_statement_logging();
                private_file::warn_if_shared(options.get_filename());
                let failed = |source| OpenError::Connect { description: description.clone(), source };
                let mut first = first_connection(&reading).await.map_err(failed)?;
                SCHEMA.check_sqlite(&mut first, &description).await?;
                let key: Option<String> =
                    sqlx::query_scalar(SELECT_PAGE_KEY).fetch_optional(&mut first).await.map_err(failed)?;
                let format =
                    sqlx::query_scalar(SELECT_INDEX_FORMAT).fetch_optional(&mut first).await.map_err(failed)?;
                first.close().await.map_err(failed)?;
                let options = options.disable_statement_logging().create_if_missing(false);
                let key = existing_key(key).map_err(failed)?;
                Ok(OpenedMirror::new(Self::of_sqlite(options, reading), description, key, format))
            }
            Backend::Postgres => {
                let (address, mut first) = connect(url).await?;
                let failed = |error| address.failed(error);
                SCHEMA.check_postgres(&mut first, &address).await?;
                let key: Option<String> =
                    sqlx::query_scalar(SELECT_PAGE_KEY).fetch_optional(&mut first).await.map_err(failed)?;
                let format =
                    sqlx::query_scalar(SELECT_INDEX_FORMAT).fetch_optional(&mut first).await.map_err(failed)?;
                first.close().await.map_err(failed)?;
                let key = existing_key(key).map_err(failed)?;
                Ok(OpenedMirror::new(Self::of_postgres(address.options), address.description, key, format))
            }
        }
    }

    fn of_sqlite(options: SqliteConnectOptions, reading: SqliteConnectOptions) -> Self {
        // A power loss may lose the last commits, but not consistency: each commit has the position of the
        // synchronisation too.
        let options = options.synchronous(SqliteSynchronous::Normal).page_size(8192);
        // Small, as each of the connections has its own: the pages that they share are in the cache of the system.
        let reading = reading.pragma("cache_size", "-4096");
        let readers = |size| Readers::Sqlite(sqlite::Connections::read_only(reading.clone(), size));
        let options = Options::Sqlite(Box::new(options.pragma("cache_size", "-131072")));
        Self { lookups: readers(MAX_LOOKUP_CONNECTIONS), searches: readers(MAX_SEARCH_CONNECTIONS), options }
    }

    fn of_postgres(options: PgConnectOptions) -> Self {
        let connections = |size, statement_timeout| {
            let session = Session { writes: false, statement_timeout, settings: SESSION };
            Readers::Postgres(Connections::new(options.clone(), size, session))
        };
        let (lookups, searches) =
            (connections(MAX_LOOKUP_CONNECTIONS, READ_TIMEOUT), connections(MAX_SEARCH_CONNECTIONS, SEARCH_TIMEOUT));
        Self { lookups, searches, options: Options::Postgres(Box::new(options)) }
    }

    /// Connects, creates what is missing, and reads the key of page tokens.
    pub async fn open(url: &str, own_format: i64) -> Result<OpenedMirror, OpenError> {
        match Backend::of(url)? {
            Backend::Sqlite => {
                let (options, description) = sqlite_options(url)?;
                // A commit of tens of thousands of resources takes seconds, and no request waits for it.
                let options = options.disable_statement_logging();
                private_file::create_database(options.get_filename());
                private_file::warn_if_shared(options.get_filename());
                let failed = |source| OpenError::Connect { description: description.clone(), source };
                let first = options.clone().synchronous(SqliteSynchronous::Normal).page_size(8192);
                let mut writer = first_connection(&first).await.map_err(failed)?;
                SCHEMA.migrate_sqlite(&mut writer).await?;
                let key = page_key!(writer).map_err(failed)?;
                let format = index_format!(writer, own_format).map_err(failed)?;
                writer.close().await.map_err(failed)?;
                Ok(OpenedMirror::new(Self::of_sqlite(options.clone(), options), description, key, format))
            }
            Backend::Postgres => {
                let (address, mut writer) = connect(url).await?;
                let failed = |error| address.failed(error);
                // Without the lock, one of two processes that create the schema at once would fail. The lock ends with
                // the connection.
                writer.execute("SELECT pg_advisory_lock(7302453)").await.map_err(failed)?;
                writer.execute("CREATE SCHEMA IF NOT EXISTS annuaire").await.map_err(failed)?;
                SCHEMA.migrate_postgres(&mut writer, &address).await?;
                let key = page_key!(writer).map_err(failed)?;
                let format = index_format!(writer, own_format).map_err(failed)?;
                writer.close().await.map_err(failed)?;
                Ok(OpenedMirror::new(Self::of_postgres(address.options), address.description, key, format))
            }
        }
    }

    /// Begins a read transaction, whose statements stop at the deadline.
    pub async fn begin(&self, purpose: Purpose, deadline: &Deadline) -> Result<ReadTransaction, StorageError> {
        let readers = match purpose {
            Purpose::Lookups => &self.lookups,
            Purpose::Searches => &self.searches,
        };
        ReadTransaction::begin(readers, deadline).await
    }

    /// Connects for writing; `None` where another process has the write lock.
    pub async fn writer(&self) -> Result<Option<WriteConnection>, StorageError> {
        match &self.options {
            Options::Sqlite(options) => {
                let path = private_file::beside(options.get_filename(), "-writer");
                let lock = private_file::open_lock(&path).map_err(StorageError::internal)?;
                if lock.try_lock().is_err() {
                    return Ok(None);
                }
                Ok(Some(WriteConnection::Sqlite { connection: options.connect().await?, _lock: lock }))
            }
            Options::Postgres(options) => {
                let mut connection = options.connect().await?;
                // If the machine of the writer is gone, the server ends its session and its lock.
                connection.execute(KEEP_ALIVE).await?;
                connection.execute(SESSION).await?;
                connection.execute(POSTGRES_WRITE_LOCK_TIMEOUT).await?;
                match connection.execute(POSTGRES_WRITE_LOCK).await {
                    Ok(_) => Ok(Some(WriteConnection::Postgres { connection })),
                    Err(sqlx::Error::Database(error))
                        if error.code().is_some_and(|code| code == LOCK_NOT_AVAILABLE) =>
                    {
                        Ok(None)
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }
    }
}

impl OpenedMirror {
    fn new(database: MirrorDatabase, description: DatabaseName, page_key: [u8; 32], format: Option<String>) -> Self {
        let format = format.as_deref().unwrap_or(FIRST_INDEX_FORMAT);
        // No version of the program writes anything but a number; 0 is the format of no version.
        Self { database, description, page_key, index_format: format.parse().unwrap_or_default() }
    }
}

/// The first connection, to a schema that may not exist yet.
async fn connect(url: &str) -> Result<(PostgresAddress, PgConnection), OpenError> {
    let mut address = PostgresAddress::parse(url)?.with_schema("annuaire");
    address.options = address.options.disable_statement_logging();
    address.warn_if_unverified();
    let mut connection = address.connect().await?;
    pooler::check(&address, &mut connection).await?;
    connection.execute(SEARCH_PATH).await.map_err(|error| address.failed(error))?;
    Ok((address, connection))
}

/// The key of page tokens. Without a stored one, a random key: there are no tokens yet.
fn existing_key(kept: Option<String>) -> Result<[u8; 32], sqlx::Error> {
    Ok(Sha256::digest(kept.map_or_else(new_key, Ok)?).into())
}

/// 32 random bytes, in hexadecimal.
fn new_key() -> Result<String, sqlx::Error> {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
    Ok(HEXLOWER.encode(&key))
}

/// The schema of the tables, set by a statement: poolers refuse it as a connection parameter.
const SEARCH_PATH: &str = "SET search_path = annuaire";

/// The settings of every session on Postgres.
///
/// Every statement reaches its rows by a key. Without statistics, as in a database that is being filled, Postgres would
/// scan whole tables instead, or keep such a plan while they grow.
const SESSION: &str = concat!(
    "SET search_path = annuaire;",
    "SET idle_in_transaction_session_timeout = '60s';",
    "SET enable_seqscan = off;",
    "SET enable_hashjoin = off;",
    "SET enable_mergejoin = off;",
    "SET enable_bitmapscan = off;",
    "SET jit = off;",
    "SET plan_cache_mode = force_custom_plan",
);
