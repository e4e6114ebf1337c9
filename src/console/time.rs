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
