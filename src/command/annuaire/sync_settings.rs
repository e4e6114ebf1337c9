//! The settings of a synchronisation, from those of the program.

use crate::annuaire::sync::upstream;
use crate::annuaire::sync::{COMMIT_BATCH, Settings};
use crate::clock::Clock;
use crate::config::Config;

/// The settings of a synchronisation.
pub fn settings(config: &Config, count: u16) -> Settings {
    let upstream = upstream::Settings {
        url: config.annuaire_url.clone(),
        key: config.annuaire_api_key.clone().filter(|key| !key.is_empty()),
        rate: config.annuaire_rate,
        retry_policy: upstream::RetryPolicy::default(),
    };
    Settings { upstream, count, batch: COMMIT_BATCH, keep: config.annuaire_keep, clock: Clock::system() }
}
