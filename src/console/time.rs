//! Times on pages: as UTC, and how long ago.

use jiff::Timestamp;

use super::text::{Text, fill};

/// A time as it is shown.
pub struct Time {
    /// For `datetime`.
    pub instant: String,
    pub text: String,
    pub age: String,
}

impl Time {
    pub fn new(time: Timestamp, now: Timestamp, text: &Text) -> Self {
        Self {
            instant: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            text: time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            age: age(now.duration_since(time).as_secs().max(0), text),
        }
    }
}

/// A duration in milliseconds, with three digits.
pub fn milliseconds(milliseconds: f64, text: &Text) -> String {
    let decimals = match milliseconds {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    // No line is broken before the unit.
    format!("{milliseconds:.decimals$}\u{a0}ms").replace('.', text.decimal_separator)
}

fn age(seconds: i64, text: &Text) -> String {
    let (unit, number) = match seconds {
        ..60 => (text.seconds_ago, seconds),
        60..3600 => (text.minutes_ago, seconds / 60),
        3600..172_800 => (text.hours_ago, seconds / 3600),
        _ => (text.days_ago, seconds / 86_400),
    };
    fill(unit, &[("n", &number.to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::Language;

    #[test]
    fn duration_has_three_digits_and_the_separator_of_the_language() {
        let [french, english] = [Language::French, Language::English].map(Text::of);
        for (duration, in_french, in_english) in [
            (0.0, "0,00", "0.00"),
            (9.994, "9,99", "9.99"),
            (9.996, "10,0", "10.0"),
            (12.234, "12,2", "12.2"),
            (99.96, "100", "100"),
            (61_234.5, "61234", "61234"),
        ] {
            assert_eq!(milliseconds(duration, french), format!("{in_french}\u{a0}ms"));
            assert_eq!(milliseconds(duration, english), format!("{in_english}\u{a0}ms"));
        }
    }

    #[test]
    fn time_is_shown_with_its_age() {
        let text = Text::of(Language::English);
        for (seconds, expected) in [
            (0, "0 s ago"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (3599, "59 min ago"),
            (172_799, "47 h ago"),
            (172_800, "2 d ago"),
        ] {
            assert_eq!(age(seconds, text), expected);
        }
        let at = |second| Timestamp::from_second(second).expect("a time");
        let time = Time::new(at(1_800_000_000), at(1_799_999_000), text);
        assert_eq!((&*time.instant, &*time.text), ("2027-01-15T08:00:00Z", "2027-01-15 08:00:00 UTC"));
        assert_eq!(time.age, "0 s ago", "a clock that is ahead");
    }
}
