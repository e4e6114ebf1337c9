//! Synchronises the mirror on a schedule.
//!
//! Not with a cron crate: of these lines it would replace `next_at` only. "every 6h" counts from the last run, which is no
//! cron pattern; and what is due follows from the records of the runs, so that a missed or failed run is made up for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use tokio::sync::watch;

use crate::annuaire::ingest::progress::Logged;
use crate::annuaire::ingest::run_log::{RunRecord, Work, read_run_records};
use crate::annuaire::store::Mirror;
use crate::annuaire::sync::{self, Failure, Request, Settings};
use crate::fhir::directory_type::DirectoryType;

/// The time zone of times of day: that of the national directory.
const TIME_ZONE: &str = "Europe/Paris";

const MIN_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// The delay before a failed run is repeated: an outage in the morning must not cost a day.
const RETRY_DELAY: Duration = Duration::from_mins(15);

/// [`RETRY_DELAY`] doubles with each run in a row that the directory cut short, up to this many times: each such run may
/// fetch everything again, for hours, and end the same way.
const MAX_DOUBLINGS: u32 = 5;

/// Maximum time between two reads of the clock and of the records: a machine that was suspended resumes with a later
/// time. The records are one read by key.
const POLL_INTERVAL: Duration = Duration::from_mins(1);

/// When synchronisations are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// `daily at 05:30`: at that time in France, in summer and in winter.
    Daily(Time),
    /// `every 6h`: this long after the last one began.
    Every(SignedDuration),
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || "expected “daily at 05:30” (time in France) or “every 6h”".to_owned();
        if let Some(time) = text.strip_prefix("daily at ") {
            return Time::strptime("%H:%M", time.trim()).map(Self::Daily).map_err(|_| malformed());
        }
        let interval = text.strip_prefix("every ").and_then(|interval| interval.trim().parse().ok());
        match interval.ok_or_else(malformed)? {
            interval if interval >= MIN_INTERVAL => Ok(Self::Every(interval)),
            _ => Err("expected an interval of at least 1m".to_owned()),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daily(time) => write!(f, "daily at {:02}:{:02}", time.hour(), time.minute()),
            Self::Every(interval) => write!(f, "every {interval:#}"),
        }
    }
}

impl Schedule {
    /// The first time after this instant. A time of day that the change to summer time skips comes an hour later; one
    /// that occurs twice counts once, the first time.
    pub fn next(&self, after: Timestamp) -> Timestamp {
        let next = match self {
            Self::Every(interval) => after.checked_add(*interval).ok(),
            Self::Daily(time) => next_at(*time, after),
        };
        next.unwrap_or(Timestamp::MAX)
    }
}

fn next_at(time: Time, after: Timestamp) -> Option<Timestamp> {
    // The time zone is compiled in.
    let zone = TimeZone::get(TIME_ZONE).unwrap_or(TimeZone::UTC);
    let today = after.to_zoned(zone.clone()).date();
    // From yesterday: a time skipped at midnight falls on the following day.
    let days = today.yesterday().ok()?.to_datetime(time).series(1.day());
    days.filter_map(|at| at.to_zoned(zone.clone()).ok()).map(|at| at.timestamp()).find(|at| *at > after)
}

/// When the next run is due, by the records of former runs, newest first: at once if there is none, or if the last one
/// failed or was interrupted. A successful run over some of the types only does not count.
fn plan_sync(schedule: &Schedule, records: &[RunRecord], now: Timestamp) -> Timestamp {
    let succeeded = |record: &RunRecord| record.outcome.as_ref().is_some_and(|outcome| outcome.succeeded);
    let mut runs = records.iter().filter(|record| record.work == Work::Sync);
    match runs.find(|record| !succeeded(record) || covers_all_types(record)) {
        Some(record) if succeeded(record) => schedule.next(record.began),
        _ => now,
    }
}

fn covers_all_types(record: &RunRecord) -> bool {
    DirectoryType::ALL.iter().all(|of| record.parts.iter().any(|part| part.resource_type == of.as_str()))
}

/// Synchronises the mirror whenever that is due, until `stop`. Failures are logged, and the run is repeated. The next run
/// resumes one that is interrupted by `stop`.
pub async fn run_on_schedule(mirror: Mirror, schedule: Schedule, settings: Settings, mut stop: watch::Receiver<bool>) {
    let runs = async {
        let (mut not_before, mut incomplete) = (Timestamp::MIN, 0);
        loop {
            match run_when_due(&mirror, &schedule, &settings, not_before).await {
                Ok(record) => {
                    incomplete = 0;
                    let outcome = record.outcome.map(|outcome| outcome.sentence).unwrap_or_default();
                    let upstream = record.source;
                    match record.held_back {
                        true => tracing::error!(upstream, "deletions were suppressed: {outcome}"),
                        false => tracing::info!(upstream, "the directory mirror is up to date: {outcome}"),
                    }
                }
                Err(Failure::Busy) => {
                    tracing::debug!("another process is synchronising the directory mirror");
                    not_before = settings.clock.now() + POLL_INTERVAL;
                }
                Err(failure) => {
                    tracing::error!("the directory mirror could not be synchronised: {failure}");
                    incomplete = if failure.is_incomplete() { incomplete + 1 } else { 0 };
                    not_before = settings.clock.now() + retry_delay(incomplete);
                }
            }
        }
    };
    tokio::select! {
        () = runs => {}
        // An error means that the sender is gone: that is a stop too.
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// The delay before the next run, after this many incomplete runs in a row.
fn retry_delay(incomplete: u32) -> Duration {
    RETRY_DELAY * 2_u32.pow(incomplete.min(MAX_DOUBLINGS))
}

async fn run_when_due(
    mirror: &Mirror,
    schedule: &Schedule,
    settings: &Settings,
    not_before: Timestamp,
) -> Result<RunRecord, Failure> {
    loop {
        let now = settings.clock.now();
        // Read each time: another instance with the same database may have synchronised meanwhile.
        let due = plan_sync(schedule, &read_run_records(mirror).await?, now).max(not_before);
        if due <= now {
            return sync::run(mirror, settings, &Request::default(), &Logged::default()).await;
        }
        tokio::time::sleep(due.duration_since(now).unsigned_abs().min(POLL_INTERVAL)).await;
    }
}

#[cfg(test)]
mod tests;
