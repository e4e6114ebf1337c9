//! Dates and instants: validation, fixed-width text, and the ranges that search dates denote.
//!
//! <http://hl7.org/fhir/R4/datatypes.html#dateTime>, <http://hl7.org/fhir/R4/search.html#date>

use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp, ToSpan};

/// The last instant that is distinguished. FHIR's calendar ends 40 hours later, at 9999-12-31T23:59:59-14:00, jiff's here.
/// Every later instant is parsed as this one, and a range that extends beyond it ends at [`Timestamp::MAX`], which is after
/// it.
const LATEST: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// The instant as fixed-width UTC text, truncated to milliseconds: texts sort by time.
pub fn instant(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Parses a FHIR `instant`: seconds and zone are mandatory.
pub(crate) fn parse_instant(text: &str) -> Option<Timestamp> {
    let (local, zone) = parse_local(text)?;
    Some(to_timestamp(local, &zone.to_time_zone()))
}

/// A civil time with seconds or fractions, and its zone.
fn parse_local(text: &str) -> Option<(DateTime, Offset)> {
    let (date, time) = text.split_once('T')?;
    let (date, (time, zone)) = (parse_day(date)?, parse_clock(time)?);
    // An instant has a zone. Only searches may omit seconds.
    let zone = zone.filter(|_| time.precision <= SECOND)?;
    Some((DateTime::from_parts(date, time.start), zone))
}

/// Whether the text is a `date`: a year, a month or a day of the calendar.
pub(crate) fn is_date(text: &str) -> bool {
    parse_days(text).is_some()
}

/// Whether the text is an `instant`: a day and a time of the calendar, with seconds and zone.
pub(crate) fn is_instant(text: &str) -> bool {
    parse_local(text).is_some()
}

/// Whether the text is a `dateTime`: a `date`, or the form of an `instant`.
pub(crate) fn is_date_time(text: &str) -> bool {
    is_date(text) || is_instant(text)
}

/// The instants that a search date denotes: from `start`, inclusive, to `end`, exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first instant of the range.
    pub start: Timestamp,
    /// The first instant after the range.
    pub end: Timestamp,
}

impl Range {
    /// Parses a search date. Without a zone, it is in Europe/Paris, as the SAS pages write it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_in(text, &paris()?)
    }

    /// Parses a search date of any precision from the year to the fraction of a second. Without a zone, it is in `zone`.
    /// A space before the offset is read as `+`: URLs that do not encode the `+` are decoded so.
    pub(crate) fn parse_in(text: &str, zone: &TimeZone) -> Option<Self> {
        let text = text.replace(' ', "+");
        let Some((date, time)) = text.split_once('T') else {
            let (first, span) = parse_days(&text)?;
            let after = first.checked_add(span).ok();
            let midnight = |date: Date| to_timestamp(date.to_datetime(Time::midnight()), zone);
            return Some(Self::new(midnight(first), after.map(midnight)));
        };
        let (date, (time, own_zone)) = (parse_day(date)?, parse_clock(time)?);
        let zone = own_zone.map_or_else(|| zone.clone(), Offset::to_time_zone);
        let start = to_timestamp(DateTime::from_parts(date, time.start), &zone);
        Some(Self::new(start, start.checked_add(time.precision).ok()))
    }

    /// The range with this much more on both sides.
    #[must_use]
    pub(crate) fn widen(self, by: SignedDuration) -> Self {
        Self::new(self.start.checked_sub(by).unwrap_or(Timestamp::MIN), self.end.checked_add(by).ok())
    }

    /// The range that ends here; past the last instant, it has no end.
    fn new(start: Timestamp, end: Option<Timestamp>) -> Self {
        Self { start, end: end.filter(|end| *end < LATEST).unwrap_or(Timestamp::MAX) }
    }
}

/// The first day and the length of `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
fn parse_days(text: &str) -> Option<(Date, Span)> {
    let mut parts = text.splitn(3, '-');
    let year = parse_digits(parts.next()?, 4)?;
    let month = parts.next().map(|month| parse_digits(month, 2));
    let day = parts.next().map(|day| parse_digits(day, 2));
    let span = match (month, day) {
        (None, _) => 1.year(),
        (_, None) => 1.month(),
        _ => 1.day(),
    };
    // FHIR has no year 0000.
    let year = (year > 0).then_some(year)?;
    let first = Date::new(year, month.unwrap_or(Some(1))?, day.unwrap_or(Some(1))?).ok()?;
    Some((first, span))
}

fn parse_day(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| parse_days(text))?.map(|(day, _)| day)
}

/// A time of day with its precision.
struct Clock {
    start: Time,
    precision: SignedDuration,
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Parses `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f…`, with or without a zone. Digits beyond the nanosecond are ignored. A leap
/// second becomes the last nanosecond of its minute, which preserves the order of instants and their day.
fn parse_clock(text: &str) -> Option<(Clock, Option<Offset>)> {
    let (clock, zone) = text.split_at(text.find(['Z', '+', '-']).unwrap_or(text.len()));
    let zone = if zone.is_empty() { None } else { Some(parse_offset(zone)?) };
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (parse_digits(parts.next()?, 2)?, parse_digits(parts.next()?, 2)?);
    let Some(seconds) = parts.next() else {
        let start = Time::new(hour, minute, 0, 0).ok()?;
        return Some((Clock { start, precision: SignedDuration::from_mins(1) }, zone));
    };
    let (second, fraction) = seconds.split_once('.').map_or((seconds, None), |(second, rest)| (second, Some(rest)));
    let (second, nanosecond) = match (parse_digits(second, 2)?, fraction.map_or(Some(0), parse_fraction)?) {
        (60, _) => (59, 999_999_999),
        both => both,
    };
    let start = Time::new(hour, minute, second, nanosecond).ok()?;
    let precision = if fraction.is_some() || nanosecond > 0 { SignedDuration::from_millis(1) } else { SECOND };
    Some((Clock { start, precision }, zone))
}

/// Parses a zone: `Z`, `+hh:mm` or `-hh:mm`, up to 14:00.
fn parse_offset(text: &str) -> Option<Offset> {
    let sign = match text.as_bytes().first()? {
        b'Z' if text.len() == 1 => return Some(Offset::UTC),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':')?;
    let (hours, minutes) = (parse_digits::<i32>(hours, 2)?, parse_digits::<i32>(minutes, 2)?);
    let minutes = (minutes < 60).then_some(hours * 60 + minutes).filter(|minutes| *minutes <= 14 * 60)?;
    Offset::from_seconds(sign * minutes * 60).ok()
}

/// The nanoseconds of a fraction of a second of any number of digits.
fn parse_fraction(fraction: &str) -> Option<i32> {
    let is_number = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{fraction:0<9}")[..9].parse().ok())?
}

/// The number, if the text has exactly this many digits.
fn parse_digits<T: FromStr>(text: &str, count: usize) -> Option<T> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The instant of a civil time. The calendar begins with year 1, so a time without an instant is past the last one.
fn to_timestamp(local: DateTime, zone: &TimeZone) -> Timestamp {
    local.to_zoned(zone.clone()).map_or(LATEST, |zoned| zoned.timestamp().min(LATEST))
}

/// French civil time, from the time zones compiled in.
pub(crate) fn paris() -> Option<TimeZone> {
    TimeZone::get("Europe/Paris").ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::query::date::DateBound;

    fn range(text: &str) -> Option<(String, String)> {
        Range::parse(text).map(|range| (instant(range.start), instant(range.end)))
    }

    fn pair(start: &str, end: &str) -> (String, String) {
        (start.to_owned(), end.to_owned())
    }

    #[test]
    fn date_range_covers_its_precision() {
        assert_eq!(range("2026"), Some(pair("2025-12-31T23:00:00.000Z", "2026-12-31T23:00:00.000Z")));
        assert_eq!(range("2026-03"), Some(pair("2026-02-28T23:00:00.000Z", "2026-03-31T22:00:00.000Z")));
        assert_eq!(range("2026-03-29"), Some(pair("2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z")));
        assert_eq!(range("2026-03-04T14:00"), Some(pair("2026-03-04T13:00:00.000Z", "2026-03-04T13:01:00.000Z")));
        assert_eq!(range("2026-03-04T14:00:00Z"), Some(pair("2026-03-04T14:00:00.000Z", "2026-03-04T14:00:01.000Z")));
        assert_eq!(
            range("2026-03-04T14:00:00 01:00"),
            Some(pair("2026-03-04T13:00:00.000Z", "2026-03-04T13:00:01.000Z"))
        );
        assert_eq!(
            range("2026-03-04T14:00:00.5-01:00"),
            Some(pair("2026-03-04T15:00:00.500Z", "2026-03-04T15:00:00.501Z"))
        );
    }

    #[test]
    fn date_without_zone_uses_the_given_zone() {
        let utc = |text| Range::parse_in(text, &TimeZone::UTC).map(|range| (instant(range.start), instant(range.end)));
        assert_eq!(utc("2026-03"), Some(pair("2026-03-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z")));
        assert_eq!(utc("2026-03-04T14:00"), Some(pair("2026-03-04T14:00:00.000Z", "2026-03-04T14:01:00.000Z")));
        assert_eq!(utc("2026-03-04T14:00+01:00"), Some(pair("2026-03-04T13:00:00.000Z", "2026-03-04T13:01:00.000Z")));
    }

    #[test]
    fn date_malformed_has_no_range() {
        for text in ["", "26", "2026-3-4", "2026-02-30", "2026-03-04T", "2026-03-04T14", "2026-03-04T25:00", "tomorrow"]
        {
            assert_eq!(range(text), None, "{text}");
        }
    }

    #[test]
    fn date_leap_years_and_leap_seconds_are_valid() {
        assert!(is_date_time("2024-02-29"));
        assert!(!is_date_time("2026-02-29"));
        assert!(!is_date_time("2026-13"));
        assert!(is_date_time("2016-12-31T23:59:60Z"));
        assert!(!is_date_time("2026-02-30T10:00:00Z"));
    }

    #[test]
    fn date_every_legal_form_is_parsed() {
        for text in [
            "0001",
            "9999",
            "0001-01",
            "9999-12",
            "0001-01-01",
            "9999-12-31",
            "2024-02-29",
            "0001-01-01T00:00:00+14:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-14:00",
            "9999-12-31T23:59:60.9999999999999-12:00",
            "2016-12-31T23:59:60Z",
            "2026-03-04T14:00:60.5+05:45",
            "2026-03-04T14:00:00.1234567890Z",
            "2026-03-04T14:00:00.12345678901234567890-00:00",
            "2026-03-04T14:00:00+14:00",
            "2026-03-04T14:00:00-14:00",
            "2026-03-04T14:00:00-12:00",
            "2026-03-04T14:00:00+13:59",
        ] {
            assert!(is_date_time(text), "{text}");
            let range = Range::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!(range.start < range.end, "{text}");
            assert!(instant(range.start) < instant(range.end), "the order of texts is that of time: {text}");
            assert_eq!(parse_instant(text).is_some(), text.contains('T'), "{text}");
            for prefix in ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"] {
                let now = "2026-03-04T14:00:00Z".parse().expect("an instant");
                assert!(DateBound::parse(&format!("{prefix}{text}"), &TimeZone::UTC, now).is_some(), "{prefix}{text}");
            }
        }
    }

    #[test]
    fn date_illegal_form_is_refused() {
        for text in [
            "0000",
            "0000-01-01",
            "10000",
            "-001",
            "+2026",
            "026",
            "2026-00",
            "2026-13",
            "2026-1",
            "2026-02-29",
            "2026-04-31",
            "20260304",
            "2026-03-04T",
            "2026-03-04T14",
            "2026-03-04T24:00:00Z",
            "2026-03-04T14:60:00Z",
            "2026-03-04T14:00:61Z",
            "2026-03-04T14:00:00.Z",
            "2026-03-04T14:00:00,5Z",
            "2026-03-04T14:00:00z",
            "2026-03-04t14:00:00Z",
            "2026-03-04T14:00:00+14:01",
            "2026-03-04T14:00:00-15:00",
            "2026-03-04T14:00:00+01",
            "2026-03-04T14:00:00+0100",
            "2026-03-04T14:00:00+01:60",
            "2026-03-04T14:00:00+01:00:00",
            "2026-03-04T14:00:00ZZ",
            "2026-03-04T1\u{e9}:00:00Z",
            "2026-03T14:00:00Z",
            "2026T14:00:00Z",
            "2026-03-04T140000Z",
            "2026-03-04 14:00:00Z",
            "2026-W10-3",
            "2026-03-04-05",
            "é",
        ] {
            assert!(!is_date_time(text), "{text}");
            assert_eq!(range(text), None, "{text}");
        }
        // A search may omit seconds and zone; an element may not.
        for text in ["2026-03-04T14:00", "2026-03-04T14:00Z", "2026-03-04T14:00:00", "2026-03-04T14:00:00.5"] {
            assert!(!is_date_time(text) && Range::parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn date_past_the_last_instant_saturates() {
        let end_of_time = "9999-12-30T22:00:00.000Z";
        for text in
            ["9999-12-30T22:00:00.001Z", "9999-12-31T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"]
        {
            assert_eq!(parse_instant(text).map(instant).as_deref(), Some(end_of_time), "{text}");
            // A range without end contains every instant past the last one.
            for date in [text, "9999-12-31", "9999-12", "9999"] {
                let range = Range::parse(date).expect("a date");
                let at = parse_instant(text).expect("an instant");
                assert!(range.start <= at && at < range.end, "{text} within {date}");
                assert!(instant(at) < instant(range.end), "{text} within {date}, as texts");
            }
        }
        assert_eq!(range("9999-12-30T12:00:00Z"), Some(pair("9999-12-30T12:00:00.000Z", "9999-12-30T12:00:01.000Z")));
    }

    #[test]
    fn date_leap_second_and_long_fraction_keep_order_and_day() {
        let texts = [
            "2016-12-31T23:59:59Z",
            "2016-12-31T23:59:59.9999999999Z",
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:60.5Z",
            "2017-01-01T00:00:00Z",
        ];
        let instants: Vec<_> = texts.iter().map(|text| parse_instant(text).expect("an instant")).collect();
        assert!(instants.is_sorted(), "{instants:?}");
        assert!(instants[3] < instants[4]);
        let day = Range::parse_in("2016-12-31", &TimeZone::UTC).expect("a day");
        assert!(day.start <= instants[2] && instants[2] < day.end);
    }

    #[test]
    fn instant_text_has_a_fixed_width() {
        let timestamp = parse_instant("2026-03-04T14:00:00.123456+01:00").expect("an instant");
        assert_eq!(instant(timestamp), "2026-03-04T13:00:00.123Z");
        assert_eq!(instant(parse_instant("2026-03-04T14:00:00Z").expect("an instant")).len(), 24);
    }
}
