//! The table that is printed, a line a scenario, and what is wrong in sentences.

use std::time::{Duration, Instant};

use crate::support::Backend;

/// What became of a scenario.
pub enum Outcome {
    /// It ran to its end.
    Ran(Line),
    /// It cannot run here: why.
    NotRun(String),
    /// It did not come to its end.
    Failed(String),
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
    sentences: Vec<String>,
    acknowledged: usize,
    not_run: usize,
}

impl Table {
    /// Prints the head.
    pub fn begin() -> Self {
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
        Self { began: Instant::now(), sentences: vec![], acknowledged: 0, not_run: 0 }
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
                    self.sentences.extend(sentences.map(|told| format!("{scenario}, {database}: {kind}: {told}")));
                }
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
    pub fn end(self) -> bool {
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
