//! When an event is tried again.

use std::time::Duration;

/// The waits between attempts.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// After the first failure; doubled after each further one.
    pub first: Duration,
    /// The longest of these.
    pub longest: Duration,
    /// After an event was refused for good.
    pub refused: Duration,
    /// The longest wait that a receiver may ask for.
    pub max_retry_after: Duration,
}

/// Share by which a wait is longer or shorter, at random: several webhooks do not return at the same time.
const JITTER: f64 = 0.2;

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_mins(5),
            refused: Duration::from_mins(5),
            max_retry_after: Duration::from_hours(1),
        }
    }
}

impl RetryPolicy {
    /// The wait after so many failures, and at least what the receiver asks for. `random` is between 0 and 1.
    pub fn delay(&self, failures: i64, retry_after: Option<Duration>, random: f64) -> Duration {
        let doublings = u32::try_from(failures.saturating_sub(1).clamp(0, 31)).unwrap_or(0);
        let delay = self.first.saturating_mul(1 << doublings).min(self.longest);
        let delay = delay.mul_f64(1.0 + JITTER * (2.0 * random - 1.0));
        retry_after.map_or(delay, |asked| delay.max(asked.min(self.max_retry_after)))
    }

    /// The wait after a refusal.
    pub fn delay_of_refusal(&self, random: f64) -> Duration {
        self.refused.mul_f64(1.0 + JITTER * (2.0 * random - 1.0))
    }
}

/// A random number from 0 to 1; a half if the operating system has none.
pub fn random() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhook_retry_delay_doubles_to_its_maximum_within_a_fifth() {
        let policy = RetryPolicy::default();
        for (failures, seconds) in
            [(0, 1.0), (1, 1.0), (2, 2.0), (3, 4.0), (9, 256.0), (10, 300.0), (11, 300.0), (i64::MAX, 300.0)]
        {
            for (random, share) in [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)] {
                let delay = policy.delay(failures, None, random).as_secs_f64();
                assert!((delay - seconds * share).abs() < 1e-6, "{failures} {random}: {delay}");
            }
        }
        assert!((policy.delay_of_refusal(0.5).as_secs_f64() - 300.0).abs() < 1e-6);
        assert!((0.0..=1.0).contains(&random()));
    }

    #[test]
    fn webhook_retry_after_lengthens_a_delay_up_to_an_hour() {
        let policy = RetryPolicy::default();
        for (failures, asked, seconds) in [(1, 0, 1), (1, 30, 30), (10, 30, 300), (1, 3600, 3600), (1, 86_400, 3600)] {
            let delay = policy.delay(failures, Some(Duration::from_secs(asked)), 0.5);
            assert_eq!(delay.as_secs(), seconds, "{failures} {asked}");
        }
    }
}
