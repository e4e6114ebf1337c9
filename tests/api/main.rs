//! What a client sees: each test sends real requests over TCP, on SQLite and on Postgres.

#[path = "../support/mod.rs"]
mod support;

mod server;

mod appointments;
mod asking;
mod bookings;
mod concurrency;
mod protocol;
mod refusals;
mod requests;
mod smoke;
