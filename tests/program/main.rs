//! The program as operators use it: commands, start, stop, crash.

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
