//! `annuaire load FILE…|-`: fills the mirror from files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit_status::{BUSY, status_of};
use super::progress::Display;
use super::report;
use crate::annuaire::load::{self, Input, Settings};
use crate::annuaire::store::Mirror;
use crate::clock::Clock;
use crate::command::failure::{Failure, report_failure};
use crate::command::terminal;
use crate::config::Config;
use crate::config::annuaire::Load;

/// Loads the files, and says what that did.
pub async fn load(arguments: &Load, config: &Config, display: &Display) -> Result<ExitCode, Failure> {
    let inputs: Vec<_> = arguments.files.iter().map(input).collect();
    load::check(&inputs)?;
    let mirror = Mirror::open(&config.annuaire_database_url).await?;
    let Load { replace, allow_deletions, .. } = *arguments;
    let settings = Settings { replace, allow_deletions, keep: config.annuaire_keep, clock: Clock::system() };
    match load::load(&mirror, inputs, &settings, display.progress()).await {
        Ok(record) => {
            println!("{}", terminal::lines(&report::run(&record)));
            Ok(status_of(&record))
        }
        Err(busy @ load::Failure::Busy) => {
            report_failure(&busy);
            Ok(ExitCode::from(BUSY))
        }
        Err(failure) => Err(failure.into()),
    }
}

fn input(file: &PathBuf) -> Input {
    if file == Path::new("-") { Input::Standard } else { Input::File(file.clone()) }
}
