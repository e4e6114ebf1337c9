//! `sas-endpoint webhooks …`: lists the webhooks, and changes their states. A running instance sees a change within a second.

mod list;
mod listen;

use std::process::ExitCode;
use std::time::Instant;

use super::failure::Failure;
use super::terminal;
use crate::config::Config;
use crate::config::webhooks::{Command, DeadLetters, Webhooks};
use crate::storage::Storage;
use crate::webhook::{Webhook, operation};

/// Why a webhook is paused by `pause`.
const PAUSED: &str = "by `webhooks pause`";

/// Runs one of the commands.
pub async fn webhooks(arguments: &Webhooks, config: &Config) -> Result<ExitCode, Failure> {
    match &arguments.command {
        None => list::list(arguments.json, config).await,
        Some(Command::Listen(arguments)) => listen::listen(arguments, config).await,
        Some(Command::Test(arguments)) => test(configured(config, &arguments.name)?).await,
        Some(Command::Pause(arguments)) => {
            let storage = Storage::open_existing(&config.database_url).await?;
            operation::pause(&storage, &arguments.name, PAUSED).await?;
            done(&storage, &format!("Webhook “{}” is paused.", terminal::cell(&arguments.name))).await
        }
        Some(Command::Resume(arguments)) => {
            let storage = Storage::open_existing(&config.database_url).await?;
            operation::resume(&storage, &arguments.name).await?;
            done(&storage, &format!("Webhook “{}” is active.", terminal::cell(&arguments.name))).await
        }
        Some(Command::Skip(arguments)) => {
            let webhook = configured(config, &arguments.name)?;
            let storage = Storage::open_existing(&config.database_url).await?;
            let position = operation::skip(&storage, webhook, crate::clock::system_time()).await?;
            let name = &webhook.name;
            done(&storage, &format!("Webhook “{name}” passes over the event at position {position}.")).await
        }
        Some(Command::Replay(arguments)) => {
            let storage = Storage::open_existing(&config.database_url).await?;
            let position = operation::replay(&storage, &arguments.name, arguments.from).await?;
            let name = terminal::cell(&arguments.name);
            done(&storage, &format!("Webhook “{name}” delivers from position {position} on.")).await
        }
        Some(Command::DeadLetters(arguments)) => dead_letters(arguments, config).await,
    }
}

fn configured<'a>(config: &'a Config, name: &str) -> Result<&'a Webhook, Failure> {
    let found = config.webhooks.iter().find(|webhook| webhook.name == name);
    found.ok_or_else(|| {
        format!("no webhook “{name}” is configured: give the settings file with --config or SAS_CONFIG").into()
    })
}

/// Closes the database, and says what was done.
async fn done(storage: &Storage, sentence: &str) -> Result<ExitCode, Failure> {
    storage.close().await;
    println!("{sentence}");
    Ok(ExitCode::SUCCESS)
}

/// Posts a message that is no event.
async fn test(webhook: &Webhook) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    let answer = operation::test(webhook, crate::clock::system_time()).await?;
    let status = answer.status.map(|status| format!(" ({status})")).unwrap_or_default();
    let took = began.elapsed().as_secs_f64() * 1e3;
    println!("The receiver of “{}”: {}{status}, after {took:.1} ms.", webhook.name, terminal::cell(answer.sentence()));
    Ok(if answer.error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn dead_letters(arguments: &DeadLetters, config: &Config) -> Result<ExitCode, Failure> {
    let storage = Storage::open_existing(&config.database_url).await?;
    let letters = storage.dead_letters(arguments.name.as_deref(), arguments.limit.into()).await?;
    storage.close().await;
    if arguments.json {
        for letter in &letters {
            println!("{}", terminal::json(&serde_json::to_string(letter)?));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = letters.into_iter().map(|letter| {
        let status = letter.status.map_or("-".to_owned(), |status| status.to_string());
        [letter.at, letter.webhook, letter.position.to_string(), status]
    });
    let rows: Vec<_> = rows.collect();
    match rows.is_empty() {
        true => println!("No event was passed over."),
        false => print!("{}", list::format_table(["TIME", "WEBHOOK", "POSITION", "STATUS"], &rows)),
    }
    Ok(ExitCode::SUCCESS)
}
