//! `annuaire sync`: synchronises the mirror.

use std::process::ExitCode;

use super::exit_status::{BUSY, status_of};
use super::progress::Display;
use super::report;
use super::sync_settings::settings;
use crate::annuaire::store::Mirror;
use crate::annuaire::sync::{self, Request, SyncMode};
use crate::command::failure::{Failure, report_failure};
use crate::command::terminal;
use crate::config::Config;
use crate::config::annuaire::Sync;
use crate::fhir::directory_type::DirectoryType;

/// Synchronises, and says what that did.
pub async fn sync(arguments: &Sync, mirror: &Mirror, config: &Config, display: &Display) -> Result<ExitCode, Failure> {
    let asked = match (arguments.full, arguments.since) {
        (true, _) => SyncMode::Full,
        (false, Some(since)) => SyncMode::Since(since),
        (false, None) => SyncMode::Due,
    };
    let types = if arguments.types.is_empty() { DirectoryType::ALL.to_vec() } else { arguments.types.clone() };
    let settings = settings(config, arguments.count);
    let request = Request { asked, types, allow_deletions: arguments.allow_deletions };
    match sync::run(mirror, &settings, &request, display.progress()).await {
        Ok(record) => {
            println!("{}", terminal::lines(&report::run(&record)));
            Ok(status_of(&record))
        }
        Err(busy @ sync::Failure::Busy) => {
            report_failure(&busy);
            Ok(ExitCode::from(BUSY))
        }
        Err(failure @ sync::Failure::Upstream(_)) => {
            Err(format!("{failure}. Committed work is kept; run the same command again to resume").into())
        }
        Err(failure) => Err(failure.into()),
    }
}
