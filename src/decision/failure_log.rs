//! When the log says that questions fail, and that they no longer do: at most once a minute each, though a failing software
//! answers now and then.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Between two lines that say the same.
const LINE_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// What the log says of the questions.
#[derive(Debug, Default)]
pub struct FailureLog(Mutex<Logged>);

#[derive(Debug, Default)]
struct Logged {
    /// Whether the last question failed.
    is_failing: bool,
    /// Whether the last line says so.
    says_failing: bool,
    /// When questions began to fail by the log.
    failing_at: Option<Timestamp>,
    /// When they succeeded again by the log.
    recovered_at: Option<Timestamp>,
    /// Changes since the last line that have none.
    left_out: u64,
}

impl FailureLog {
    /// Takes the outcome of a question: `Some` where the log is to say that questions fail, or no longer do, with the number
    /// of changes that were left out before.
    pub fn next_line(&self, is_failing: bool, now: Timestamp) -> Option<u64> {
        // A panic elsewhere does not invalidate it.
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_changed = std::mem::replace(&mut logged.is_failing, is_failing) != is_failing;
        let last = if is_failing { logged.failing_at } else { logged.recovered_at };
        // Not where the clock was set back: there would be no line for as long.
        let is_too_soon =
            last.is_some_and(|last| (SignedDuration::ZERO..LINE_INTERVAL).contains(&now.duration_since(last)));
        if logged.says_failing == is_failing || is_too_soon {
            logged.left_out += u64::from(has_changed);
            return None;
        }
        logged.says_failing = is_failing;
        *(if is_failing { &mut logged.failing_at } else { &mut logged.recovered_at }) = Some(now);
        Some(std::mem::take(&mut logged.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines about these outcomes: when, whether questions fail, and how many changes were left out.
    fn lines(outcomes: impl IntoIterator<Item = (i64, bool)>) -> Vec<(i64, bool, u64)> {
        let log = FailureLog::default();
        let line = |(second, is_failing)| {
            let now = Timestamp::from_second(1_000_000 + second).expect("an instant");
            log.next_line(is_failing, now).map(|left_out| (second, is_failing, left_out))
        };
        outcomes.into_iter().filter_map(line).collect()
    }

    #[test]
    fn decision_log_has_one_line_when_failures_begin_and_one_when_they_end() {
        let outcomes = (0..200).map(|second| (second, (10..150).contains(&second)));
        assert_eq!(lines(outcomes), [(10, true, 0), (150, false, 0)]);
    }

    #[test]
    fn decision_log_of_alternating_outcomes_has_a_line_a_minute_for_each_change() {
        let outcomes = (0..121).map(|second| (second, second % 2 == 0));
        let expected = [(0, true, 0), (1, false, 0), (60, true, 58), (61, false, 0), (120, true, 58)];
        assert_eq!(lines(outcomes), expected);
    }

    #[test]
    fn decision_log_says_after_a_minute_how_it_is_now() {
        // Failing from the third second on, without a change at the end of the minute.
        let outcomes = [(0, true), (1, false), (2, true), (59, true), (60, true), (61, true)];
        assert_eq!(lines(outcomes), [(0, true, 0), (1, false, 0), (60, true, 1)]);
        // The clock was set back by an hour.
        assert_eq!(lines([(0, true), (1, false), (-3600, true)]), [(0, true, 0), (1, false, 0), (-3600, true, 0)]);
    }
}
