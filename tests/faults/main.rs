//! Fault injection: no acknowledged write may be lost.
//!
//! Writers create and update accounts and appointments as a SAS platform does, while the program is
//! killed and its database is stopped, paused, disconnected and filled up. Afterwards the whole database is
//! compared with the acknowledged writes.
//!
//! `cargo test --release --test faults` runs everything, `-- --short` a few minutes of it, `-- NAME` the scenarios
//! whose name has that part. Some scenarios measure durations and memory under pressure: the short form prints the
//! durations and checks counts, memory and statuses only.

mod answers;
mod bodies;
mod check;
mod console;
mod disk;
mod edges;
mod ledger;
mod network;
mod places;
mod platform;
mod polling;
mod scenarios;
mod stage;
mod webhooks;

#[allow(dead_code)] // What the suite `program` does with it besides.
#[path = "../program/process.rs"]
mod process;
#[allow(dead_code)] // What the suite `webhooks` does with it besides.
#[path = "../webhooks/receiver.rs"]
mod receiver;
#[path = "../support/shapes.rs"]
mod shapes;
#[allow(dead_code, unused_macros)] // Likewise.
#[path = "../support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use ledger::{Outcome, Table};
use scenarios::{Extent, SCENARIOS};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let extent = if arguments.iter().any(|argument| argument == "--short") { Extent::Short } else { Extent::Full };
    let wanted: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let mut table = Table::begin(extent == Extent::Full);
    for scenario in SCENARIOS {
        if !wanted.is_empty() && !wanted.iter().any(|part| scenario.name.contains(part.as_str())) {
            continue;
        }
        for backend in scenario.databases(extent) {
            // A scenario that fails to come to its end is a line of the ledger too.
            let outcome = catch_unwind(AssertUnwindSafe(|| (scenario.run)(*backend, extent)));
            let outcome = outcome.unwrap_or_else(|cause| {
                let cause =
                    cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
                Outcome::Failed(cause.unwrap_or("it panicked").to_owned())
            });
            table.add(scenario.name, *backend, outcome);
        }
    }
    if table.end() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
