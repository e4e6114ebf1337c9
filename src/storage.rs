//! The only door to the database: SQLite by default, or Postgres. Each query is written once.
//!
//! Writes are queued ([`write_queue`]) and committed in batches ([`Storage::write`]): one transaction reads the state that a
//! batch depends on, each write decides over it, and the changes of the whole batch are committed together.

mod address;
pub mod backup;
mod database;
mod database_name;
mod error;
mod event_batch;
pub mod exchanges;
pub mod feed;
pub mod history;
pub mod journal;
pub(crate) mod mirror;
mod open_error;
mod pooler;
mod pooler_error;
mod postgres;
mod postgres_address;
mod private_file;
mod read;
pub mod registry;
mod schema;
pub mod search;
pub(crate) mod serving;
mod session;
mod sql;
mod sqlite;
pub(crate) mod webhook;
mod write;
pub mod write_queue;
mod write_set;
mod write_transaction;

pub use database::Storage;
pub(crate) use database::{CONSOLE_TIMEOUT, COUNT_TIMEOUT, READ_TIMEOUT, SEARCH_TIMEOUT, WRITE_TIMEOUT};
pub use database_name::DatabaseName;
pub use error::StorageError;
pub use open_error::OpenError;
pub(crate) use read::MAX_PAGE_BYTES;
pub(crate) use read::{StoredIdentifier, StoredVersion};
pub use write_set::{NewVersion, StateKeys, WriteSet};
