//! Runs and numbers, as people read them.

use indicatif::DecimalBytes;
use jiff::{RoundMode, SignedDuration, SignedDurationRound, Timestamp, Unit};

use crate::annuaire::ingest::run_log::RunRecord;
use crate::annuaire::store::ChangeCounts;

/// What a run did, a line a type.
pub fn run(record: &RunRecord) -> String {
    let titles = ["", "", "new", "changed", "unchanged", "older", "removed", "rejected"];
    let mut lines = vec![line(titles.map(str::to_owned))];
    for part in &record.parts {
        lines.push(counts(&part.resource_type, &part.kind, part.count));
    }
    if record.parts.len() > 1 {
        lines.push(counts("all", "", record.total()));
    }
    let took = record.last.duration_since(record.began);
    let received = record.total().received();
    // At least a millisecond: a load of a small file may take less.
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or_default().max(1);
    let rate = number(received.saturating_mul(1_000) / milliseconds);
    let (bytes, received) = (DecimalBytes(record.bytes), number(received));
    lines.push(format!("\n{received} resources ({bytes}) in {}: {rate} a second.", duration(took)));
    for warning in &record.warnings {
        lines.push(format!("WARNING: {warning}."));
    }
    lines.join("\n")
}

fn counts(name: &str, kind: &str, count: ChangeCounts) -> String {
    let ChangeCounts { new, changed, unchanged, older, removed, rejected } = count;
    let [new, changed, unchanged, older, removed, rejected] =
        [new, changed, unchanged, older, removed, rejected].map(number);
    line([name.to_owned(), kind.to_owned(), new, changed, unchanged, older, removed, rejected])
}

fn line([name, kind, new, changed, unchanged, older, removed, rejected]: [String; 8]) -> String {
    format!("{name:18} {kind:5} {new:>11} {changed:>11} {unchanged:>11} {older:>9} {removed:>9} {rejected:>9}")
}

/// With a space between thousands, which neither French nor English readers take for a decimal sign.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// As precise as people need it: to the second below ten minutes, to the minute below two days.
pub fn duration(duration: SignedDuration) -> String {
    if duration < SignedDuration::from_secs(1) {
        return format!("{} ms", duration.as_millis().max(0));
    }
    let hours = duration.as_hours();
    if hours >= 48 {
        return format!("{} days", hours / 24);
    }
    let smallest = if duration < SignedDuration::from_mins(10) { Unit::Second } else { Unit::Minute };
    let round = SignedDurationRound::new().smallest(smallest).mode(RoundMode::Trunc);
    format!("{:#}", duration.round(round).unwrap_or(duration))
}

/// To the minute, in UTC.
pub fn instant(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_numbers_and_durations_are_short() {
        assert_eq!([0, 999, 1_000, 1_811_966].map(number), ["0", "999", "1 000", "1 811 966"]);
        let seconds = [0, 59, 125, 7_505, 90_061, 400_000];
        let texts = seconds.map(|seconds| duration(SignedDuration::from_secs(seconds)));
        assert_eq!(texts, ["0 ms", "59s", "2m 5s", "2h 5m", "25h 1m", "4 days"]);
    }
}
