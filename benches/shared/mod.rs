//! The parts that both benchmarks of the program use.

#![allow(dead_code, reason = "each benchmark uses a part")]

pub mod accounts;
#[path = "../bodies/mod.rs"]
pub mod bodies;
pub mod client;
pub mod goals;
pub mod http;
pub mod machine;
pub mod measured;
pub mod server;
#[path = "../../tests/support/mod.rs"]
pub mod support;
pub mod table;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;
