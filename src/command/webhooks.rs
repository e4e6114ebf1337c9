//! `sas-endpoint webhooks …`: lists the webhooks, and changes their states. A running instance sees a change within a second.

mod list;
mod listen;

use std::process::ExitCode;
use std::time::Instant;

use super::failure::Failure;
use super::terminal;
use crate::config::Config;
use crate::config::webhooks::{Command, DeadLetters, Replay, Start, Webhooks};
use crate::feed::{EventQuery, read_page};
use crate::fhir::date::instant;
use crate::storage::Storage;
use crate::storage::webhook::{DeadLetter, WebhookCommand};
use crate::webhook::{Message, Receiver, Webhook};

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
            change(&storage, &arguments.name, &WebhookCommand::Pause { reason: PAUSED }).await?;
            println!("Webhook “{}” is paused.", terminal::cell(&arguments.name));
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Resume(arguments)) => {
            let storage = Storage::open_existing(&config.database_url).await?;
            let log = storage.log_id().await?.ok_or("the database was never served")?;
            change(&storage, &arguments.name, &WebhookCommand::Resume { log: &log }).await?;
            println!("Webhook “{}” is active.", terminal::cell(&arguments.name));
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Skip(arguments)) => skip(configured(config, &arguments.name)?, config).await,
        Some(Command::Replay(arguments)) => replay(arguments, config).await,
        Some(Command::DeadLetters(arguments)) => dead_letters(arguments, config).await,
    }
}

fn configured<'a>(config: &'a Config, name: &str) -> Result<&'a Webhook, Failure> {
    let found = config.webhooks.iter().find(|webhook| webhook.name == name);
    found.ok_or_else(|| {
        format!("no webhook “{name}” is configured: give the settings file with --config or SAS_CONFIG").into()
    })
}

async fn change(storage: &Storage, name: &str, command: &WebhookCommand<'_>) -> Result<(), Failure> {
    match storage.command_webhook(name, command).await? {
        true => {
            storage.close().await;
            Ok(())
        }
        false => Err(format!("`serve` has not delivered a webhook “{name}” from this database").into()),
    }
}

/// Posts a message that is no event.
async fn test(webhook: &Webhook) -> Result<ExitCode, Failure> {
    let receiver = Receiver::new(webhook)?;
    let now = crate::clock::system_time();
    let message = Message::of_test(format!("test-{}", crate::clock::new_uuid()), &instant(now))?;
    let began = Instant::now();
    let answer = receiver.post(&message, now).await;
    let status = answer.status.map(|status| format!(" ({status})")).unwrap_or_default();
    let took = began.elapsed().as_secs_f64() * 1e3;
    println!("The receiver of “{}”: {}{status}, after {took:.1} ms.", webhook.name, terminal::cell(answer.sentence()));
    Ok(if answer.error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Passes over the first event that the webhook wants.
async fn skip(webhook: &Webhook, config: &Config) -> Result<ExitCode, Failure> {
    let storage = Storage::open_existing(&config.database_url).await?;
    let missing = || format!("`serve` has not delivered a webhook “{}” from this database", webhook.name);
    let state = storage.webhook(&webhook.name).await?.ok_or_else(missing)?;
    let mut query = EventQuery {
        after: state.position,
        limit: 1,
        max_bytes: usize::MAX,
        filter: webhook.filter.clone(),
        content: webhook.content,
    };
    let event = loop {
        let page = read_page(&storage, &query, "").await?;
        match page.events.into_iter().next() {
            Some(event) => break event,
            None if page.is_full => query.after = page.next,
            None => return Err(format!("webhook “{}” has delivered everything", webhook.name).into()),
        }
    };
    let (at, status) = (instant(crate::clock::system_time()), state.last.status);
    let letter = DeadLetter { webhook: webhook.name.clone(), position: event.position, at, status };
    change(&storage, &webhook.name, &WebhookCommand::Skip(&letter)).await?;
    println!("Webhook “{}” passes over the event at position {}.", webhook.name, event.position);
    Ok(ExitCode::SUCCESS)
}

async fn replay(arguments: &Replay, config: &Config) -> Result<ExitCode, Failure> {
    let storage = Storage::open_existing(&config.database_url).await?;
    let after = match arguments.from {
        Start::Position(position) => (position - 1).max(0),
        Start::Time(time) => storage.position_before(&instant(time)).await?,
    };
    if after > storage.head().await? {
        return Err(format!("the log ends before position {}", after + 1).into());
    }
    change(&storage, &arguments.name, &WebhookCommand::Replay { after }).await?;
    println!("Webhook “{}” delivers from position {} on.", terminal::cell(&arguments.name), after + 1);
    Ok(ExitCode::SUCCESS)
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
