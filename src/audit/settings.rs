//! The settings of the audit log.

use clap::Args;
use jiff::{Span, Timestamp};

use super::{Key, Secret};
use crate::clock::duration::{parse_period, subtract_period};

/// The settings of the audit log.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// Secret with which the audit log hashes identifiers of persons, at least 32 characters (default: a random one, stored
    /// in the database)
    ///
    /// If set, a copy of the database without the settings does not reveal the identifiers. Do not change it: events
    /// hashed with another secret are no longer found by identifier. Set it in the environment or in the file: every user
    /// of a machine can read command lines.
    #[arg(long, env = "SAS_EXCHANGES_KEY", hide_env_values = true, global = true, value_name = "SECRET", value_parser = secret)]
    pub exchanges_key: Option<Secret>,

    /// Accept another secret than the one that hashed the identifiers in the audit log: existing events are then found by
    /// resource only, if the server assigned its id
    #[arg(long, env = "SAS_EXCHANGES_NEW_KEY", global = true)]
    pub exchanges_new_key: bool,

    /// How long the audit log keeps events (365d, 18 months, 2y)
    #[arg(long, env = "SAS_EXCHANGES_KEEP", global = true, value_name = "DURATION", default_value = "365d", value_parser = keep)]
    pub exchanges_keep: Span,
}

impl Settings {
    /// The key of the configured secret.
    ///
    /// # Errors
    /// A sentence, if the secret is too short.
    pub fn key(&self) -> Result<Option<Key>, &'static str> {
        let set = self.exchanges_key.as_ref().filter(|secret| !secret.is_empty());
        let key =
            set.map(|secret| Key::from_secret(secret).ok_or("SAS_EXCHANGES_KEY: a secret has at least 32 characters"));
        key.transpose()
    }

    /// Accepts the key, given whether it is the one of the hashes in the database, if that is known.
    ///
    /// # Errors
    /// A sentence, if it is another key and `SAS_EXCHANGES_NEW_KEY` is not set.
    pub fn accept(&self, is_same: Option<bool>) -> Result<(), &'static str> {
        match is_same {
            Some(false) if !self.exchanges_new_key => Err(
                "SAS_EXCHANGES_KEY is not the secret that hashed the identifiers recorded in this database: set that \
                 one again, or accept with SAS_EXCHANGES_NEW_KEY=true that what is recorded is no longer found by \
                 identifier",
            ),
            _ => Ok(()),
        }
    }

    /// Events before this time are deleted.
    pub(crate) fn kept_since(&self, now: Timestamp) -> Timestamp {
        subtract_period(now, self.exchanges_keep).unwrap_or(Timestamp::MIN)
    }
}

/// Never fails, as an error would quote the secret.
#[expect(clippy::unnecessary_wraps, reason = "clap's parsers return a Result")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn keep(text: &str) -> Result<Span, String> {
    let period = parse_period(text).filter(|period| !period.is_zero());
    period.ok_or_else(|| "expected a duration such as 365d, 18 months or 2y".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_keep_is_a_period_of_the_calendar_and_not_zero() {
        assert_eq!(keep("18 months").expect("a period").get_months(), 18);
        for wrong in ["", "365", "0d", "-1d"] {
            assert!(keep(wrong).is_err(), "{wrong}");
        }
    }
}
