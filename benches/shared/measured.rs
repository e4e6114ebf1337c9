//! Latencies of one measurement.

use std::time::Duration;

/// The latencies of a measurement, and what it cost.
#[derive(Default)]
pub struct Measured {
    /// In order of their length.
    latencies: Vec<Duration>,
    duration: Duration,
    /// Answers with another status than expected, which are not counted otherwise.
    pub failures: usize,
    /// The processor time of the server.
    pub server_time: Duration,
    /// The processor time of the client.
    pub client_time: Duration,
}

impl Measured {
    /// Of answers that came one after the other.
    pub fn of(mut latencies: Vec<Duration>) -> Self {
        let duration = latencies.iter().sum();
        latencies.sort_unstable();
        Self { latencies, duration, ..Self::default() }
    }

    /// The same of answers that came within this time.
    pub fn lasting(self, duration: Duration) -> Self {
        Self { duration, ..self }
    }

    /// The number of answers.
    pub fn count(&self) -> usize {
        self.latencies.len()
    }

    /// Answers per second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.duration.as_secs_f64()
    }

    /// The latency that this share of the answers did not exceed.
    pub fn percentile(&self, share: f64) -> Duration {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let index = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(index.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// The number of answers that took longer.
    pub fn over(&self, bound: Duration) -> usize {
        self.latencies.iter().filter(|latency| **latency > bound).count()
    }

    /// A time of the whole, per answer.
    pub fn per_answer(&self, time: Duration) -> Duration {
        time.div_f64(self.latencies.len().max(1) as f64)
    }
}

/// A generator of numbers (xorshift): the same ones in every run.
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Random {
    /// A number less than `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
