//! `sas-endpoint annuaire …`: the mirror of the national directory.

mod exit_status;
mod generate;
mod load;
pub(super) mod progress;
mod report;
mod status;
mod sync;
mod sync_settings;
mod verify;

use std::process::ExitCode;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::failure::Failure;
use super::logging::start_logging;
use crate::annuaire::store::Mirror;
use crate::annuaire::sync::PAGE_SIZE;
use crate::annuaire::sync::schedule::run_on_schedule;
use crate::config::Config;
use crate::config::annuaire::Command;
use progress::Display;
use sync_settings::settings;

/// The status of a process that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

/// What is said where there is no mirror.
const NO_MIRROR: &str = "there is no directory mirror at SAS_ANNUAIRE_DATABASE_URL: create one with `annuaire sync` or \
    `annuaire load`";

/// Runs one of the commands.
pub async fn annuaire(command: &Command, config: &Config) -> Result<ExitCode, Failure> {
    match command {
        Command::Sync(arguments) => {
            let display = init_progress(config);
            let mirror = Mirror::open(&config.annuaire_database_url).await?;
            until_interrupted(sync::sync(arguments, &mirror, config, &display)).await
        }
        Command::Load(arguments) => {
            let display = init_progress(config);
            until_interrupted(load::load(arguments, config, &display)).await
        }
        Command::Status(arguments) => {
            let mirror = Mirror::open_existing(&config.annuaire_database_url).await?.ok_or(NO_MIRROR)?;
            status::status(arguments, &mirror).await
        }
        Command::Verify(arguments) => {
            let mirror = Mirror::open_existing(&config.annuaire_database_url).await?.ok_or(NO_MIRROR)?;
            verify::verify(arguments, &mirror).await
        }
        Command::Reindex => {
            let _display = init_progress(config);
            let mirror = Mirror::open_to_reindex(&config.annuaire_database_url).await?.ok_or(NO_MIRROR)?;
            until_interrupted(verify::reindex(&mirror)).await
        }
        Command::Generate(arguments) => generate::generate(arguments),
    }
}

/// Synchronises the mirror on schedule, if one is configured, until the stop.
pub fn keep_up_to_date(mirror: Mirror, config: &Config, stop: watch::Receiver<bool>) -> Option<JoinHandle<()>> {
    let schedule = config.annuaire_sync.clone()?;
    tracing::info!(%schedule, upstream = config.annuaire_url, "the directory mirror is synchronised on schedule");
    Some(tokio::spawn(run_on_schedule(mirror, schedule, settings(config, PAGE_SIZE), stop)))
}

/// Starts the log, and the progress bars if standard error is a terminal.
fn init_progress(config: &Config) -> Display {
    let display = Display::new(config.log_format);
    start_logging(config, display.bars());
    display
}

/// Runs until Ctrl-C. Committed work is kept and the next run resumes from it, so nothing is cleaned up.
async fn until_interrupted(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    tokio::select! {
        done = work => done,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            eprintln!("Interrupted. Committed work is kept; run the same command again to resume.");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}
