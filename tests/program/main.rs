//! The program as an operator meets it: its commands, its start, its stop, its crash.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod commands;
mod durability;
mod process;
mod record;
