//! The program as an operator meets it: its commands, its start, its stop, its crash.

#![allow(clippy::too_many_lines, reason = "a test may be a long table of cases")]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/mod.rs"]
mod support;

mod access;
mod commands;
mod deployment;
mod durability;
mod log;
mod papers;
mod private_files;
mod process;
mod record;
#[cfg(feature = "otlp")]
mod traces;
