//! `sas-endpoint annuaire …`: the mirror of the national directory.

mod generate;
mod load;
pub(super) mod progress;
mod report;
mod status;
mod sync;
mod verify;

use std::process::ExitCode;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Failure, start_logging};
use crate::annuaire::ingest::run_log::Record;
use crate::annuaire::store::Mirror;
use crate::annuaire::sync::schedule::run_on_schedule;
use crate::annuaire::sync::upstream;
use crate::annuaire::sync::{COMMIT_BATCH, PAGE_SIZE, Settings};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::annuaire::Command;
use progress::Display;

/// The status of a run that held deletions back.
const HELD_BACK: u8 = 3;

/// The status of a process that could not begin because of another (`EX_TEMPFAIL` of `sysexits.h`).
const BUSY: u8 = 75;

/// The status of a process that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

/// What is said where there is no mirror.
const NO_MIRROR: &str = "there is no mirror of the directory at SAS_ANNUAIRE_DATABASE_URL: `annuaire sync` or `annuaire load` \
    makes one";

/// Runs one of the commands.
pub async fn annuaire(command: &Command, config: &Config) -> Result<ExitCode, Failure> {
    match command {
        Command::Sync(arguments) => {
            let display = show(config);
            let mirror = Mirror::open(&config.annuaire_database_url).await?;
            until_interrupted(sync::sync(arguments, &mirror, config, &display)).await
        }
        Command::Load(arguments) => {
            let display = show(config);
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
            let _display = show(config);
            let mirror = Mirror::open_to_reindex(&config.annuaire_database_url).await?.ok_or(NO_MIRROR)?;
            until_interrupted(verify::reindex(&mirror)).await
        }
        Command::Generate(arguments) => generate::generate(arguments),
    }
}

/// Brings the mirror up to date on the schedule of the settings, if there is one, until told to stop.
pub fn keep_up_to_date(mirror: Mirror, config: &Config, stop: watch::Receiver<bool>) -> Option<JoinHandle<()>> {
    let schedule = config.annuaire_sync.clone()?;
    tracing::info!(%schedule, upstream = config.annuaire_url, "the mirror of the directory is kept up to date");
    Some(tokio::spawn(run_on_schedule(mirror, schedule, settings(config, PAGE_SIZE), stop)))
}

/// The settings of a synchronisation.
fn settings(config: &Config, count: u16) -> Settings {
    let upstream = upstream::Settings {
        url: config.annuaire_url.clone(),
        key: config.annuaire_api_key.clone().filter(|key| !key.is_empty()),
        rate: config.annuaire_rate,
        retry_policy: upstream::RetryPolicy::default(),
    };
    Settings { upstream, count, batch: COMMIT_BATCH, keep: config.annuaire_keep, clock: Clock::system() }
}

/// The status of a run that came to its end.
fn status_of(record: &Record) -> ExitCode {
    if record.held_back { ExitCode::from(HELD_BACK) } else { ExitCode::SUCCESS }
}

/// Logs, beside bars where there is a terminal to draw them on.
fn show(config: &Config) -> Display {
    let display = Display::new(config.log_format);
    start_logging(config, display.bars());
    display
}

/// Whatever was committed stays, and the next run goes on from there: nothing is to be tidied up.
async fn until_interrupted(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    tokio::select! {
        done = work => done,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            eprintln!("Interrupted. What was committed stays; the same command goes on from there.");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}
