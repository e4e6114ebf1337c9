//! When the mirror is brought up to date by itself.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use tokio::sync::watch;

use crate::annuaire::ingest::progress::Logged;
use crate::annuaire::ingest::run_log::{Record, Work, records};
use crate::annuaire::store::Mirror;
use crate::annuaire::sync::{self, Failure, Request, Settings};
use crate::fhir::directory_type::DirectoryType;

/// Times of day are those of the national directory.
const ZONE: &str = "Europe/Paris";

/// The shortest interval that makes sense.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// A run that failed is tried again after this: an outage in the morning must not cost a day.
const AGAIN: Duration = Duration::from_mins(15);

/// After so many runs in a row that the directory cut short, the wait is not doubled any more: each may walk over
/// everything again, for hours, and find the same.
const MAX_DOUBLINGS: u32 = 5;

/// How long the schedule sleeps at most before it looks at the clock: a machine that was suspended
/// wakes with a later one. Looking at the records is one read by key.
const NAP: Duration = Duration::from_secs(60);

/// When a synchronisation is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// `daily at 05:30`: at that time in France, summer and winter.
    Daily(Time),
    /// `every 6h`: so long after the last one began.
    Every(SignedDuration),
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected “daily at 05:30” (time in France) or “every 6h”".to_owned();
        if let Some(time) = text.strip_prefix("daily at ") {
            return Time::strptime("%H:%M", time.trim()).map(Self::Daily).map_err(|_| wrong());
        }
        let interval = text.strip_prefix("every ").and_then(|interval| interval.trim().parse().ok());
        match interval.ok_or_else(wrong)? {
            interval if interval >= SHORTEST => Ok(Self::Every(interval)),
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
    /// The first time after this instant. A time of day that the change to summer time skips is an hour
    /// later, and one that comes twice is the first of the two.
    pub fn next(&self, after: Timestamp) -> Timestamp {
        let next = match self {
            Self::Every(interval) => after.checked_add(*interval).ok(),
            Self::Daily(time) => next_at(*time, after),
        };
        next.unwrap_or(Timestamp::MAX)
    }
}

fn next_at(time: Time, after: Timestamp) -> Option<Timestamp> {
    // The zone is in the program.
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    let today = after.to_zoned(zone.clone()).date();
    // The day before too: at midnight, a skipped time falls on the following day.
    [-1, 0, 1, 2].into_iter().find_map(|days| {
        let day = today.checked_add(days.days()).ok()?;
        let at = day.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp();
        (at > after).then_some(at)
    })
}

/// When the next run is to begin, by the records of the former ones, newest first. At once where there
/// was none, or the last one failed or was cut off; a run over some of the types does not count.
fn plan_sync(schedule: &Schedule, records: &[Record], now: Timestamp) -> Timestamp {
    let succeeded = |record: &Record| record.outcome.as_ref().is_some_and(|outcome| outcome.succeeded);
    let mut runs = records.iter().filter(|record| record.work == Work::Sync);
    match runs.find(|record| !succeeded(record) || covers_everything(record)) {
        Some(record) if succeeded(record) => schedule.next(record.began),
        _ => now,
    }
}

fn covers_everything(record: &Record) -> bool {
    DirectoryType::ALL.iter().all(|of| record.parts.iter().any(|part| part.resource_type == of.as_str()))
}

/// Brings the mirror up to date whenever that is due, until it is told to stop. Whatever goes wrong is
/// logged, and tried again; a walk that is under way when it is told to stop is continued by the next run.
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
                    not_before = after(&settings, NAP);
                }
                Err(failure) => {
                    tracing::error!("the directory mirror could not be synchronised: {failure}");
                    incomplete = if failure.is_incomplete() { incomplete + 1 } else { 0 };
                    not_before = after(&settings, again_after(incomplete));
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

/// How long after a failure the next run begins, where the directory cut so many in a row short.
fn again_after(incomplete: u32) -> Duration {
    AGAIN * 2_u32.pow(incomplete.min(MAX_DOUBLINGS))
}

/// The time after so long.
fn after(settings: &Settings, wait: Duration) -> Timestamp {
    let now = settings.clock.now();
    now.checked_add(wait).unwrap_or(now)
}

async fn run_when_due(
    mirror: &Mirror,
    schedule: &Schedule,
    settings: &Settings,
    not_before: Timestamp,
) -> Result<Record, Failure> {
    loop {
        let now = settings.clock.now();
        // Read anew each time: another instance with the same database may have been faster.
        let at = plan_sync(schedule, &records(mirror).await?, now).max(not_before);
        if at <= now {
            return sync::run(mirror, settings, &Request::default(), &Logged::default()).await;
        }
        let wait = Duration::try_from(at.duration_since(now)).unwrap_or(NAP);
        tokio::time::sleep(wait.min(NAP)).await;
    }
}

#[cfg(test)]
mod tests;
