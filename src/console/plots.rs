//! The plots of the first page: SVG made by a template, without style or script of its own, and the same as a table.

use jiff::Timestamp;

use super::text::Text;
use super::time::milliseconds;
use crate::http::{Counted, Counters};

/// The area of a plot, in units of its `viewBox`.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 160.0;

/// Rules that are shown.
const MAX_RULES: usize = 10;

/// The ranges of time: hours, columns, minutes of a column.
const RANGES: [(u32, i64, i64); 3] = [(1, 60, 1), (6, 72, 5), (24, 96, 15)];

/// What the first page shows of the answers of this instance.
pub struct Plots {
    /// Links to the ranges: hours, and whether it is this one.
    pub ranges: Vec<(u32, bool)>,
    /// Whether nothing was answered.
    pub is_empty: bool,
    /// The first and the last minute, as `HH:MM`.
    pub from: String,
    pub until: String,
    pub statuses: Vec<Bar>,
    /// The largest number of answers of a column, and half of it.
    pub answers: [String; 2],
    /// The lines of p50 and p99.
    pub lines: [Line; 2],
    /// The longest latency, and half of it.
    pub latencies: [String; 2],
    pub rules: Vec<RuleBar>,
    /// The columns with answers, newest first.
    pub rows: Vec<Row>,
}

/// A line through the columns with answers, each of which has a mark.
pub struct Line {
    pub class: &'static str,
    pub marks: Vec<(String, String)>,
}

/// A part of a column: the answers of a class.
pub struct Bar {
    pub class: &'static str,
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
}

pub struct RuleBar {
    pub rule: &'static str,
    pub number: u32,
    /// Of the longest bar, in percent.
    pub width: String,
}

/// A row of the table.
pub struct Row {
    pub time: String,
    pub by_status: [u32; 4],
    pub p50: String,
    pub p99: String,
}

/// The styles of the classes of status.
const CLASSES: [&str; 4] = ["s2", "s3", "s4", "s5"];

impl Plots {
    /// The plots of the last hours: 1, 6 or 24.
    pub fn new(counters: &Counters, hours: Option<u32>, text: &Text) -> Self {
        let (hours, columns, minutes) =
            RANGES.into_iter().find(|(known, ..)| Some(*known) == hours).unwrap_or(RANGES[0]);
        let counted = counters.columns(columns, minutes);
        let most = counted.iter().map(|(_, counted)| counted.total()).max().unwrap_or_default();
        let longest = counted.iter().filter_map(|(_, counted)| counted.p99).fold(0.0, f64::max);
        let refusals = counters.refusals(columns * minutes);
        let most_refusals = refusals.first().map_or(1, |(_, number)| *number);
        let time = |at: Option<&(Timestamp, Counted)>| at.map(|(at, _)| hour(*at)).unwrap_or_default();
        Self {
            ranges: RANGES.iter().map(|(known, ..)| (*known, *known == hours)).collect(),
            is_empty: most == 0,
            from: time(counted.first()),
            until: time(counted.last()),
            statuses: bars(&counted, most),
            answers: [most.to_string(), half(f64::from(most), text)],
            lines: [
                Line::new("p50", &counted, longest, |counted| counted.p50),
                Line::new("p99", &counted, longest, |counted| counted.p99),
            ],
            latencies: [milliseconds(longest, text), milliseconds(longest / 2.0, text)],
            rules: refusals
                .into_iter()
                .take(MAX_RULES)
                .map(|(rule, number)| RuleBar { rule, number, width: share(number, most_refusals) })
                .collect(),
            rows: counted
                .iter()
                .rev()
                .filter(|(_, counted)| counted.total() > 0)
                .map(|(at, counted)| Row::new(*at, counted, text))
                .collect(),
        }
    }
}

impl Row {
    fn new(at: Timestamp, counted: &Counted, text: &Text) -> Self {
        let latency = |latency: Option<f64>| latency.map(|latency| milliseconds(latency, text)).unwrap_or_default();
        Self { time: hour(at), by_status: counted.by_status, p50: latency(counted.p50), p99: latency(counted.p99) }
    }
}

/// The columns, of which each stands on its successes.
fn bars(counted: &[(Timestamp, Counted)], most: u32) -> Vec<Bar> {
    let width = WIDTH / counted.len().max(1) as f64;
    let mut bars = vec![];
    for (column, (_, counted)) in counted.iter().enumerate() {
        let mut top = HEIGHT;
        for (class, number) in CLASSES.into_iter().zip(counted.by_status).filter(|(_, number)| *number > 0) {
            let height = HEIGHT * f64::from(number) / f64::from(most.max(1));
            top -= height;
            bars.push(Bar {
                class,
                x: format!("{:.1}", column as f64 * width),
                y: format!("{top:.1}"),
                width: format!("{:.1}", width * 0.9),
                height: format!("{height:.1}"),
            });
        }
    }
    bars
}

impl Line {
    fn new(
        class: &'static str,
        counted: &[(Timestamp, Counted)],
        longest: f64,
        of: fn(&Counted) -> Option<f64>,
    ) -> Self {
        let width = WIDTH / counted.len().max(1) as f64;
        let marks = counted.iter().enumerate().filter_map(|(column, (_, counted))| {
            let height = HEIGHT * of(counted)? / longest;
            Some((format!("{:.1}", (column as f64 + 0.45) * width), format!("{:.1}", HEIGHT - height)))
        });
        Self { class, marks: marks.collect() }
    }

    /// The points of the line.
    pub fn points(&self) -> String {
        self.marks.iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
    }
}

fn share(number: u32, most: u32) -> String {
    format!("{:.0}", (100.0 * f64::from(number) / f64::from(most.max(1))).max(1.0))
}

fn half(number: f64, text: &Text) -> String {
    let half = number / 2.0;
    if half.fract() == 0.0 { format!("{half:.0}") } else { format!("{half:.1}").replace('.', text.decimal_separator) }
}

fn hour(time: Timestamp) -> String {
    time.strftime("%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::fhir::id::Id;
    use crate::issue::Language;

    #[test]
    fn plots_are_within_their_area_and_have_a_table() {
        let now = || Timestamp::from_second(1_800_000_030).expect("a time");
        let counters = Counters::new(Clock::new(now, || Id::parse("a").expect("an id")));
        let text = Text::of(Language::English);
        let empty = Plots::new(&counters, None, text);
        assert!(empty.is_empty && empty.statuses.is_empty() && empty.rows.is_empty());
        for (status, rule) in [(200, ""), (200, ""), (422, "a"), (500, "b"), (422, "a")] {
            let rules = [rule].into_iter().filter(|rule| !rule.is_empty());
            counters.record(status, Some(Duration::from_millis(3)), rules);
        }
        for (hours, columns) in [(None, 60), (Some(1), 60), (Some(6), 72), (Some(24), 96), (Some(7), 60)] {
            let plots = Plots::new(&counters, hours, text);
            let heights: f64 = plots.statuses.iter().map(|bar| bar.height.parse::<f64>().expect("a number")).sum();
            assert!((heights - HEIGHT).abs() < 0.2, "{heights}");
            let last = WIDTH / f64::from(columns) * f64::from(columns - 1);
            assert!(plots.statuses.iter().all(|bar| (bar.x.parse::<f64>().expect("a number") - last).abs() < 0.1));
            assert_eq!(plots.answers, ["5", "2.5"]);
            assert_eq!(plots.rules.iter().map(|bar| (bar.rule, bar.number)).collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
            assert_eq!((plots.rules[0].width.as_str(), plots.rules[1].width.as_str()), ("100", "50"));
            let [row] = &plots.rows[..] else { panic!("one row") };
            assert_eq!(
                (row.by_status, row.p50.as_str(), row.p99.as_str()),
                ([2, 0, 2, 1], "3.00\u{a0}ms", "3.00\u{a0}ms")
            );
            assert!(plots.lines[1].points().ends_with(",0.0"), "{}", plots.lines[1].points());
            assert!(plots.ranges.iter().filter(|(_, is_current)| *is_current).count() == 1);
        }
    }
}
