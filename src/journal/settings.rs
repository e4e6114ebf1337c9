//! The settings of the journal.

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use jiff::{Span, Timestamp};

use crate::clock::duration::{parse_period, subtract_period};

/// The settings of the journal.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Settings {
    /// Whether to keep every exchange as it was, bodies included, for the console: off or full (default: full on a test
    /// target, otherwise off). As an option, it stands before the command
    ///
    /// A test target serves this machine only and has no callers: --listen and --ops-listen are loopback addresses, no caller
    /// has another right than console, and neither --trusted-proxies nor --console-url is set. The journal contains the persons
    /// of the bodies. It is in a file of its own beside the SQLite database (NAME-journal.db), or in the schema journal of
    /// Postgres.
    // Not global: behind `purge`, --journal is the whole of it.
    #[arg(long, env = "SAS_JOURNAL", value_enum)]
    pub journal: Option<Mode>,

    /// How long the journal keeps an exchange (7d, 12h)
    #[arg(long, env = "SAS_JOURNAL_KEEP", global = true, value_name = "DURATION", default_value = "7d", value_parser = keep)]
    pub journal_keep: Span,

    /// Maximum size of what the journal keeps, in bytes or with a unit (256MiB); beyond it, the oldest exchanges are deleted
    #[arg(long, env = "SAS_JOURNAL_SIZE", global = true, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    pub journal_size: u64,
}

/// What the journal keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Nothing
    Off,
    /// Every exchange
    Full,
}

impl Settings {
    /// What is kept, given whether this is a test target.
    pub fn mode(&self, is_test_target: bool) -> Mode {
        self.journal.unwrap_or(if is_test_target { Mode::Full } else { Mode::Off })
    }

    /// Exchanges before this time are deleted.
    pub(crate) fn kept_since(&self, now: Timestamp) -> Timestamp {
        subtract_period(now, self.journal_keep).unwrap_or(Timestamp::MIN)
    }
}

fn keep(text: &str) -> Result<Span, String> {
    let period = parse_period(text).filter(|period| !period.is_zero());
    period.ok_or_else(|| "expected a duration such as 7d or 12h".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    let size: ByteSize = text.parse().map_err(|_| "expected a number of bytes, or a size such as 256MiB".to_owned())?;
    let allowed = (ByteSize::mib(1)..=ByteSize::tib(1)).contains(&size);
    allowed.then_some(size.as_u64()).ok_or_else(|| "expected between 1MiB and 1TiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_unset_is_full_on_a_test_target_only() {
        let settings = |journal| Settings { journal, journal_keep: Span::new().days(7), journal_size: 1 << 20 };
        for (set, is_test_target, expected) in [
            (None, true, Mode::Full),
            (None, false, Mode::Off),
            (Some(Mode::Off), true, Mode::Off),
            (Some(Mode::Full), false, Mode::Full),
        ] {
            assert_eq!(settings(set).mode(is_test_target), expected, "{set:?} {is_test_target}");
        }
    }

    #[test]
    fn journal_size_is_bounded() {
        for (text, bytes) in [("1MiB", 1 << 20), ("256MiB", 256 << 20), ("1TiB", 1 << 40), ("2000000", 2_000_000)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "1KiB", "0", "2TiB", "much"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
