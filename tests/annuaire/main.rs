//! The local mirror of the directory, and its API, on SQLite and on Postgres.

#![allow(clippy::needless_pass_by_value, reason = "helpers take what `json!` makes")]

#[path = "../support/client.rs"]
mod client;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod completeness;
mod content;
mod includes;
mod loading;
mod metadata;
mod mirror;
mod naive;
mod paging;
mod played;
mod random;
mod refusals;
mod requests;
mod robustness;
mod server;
mod synchronisation;
mod two_instances;
mod upstream;
mod verification;
