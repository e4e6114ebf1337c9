//! Webhooks: the program posts what is written to receivers that answer as they like.

#![allow(clippy::too_many_lines, reason = "a test may be a long table of cases")]

#[path = "../support/certificates.rs"]
mod certificates;
#[allow(dead_code)] // What the suite `program` does with it besides.
#[path = "../program/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod delivery;
mod endpoint;
mod failures;
mod instances;
mod receiver;
mod tls;
