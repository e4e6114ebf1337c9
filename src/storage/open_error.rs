//! Why a database cannot be opened.

use super::database_name::DatabaseName;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address names neither SQLite nor Postgres.
    #[error("the database address must begin with sqlite:// or postgres://")]
    Scheme,
    /// The address is malformed.
    #[error("the database address cannot be read: {0}")]
    Address(sqlx::Error),
    /// The database does not answer, or refuses the connection.
    #[error("the database cannot be opened ({description}): {source}")]
    Connect { description: DatabaseName, source: sqlx::Error },
    /// A parameter of the address of a Postgres database cannot be used.
    #[error("{parameter} in the database address {problem}")]
    Parameter { parameter: &'static str, problem: String },
    /// The server and this program do not agree about TLS.
    #[error("the database cannot be opened ({description}): {reason}")]
    Tls {
        description: DatabaseName,
        /// The reason, and the parameter of the address that decides.
        reason: String,
    },
    /// A connection pooler is in a mode that is not supported.
    #[error("the connection pooler in front of the database cannot be used ({description}): {reason}")]
    Pooler {
        description: DatabaseName,
        /// The reason, and the setting to change.
        reason: String,
    },
    /// The file does not exist.
    #[error("there is no database here ({description}): SAS_DATABASE_URL names the one that is served")]
    Missing { description: DatabaseName },
    /// The schema lacks migrations.
    #[error(
        "the database has schema version {found}, and this program reads version {expected} ({description}): {remedy}, \
         once no server of an earlier version uses it"
    )]
    OlderSchema {
        description: DatabaseName,
        /// The version that it has.
        found: i64,
        /// The version of this program.
        expected: i64,
        /// The command that migrates it.
        remedy: &'static str,
    },
    /// A later release has migrated the schema.
    #[error(
        "the database has schema version {found}, and this program reads version {expected} ({description}): use the \
         version of the program that serves it"
    )]
    NewerSchema {
        description: DatabaseName,
        /// The version that it has.
        found: i64,
        /// The version of this program.
        expected: i64,
    },
    /// The index of the mirror has the format of another release.
    #[error(
        "the index of the directory mirror has format {found}, and this program reads format {expected} \
         ({description}): run `sas-endpoint annuaire reindex` of this program, once no other version uses it"
    )]
    IndexFormat {
        description: DatabaseName,
        /// The format that it has.
        found: i64,
        /// The format of this program.
        expected: i64,
    },
    /// Another process serves the file.
    #[error(
        "another process is serving this database ({description}): stop that one, or give this one a database of \
         its own (SAS_DATABASE_URL); several instances can share a Postgres database"
    )]
    Served { description: DatabaseName },
    /// A migration failed.
    #[error("the database schema cannot be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}
