//! Progress of a walk or a load. The work does not know how it is displayed.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Minimum time between two log lines.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The length of a piece of work, and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Unknown,
    Resources(u64),
    Bytes(u64),
}

/// Work done since the last step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Stored or rejected resources.
    pub resources: u64,
    /// Bytes received, or read from the file.
    pub bytes: u64,
}

/// Displays the progress of work.
pub trait Progress: Send + Sync {
    /// Begins a piece of work. `done` was done by an earlier run.
    fn begin(&self, name: &str, length: Length, done: Step);
    fn advance(&self, step: Step);
    /// Ends the display, whether the work succeeded or not.
    fn end(&self);
}

/// Displays nothing.
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _: &str, _: Length, _: Step) {}
    fn advance(&self, _: Step) {}
    fn end(&self) {}
}

/// Logs a line at most every ten seconds.
#[derive(Default)]
pub(crate) struct Logged(Mutex<Option<Work>>);

struct Work {
    name: String,
    length: Length,
    done: Step,
    logged: Logging,
}

/// The time and count of the last log line.
struct Logging {
    at: Instant,
    resources: u64,
}

impl Logged {
    fn with(&self, then: impl FnOnce(&mut Option<Work>)) {
        // No holder of the lock panics. If one did, a log line would be missing.
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
            if work.logged.at.elapsed() >= LOG_INTERVAL {
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
        if let Some(percent) = self.percent() {
            tracing::info!(resources, megabytes, rate, percent, "{}", self.name);
        } else {
            tracing::info!(resources, megabytes, rate, "{}", self.name);
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
