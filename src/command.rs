//! The commands of the program, one file each.

mod access;
mod annuaire;
mod backup;
mod console;
mod events;
mod exchanges;
mod failure;
mod faults;
mod healthcheck;
mod journal;
mod logging;
mod malloc;
mod ops_client;
mod purge;
mod rules;
mod serve;
mod terminal;
mod token;
mod validate;
mod webhooks;

use std::process::ExitCode;

use crate::config::{Cli, Command};
use crate::storage::Storage;

use failure::Failure;
use logging::start_observability;

pub use failure::{report_failure, report_usage_error};
pub use malloc::execute_with_setting;

/// Runs the command; its status is that of the process.
pub async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let config = cli.config;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let traces = start_observability(&config)?;
            let served = serve::serve(&config).await;
            traces.stop().await;
            served.map(|()| ExitCode::SUCCESS)
        }
        Command::Migrate => {
            let storage = Storage::open(&config.database_url).await?;
            println!("{} is up to date.", terminal::cell(&storage.description().to_string()));
            storage.close().await;
            Ok(ExitCode::SUCCESS)
        }
        Command::Validate(arguments) => Ok(validate::validate(&arguments, config.validation)?),
        Command::Rules(arguments) => Ok(rules::rules(&arguments)?),
        Command::Token(arguments) => token::token(&arguments),
        Command::Healthcheck(arguments) => healthcheck::healthcheck(&arguments, config.ops_listen).await,
        Command::Exchanges(arguments) => exchanges::exchanges(&arguments, &config).await,
        Command::Events(arguments) => events::events(&arguments, &config).await,
        Command::Webhooks(arguments) => webhooks::webhooks(&arguments, &config).await,
        Command::Faults(arguments) => faults::faults(&arguments, config.ops_listen).await,
        Command::Backup(arguments) => Ok(backup::backup(&arguments, &config).await?),
        Command::Purge(arguments) => purge::purge(&arguments, &config).await,
        Command::Annuaire(command) => annuaire::annuaire(&command, &config).await,
    }
}
