//! Counts what is open in a gauge.

/// Increments a gauge until it is dropped.
pub struct GaugeGuard(&'static str);

impl GaugeGuard {
    pub fn new(gauge: &'static str) -> Self {
        metrics::gauge!(gauge).increment(1);
        Self(gauge)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        metrics::gauge!(self.0).decrement(1);
    }
}
