//! Limits of the log: lines that clients can cause at any rate are written a few a second. The others are counted,
//! and told as sums: a log that is flooded hides what matters, and fills the disk.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::runtime::Handle;

/// LogRateLimit of each reason in a second.
const LINES_PER_SECOND: u32 = 10;

/// LogRateLimit that were left out and that no other line has told of are told after this time.
const SUM_INTERVAL: Duration = Duration::from_secs(10);

/// Why lines are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The client is not recognised, or a page of another site sends the request.
    Unauthenticated,
    /// The client sends too many requests a second: 429.
    RateLimited,
    /// The server has too much to do: 503.
    Overloaded,
    /// The database is away: 503.
    Unavailable,
    /// What was received is no request.
    Malformed,
}

impl Reason {
    const ALL: [Self; 5] =
        [Self::Unauthenticated, Self::RateLimited, Self::Overloaded, Self::Unavailable, Self::Malformed];

    fn limit(self) -> &'static LogLimit {
        static LIMITS: LazyLock<[LogLimit; Reason::ALL.len()]> = LazyLock::new(|| Reason::ALL.map(LogLimit::new));
        &LIMITS[self as usize]
    }

    /// The word in the log and in metrics.
    fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::RateLimited => "rate-limited",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Malformed => "malformed",
        }
    }
}

/// Asks for one more line of this reason: `Some` with the number of lines that were left out before it, to be told in
/// a field `left_out`, or `None` where it must not be written.
pub fn next_line(reason: Reason) -> Option<u64> {
    reason.limit().next()
}

/// Tells of all lines that were left out and not told of: before the program ends.
pub fn write_sums() {
    Reason::ALL.into_iter().for_each(|reason| reason.limit().write_sum());
}

/// The lines of one reason.
struct LogLimit {
    reason: Reason,
    lines: LogRateLimit,
    /// A task waits to write the sum.
    sum_is_scheduled: AtomicBool,
}

impl LogLimit {
    fn new(reason: Reason) -> Self {
        Self { reason, lines: LogRateLimit::per_second(LINES_PER_SECOND), sum_is_scheduled: AtomicBool::new(false) }
    }

    fn next(&'static self) -> Option<u64> {
        let next = self.lines.next();
        if next.is_none() {
            metrics::counter!("sas_log_lines_left_out_total", "reason" => self.reason.as_str()).increment(1);
            self.schedule_sum();
        }
        next
    }

    /// One task at a time, so that the end of a flood is told as well.
    fn schedule_sum(&'static self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if !self.sum_is_scheduled.swap(true, Ordering::AcqRel) {
            runtime.spawn(async {
                tokio::time::sleep(SUM_INTERVAL).await;
                self.sum_is_scheduled.store(false, Ordering::Release);
                self.write_sum();
            });
        }
    }

    fn write_sum(&self) {
        let left_out = self.lines.take_left_out();
        if left_out > 0 {
            tracing::info!(reason = self.reason.as_str(), left_out, "lines were left out of the log");
        }
    }
}

/// At most so many lines a second.
pub struct LogRateLimit {
    limiter: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

impl LogRateLimit {
    /// At most `number` a second; one, if that is none.
    pub fn per_second(number: u32) -> Self {
        let quota = Quota::per_second(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::direct(quota), left_out: AtomicU64::new(0) }
    }

    /// How many were left out before the one that may be written now; `None` where this one is left out.
    pub fn next(&self) -> Option<u64> {
        if self.limiter.check().is_ok() {
            return Some(self.take_left_out());
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn take_left_out(&self) -> u64 {
        self.left_out.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_beyond_the_limit_are_left_out_and_counted() {
        let lines = LogRateLimit::per_second(2);
        let written: Vec<_> = std::iter::repeat_with(|| lines.next()).take(100).flatten().collect();
        let left_out = written.iter().sum::<u64>() + lines.take_left_out();
        assert_eq!(written.len() as u64 + left_out, 100);
        assert!(left_out > 0, "each was written");
    }

    #[tokio::test]
    async fn log_sum_tells_each_line_that_was_left_out_once() {
        static LIMIT: LazyLock<LogLimit> = LazyLock::new(|| LogLimit::new(Reason::RateLimited));
        let written: Vec<_> = std::iter::repeat_with(|| LIMIT.next()).take(100_000).flatten().collect();
        assert!((10..50_000).contains(&written.len()), "{}", written.len());
        assert!(LIMIT.sum_is_scheduled.load(Ordering::Acquire), "nobody tells of the last ones");
        let untold = LIMIT.lines.left_out.load(Ordering::Relaxed);
        assert_eq!(written.len() as u64 + written.iter().sum::<u64>() + untold, 100_000);
        LIMIT.write_sum();
        assert_eq!(LIMIT.lines.take_left_out(), 0);
    }

    #[test]
    fn log_limit_of_each_reason_is_its_own() {
        for reason in Reason::ALL {
            assert_eq!(reason.limit().reason, reason);
        }
    }
}
