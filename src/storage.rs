//! The only door to the database: SQLite by default, or Postgres. Each query is written once.
//!
//! Writes are batches ([`Storage::write`]): one transaction reads what the batch needs, a pure
//! function decides, and the changes of the whole batch are written and committed together.

pub mod backup;
pub(crate) mod database;
pub mod exchanges;
pub(crate) mod pooler;
pub(crate) mod postgres;
pub(crate) mod postgres_address;
pub(crate) mod private_file;
mod read;
pub mod registry;
pub mod search;
pub mod serving;
pub(crate) mod sql;
pub(crate) mod sqlite;
mod write;

pub use database::{COUNT_TIMEOUT, OpenError, READ_TIMEOUT, SEARCH_TIMEOUT, Storage, WRITE_TIMEOUT};
pub(crate) use read::LARGEST_PAGE;
pub use read::{HistoryPage, StoredVersion};
pub use write::{Additions, NewVersion, Wanted};
