//! Telling how far a walk or a load is. Whoever does the work does not know how that is shown.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often a line is logged.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long a piece of work is, and in what it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Nobody knows.
    Unknown,
    /// So many resources.
    Resources(u64),
    /// So many bytes.
    Bytes(u64),
}

/// Some more work, done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Resources that were stored or rejected.
    pub resources: u64,
    /// Bytes as received, or as read from the file.
    pub bytes: u64,
}

/// Shows how far the work is.
pub trait Progress: Send + Sync {
    /// A piece of work begins, of which `done` was done before.
    fn begin(&self, name: &str, length: Length, done: Step);
    /// Some of it is done.
    fn advance(&self, step: Step);
    /// It ended, or was given up.
    fn end(&self);
}

/// Shows nothing.
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _: &str, _: Length, _: Step) {}
    fn advance(&self, _: Step) {}
    fn end(&self) {}
}

/// Logs a line every ten seconds.
#[derive(Default)]
pub struct Logged(Mutex<Option<Work>>);

struct Work {
    name: String,
    length: Length,
    done: Step,
    logged: Logging,
}

/// What was done when that was last logged.
struct Logging {
    at: Instant,
    resources: u64,
}

impl Logged {
    fn with(&self, then: impl FnOnce(&mut Option<Work>)) {
        // Nothing that holds the lock panics; if it did, there would be one line less.
        if let Ok(mut work) = self.0.lock() {
            then(&mut work);
        }
    }
}

impl Progress for Logged {
    fn begin(&self, name: &str, length: Length, done: Step) {
        let logged = Logging { at: Instant::now(), resources: done.resources };
        self.with(|work| *work = Some(Work { name: name.to_owned(), length, done, logged }));
    }

    fn advance(&self, step: Step) {
        self.with(|work| {
            let Some(work) = work else { return };
            work.done.resources += step.resources;
            work.done.bytes += step.bytes;
            if work.logged.at.elapsed() >= INTERVAL {
                work.log();
            }
        });
    }

    fn end(&self) {
        self.with(|work| *work = None);
    }
}

impl Work {
    fn log(&mut self) {
        let since = self.logged.at.elapsed().as_secs_f64();
        let rate = ((self.done.resources - self.logged.resources) as f64 / since).round();
        let megabytes = self.done.bytes / 1_000_000;
        let resources = self.done.resources;
        match self.percent() {
            Some(percent) => tracing::info!(resources, megabytes, rate, percent, "{}", self.name),
            None => tracing::info!(resources, megabytes, rate, "{}", self.name),
        }
        self.logged = Logging { at: Instant::now(), resources };
    }

    fn percent(&self) -> Option<u64> {
        let (done, length) = match self.length {
            Length::Unknown => return None,
            Length::Resources(length) => (self.done.resources, length),
            Length::Bytes(length) => (self.done.bytes, length),
        };
        (done * 100).checked_div(length)
    }
}
