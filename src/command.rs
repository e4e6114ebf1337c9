//! What the program does, one command a file.

mod access;
mod annuaire;
mod backup;
mod exchanges;
mod healthcheck;
mod purge;
mod rules;
mod serve;
mod token;
mod validate;

use std::io::IsTerminal;
use std::process::ExitCode;

use indicatif::MultiProgress;

use crate::config::{Cli, Command, Config, LogFormat};
use crate::storage::Storage;

/// Why a command could not do what it was asked to; told in a sentence.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command; its status is that of the process.
pub async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let config = cli.config;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            log(&config);
            serve::serve(&config).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Migrate => {
            let storage = Storage::open(&config.database_url).await?;
            println!("{} is up to date.", storage.description());
            storage.close().await;
            Ok(ExitCode::SUCCESS)
        }
        Command::Validate(arguments) => Ok(validate::validate(&arguments, config.validation)?),
        Command::Rules(arguments) => Ok(rules::rules(&arguments)?),
        Command::Token => token::token(),
        Command::Healthcheck => healthcheck::healthcheck(config.ops_listen).await,
        Command::Exchanges(arguments) => exchanges::exchanges(&arguments, &config).await,
        Command::Backup(arguments) => Ok(backup::backup(&arguments, &config).await?),
        Command::Purge => purge::purge(&config).await,
        Command::Annuaire(command) => annuaire::annuaire(&command, &config).await,
    }
}

/// Logs to standard error from here on.
fn log(config: &Config) {
    log_beside(config, None);
}

/// Logs to standard error from here on, without writing across these bars.
fn log_beside(config: &Config, bars: Option<MultiProgress>) {
    let writer = annuaire::progress::BesideBars(bars);
    // The filter was checked when it was read.
    let filter = tracing_subscriber::EnvFilter::new(&config.log);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    match config.log_format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}
