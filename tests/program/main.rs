//! The program as operators use it: commands, start, stop, crash.

#![allow(clippy::too_many_lines, reason = "a test may be a long table of cases")]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/mod.rs"]
mod support;

mod access;
mod commands;
mod deployment;
mod durability;
mod events;
mod log;
mod papers;
mod private_files;
mod process;
mod record;
#[cfg(feature = "otlp")]
mod traces;
