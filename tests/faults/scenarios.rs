//! The faults.

use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::Connection;
use tokio::runtime::Runtime;

use crate::answers;
use crate::bodies;
use crate::disk::SmallDisk;
use crate::ledger::Outcome;
use crate::network::Network;
use crate::places::Database;
use crate::platform::{WRITERS, wait_for};
use crate::polling;
use crate::process::{bearing_full_files, program};
use crate::stage::Stage;
use crate::support::Backend::{self, Postgres, Sqlite};

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Short,
    Full,
}

impl Extent {
    pub fn of<T>(self, short: T, full: T) -> T {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }
}

/// A fault and where it applies.
pub struct Scenario {
    pub name: &'static str,
    pub on: &'static [Backend],
    pub run: fn(Backend, Extent) -> Outcome,
}

/// What does not depend on the database.
const ON_ANY_DATABASE: [&str; 4] = ["edges of requests", "hostile bodies", "answers nobody reads", "idle connections"];

impl Scenario {
    /// Where it is run: in the short form, on one database where it does not depend on it.
    pub fn databases(&self, extent: Extent) -> &'static [Backend] {
        let is_on_one = extent == Extent::Short && ON_ANY_DATABASE.contains(&self.name);
        if is_on_one { &self.on[..1] } else { self.on }
    }
}

pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "kill -9", on: &[Sqlite, Postgres], run: killed },
    Scenario { name: "one of two instances killed", on: &[Postgres], run: one_of_two_killed },
    Scenario { name: "database stopped and started", on: &[Postgres], run: database_stopped },
    Scenario { name: "connections cut", on: &[Postgres], run: connections_cut },
    Scenario { name: "database paused", on: &[Postgres], run: database_paused },
    Scenario { name: "network silent", on: &[Postgres], run: network_silent },
    Scenario { name: "file locked by another process", on: &[Sqlite], run: file_locked },
    Scenario { name: "disk full", on: &[Sqlite, Postgres], run: disk_full },
    Scenario { name: "an expensive search is polled", on: &[Sqlite, Postgres], run: polling::run },
    Scenario { name: "the console is scanned", on: &[Sqlite, Postgres], run: crate::console::run },
    Scenario { name: "edges of requests", on: &[Sqlite, Postgres], run: crate::edges::edges },
    Scenario { name: "hostile bodies", on: &[Sqlite, Postgres], run: bodies::run },
    Scenario { name: "answers nobody reads", on: &[Sqlite, Postgres], run: answers::unread },
    Scenario { name: "webhooks, their deliverer killed", on: &[Sqlite, Postgres], run: crate::webhooks::run },
    Scenario { name: "idle connections", on: &[Sqlite, Postgres], run: answers::idle },
];

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// A stage with an empty database of its own; why there is none, where there is none.
fn stage(backend: Backend, instances: usize) -> Result<Stage, String> {
    let runtime = runtime();
    let database = runtime.block_on(Database::new(backend))?;
    Ok(Stage::new(database, runtime, instances))
}

/// Runs a scenario on a stage, if there is one.
fn on(stage: Result<Stage, String>, scenario: impl FnOnce(&mut Stage)) -> Outcome {
    match stage {
        Ok(mut stage) => {
            stage.under_load(scenario);
            stage.end()
        }
        Err(why) => Outcome::NotRun(why),
    }
}

/// Waits until so many more writes are acknowledged.
fn write_on(stage: &Stage, more: usize) {
    let enough = stage.acknowledged() + more;
    wait_for("writes to be acknowledged", || stage.acknowledged() >= enough);
}

/// Waits until every writer was answered 503.
fn refused_to_all(stage: &Stage) {
    let enough = stage.unavailable() + WRITERS;
    wait_for("every writer to be answered 503", || stage.unavailable() >= enough);
}

fn killed(backend: Backend, extent: Extent) -> Outcome {
    on(stage(backend, 1), |stage| {
        for round in 0..extent.of(3, 100) {
            // Not always at the same point of a batch.
            write_on(stage, 10 + round * 7 % 17);
            stage.recover(|stage| stage.kill(0));
        }
    })
}

fn one_of_two_killed(backend: Backend, extent: Extent) -> Outcome {
    on(stage(backend, 2), |stage| {
        for round in 0..extent.of(3, 30) {
            write_on(stage, 20 + round * 7 % 17);
            stage.recover(|stage| stage.kill(0));
        }
    })
}

fn database_stopped(backend: Backend, extent: Extent) -> Outcome {
    on(stage(backend, 1), |stage| {
        for _ in 0..extent.of(1, 4) {
            write_on(stage, 40);
            stage.database.server().stop_at_once();
            refused_to_all(stage);
            stage.promise(stage.readiness() == 503, "ready without a database");
            stage.recover(|stage| stage.database.server().start_again());
            stage.promise(stage.readiness() == 200, "not ready though it writes");
        }
    })
}

fn connections_cut(backend: Backend, extent: Extent) -> Outcome {
    on(stage(backend, 1), |stage| {
        for _ in 0..extent.of(20, 200) {
            write_on(stage, 3);
            wait_for("a connection to be cut", || stage.runtime.block_on(stage.database.cut_connections()) > 0);
            stage.recover(|_| ());
        }
    })
}

fn database_paused(backend: Backend, extent: Extent) -> Outcome {
    on(stage(backend, 1), |stage| {
        // Once for longer than a commit may take: then it is given up, and its connection with it.
        for seconds in extent.of(&[0][..], &[0, 0, 45]) {
            write_on(stage, 40);
            let paused = stage.database.pause();
            let began = Instant::now();
            refused_to_all(stage);
            stage.promise(stage.readiness() == 503, "ready without a database");
            stage.promise(answers(stage, 503), "a search waits for a database that is paused");
            wait_for("the pause to end", || began.elapsed() >= Duration::from_secs(*seconds));
            stage.recover(|_| drop(paused));
        }
    })
}

fn network_silent(backend: Backend, extent: Extent) -> Outcome {
    if extent == Extent::Short {
        return Outcome::NotRun("in the long form only: half a minute passes until silence is noticed".to_owned());
    }
    let runtime = runtime();
    let database = match runtime.block_on(Database::new(backend)) {
        Ok(database) => database,
        Err(why) => return Outcome::NotRun(why),
    };
    let network = Network::before(&database.server_folder());
    on(Ok(Stage::behind(database, runtime, &network)), |stage| {
        for _ in 0..4 {
            write_on(stage, 40);
            let began = Instant::now();
            // Until a batch is given up nobody knows; a search tries its connection first.
            stage.recover(|stage| {
                network.fall_silent();
                stage.promise(answers(stage, 200), "a search takes a connection that is silent");
            });
            stage.promise(began.elapsed() < Duration::from_secs(40), "silence is not noticed in time");
        }
    })
}

/// Whether searches are answered so, within the time that clients have.
fn answers(stage: &Stage, status: u16) -> bool {
    let (answered, took) = stage.search();
    answered == status && took < Duration::from_secs(15)
}

fn file_locked(backend: Backend, extent: Extent) -> Outcome {
    on(stage(backend, 1), |stage| {
        for _ in 0..extent.of(1, 3) {
            write_on(stage, 40);
            let lock = stage.runtime.block_on(stage.database.lock());
            refused_to_all(stage);
            stage.recover(|stage| stage.runtime.block_on(lock.close()).expect("closed"));
        }
    })
}

fn disk_full(backend: Backend, extent: Extent) -> Outcome {
    let megabytes = if backend == Sqlite { 24 } else { 192 };
    let disk = match SmallDisk::new(megabytes) {
        Ok(disk) => disk,
        Err(_) if backend == Sqlite => return file_at_its_limit(backend, extent),
        Err(why) => return Outcome::NotRun(why),
    };
    let runtime = runtime();
    let settings = "-c min_wal_size=32MB -c max_wal_size=48MB";
    let stage = runtime.block_on(Database::in_folder(backend, &disk.folder, settings));
    on(stage.map(|database| Stage::new(database, runtime, 1)), |stage| {
        for _ in 0..extent.of(1, 3) {
            write_on(stage, 40);
            let balloon = disk.fill();
            refused_to_all(stage);
            stage.recover(|stage| {
                drop(balloon);
                if backend == Postgres {
                    // A server that finds no room for its log ends by itself, and is its operator's to start.
                    stage.database.server().start_again();
                }
            });
        }
    })
}

/// The same for those who may not mount: no file of the program may grow beyond a limit.
fn file_at_its_limit(backend: Backend, extent: Extent) -> Outcome {
    let runtime = runtime();
    let database = match runtime.block_on(Database::new(backend)) {
        Ok(database) => database,
        Err(why) => return Outcome::NotRun(why),
    };
    let command = || bearing_full_files(&program(&[]), "");
    on(Ok(Stage::of(database, runtime, 1, command)), |stage| {
        let limit = |stage: &Stage, bytes: &str| {
            let arguments = [format!("--pid={}", stage.id(0)), format!("--fsize={bytes}:")];
            Command::new("prlimit").args(arguments).status().is_ok_and(|status| status.success())
        };
        for _ in 0..extent.of(1, 3) {
            write_on(stage, 40);
            stage.promise(limit(stage, "65536"), "the limit was not set");
            refused_to_all(stage);
            stage.recover(|stage| stage.promise(limit(stage, "unlimited"), "the limit was not lifted"));
        }
    })
}
