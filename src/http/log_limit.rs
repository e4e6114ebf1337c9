//! Limits the log lines that clients can cause at any rate to a few per second, counts the others, and logs their sums: a
//! flooded log hides what matters, and fills the disk.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::runtime::Handle;

/// Maximum lines per second, for each reason.
const LINES_PER_SECOND: u32 = 10;

/// Lines left out are logged as a sum after this time, unless another line reports them before.
const SUM_INTERVAL: Duration = Duration::from_secs(10);

/// Why lines are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The client is not authenticated, or a page of another site sends the request.
    Unauthenticated,
    /// The client exceeds its request rate: 429.
    RateLimited,
    /// The server is overloaded: 503.
    Overloaded,
    /// The database is not available: 503.
    Unavailable,
    /// The request is not valid HTTP.
    Malformed,
}

impl Reason {
    const ALL: [Self; 5] =
        [Self::Unauthenticated, Self::RateLimited, Self::Overloaded, Self::Unavailable, Self::Malformed];

    fn limit(self) -> &'static LogLimit {
        static LIMITS: LazyLock<[LogLimit; Reason::ALL.len()]> = LazyLock::new(|| Reason::ALL.map(LogLimit::new));
        &LIMITS[self as usize]
    }

    /// The name in the log and in metrics.
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

/// Permits one more line of this reason: `Some` with the number of lines left out before it, to be logged in a field
/// `left_out`; `None` if the line must not be written.
pub fn next_line(reason: Reason) -> Option<u64> {
    reason.limit().next()
}

/// Logs the sums of lines left out and not reported yet. Called before the program ends.
pub fn write_sums() {
    for reason in Reason::ALL {
        reason.limit().write_sum();
    }
}

/// The limit of one reason.
struct LogLimit {
    reason: Reason,
    lines: LogRateLimit,
    /// Whether a task waits to write the sum.
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

    /// Starts a task that writes the sum later, unless one is waiting: the end of a flood is reported too.
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
            tracing::info!(reason = self.reason.as_str(), left_out, "log lines were suppressed");
        }
    }
}

/// Limits lines to a number per second, and counts those left out.
pub struct LogRateLimit {
    limiter: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

impl LogRateLimit {
    /// At most `number` lines per second; at least one.
    pub fn per_second(number: u32) -> Self {
        let quota = Quota::per_second(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::direct(quota), left_out: AtomicU64::new(0) }
    }

    /// Permits one line: the number of lines left out before it; `None` if this line is left out.
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
    fn log_limit_suppresses_and_counts_further_lines() {
        let lines = LogRateLimit::per_second(2);
        let written: Vec<_> = std::iter::repeat_with(|| lines.next()).take(100).flatten().collect();
        let left_out = written.iter().sum::<u64>() + lines.take_left_out();
        assert_eq!(written.len() as u64 + left_out, 100);
        assert!(left_out > 0, "each was written");
    }

    #[tokio::test]
    async fn log_limit_sum_counts_each_suppressed_line_once() {
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
    fn log_limit_is_per_reason() {
        for reason in Reason::ALL {
            assert_eq!(reason.limit().reason, reason);
        }
    }
}
