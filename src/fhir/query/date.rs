//! Dates with a prefix, and how they compare with instants and periods.
//!
//! <http://hl7.org/fhir/R4/search.html#prefix>

use jiff::tz::TimeZone;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use crate::fhir::date::Range;

/// The prefix of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    StartsAfter,
    EndsBefore,
    Approximate,
}

/// A date with its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateBound {
    pub comparison: Comparison,
    /// The instants that the date stands for, cut to milliseconds, as stored instants are; of `ap`, widened.
    pub range: Range,
}

/// The instants from `start` up to, and without, `end`; either may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

impl DateBound {
    /// Parses a date with its prefix; without a prefix, `eq`, without a zone, in `zone`. The range of `ap` is widened by a
    /// tenth of the distance from `now`, as R4 recommends.
    pub fn parse(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Self> {
        let (prefix, date) = match text.get(..2) {
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_lowercase()) => text.split_at(2),
            _ => ("eq", text),
        };
        let mut range = Range::parse_in(date, zone)?;
        let comparison = match prefix {
            "eq" => Comparison::Equal,
            "ne" => Comparison::NotEqual,
            "gt" => Comparison::Greater,
            "lt" => Comparison::Less,
            "ge" => Comparison::GreaterOrEqual,
            "le" => Comparison::LessOrEqual,
            "sa" => Comparison::StartsAfter,
            "eb" => Comparison::EndsBefore,
            "ap" => {
                range = range.widen(now.duration_since(range.start).abs() / 10);
                Comparison::Approximate
            }
            _ => return None,
        };
        let milliseconds = TimestampRound::new().smallest(Unit::Millisecond).mode(RoundMode::Floor);
        let range = Range { start: range.start.round(milliseconds).ok()?, end: range.end.round(milliseconds).ok()? };
        Some(Self { comparison, range })
    }

    /// The intervals in which an instant matches: one, or two that do not touch.
    pub fn intervals(&self) -> impl Iterator<Item = Interval> {
        let Range { start, end } = self.range;
        let before = |end| (None, Some(end));
        let from = |start| (Some(start), None);
        let (first, second) = match self.comparison {
            Comparison::Equal | Comparison::Approximate => ((Some(start), Some(end)), None),
            Comparison::NotEqual => (before(start), Some(from(end))),
            Comparison::Greater | Comparison::StartsAfter => (from(end), None),
            Comparison::GreaterOrEqual => (from(start), None),
            Comparison::Less | Comparison::EndsBefore => (before(start), None),
            Comparison::LessOrEqual => (before(end), None),
        };
        std::iter::once(first).chain(second).map(|(start, end)| Interval { start, end })
    }

    /// Whether an instant matches.
    pub fn matches(&self, instant: Timestamp) -> bool {
        self.intervals().any(|interval| {
            interval.start.is_none_or(|start| start <= instant) && interval.end.is_none_or(|end| instant < end)
        })
    }

    /// Whether a period matches.
    pub(crate) fn matches_period(&self, period: Interval) -> bool {
        let Range { start, end } = self.range;
        let begins_before = |instant| period.start.is_none_or(|start| start < instant);
        let ends_after = |instant| period.end.is_none_or(|end| end > instant);
        let is_contained = !begins_before(start) && !ends_after(end);
        match self.comparison {
            Comparison::Equal => is_contained,
            Comparison::NotEqual => !is_contained,
            Comparison::Greater => ends_after(end),
            Comparison::Less => begins_before(start),
            Comparison::GreaterOrEqual => ends_after(end) || is_contained,
            Comparison::LessOrEqual => begins_before(start) || is_contained,
            Comparison::StartsAfter => !begins_before(end),
            Comparison::EndsBefore => !ends_after(start),
            Comparison::Approximate => begins_before(end) && ends_after(start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPARISONS: [Comparison; 9] = [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Greater,
        Comparison::Less,
        Comparison::GreaterOrEqual,
        Comparison::LessOrEqual,
        Comparison::StartsAfter,
        Comparison::EndsBefore,
        Comparison::Approximate,
    ];

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn bound(comparison: Comparison) -> DateBound {
        let range = Range { start: at("2025-04-28T00:00:00Z"), end: at("2025-04-29T00:00:00Z") };
        DateBound { comparison, range }
    }

    #[test]
    fn date_prefix_with_an_instant_compares_at_the_precision_of_the_date() {
        // Before the day, its first and last instants, after it; for eq, ne, gt, lt, ge, le, sa, eb, ap.
        let cases = [
            ("2025-04-27T23:59:59.999Z", [false, true, false, true, false, true, false, true, false]),
            ("2025-04-28T00:00:00Z", [true, false, false, false, true, true, false, false, true]),
            ("2025-04-28T23:59:59.999Z", [true, false, false, false, true, true, false, false, true]),
            ("2025-04-29T00:00:00Z", [false, true, true, false, true, false, true, false, false]),
        ];
        for (instant, expected) in cases {
            let found = COMPARISONS.map(|comparison| bound(comparison).matches(at(instant)));
            assert_eq!(found, expected, "{instant}");
            // A period of that single instant says the same.
            let next = at(instant) + jiff::SignedDuration::from_nanos(1);
            let period = Interval { start: Some(at(instant)), end: Some(next) };
            assert_eq!(COMPARISONS.map(|comparison| bound(comparison).matches_period(period)), expected, "{instant}");
        }
    }

    #[test]
    fn date_prefix_with_a_period_compares_as_r4_defines_for_ranges() {
        // Of 2025-04-28, for eq, ne, gt, lt, ge, le, sa, eb, ap.
        let cases = [
            // Within the day, and all of it.
            ("2025-04-28T08:00:00Z", "2025-04-28T12:00:00Z", "eq ge le ap"),
            ("2025-04-28T00:00:00Z", "2025-04-29T00:00:00Z", "eq ge le ap"),
            // Around it; from before into it; from within it on.
            ("2025-04-27T00:00:00Z", "2025-04-30T00:00:00Z", "ne gt lt ge le ap"),
            ("2025-04-27T00:00:00Z", "2025-04-28T12:00:00Z", "ne lt le ap"),
            ("2025-04-28T12:00:00Z", "2025-04-30T00:00:00Z", "ne gt ge ap"),
            // Apart from it: up to its first instant, from its last on.
            ("2025-04-26T00:00:00Z", "2025-04-28T00:00:00Z", "ne lt le eb"),
            ("2025-04-29T00:00:00Z", "2025-04-30T00:00:00Z", "ne gt ge sa"),
            // Open, on either side and on both.
            ("", "", "ne gt lt ge le ap"),
            ("2025-04-28T12:00:00Z", "", "ne gt ge ap"),
            ("2025-04-29T00:00:00Z", "", "ne gt ge sa"),
            ("2025-04-01T00:00:00Z", "", "ne gt lt ge le ap"),
            ("", "2025-04-28T12:00:00Z", "ne lt le ap"),
            ("", "2025-04-28T00:00:00Z", "ne lt le eb"),
            ("", "2025-05-01T00:00:00Z", "ne gt lt ge le ap"),
        ];
        let limit = |text: &str| (!text.is_empty()).then(|| at(text));
        for (start, end, expected) in cases {
            let period = Interval { start: limit(start), end: limit(end) };
            let prefixes = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"].into_iter().zip(COMPARISONS);
            let found = prefixes.filter(|(_, comparison)| bound(*comparison).matches_period(period));
            assert_eq!(found.map(|(prefix, _)| prefix).collect::<Vec<_>>().join(" "), expected, "{start} {end}");
        }
    }
}
