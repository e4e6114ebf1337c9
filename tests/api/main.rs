//! The API as clients see it: each test sends requests over TCP, on SQLite and on Postgres.

#![allow(clippy::too_many_lines, reason = "a test may be a long table of cases")]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/client.rs"]
mod client;
#[path = "../support/mod.rs"]
mod support;

mod server;

mod access;
mod accounts;
mod appointments;
mod asking;
mod bookings;
mod bounds;
mod browsers;
mod bulkheads;
mod capabilities;
mod clients;
mod concurrency;
mod content;
mod decisions;
mod directory;
mod edges;
mod events;
mod histories;
mod identity;
mod official;
mod positions;
mod protocol;
mod proxies;
mod reading;
mod record;
mod refusals;
mod requests;
mod searching;
mod semantics;
mod smoke;
mod unread;
