//! Connections: handshakes, the reload of files, timeouts.

#[path = "../support/certificates.rs"]
mod certificates;
#[allow(dead_code)] // Of the databases, only SQLite is needed here.
#[path = "../support/mod.rs"]
mod support;

mod client;
mod files;
mod server;

mod addresses;
mod eviction;
mod faults;
mod handshakes;
mod malformed;
mod program;
mod renewal;
mod settings;
mod timeouts;
