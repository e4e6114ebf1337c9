//! Parses the durations of settings and arguments, in the [friendly format] of jiff or in that of ISO 8601: `10s`,
//! `1h 30m`, `PT90M`.
//!
//! [friendly format]: https://docs.rs/jiff/latest/jiff/fmt/friendly/index.html

use std::ops::RangeBounds;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

/// A parser for clap of durations within the bounds. `expected` follows “expected a duration such as” in its error.
pub fn duration_parser(
    bounds: impl RangeBounds<Duration> + Clone + Send + Sync + 'static,
    expected: &'static str,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| {
        let duration = text.parse().ok().and_then(|duration: SignedDuration| Duration::try_from(duration).ok());
        let duration = duration.filter(|duration| bounds.contains(duration));
        duration.ok_or_else(|| format!("expected a duration such as {expected}"))
    }
}

/// Parses a period of the calendar that is not negative: `365d`, `18 months`, `2y`, `24h`.
pub fn parse_period(text: &str) -> Option<Span> {
    text.parse().ok().filter(|span: &Span| !span.is_negative())
}

/// The time one period earlier, by the calendar of UTC; `None` before year -9999.
pub fn subtract_period(time: Timestamp, period: Span) -> Option<Timestamp> {
    time.to_zoned(TimeZone::UTC).checked_sub(period).ok().map(|then| then.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_read_in_both_formats_and_within_bounds() {
        let parse = duration_parser(Duration::from_millis(10)..=Duration::from_hours(24), "30s or 5m");
        for (text, milliseconds) in
            [("10ms", 10), ("30s", 30_000), ("1m30s", 90_000), ("2 minutes", 120_000), ("PT1H", 3_600_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in ["", "30", "-30s", "30s ago", "9ms", "25h", "1d", "soon"] {
            assert_eq!(parse(wrong), Err("expected a duration such as 30s or 5m".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn period_is_subtracted_by_the_calendar() {
        let now: Timestamp = "2026-03-01T08:00:00Z".parse().expect("an instant");
        for (text, then) in [
            ("365d", "2025-03-01T08:00:00Z"),
            ("18 months", "2024-09-01T08:00:00Z"),
            ("2y", "2024-03-01T08:00:00Z"),
            ("24h", "2026-02-28T08:00:00Z"),
        ] {
            let period = parse_period(text).expect(text);
            assert_eq!(subtract_period(now, period).expect("a time").to_string(), then, "{text}");
        }
        for wrong in ["", "365", "-1d", "1d ago", "for ever"] {
            assert!(parse_period(wrong).is_none(), "{wrong}");
        }
    }
}
