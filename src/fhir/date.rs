//! Dates and instants: their calendar, their fixed-width text, and the ranges that searches mean.
//!
//! <http://hl7.org/fhir/R4/datatypes.html#dateTime>, <http://hl7.org/fhir/R4/search.html#date>

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The instant as fixed-width UTC text, cut to milliseconds: its order is the order of time.
pub fn instant(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads a FHIR `instant` (seconds and zone mandatory).
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    // A date, `T`, a time and a zone: shorter forms are legal for jiff but not here.
    (text.len() >= 20 && text.as_bytes()[10] == b'T').then(|| text.parse().ok())?
}

/// Whether the calendar knows this `date` or `dateTime` of whatever precision;
/// its form is the schema's business.
pub fn is_on_calendar(text: &str) -> bool {
    match text.len() {
        4 => true,
        7 => format!("{text}-01").parse::<Date>().is_ok(),
        10 => text.parse::<Date>().is_ok(),
        _ => parse_instant(text).is_some(),
    }
}

/// What a date in a search stands for: all instants from `start` up to, and without, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after.
    pub end: Timestamp,
}

impl Range {
    /// Reads a search date; without a zone it is meant in Europe/Paris, as the SAS pages write it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_in(text, &paris()?)
    }

    /// Reads a search date of any precision from the year to the millisecond; without a zone it is
    /// meant in this one. A `+` of a zone that was decoded to a space is repaired.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Option<Self> {
        let text = text.replace(' ', "+");
        match text.split_once('T') {
            None => Self::of_days(&text, zone),
            Some((date, time)) => Self::of_time(date.parse().ok()?, time, zone),
        }
    }

    fn of_days(text: &str, zone: &TimeZone) -> Option<Self> {
        let digits_and_dashes = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let (first, span) = match text.len() {
            _ if !digits_and_dashes => return None,
            4 => (format!("{text}-01-01"), 1.year()),
            7 => (format!("{text}-01"), 1.month()),
            10 => (text.to_owned(), 1.day()),
            _ => return None,
        };
        let first: Date = first.parse().ok()?;
        let midnight = |date: Date| Some(date.to_zoned(zone.clone()).ok()?.timestamp());
        Some(Self { start: midnight(first)?, end: midnight(first.checked_add(span).ok()?)? })
    }

    fn of_time(date: Date, text: &str, default_zone: &TimeZone) -> Option<Self> {
        let zone_at = text.find(['Z', '+', '-']).unwrap_or(text.len());
        let (clock, zone) = text.split_at(zone_at);
        let precision = match clock.len() {
            5 => SignedDuration::from_mins(1),
            8 => SignedDuration::from_secs(1),
            10.. => SignedDuration::from_millis(1),
            _ => return None,
        };
        let time: Time = clock.parse().ok()?;
        let local = DateTime::from_parts(date, time);
        let start = match zone {
            "" => local.to_zoned(default_zone.clone()).ok()?.timestamp(),
            zone => format!("{local:.9}{zone}").parse().ok()?,
        };
        Some(Self { start, end: start.checked_add(precision).ok()? })
    }
}

/// The prefix of a date, for values that are instants: `sa` and `eb` mean `gt` and `lt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Comparison {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
}

/// A search date with its prefix; without a prefix, `eq`, without a zone, in `zone`. `ap` becomes `eq` of a
/// wider range: within a tenth of the distance from `now`, as R4 recommends.
/// <http://hl7.org/fhir/R4/search.html#prefix>
pub fn parse_prefixed(text: &str, zone: &TimeZone, now: Timestamp) -> Option<(Comparison, Range)> {
    let (prefix, date) = match text.get(..2) {
        Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_lowercase()) => text.split_at(2),
        _ => ("eq", text),
    };
    let range = Range::parse_in(date, zone)?;
    let comparison = match prefix {
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "gt" | "sa" => Comparison::Greater,
        "lt" | "eb" => Comparison::Less,
        "ge" => Comparison::GreaterOrEqual,
        "le" => Comparison::LessOrEqual,
        "ap" => {
            let tenth = now.duration_since(range.start).abs() / 10;
            let range = Range { start: range.start.checked_sub(tenth).ok()?, end: range.end.checked_add(tenth).ok()? };
            return Some((Comparison::Equal, range));
        }
        _ => return None,
    };
    Some((comparison, range))
}

/// French civil time, from the time zones compiled in.
pub fn paris() -> Option<TimeZone> {
    TimeZone::get("Europe/Paris").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Option<(String, String)> {
        Range::parse(text).map(|range| (instant(range.start), instant(range.end)))
    }

    fn some(start: &str, end: &str) -> Option<(String, String)> {
        Some((start.to_owned(), end.to_owned()))
    }

    #[test]
    fn a_search_date_stands_for_all_instants_of_its_precision() {
        assert_eq!(range("2026"), some("2025-12-31T23:00:00.000Z", "2026-12-31T23:00:00.000Z"));
        assert_eq!(range("2026-03"), some("2026-02-28T23:00:00.000Z", "2026-03-31T22:00:00.000Z"));
        assert_eq!(range("2026-03-29"), some("2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"));
        assert_eq!(range("2026-03-04T14:00"), some("2026-03-04T13:00:00.000Z", "2026-03-04T13:01:00.000Z"));
        assert_eq!(range("2026-03-04T14:00:00Z"), some("2026-03-04T14:00:00.000Z", "2026-03-04T14:00:01.000Z"));
        assert_eq!(range("2026-03-04T14:00:00 01:00"), some("2026-03-04T13:00:00.000Z", "2026-03-04T13:00:01.000Z"));
        assert_eq!(range("2026-03-04T14:00:00.5-01:00"), some("2026-03-04T15:00:00.500Z", "2026-03-04T15:00:00.501Z"));
    }

    #[test]
    fn a_search_date_without_a_zone_is_meant_in_the_one_that_is_named() {
        let utc = |text| Range::parse_in(text, &TimeZone::UTC).map(|range| (instant(range.start), instant(range.end)));
        assert_eq!(utc("2026-03"), some("2026-03-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z"));
        assert_eq!(utc("2026-03-04T14:00"), some("2026-03-04T14:00:00.000Z", "2026-03-04T14:01:00.000Z"));
        assert_eq!(utc("2026-03-04T14:00+01:00"), some("2026-03-04T13:00:00.000Z", "2026-03-04T13:01:00.000Z"));
    }

    #[test]
    fn what_is_no_date_is_no_range() {
        for text in ["", "26", "2026-3-4", "2026-02-30", "2026-03-04T", "2026-03-04T14", "2026-03-04T25:00", "tomorrow"]
        {
            assert_eq!(range(text), None, "{text}");
        }
    }

    #[test]
    fn the_calendar_knows_leap_years_and_leap_seconds() {
        assert!(is_on_calendar("2024-02-29"));
        assert!(!is_on_calendar("2026-02-29"));
        assert!(!is_on_calendar("2026-13"));
        assert!(is_on_calendar("2016-12-31T23:59:60Z"));
        assert!(!is_on_calendar("2026-02-30T10:00:00Z"));
    }

    #[test]
    fn the_text_of_an_instant_has_a_fixed_width() {
        let timestamp = parse_instant("2026-03-04T14:00:00.123456+01:00").expect("an instant");
        assert_eq!(instant(timestamp), "2026-03-04T13:00:00.123Z");
        assert_eq!(instant(parse_instant("2026-03-04T14:00:00Z").expect("an instant")).len(), 24);
    }
}
