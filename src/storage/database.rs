//! Opens the database, migrates its schema, and keeps its pools of connections.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};

use super::address::{Backend, first_connection, sqlite_options, sqlite_reading_options};
use super::database_name::DatabaseName;
use super::error::StorageError;
use super::open_error::OpenError;
use super::pooler;
use super::postgres::{self, Session};
use super::postgres_address::PostgresAddress;
use super::private_file;
use super::schema::{Schema, Sql};
use super::session::{CONSOLE_SESSION, LOOKUP_SESSION, READER_SESSION, WRITER_SESSION};
use super::sqlite;
use crate::deadline::Deadline;

/// The schema of accounts, appointments and audit events.
const SCHEMA: Schema = Schema {
    migrations: &[
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
        (5, "identifier system", Sql::Both(include_str!("../../migrations/0005_identifier_system.sql"))),
        (
            6,
            "version position",
            Sql::Each {
                sqlite: include_str!("../../migrations/0006_version_position.sqlite.sql"),
                postgres: include_str!("../../migrations/0006_version_position.postgres.sql"),
            },
        ),
        (
            7,
            "version time",
            Sql::Each {
                sqlite: include_str!("../../migrations/0007_version_time.sqlite.sql"),
                postgres: include_str!("../../migrations/0007_version_time.postgres.sql"),
            },
        ),
        (8, "webhook", Sql::Both(include_str!("../../migrations/0008_webhook.sql"))),
    ],
    remedy: "run `sas-endpoint migrate`, or start `serve` of this program",
};

/// Deadline of a write, from the moment it asks for a permit.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(6);
/// Deadline of a search, or of a history of several resources.
pub const SEARCH_TIMEOUT: Duration = Duration::from_secs(6);
/// Deadline of a read by id or version, or of the history of a resource.
pub const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the number of all matches of a search is counted.
pub const COUNT_TIMEOUT: Duration = Duration::from_secs(1);
/// Deadline of what a page of the console reads.
pub const CONSOLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections for reads by id.
const LOOKUPS: u32 = 4;
/// Connections for the change feed, however many clients wait for it.
const FEED: u32 = 2;
/// Connections for the pages of the console, which must not make others wait.
const CONSOLE: u32 = 2;
/// Connections for searches on Postgres.
const POSTGRES_SEARCHES: u32 = 8;
/// Connections that count all matches, on Postgres: more would only make each count slower.
const POSTGRES_COUNTS: u32 = 2;

/// The page cache of the SQLite connection that writes, in KiB as a negative number: identifiers are inserted all over
/// their indexes, whose pages would be read again for each.
const WRITER_CACHE: &str = "-8192";
/// Pages of SQLite's log after which they are copied into the file: a page that changed often meanwhile is copied once.
const WRITER_CHECKPOINT: &str = "4000";

/// Each connection to SQLite has a thread: the units and the compositions allow 256 tasks.
const MAX_SQLITE_SEARCHES: u32 = 32;

/// Connections for searches on SQLite: as many as there are processors, as each keeps one busy, and two at least.
fn sqlite_searches() -> u32 {
    std::thread::available_parallelism()
        .ok()
        .and_then(|processors| u32::try_from(processors.get()).ok())
        .map_or(2, |processors| processors.clamp(2, MAX_SQLITE_SEARCHES))
}

/// An open database.
///
/// Its statements are stopped at its deadline: see [`Storage::until`].
#[derive(Clone)]
pub struct Storage {
    pub(super) writer: Writer,
    pub(super) readers: Arc<ReaderPools>,
    /// See [`Storage::for_console`].
    console: Arc<ReaderPools>,
    description: Arc<DatabaseName>,
    pub(super) deadline: Deadline,
    pub(super) count_timeout: Duration,
}

/// The connection that writes. It is apart from those that read, so that a write waits for no search.
#[derive(Clone)]
pub(super) enum Writer {
    Sqlite(sqlite::Connections),
    Postgres(postgres::Connections),
}

/// Connections that read, by purpose, so that no purpose waits for another.
pub(super) struct ReaderPools {
    /// Reads by id, and the history of a resource.
    pub lookups: Readers,
    /// The content that a write without a change returns.
    pub unchanged: Readers,
    /// Pages of searches, and of histories of several resources.
    pub searches: Readers,
    /// Counts of all matches.
    pub counts: Readers,
    /// Health checks.
    pub probe: Readers,
    /// The change feed.
    pub feed: Readers,
}

/// Connections that read.
#[derive(Clone)]
pub(crate) enum Readers {
    Sqlite(sqlite::Connections),
    Postgres(postgres::Connections),
}

impl Readers {
    /// How many are open, and how many of these are idle.
    pub fn count(&self) -> (u32, usize) {
        match self {
            Self::Sqlite(readers) => readers.count(),
            Self::Postgres(connections) => connections.count(),
        }
    }

    /// Waits for the statements in progress, and closes all connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(readers) => readers.close().await,
            Self::Postgres(connections) => connections.close().await,
        }
    }
}

impl ReaderPools {
    /// The same connections for all purposes.
    fn shared(readers: &Readers) -> Self {
        let readers = || readers.clone();
        Self {
            lookups: readers(),
            unchanged: readers(),
            searches: readers(),
            counts: readers(),
            probe: readers(),
            feed: readers(),
        }
    }

    fn all(&self) -> [&Readers; 6] {
        [&self.lookups, &self.unchanged, &self.searches, &self.counts, &self.probe, &self.feed]
    }
}

/// Expands the body once for each database, with a connection of this purpose as `$reader`.
macro_rules! on_reader {
    ($storage:expr, $purpose:ident, $reader:ident => $body:expr) => {
        match &$storage.readers.$purpose {
            $crate::storage::database::Readers::Sqlite(readers) => {
                let mut lent = readers.acquire(&$storage.deadline).await?;
                let $reader = &mut *lent;
                $body
            }
            $crate::storage::database::Readers::Postgres(connections) => {
                let mut lent = connections.acquire(&$storage.deadline).await?;
                let $reader = &mut *lent;
                $body
            }
        }
    };
}
pub(super) use on_reader;

impl Storage {
    /// Opens the database at `sqlite://path` (created if missing) or `postgres://…`, and applies the
    /// migrations that it lacks.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        match Backend::of(url)? {
            Backend::Sqlite => Self::open_sqlite(url).await,
            Backend::Postgres => Self::open_postgres(url).await,
        }
    }

    /// Opens an existing database, which a server may be using: it is neither created nor migrated.
    pub async fn open_existing(url: &str) -> Result<Self, OpenError> {
        match Backend::of(url)? {
            Backend::Sqlite => {
                let (options, description) = sqlite_options(url)?;
                if !options.get_filename().exists() {
                    return Err(OpenError::Missing { description });
                }
                let reading = sqlite_reading_options(url)?;
                private_file::warn_if_shared(options.get_filename());
                let failed = |source| OpenError::Connect { description: description.clone(), source };
                let mut first = first_connection(&reading).await.map_err(failed)?;
                SCHEMA.check_sqlite(&mut first, &description).await?;
                first.close().await.map_err(failed)?;
                let options = options.create_if_missing(false).synchronous(SqliteSynchronous::Full);
                Ok(Self::of_sqlite(options, reading, &description))
            }
            Backend::Postgres => {
                let (address, mut first) = connect(url).await?;
                SCHEMA.check_postgres(&mut first, &address).await?;
                first.close().await.map_err(|error| address.failed(error))?;
                Ok(Self::of_postgres(address))
            }
        }
    }

    /// The same database with another deadline: statements that run at the deadline are stopped.
    #[must_use]
    pub fn until(&self, deadline: &Deadline) -> Self {
        Self { deadline: deadline.clone(), ..self.clone() }
    }

    /// The same database for a page of the console, until this deadline: all its reads share two connections of their own,
    /// so that nobody else waits for them.
    #[must_use]
    pub fn for_console(&self, deadline: &Deadline) -> Self {
        Self { readers: self.console.clone(), ..self.until(deadline) }
    }

    /// The same database with another timeout of counts.
    #[must_use]
    pub fn with_count_timeout(self, count_timeout: Duration) -> Self {
        Self { count_timeout, ..self }
    }

    async fn open_sqlite(url: &str) -> Result<Self, OpenError> {
        let (options, description) = sqlite_options(url)?;
        // Acknowledged means on disk, through power loss too.
        let options = options.synchronous(SqliteSynchronous::Full);
        private_file::create_database(options.get_filename());
        private_file::warn_if_shared(options.get_filename());
        let failed = |source| OpenError::Connect { description: description.clone(), source };
        let mut first = first_connection(&options).await.map_err(failed)?;
        SCHEMA.migrate_sqlite(&mut first).await?;
        first.close().await.map_err(failed)?;
        Ok(Self::of_sqlite(options.clone(), options, &description))
    }

    fn of_sqlite(options: SqliteConnectOptions, reading: SqliteConnectOptions, description: &DatabaseName) -> Self {
        let writing = options.busy_timeout(WRITE_TIMEOUT).pragma("cache_size", WRITER_CACHE);
        let writing = writing.pragma("wal_autocheckpoint", WRITER_CHECKPOINT);
        let writer = Writer::Sqlite(sqlite::Connections::new(writing, 1));
        let readers = |size| Readers::Sqlite(sqlite::Connections::read_only(reading.clone(), size));
        let searches = readers(sqlite_searches());
        let pools = ReaderPools {
            lookups: readers(LOOKUPS),
            unchanged: readers(1),
            counts: searches.clone(),
            searches,
            probe: readers(1),
            feed: readers(FEED),
        };
        let console = Readers::Sqlite(sqlite::Connections::background(reading.clone(), CONSOLE));
        Self::new(writer, pools, &console, description)
    }

    async fn open_postgres(url: &str) -> Result<Self, OpenError> {
        // A migration of a large table may take longer than any statement of a pool.
        let (address, mut first) = connect(url).await?;
        SCHEMA.migrate_postgres(&mut first, &address).await?;
        first.close().await.map_err(|error| address.failed(error))?;
        Ok(Self::of_postgres(address))
    }

    fn of_postgres(PostgresAddress { options, description }: PostgresAddress) -> Self {
        let connections = |size, session| postgres::Connections::new(options.clone(), size, session);
        let session = |statement_timeout, settings| Session { writes: false, statement_timeout, settings };
        let readers = |size, timeout, settings| Readers::Postgres(connections(size, session(timeout, settings)));
        let pools = ReaderPools {
            lookups: readers(LOOKUPS, READ_TIMEOUT, LOOKUP_SESSION),
            unchanged: readers(1, READ_TIMEOUT, READER_SESSION),
            searches: readers(POSTGRES_SEARCHES, SEARCH_TIMEOUT, READER_SESSION),
            counts: readers(POSTGRES_COUNTS, COUNT_TIMEOUT, READER_SESSION),
            probe: readers(1, READ_TIMEOUT, READER_SESSION),
            feed: readers(FEED, READ_TIMEOUT, READER_SESSION),
        };
        let console = readers(CONSOLE, CONSOLE_TIMEOUT, CONSOLE_SESSION);
        let session = Session { writes: true, statement_timeout: WRITE_TIMEOUT, settings: WRITER_SESSION };
        let writer = Writer::Postgres(connections(1, session).given_up_early());
        Self::new(writer, pools, &console, &description)
    }

    fn new(writer: Writer, readers: ReaderPools, console: &Readers, description: &DatabaseName) -> Self {
        let (readers, console) = (Arc::new(readers), Arc::new(ReaderPools::shared(console)));
        let (description, deadline) = (Arc::new(description.clone()), Deadline::none());
        Self { writer, readers, console, description, deadline, count_timeout: COUNT_TIMEOUT }
    }

    /// Whether the database answers and has every migration of this program.
    pub async fn is_ready(&self) -> Result<bool, StorageError> {
        let sql = "SELECT COUNT(*) FROM _sqlx_migrations WHERE success AND version <= $1";
        let newest = SCHEMA.version();
        let applied: i64 =
            on_reader!(self, probe, reader => sqlx::query_scalar(sql).bind(newest).fetch_one(reader).await)?;
        Ok(applied == newest)
    }

    /// The kind and the address of the database, for people; without password.
    pub fn description(&self) -> &DatabaseName {
        &self.description
    }

    /// The numbers of open and of idle connections in all pools.
    pub fn connections(&self) -> (u32, usize) {
        let writers = match &self.writer {
            Writer::Sqlite(connections) => connections.count(),
            Writer::Postgres(connections) => connections.count(),
        };
        // On SQLite, counts are made by the connections of searches.
        let is_shared = matches!(self.writer, Writer::Sqlite(_));
        let pools = self.readers.all().into_iter().enumerate().filter(|(index, _)| !(is_shared && *index == 3));
        let pools = pools.map(|(_, readers)| readers).chain([&self.console.lookups]);
        pools.fold(writers, |(open, idle), readers| {
            let (more_open, more_idle) = readers.count();
            (open + more_open, idle + more_idle)
        })
    }

    /// Waits for the statements in progress, and closes every connection.
    pub async fn close(&self) {
        for readers in self.readers.all().into_iter().chain([&self.console.lookups]) {
            readers.close().await;
        }
        match &self.writer {
            Writer::Sqlite(connections) => connections.close().await,
            Writer::Postgres(connections) => connections.close().await,
        }
    }
}

/// A first connection outside a pool, which would retry and hide the cause of a failure.
async fn connect(url: &str) -> Result<(PostgresAddress, PgConnection), OpenError> {
    let address = PostgresAddress::parse(url)?;
    address.warn_if_unverified();
    let mut first = address.connect().await?;
    pooler::check(&address, &mut first).await?;
    Ok((address, first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::id::Id;
    use crate::fhir::resource_type::ResourceType;

    #[tokio::test]
    async fn storage_console_shares_no_connection_with_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/pools.db", folder.path().display());
        let storage = Storage::open(&url).await.expect("a database");
        let (id, kind) = (Id::parse("a").expect("an id"), ResourceType::Practitioner);
        let console = storage.for_console(&Deadline::none());
        let before = storage.connections().0;
        console.read(kind, &id).await.expect("read");
        assert_eq!(storage.connections().0, before + 1, "it is counted");
        for readers in storage.readers.all() {
            readers.close().await;
        }
        storage.read(kind, &id).await.expect_err("its pool is closed");
        console.read(kind, &id).await.expect("read");
        storage.close().await;
        console.read(kind, &id).await.expect_err("closed with the others");
    }
}
