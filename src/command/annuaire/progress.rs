//! Progress as it is shown: bars on a terminal, lines in the log elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{DecimalBytes, MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::annuaire::ingest::progress::{Length, Logged, Progress, Step};
use crate::command::terminal;
use crate::config::LogFormat;

/// How progress is shown here.
pub enum Display {
    /// On a terminal.
    Bars(Bars),
    /// Otherwise: log lines.
    Lines(Logged),
}

impl Display {
    /// Bars if standard error is a terminal.
    pub fn new(log_format: LogFormat) -> Self {
        if io::stderr().is_terminal() && log_format == LogFormat::Text {
            Self::Bars(Bars::default())
        } else {
            Self::Lines(Logged::default())
        }
    }

    /// As the work knows it.
    pub fn progress(&self) -> &dyn Progress {
        match self {
            Self::Bars(bars) => bars,
            Self::Lines(lines) => lines,
        }
    }

    /// What the log must not write across.
    pub fn bars(&self) -> Option<MultiProgress> {
        match self {
            Self::Bars(bars) => Some(bars.all.clone()),
            Self::Lines(_) => None,
        }
    }
}

/// A bar a piece of work, one below the other.
#[derive(Default)]
pub struct Bars {
    all: MultiProgress,
    current: Mutex<Option<Current>>,
}

struct Current {
    name: String,
    bar: ProgressBar,
    length: Length,
    done: Step,
}

impl Progress for Bars {
    fn begin(&self, name: &str, length: Length, done: Step) {
        self.with(|current| {
            // Of the same work, more may have become known.
            let same = current.take_if(|current| current.name == name).map(|current| current.bar);
            let bar = same.unwrap_or_else(|| self.all.add(ProgressBar::no_length()));
            bar.set_style(style(length));
            bar.set_prefix(terminal::cell(name).into_owned());
            if let Length::Resources(length) | Length::Bytes(length) = length {
                bar.set_length(length);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            let begun = Current { name: name.to_owned(), bar, length, done };
            begun.show();
            begun.bar.reset_eta();
            *current = Some(begun);
        });
    }

    fn advance(&self, step: Step) {
        self.with(|current| {
            let Some(current) = current else { return };
            current.done.resources += step.resources;
            current.done.bytes += step.bytes;
            current.show();
        });
    }

    fn end(&self) {
        // It stays where it is, to be read.
        self.with(|current| current.take().into_iter().for_each(|current| current.bar.abandon()));
    }
}

impl Bars {
    fn with(&self, then: impl FnOnce(&mut Option<Current>)) {
        // Nothing that holds the lock panics; if it did, there would be one bar less.
        if let Ok(mut current) = self.current.lock() {
            then(&mut current);
        }
    }
}

impl Current {
    fn show(&self) {
        let Step { resources, bytes } = self.done;
        match self.length {
            Length::Bytes(_) => {
                let seconds = self.bar.elapsed().as_secs_f64().max(0.001);
                self.bar.set_position(bytes);
                self.bar.set_message(format!("{resources} resources, {:.0}/s", resources as f64 / seconds));
            }
            _ => {
                self.bar.set_position(resources);
                self.bar.set_message(DecimalBytes(bytes).to_string());
            }
        }
    }
}

fn style(length: Length) -> ProgressStyle {
    let template = match length {
        Length::Unknown => "{prefix:36} {spinner} {human_pos} ({rate})  {msg}",
        Length::Resources(_) => "{prefix:36} {bar:24} {human_pos} of {human_len} ({rate})  {msg}  ETA {eta}",
        Length::Bytes(_) => "{prefix:36} {bar:24} {decimal_bytes} of {decimal_total_bytes}  {msg}  ETA {eta}",
    };
    let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        // Writing to a line of text does not fail.
        let _ = write!(text, "{:.0}/s", state.per_sec());
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate)
}

/// Writes to standard error without disturbing the bars.
#[derive(Clone)]
pub struct ProgressAwareWriter(pub Option<MultiProgress>);

impl Write for ProgressAwareWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Some(bars) => bars.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
