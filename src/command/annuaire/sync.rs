//! `annuaire sync`: what is due, or what is asked for.

use std::process::ExitCode;

use super::progress::Display;
use super::{BUSY, Failure, report, settings, status_of};
use crate::annuaire::copy::Copy;
use crate::annuaire::resource::DirectoryType;
use crate::annuaire::sync::{self, Asked, Request};
use crate::command::{self, terminal};
use crate::config::Config;
use crate::config::annuaire::Sync;

/// Synchronises, and says what that did.
pub async fn sync(arguments: &Sync, copy: &Copy, config: &Config, display: &Display) -> Result<ExitCode, Failure> {
    let asked = match (arguments.full, arguments.since) {
        (true, _) => Asked::Full,
        (false, Some(since)) => Asked::Since(since),
        (false, None) => Asked::Due,
    };
    let types = if arguments.types.is_empty() { DirectoryType::ALL.to_vec() } else { arguments.types.clone() };
    let settings = settings(config, arguments.count);
    let request = Request { asked, types, allow_deletions: arguments.allow_deletions };
    match sync::run(copy, &settings, &request, display.progress()).await {
        Ok(record) => {
            println!("{}", terminal::lines(&report::run(&record)));
            Ok(status_of(&record))
        }
        Err(busy @ sync::Failure::Busy) => {
            command::report_failure(&busy);
            Ok(ExitCode::from(BUSY))
        }
        Err(failure @ sync::Failure::Upstream(_)) => {
            Err(format!("{failure}. What was committed stays; the same command goes on from there").into())
        }
        Err(failure) => Err(failure.into()),
    }
}
