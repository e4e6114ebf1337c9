//! The table of results, one line per scenario, and the errors in sentences.

use std::time::{Duration, Instant};

use crate::support::Backend;

/// What became of a scenario.
pub enum Outcome {
    /// It ran to its end.
    Ran(Line),
    /// It measured these.
    Measured(Vec<Figure>),
    /// It cannot run here: why.
    NotRun(String),
    /// It did not come to its end.
    Failed(String),
}

/// A measured value and the bound that it is held against.
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: Unit,
    pub goal: Goal,
}

/// What a figure counts. Durations depend on the machine and the build: the short form prints them and does not
/// judge them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Milliseconds,
    Mebibytes,
    Count,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
    Exactly(f64),
    /// Printed beside the others, for comparison.
    None,
}

impl Figure {
    pub fn new(name: impl Into<String>, value: f64, unit: Unit, goal: Goal) -> Self {
        Self { name: name.into(), value, unit, goal }
    }

    /// A duration with its upper bound.
    pub fn duration(name: impl Into<String>, value: Duration, at_most: Duration) -> Self {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
        Self::new(name, milliseconds(value), Unit::Milliseconds, Goal::AtMost(milliseconds(at_most)))
    }

    /// A number of events that must be exact.
    pub fn exactly(name: impl Into<String>, value: usize, expected: usize) -> Self {
        Self::new(name, value as f64, Unit::Count, Goal::Exactly(expected as f64))
    }

    fn is_met(&self) -> bool {
        match self.goal {
            Goal::AtMost(bound) => self.value <= bound,
            Goal::AtLeast(bound) => self.value >= bound,
            Goal::Exactly(expected) => (self.value - expected).abs() < 0.5,
            Goal::None => true,
        }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (unit, decimals) = match self.unit {
            Unit::Milliseconds => (" ms", 1),
            Unit::Mebibytes => (" MiB", 1),
            Unit::Count => ("", 0),
        };
        let goal = match self.goal {
            Goal::AtMost(bound) => format!("≤ {bound:.decimals$}{unit}"),
            Goal::AtLeast(bound) => format!("≥ {bound:.decimals$}{unit}"),
            Goal::Exactly(expected) => format!("= {expected:.decimals$}{unit}"),
            Goal::None => "–".to_owned(),
        };
        write!(formatter, "{:<72} {:>12} {goal:>14}", self.name, format!("{:.decimals$}{unit}", self.value))
    }
}

/// What was counted in a scenario.
#[derive(Default)]
pub struct Line {
    /// How often the fault was made.
    pub rounds: usize,
    /// Requests sent, repetitions included.
    pub requests: usize,
    /// Writes acknowledged.
    pub acknowledged: usize,
    /// Requests answered 503.
    pub unavailable: usize,
    /// Requests that got no answer.
    pub unanswered: usize,
    /// Acknowledged versions that are not there, or have another content.
    pub lost: Vec<String>,
    /// Resources or versions that are there twice.
    pub doubled: Vec<String>,
    /// Resources of which a part is missing.
    pub half_written: Vec<String>,
    /// Anything else that was promised and not kept.
    pub broken: Vec<String>,
    /// The longest wait for a 503.
    pub slowest_unavailable: Duration,
    /// From the end of the fault until a write was acknowledged and a search answered after it: the longest of
    /// all rounds.
    pub resumed: Duration,
}

pub struct Table {
    began: Instant,
    /// Whether durations are judged.
    judges_durations: bool,
    /// Scenario and database of each measured figure.
    figures: Vec<(String, Figure)>,
    sentences: Vec<String>,
    acknowledged: usize,
    not_run: usize,
}

impl Table {
    /// Prints the head.
    pub fn begin(judges_durations: bool) -> Self {
        println!(
            "{:<34} {:<8} {:>6} {:>8} {:>12} {:>6} {:>9} {:>5} {:>7} {:>12} {:>12} {:>9}",
            "scenario",
            "database",
            "rounds",
            "requests",
            "acknowledged",
            "503",
            "no answer",
            "lost",
            "doubled",
            "half-written",
            "slowest 503",
            "resumed"
        );
        Self {
            began: Instant::now(),
            judges_durations,
            figures: vec![],
            sentences: vec![],
            acknowledged: 0,
            not_run: 0,
        }
    }

    /// Prints a line.
    pub fn add(&mut self, scenario: &str, backend: Backend, outcome: Outcome) {
        let database = format!("{backend:?}");
        match outcome {
            Outcome::Ran(line) => {
                println!(
                    "{scenario:<34} {database:<8} {:>6} {:>8} {:>12} {:>6} {:>9} {:>5} {:>7} {:>12} {:>10.1} s {:>7.1} s",
                    line.rounds,
                    line.requests,
                    line.acknowledged,
                    line.unavailable,
                    line.unanswered,
                    line.lost.len(),
                    line.doubled.len(),
                    line.half_written.len(),
                    line.slowest_unavailable.as_secs_f64(),
                    line.resumed.as_secs_f64(),
                );
                self.acknowledged += line.acknowledged;
                for (kind, sentences) in [
                    ("lost", line.lost),
                    ("doubled", line.doubled),
                    ("half-written", line.half_written),
                    ("broken promise", line.broken),
                ] {
                    let sentences = sentences.into_iter();
                    self.sentences
                        .extend(sentences.map(|reported| format!("{scenario}, {database}: {kind}: {reported}")));
                }
            }
            Outcome::Measured(figures) => {
                println!("{scenario:<34} {database:<8} measured: {} figures, printed below", figures.len());
                self.figures.extend(figures.into_iter().map(|figure| (format!("{scenario}, {database}"), figure)));
            }
            Outcome::NotRun(why) => {
                println!("{scenario:<34} {database:<8} not run: {why}");
                self.not_run += 1;
            }
            Outcome::Failed(why) => {
                println!("{scenario:<34} {database:<8} failed: {why}");
                self.sentences.push(format!("{scenario}, {database}: failed: {why}"));
            }
        }
    }

    /// Prints the last line; whether everything is as it should be.
    pub fn end(mut self) -> bool {
        let mut heading = String::new();
        for (scenario, figure) in std::mem::take(&mut self.figures) {
            if heading != scenario {
                println!("\n{scenario}");
                heading.clone_from(&scenario);
            }
            let is_judged = self.judges_durations || figure.unit != Unit::Milliseconds;
            let is_missed = is_judged && !figure.is_met();
            println!("  {figure}{}", if is_missed { "  MISSED" } else { "" });
            if is_missed {
                self.sentences.push(format!("{scenario}: missed: {figure}"));
            }
        }
        for sentence in self.sentences.iter().take(50) {
            println!("{sentence}");
        }
        let not_run = if self.not_run == 0 { String::new() } else { format!(", {} scenarios not run", self.not_run) };
        let seconds = self.began.elapsed().as_secs();
        match self.sentences.len() {
            0 => println!(
                "{} writes acknowledged: none lost, none doubled, none half-written ({seconds} s{not_run}).",
                self.acknowledged
            ),
            wrong => println!("{wrong} wrong, of {} writes acknowledged ({seconds} s{not_run}).", self.acknowledged),
        }
        self.sentences.is_empty()
    }
}
