//! Opens the journal, and creates it if it is missing.

use std::path::PathBuf;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, Executor};

use super::{JournalDatabase, Writer};
use crate::deadline::Deadline;
use crate::storage::address::{Backend, first_connection, sqlite_options};
use crate::storage::database::Readers;
use crate::storage::database_name::DatabaseName;
use crate::storage::open_error::OpenError;
use crate::storage::postgres::{Connections, Session};
use crate::storage::postgres_address::PostgresAddress;
use crate::storage::schema::{Schema, Sql};
use crate::storage::{SEARCH_TIMEOUT, pooler, private_file, sqlite};

const SCHEMA: Schema = Schema {
    migrations: &[
        (
            1,
            "journal",
            Sql::Each {
                sqlite: include_str!("../../../migrations/journal/0001_journal.sqlite.sql"),
                postgres: include_str!("../../../migrations/journal/0001_journal.postgres.sql"),
            },
        ),
        (2, "refused", Sql::Both(include_str!("../../../migrations/journal/0002_refused.sql"))),
    ],
    remedy: "start `serve` of this program",
};

/// Connections that read.
const READERS: u32 = 2;

/// The schema of the tables, set by a statement: poolers refuse it as a connection parameter.
const SEARCH_PATH: &str = "SET search_path = journal";

/// Without it, one of two instances that create the schema at once would fail. It ends with the connection.
const LOCK: &str = "SELECT pg_advisory_lock(7302454)";

/// The settings of every session on Postgres. Each statement reaches its rows by a key; without statistics, Postgres would
/// read whole tables. What is lost in a crash of the server is no acknowledged write.
const SESSION: &str = concat!(
    "SET search_path = journal;",
    "SET idle_in_transaction_session_timeout = '10s';",
    "SET synchronous_commit = off;",
    "SET enable_seqscan = off;",
    "SET enable_hashjoin = off;",
    "SET enable_mergejoin = off;",
    // A list reads one table by its key, in one process.
    "SET max_parallel_workers_per_gather = 0;",
    "SET jit = off",
);

impl JournalDatabase {
    /// Opens the journal beside the database of the accounts at this address; creates it if it is missing.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        match Backend::of(url)? {
            Backend::Sqlite => {
                let (options, description) = journal_options(url)?;
                private_file::create_database(options.get_filename());
                private_file::warn_if_shared(options.get_filename());
                let failed = |source| OpenError::Connect { description: description.clone(), source };
                let mut first = first_connection(&options).await.map_err(failed)?;
                SCHEMA.migrate_sqlite(&mut first).await?;
                first.close().await.map_err(failed)?;
                Ok(Self::of_sqlite(options, &description))
            }
            Backend::Postgres => {
                let (address, mut first) = connect(url).await?;
                let failed = |error| address.failed(error);
                first.execute(LOCK).await.map_err(failed)?;
                first.execute("CREATE SCHEMA IF NOT EXISTS journal").await.map_err(failed)?;
                SCHEMA.migrate_postgres(&mut first, &address).await?;
                first.close().await.map_err(failed)?;
                Ok(Self::of_postgres(address))
            }
        }
    }

    /// Opens the journal if there is one, and creates none. One of an older release is migrated: its exchanges are shown and purged
    /// whether or not more are kept.
    pub async fn open_existing(url: &str) -> Result<Option<Self>, OpenError> {
        match Backend::of(url)? {
            Backend::Sqlite => {
                let (options, description) = journal_options(url)?;
                let options = options.create_if_missing(false);
                if !options.get_filename().exists() {
                    return Ok(None);
                }
                let failed = |source| OpenError::Connect { description: description.clone(), source };
                let mut first = first_connection(&options).await.map_err(failed)?;
                if is_older(SCHEMA.check_sqlite(&mut first, &description).await)? {
                    SCHEMA.migrate_sqlite(&mut first).await?;
                }
                first.close().await.map_err(failed)?;
                Ok(Some(Self::of_sqlite(options, &description)))
            }
            Backend::Postgres => {
                let (address, mut first) = connect(url).await?;
                let failed = |error| address.failed(error);
                let sql = "SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = 'journal')";
                let exists: bool = sqlx::query_scalar(sql).fetch_one(&mut first).await.map_err(failed)?;
                if !exists {
                    return Ok(None);
                }
                if is_older(SCHEMA.check_postgres(&mut first, &address).await)? {
                    first.execute(LOCK).await.map_err(failed)?;
                    SCHEMA.migrate_postgres(&mut first, &address).await?;
                }
                first.close().await.map_err(failed)?;
                Ok(Some(Self::of_postgres(address)))
            }
        }
    }

    fn of_sqlite(options: SqliteConnectOptions, description: &DatabaseName) -> Self {
        // What is deleted is overwritten: it has persons.
        let writing = options.clone().pragma("cache_size", "-4096").pragma("secure_delete", "on");
        let writer = Writer::Sqlite(sqlite::Connections::new(writing, 1));
        let readers = Readers::Sqlite(sqlite::Connections::background(options.pragma("cache_size", "-2048"), READERS));
        Self { writer, readers, description: description.to_string().into(), deadline: Deadline::none() }
    }

    fn of_postgres(PostgresAddress { options, description }: PostgresAddress) -> Self {
        let session = Session { writes: false, statement_timeout: SEARCH_TIMEOUT, settings: SESSION };
        let connections = |size| Connections::new(options.clone(), size, session.clone());
        let (writer, readers) = (Writer::Postgres(connections(1)), Readers::Postgres(connections(READERS)));
        Self { writer, readers, description: description.to_string().into(), deadline: Deadline::none() }
    }
}

/// Whether a check has found an older schema.
fn is_older(checked: Result<(), OpenError>) -> Result<bool, OpenError> {
    match checked {
        Ok(()) => Ok(false),
        Err(OpenError::OlderSchema { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The options for the journal of a SQLite file: `accounts.db` has `accounts-journal.db`.
fn journal_options(url: &str) -> Result<(SqliteConnectOptions, DatabaseName), OpenError> {
    let (options, _) = sqlite_options(url)?;
    let accounts = private_file::real(options.get_filename());
    let mut name = accounts.file_stem().unwrap_or_default().to_owned();
    name.push("-journal.db");
    let path: PathBuf = accounts.with_file_name(name);
    let name = DatabaseName::Sqlite { path: path.clone() };
    // After a power cut, the last exchanges may be missing; the file is whole.
    let options = options.filename(path).synchronous(SqliteSynchronous::Normal).disable_statement_logging();
    Ok((options, name))
}

/// The first connection, to a schema that may not exist yet.
async fn connect(url: &str) -> Result<(PostgresAddress, PgConnection), OpenError> {
    let mut address = PostgresAddress::parse(url)?.with_schema("journal");
    address.options = address.options.disable_statement_logging();
    let mut connection = address.connect().await?;
    pooler::check(&address, &mut connection).await?;
    connection.execute(SEARCH_PATH).await.map_err(|error| address.failed(error))?;
    Ok((address, connection))
}
