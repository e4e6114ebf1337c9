//! The environment of a scenario: a database, instances of the program, and the platform that writes to them.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::check::check;
use crate::ledger::{Line, Outcome};
use crate::network::Network;
use crate::places::Database;
use crate::platform::{Memory, Platform, wait_for};
use crate::process::{Answer, Serving, databases, exchange_within, program};
use crate::support::folder;

/// A search is given up after six seconds.
const MAX_SEARCH_DURATION: Duration = Duration::from_secs(9);

pub struct Stage {
    pub platform: Arc<Platform>,
    instances: Vec<Serving>,
    command: fn() -> Command,
    /// The database, as the instances reach it.
    url: String,
    logs: PathBuf,
    // Last: the instances go before their database.
    pub database: Database,
    pub runtime: Runtime,
}

impl Stage {
    /// So many instances before this database.
    pub fn new(database: Database, runtime: Runtime, instances: usize) -> Self {
        Self::of(database, runtime, instances, || program(&[]))
    }

    /// One instance, with a network between it and its database.
    pub fn behind(database: Database, runtime: Runtime, network: &Network) -> Self {
        let url = database.through(network);
        Self { url, ..Self::of(database, runtime, 0, || program(&[])) }.with(1)
    }

    /// The same, each started by this command.
    pub fn of(database: Database, runtime: Runtime, instances: usize, command: fn() -> Command) -> Self {
        let logs = folder("faults-log").keep();
        let url = database.url.clone();
        Self { platform: Arc::default(), instances: vec![], command, url, logs, database, runtime }.with(instances)
    }

    fn with(mut self, instances: usize) -> Self {
        for _ in 0..instances {
            let serving = self.start();
            self.addresses().push(serving.address.clone());
            self.instances.push(serving);
        }
        self
    }

    /// Lets the platform write while this happens.
    pub fn under_load(&mut self, meanwhile: impl FnOnce(&mut Self)) {
        let platform = self.platform.clone();
        platform.write_during(|| meanwhile(self));
    }

    /// `kill -9`, and a new one in its place.
    pub fn kill(&mut self, instance: usize) {
        self.instances[instance].kill_and_wait();
        let serving = self.start();
        self.addresses()[instance].clone_from(&serving.address);
        self.instances[instance] = serving;
    }

    /// The process id of an instance.
    pub fn id(&self, instance: usize) -> u32 {
        self.instances[instance].id()
    }

    /// Acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.platform.memory().line.acknowledged
    }

    /// Answered 503 so far.
    pub fn unavailable(&self) -> usize {
        self.platform.memory().line.unavailable
    }

    /// Ends a round by what ends its fault: writes and searches go on by themselves.
    pub fn recover(&mut self, end: impl FnOnce(&mut Self)) {
        let began = Instant::now();
        end(self);
        self.platform.resumes();
        wait_for("a search to be answered again", || {
            let (status, took) = self.search();
            self.promise(took < MAX_SEARCH_DURATION, "a search is answered neither way in time");
            status == 200
        });
        let line = &mut self.platform.memory().line;
        line.rounds += 1;
        line.resumed = line.resumed.max(began.elapsed());
    }

    /// Notes a promise that is not kept.
    pub fn promise(&self, kept: bool, sentence: &str) {
        if !kept {
            self.platform.memory().line.broken.push(sentence.to_owned());
        }
    }

    /// The status of a search, and how long it took.
    pub fn search(&self) -> (u16, Duration) {
        let (address, began) = (&self.instances[0].address, Instant::now());
        let patience = Some(Duration::from_secs(30));
        let answer = exchange_within(patience, address, "GET /fhir/Practitioner?_count=1 HTTP/1.1\r\n", "");
        (answer.map_or(0, |Answer { status, .. }| status), began.elapsed())
    }

    /// The status of the operator's `/health/ready`.
    pub fn readiness(&self) -> u16 {
        let (address, patience) = (&self.instances[0].ops_address, Some(Duration::from_secs(30)));
        let answer = exchange_within(patience, address, "GET /health/ready HTTP/1.1\r\n", "");
        answer.map_or(0, |Answer { status, .. }| status)
    }

    /// Holds the database against what was acknowledged.
    pub fn end(self) -> Outcome {
        let mut memory = std::mem::take(&mut *self.platform.memory());
        let Memory { line, .. } = &mut memory;
        if self.readiness() != 200 {
            line.broken.push("in the end it is not ready".to_owned());
        }
        let log = std::fs::read_to_string(self.logs.join("log")).unwrap_or_default();
        line.broken.extend(log.lines().filter(|reported| reported.contains("panicked")).map(str::to_owned));
        self.runtime.block_on(check(&self.database.url, &self.instances[0].address, &mut memory));
        let Line { lost, doubled, half_written, broken, .. } = &memory.line;
        if [lost, doubled, half_written, broken].iter().all(|sentences| sentences.is_empty()) {
            let _ = std::fs::remove_dir_all(&self.logs);
        } else {
            println!("The log of the program: {}", self.logs.join("log").display());
        }
        Outcome::Ran(memory.line)
    }

    fn start(&self) -> Serving {
        let log = std::fs::File::options().create(true).append(true).open(self.logs.join("log")).expect("a log");
        let mut command = (self.command)();
        command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--log", "error"]);
        Serving::spawn(command.args(databases(&self.url)).stderr(log))
    }

    fn addresses(&self) -> RwLockWriteGuard<'_, Vec<String>> {
        self.platform.addresses.write().unwrap_or_else(PoisonError::into_inner)
    }
}
