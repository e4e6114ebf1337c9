//! The table of what was measured, beside the goals.

use std::fmt;
use std::time::Duration;

use super::measured::Measured;
use super::table::Table;

/// How many requests a search is measured with.
pub const REQUESTS: usize = 200;

/// The most memory that a load may take.
const MEMORY: f64 = 500.0;

pub struct Goals(Table);

impl Default for Goals {
    fn default() -> Self {
        Self(Table::new(&["", "measured", "goal", "met"]))
    }
}

impl Goals {
    /// Without a verdict.
    pub fn told(&mut self, what: &str, measured: String, goal: &str) {
        self.0.row([what.to_owned(), measured, goal.to_owned(), String::new()]);
    }

    pub fn judged(&mut self, what: &str, measured: String, goal: &str, met: bool) {
        let met = if met { "yes" } else { "NO" };
        self.0.row([what.to_owned(), measured, goal.to_owned(), met.to_owned()]);
    }

    /// Resources a second, at least.
    pub fn rate(&mut self, what: &str, measured: f64, goal: f64) {
        let text = format!("{} resources/s", thousands(measured));
        self.judged(what, text, &format!("≥ {}/s", thousands(goal)), measured >= goal);
    }

    pub fn memory(&mut self, what: &str, mebibytes: f64) {
        self.judged(what, format!("{mebibytes:.0} MiB"), &format!("< {MEMORY:.0} MiB"), mebibytes < MEMORY);
    }

    /// Milliseconds at most: median and 99th percentile.
    pub fn latency(&mut self, what: &str, measured: &Measured, p50: Option<f64>, p99: Option<f64>) {
        let bounds = [("p50", 0.50, p50), ("p99", 0.99, p99)];
        let bounds: Vec<_> = bounds.into_iter().filter_map(|(name, share, goal)| Some((name, share, goal?))).collect();
        let goal: Vec<_> = bounds.iter().map(|(name, _, goal)| format!("{name} ≤ {goal} ms")).collect();
        if bounds.is_empty() || measured.count() == 0 {
            return self.told(what, text(measured), &goal.join(", "));
        }
        let met = bounds.iter().all(|(_, share, goal)| measured.percentile(*share).as_secs_f64() * 1e3 <= *goal);
        self.judged(what, text(measured), &goal.join(", "), met);
    }
}

impl fmt::Display for Goals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Median, 99th percentile and maximum.
pub fn text(measured: &Measured) -> String {
    if measured.count() == 0 {
        return "none".to_owned();
    }
    let [p50, p99, max] = [0.50, 0.99, 1.0].map(|share| milliseconds(measured.percentile(share)));
    // What is slow is asked for less often.
    let few = if measured.count() < REQUESTS { format!(" of {}", measured.count()) } else { String::new() };
    format!("p50 {p50}, p99 {p99}, max {max} ms{few}")
}

pub fn milliseconds(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    if milliseconds < 10.0 { format!("{milliseconds:.2}") } else { format!("{milliseconds:.0}") }
}

/// A whole number with commas.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let comma = |index: usize| index > 0 && (digits.len() - index).is_multiple_of(3);
    let letters = digits.char_indices().flat_map(|(index, digit)| [comma(index).then_some(','), Some(digit)]);
    letters.flatten().collect()
}
