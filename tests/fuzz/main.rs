//! Malformed input to every public interface: the response is FHIR, and never a 500.
//!
//! The cases are the same at each run; with `PROPTEST_CASES` (`make fuzz`) they differ, and there are more.

#[path = "../support/certificates.rs"]
mod certificates;
#[allow(dead_code)] // What the other suites do with it besides.
#[path = "../annuaire/content.rs"]
mod content;
#[allow(dead_code, unused_macros)] // Likewise.
#[path = "../support/mod.rs"]
mod support;

mod inputs;
mod log;
mod response_check;
mod service;

mod bodies;
mod callers;
mod directory;
mod requests;
mod tokens;
