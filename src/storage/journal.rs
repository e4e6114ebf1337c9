//! The database of the journal: a SQLite file beside that of the accounts, or the schema `journal` of the same Postgres
//! database. It may be deleted while no server runs.

mod open;
mod purge;
mod read;
mod write;

pub use read::{JournalFilter, JournalRow};
pub use write::NewExchange;

use std::sync::Arc;

use super::database::Readers;
use super::{postgres, sqlite};
use crate::deadline::Deadline;

/// An open journal. Its statements are stopped at its deadline: see [`JournalDatabase::until`].
#[derive(Clone)]
pub struct JournalDatabase {
    writer: Writer,
    readers: Readers,
    description: Arc<str>,
    deadline: Deadline,
}

#[derive(Clone)]
enum Writer {
    Sqlite(sqlite::Connections),
    Postgres(postgres::Connections),
}

/// A statement over the rows of `$1`, a JSON array of arrays: each is `value`.
#[derive(Clone, Copy)]
struct OverRows {
    sqlite: &'static str,
    postgres: &'static str,
}

/// The two texts of a statement, which differ in how they read the rows.
macro_rules! over_rows {
    ($before:literal, $after:literal) => {
        $crate::storage::journal::OverRows {
            sqlite: concat!($before, " json_each($1) AS rows ", $after),
            postgres: concat!($before, " json_array_elements(CAST($1 AS json)) AS rows (value) ", $after),
        }
    };
}
use over_rows;

/// Expands the body once for each database, inside a transaction: `$transaction` is the connection, `$text` chooses the
/// text of a statement over rows.
macro_rules! in_transaction {
    ($journal:expr, $transaction:ident, $text:ident => $body:expr) => {
        match &$journal.writer {
            $crate::storage::journal::Writer::Sqlite(connections) => {
                let $text = |statement: $crate::storage::journal::OverRows| statement.sqlite;
                let mut connection = connections.begin_write(&$journal.deadline).await?;
                let $transaction = &mut *connection;
                let outcome = $body;
                connection.commit().await?;
                outcome
            }
            $crate::storage::journal::Writer::Postgres(connections) => {
                let $text = |statement: $crate::storage::journal::OverRows| statement.postgres;
                let mut connection = connections.begin(&$journal.deadline).await?;
                let $transaction = &mut *connection;
                let outcome = $body;
                connection.commit().await?;
                outcome
            }
        }
    };
}
use in_transaction;

impl JournalDatabase {
    /// The same journal with another deadline.
    #[must_use]
    pub fn until(&self, deadline: &Deadline) -> Self {
        Self { deadline: deadline.clone(), ..self.clone() }
    }

    /// Where it is, for people; without password.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Waits for the statements in progress, and closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        match &self.writer {
            Writer::Sqlite(connections) => connections.close().await,
            Writer::Postgres(connections) => connections.close().await,
        }
    }
}
