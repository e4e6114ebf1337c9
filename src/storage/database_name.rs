//! What and where a database is.

use std::fmt;
use std::path::PathBuf;

/// What and where a database is, for people; never a password. Displayed as logs and commands have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseName {
    Sqlite {
        path: PathBuf,
    },
    Postgres {
        database: String,
        /// Host and port.
        server: String,
        /// The schema, where it is not the default one.
        schema: Option<&'static str>,
    },
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(formatter, "SQLite file {}", path.display()),
            Self::Postgres { database, server, schema } => {
                write!(formatter, "Postgres database {database} on {server}")?;
                schema.map_or(Ok(()), |schema| write!(formatter, ", schema {schema}"))
            }
        }
    }
}
