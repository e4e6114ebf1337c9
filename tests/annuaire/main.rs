//! The local copy of the directory, and its API, on SQLite and on Postgres.

#[path = "../support/mod.rs"]
mod support;

mod content;
mod server;

mod copy;
mod includes;
mod metadata;
mod paging;
mod refusals;
mod requests;
