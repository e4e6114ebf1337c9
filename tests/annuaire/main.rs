//! The copy of the national directory: kept, searched, synchronised; on both databases.

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod copy;
mod loading;
mod played;
mod synchronisation;
mod upstream;
