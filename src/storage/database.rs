//! Opening the database, bringing its schema up to date, and asking whether it is there.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection, SqlitePool};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::postgres::Connections;
use crate::error::Error;

/// The migrations, in order; a released one is never edited.
const MIGRATIONS: [(i64, &str, Sql); 4] = [
    (1, "resource", Sql::Both(include_str!("../../migrations/0001_resource.sql"))),
    (2, "resource version", Sql::Both(include_str!("../../migrations/0002_resource_version.sql"))),
    (3, "identifier", Sql::Both(include_str!("../../migrations/0003_identifier.sql"))),
    (
        4,
        "exchange",
        Sql::Each {
            sqlite: include_str!("../../migrations/0004_exchange.sqlite.sql"),
            postgres: include_str!("../../migrations/0004_exchange.postgres.sql"),
        },
    ),
];

/// The text of a migration.
#[derive(Clone, Copy)]
enum Sql {
    Both(&'static str),
    Each { sqlite: &'static str, postgres: &'static str },
}

/// How long a write waits for another process's, on either database.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// A read that takes longer is given up: its server fell silent, and its client will not wait much longer.
/// A page, read by its index, takes milliseconds.
pub(super) const LONGEST_READ: Duration = Duration::from_secs(6);

/// Connections that read.
const SQLITE_READERS: u32 = 4;
/// Connections that read.
const POSTGRES_READERS: u32 = 8;

/// An open database.
#[derive(Clone)]
pub struct Storage {
    pub(super) database: Database,
    description: Arc<str>,
    /// Searches at the same time: fewer than there are readers, so that reads never wait for them.
    pub(super) searches: Arc<Semaphore>,
}

/// The two databases. One connection writes, and others read beside it: however many searches run,
/// a write never waits for one of theirs.
#[derive(Clone)]
pub(super) enum Database {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres { writer: Connections, readers: Connections },
}

/// Expands a body once for each database, with `$reader` what reads.
macro_rules! on_readers {
    ($storage:expr, $reader:ident => $body:expr) => {
        match &$storage.database {
            $crate::storage::database::Database::Sqlite { readers: $reader, .. } => $body,
            $crate::storage::database::Database::Postgres { readers, .. } => {
                let mut lent = readers.lend().await?;
                let $reader = &mut *lent;
                $body
            }
        }
    };
}
pub(super) use on_readers;

/// The same for what a client waits for: not without end.
macro_rules! on_readers_in_time {
    ($storage:expr, $reader:ident => $body:expr) => {{
        let read = async { $crate::storage::database::on_readers!($storage, $reader => $body) };
        let timed_out = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        tokio::time::timeout($crate::storage::database::LONGEST_READ, read).await.unwrap_or_else(timed_out)
    }};
}
pub(super) use on_readers_in_time;

/// Runs a migrator on SQLite, which knows no lock around migrations: of two processes that make a new
/// database at the same moment, one finds the other's tables. The second time it finds them noted too.
macro_rules! migrated_once_or_twice {
    ($migrator:expr, $connection:expr) => {{
        let migrator = $migrator;
        if migrator.run(&mut *$connection).await.is_err() {
            migrator.run(&mut *$connection).await?;
        }
    }};
}
pub(crate) use migrated_once_or_twice;

/// A connection to a SQLite file that may be new. Whoever makes one notes its journal mode in it, and of several
/// at the same moment SQLite tells all but one that it is busy, however long they would wait.
pub(crate) async fn first_connection(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let often = ConstantBuilder::new().with_delay(Duration::from_millis(50)).with_max_times(100);
    let is_busy = |error: &sqlx::Error| {
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
    };
    (|| options.connect()).retry(often).when(is_busy).await
}

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is of no database known here.
    #[error("the database address must begin with sqlite:// or postgres://")]
    Scheme,
    /// The address is malformed.
    #[error("the database address cannot be read: {0}")]
    Address(sqlx::Error),
    /// The database does not answer, or refuses.
    #[error("the database cannot be opened ({description}): {source}")]
    Connect {
        /// What and where it is.
        description: String,
        /// What it says.
        source: sqlx::Error,
    },
    /// There is no such file.
    #[error("there is no database here ({description}): SAS_DATABASE_URL names the one that is served")]
    Missing {
        /// What and where it would be.
        description: String,
    },
    /// Another process serves it.
    #[error(
        "another process is serving this database ({description}): stop that one, or give this one a database of \
         its own (SAS_DATABASE_URL); several instances can share a Postgres database"
    )]
    Served {
        /// What and where it is.
        description: String,
    },
    /// The schema cannot be brought up to date.
    #[error("the database's schema cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl Storage {
    /// Opens the database at `sqlite://path` (made if missing) or `postgres://…`, and applies the
    /// migrations that it lacks.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let (database, description) = Database::connect(url).await?;
        let searches = match database {
            Database::Sqlite { .. } => SQLITE_READERS - 1,
            Database::Postgres { .. } => POSTGRES_READERS - 2,
        };
        let searches = Arc::new(Semaphore::new(searches as usize));
        let storage = Self { database, description: description.into(), searches };
        storage.migrate().await?;
        Ok(storage)
    }

    /// The same for those who look into what was kept: a file that is not there is not made.
    pub async fn open_existing(url: &str) -> Result<Self, OpenError> {
        if Backend::of(url)? == Backend::Sqlite {
            let (options, description) = sqlite_options(url)?;
            if !options.get_filename().exists() {
                return Err(OpenError::Missing { description });
            }
        }
        Self::open(url).await
    }

    async fn migrate(&self) -> Result<(), OpenError> {
        let migrations = MIGRATIONS.map(|(version, description, sql)| {
            let sql = match (sql, &self.database) {
                (Sql::Both(sql), _) => sql,
                (Sql::Each { sqlite, .. }, Database::Sqlite { .. }) => sqlite,
                (Sql::Each { postgres, .. }, Database::Postgres { .. }) => postgres,
            };
            Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        let migrator = Migrator::with_migrations(migrations.into());
        match &self.database {
            Database::Sqlite { writer, .. } => {
                let mut connection = writer.acquire().await.map_err(sqlx::migrate::MigrateError::from)?;
                migrated_once_or_twice!(migrator, connection);
            }
            Database::Postgres { writer, .. } => {
                let mut connection = writer.lend().await.map_err(sqlx::migrate::MigrateError::from)?;
                migrator.run(&mut *connection).await?;
            }
        }
        Ok(())
    }

    /// Whether the database answers and has every migration of this program.
    pub async fn is_ready(&self) -> Result<bool, Error> {
        let sql = "SELECT COUNT(*) FROM _sqlx_migrations WHERE success AND version <= $1";
        let newest = MIGRATIONS.len() as i64;
        let applied: i64 = on_readers!(self, reader => sqlx::query_scalar(sql).bind(newest).fetch_one(reader).await)?;
        Ok(applied == newest)
    }

    /// What and where it is, for people; never a password.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Connections that are open and connections that are idle, over all pools.
    pub fn connections(&self) -> (u32, usize) {
        match &self.database {
            Database::Sqlite { writer, readers } => {
                (writer.size() + readers.size(), writer.num_idle() + readers.num_idle())
            }
            Database::Postgres { writer, readers } => {
                let ((writers, idle_writers), (readers, idle_readers)) = (writer.count(), readers.count());
                (writers + readers, idle_writers + idle_readers)
            }
        }
    }

    /// A place among the searches; given back when it is dropped.
    pub(super) async fn search_place(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.searches.acquire().await.map_err(Error::internal)
    }

    /// Waits for what is under way and closes every connection.
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Database::Postgres { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// The two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// The database that an address is of.
    pub(crate) fn of(url: &str) -> Result<Self, OpenError> {
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

/// How to connect to a SQLite file, and what it is, for people.
pub(crate) fn sqlite_options(url: &str) -> Result<(SqliteConnectOptions, String), OpenError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(OpenError::Address)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(LOCK_TIMEOUT)
        .statement_cache_capacity(200);
    let description = format!("SQLite file {}", options.get_filename().display());
    Ok((options, description))
}

/// How to connect to a Postgres database, and what it is, for people.
pub(crate) fn postgres_options(url: &str) -> Result<(PgConnectOptions, String), OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(OpenError::Address)?
        .application_name("sas-endpoint")
        .statement_cache_capacity(200);
    let name = options.get_database().unwrap_or(options.get_username());
    let description = format!("Postgres database {name} on {}:{}", options.get_host(), options.get_port());
    Ok((options, description))
}

impl Database {
    /// Connects, and describes what to.
    async fn connect(url: &str) -> Result<(Self, String), OpenError> {
        match Backend::of(url)? {
            Backend::Sqlite => Self::connect_sqlite(url).await,
            Backend::Postgres => Self::connect_postgres(url).await,
        }
    }

    async fn connect_sqlite(url: &str) -> Result<(Self, String), OpenError> {
        let (options, description) = sqlite_options(url)?;
        // Acknowledged means on disk, through power loss too.
        let options = options.synchronous(SqliteSynchronous::Full);
        let failed = |source| OpenError::Connect { description: description.clone(), source };
        let first = first_connection(&options).await.map_err(failed)?;
        // Where the disk is full, SQLite itself rolls back, and the connection then refuses every further
        // transaction for the one that it believes to be in: another takes its place.
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }));
        let writer = writer.connect_with(options.clone()).await.map_err(failed)?;
        let readers = SqlitePoolOptions::new().min_connections(1).max_connections(SQLITE_READERS);
        let readers = readers.connect_with(options.read_only(true).create_if_missing(false)).await.map_err(failed)?;
        first.close().await.map_err(failed)?;
        Ok((Self::Sqlite { writer, readers }, description))
    }

    async fn connect_postgres(url: &str) -> Result<(Self, String), OpenError> {
        let (options, description) = postgres_options(url)?;
        let failed = |source| OpenError::Connect { description: description.clone(), source };
        // A pool would try again and again, and in the end hide what went wrong.
        let first = options.connect().await.map_err(failed)?;
        first.close().await.map_err(failed)?;
        let writer = Connections::open(options.clone(), 1).await.map_err(failed)?;
        let readers = Connections::open(options, POSTGRES_READERS).await.map_err(failed)?;
        Ok((Self::Postgres { writer, readers }, description))
    }
}

/// What a failure of the database means for the request.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if is_passing(&error) { Self::Unavailable(Arc::new(error)) } else { Self::internal(error) }
    }
}

/// Whether the failure is of the moment: the database away, busy, full or shutting down.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
                // Connection, resources (a full disk), operator intervention, system, lock, idle time-out, read only
                // (a standby). A transaction that was rolled back (class 40) is run again.
                ["08", "53", "57", "58", "55P03", "25P0", "25006"].iter().any(|class| code.starts_with(class))
            } else {
                // BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL: the low byte of the extended code.
                code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 8 | 10 | 13 | 14 | 15))
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        _ => false,
    }
}
