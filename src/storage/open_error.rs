//! Why a database cannot be opened.

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
    /// A parameter of the address of a Postgres database cannot be used.
    #[error("{parameter} in the database address {problem}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The server and this program do not agree about TLS.
    #[error("the database cannot be opened ({description}): {reason}")]
    Tls {
        /// What and where it is.
        description: String,
        /// What they do not agree about, and the parameter of the address that decides.
        reason: String,
    },
    /// A connection pooler stands between, in a mode that does not work.
    #[error("the connection pooler in front of the database cannot be used ({description}): {reason}")]
    Pooler {
        /// What and where the database is.
        description: String,
        /// Why, and what to set.
        reason: String,
    },
    /// There is no such file.
    #[error("there is no database here ({description}): SAS_DATABASE_URL names the one that is served")]
    Missing {
        /// What and where it would be.
        description: String,
    },
    /// Its schema lacks migrations.
    #[error(
        "the database has schema version {found}, and this program reads version {expected} ({description}): {remedy}, \
         once no server of an earlier version uses it"
    )]
    OlderSchema {
        /// What and where it is.
        description: String,
        /// The version that it has.
        found: i64,
        /// The version of this program.
        expected: i64,
        /// What to do.
        remedy: &'static str,
    },
    /// A later program has migrated it.
    #[error(
        "the database has schema version {found}, and this program reads version {expected} ({description}): use the \
         version of the program that serves it"
    )]
    NewerSchema {
        /// What and where it is.
        description: String,
        /// The version that it has.
        found: i64,
        /// The version of this program.
        expected: i64,
    },
    /// The index of the mirror is that of an earlier or later program.
    #[error(
        "the index of the directory mirror has format {found}, and this program reads format {expected} \
         ({description}): run `sas-endpoint annuaire reindex` of this program, once no other version uses it"
    )]
    IndexFormat {
        /// What and where it is.
        description: String,
        /// The format that it has.
        found: i64,
        /// The format of this program.
        expected: i64,
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
    #[error("the database schema cannot be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}
