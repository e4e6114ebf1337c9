//! Every public input, as nobody expects it: whatever is sent, the answer is FHIR and no fault of ours.
//!
//! The tests are the same each time; with `PROPTEST_CASES` (`make fuzz`) they are other and more.

#![allow(clippy::too_many_lines, reason = "a test may be a long table of cases")]
#![allow(clippy::needless_pass_by_value, reason = "helpers take what `json!` makes")]

#[path = "../support/certificates.rs"]
mod certificates;
#[allow(dead_code)] // What the other suites do with it besides.
#[path = "../annuaire/content.rs"]
mod content;
#[allow(dead_code, unused_macros)] // Likewise.
#[path = "../support/mod.rs"]
mod support;

mod inputs;
mod judge;
mod log;
mod service;

mod bodies;
mod callers;
mod directory;
mod requests;
mod tokens;
