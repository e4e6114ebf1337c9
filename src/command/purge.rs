//! Deletes what is older than the retention settings: `sas-endpoint purge` at once, `serve` each hour; the journal, as it is
//! written.

use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::failure::Failure;
use super::terminal;
use crate::annuaire::store::Mirror;
use crate::audit::Settings;
use crate::config::{self, Config};
use crate::error::Error;
use crate::fhir::date::instant;
use crate::journal;
use crate::storage::Storage;
use crate::storage::journal::JournalDatabase;

/// Interval between two purges of `serve`.
const INTERVAL: Duration = Duration::from_hours(1);

/// Deletes audit events, exchanges of the journal and superseded directory versions, and prints how many.
pub async fn purge(arguments: &config::Purge, config: &Config) -> Result<ExitCode, Failure> {
    if arguments.whole_journal {
        return clear_journal(config).await;
    }
    let storage = Storage::open_existing(&config.database_url).await?;
    let before = config.audit.kept_since(crate::clock::system_time());
    let purged = purge_exchanges(&storage, before).await?;
    println!(
        "{}: deleted {purged} audit events older than {}.",
        terminal::cell(&storage.description().to_string()),
        instant(before)
    );
    storage.close().await;
    if let Some(journal) = JournalDatabase::open_existing(&config.database_url).await? {
        let purged = journal::purge(&journal, &config.journal, crate::clock::system_time()).await?;
        println!("{}: deleted {purged} exchanges.", terminal::cell(journal.description()));
        journal.close().await;
    }
    if let Some(mirror) = Mirror::open_existing(&config.annuaire_database_url).await? {
        let before = crate::clock::system_time().checked_sub(config.annuaire_keep)?;
        match mirror.writer().await? {
            Some(mut writer) => {
                let purged = writer.purge(before).await?;
                let description = mirror.description().to_string();
                let description = terminal::cell(&description);
                println!("{description}: deleted {purged} directory versions superseded before {}.", instant(before));
            }
            None => println!(
                "{}: nothing deleted: another process is writing; try again when it has finished.",
                terminal::cell(&mirror.description().to_string())
            ),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Deletes every exchange of the journal.
async fn clear_journal(config: &Config) -> Result<ExitCode, Failure> {
    match JournalDatabase::open_existing(&config.database_url).await? {
        Some(journal) => {
            let cleared = journal.clear().await?;
            println!("{}: deleted {cleared} exchanges.", terminal::cell(journal.description()));
            journal.close().await;
        }
        None => println!("There is no journal."),
    }
    Ok(ExitCode::SUCCESS)
}

/// Deletes audit events each hour until `stop`.
pub async fn purge_hourly(storage: Storage, settings: Settings, mut stop: watch::Receiver<bool>) {
    let runs = async {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            interval.tick().await;
            match purge_exchanges(&storage, settings.kept_since(crate::clock::system_time())).await {
                Ok(0) => {}
                Ok(purged) => tracing::info!(purged, "deleted audit events older than SAS_EXCHANGES_KEEP"),
                Err(error) => tracing::error!("audit events cannot be deleted: {}", error.causes()),
            }
        }
    };
    tokio::select! {
        () = runs => {}
        // An error means that the sender was dropped: stop as well.
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Deletes audit events in small batches, so that writes can run in between.
async fn purge_exchanges(storage: &Storage, before: Timestamp) -> Result<u64, Error> {
    let (before, mut purged) = (instant(before), 0);
    loop {
        match storage.purge_exchanges(&before).await? {
            0 => return Ok(purged),
            some => purged += some,
        }
    }
}
