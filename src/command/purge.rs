//! Retention: what is older than the settings say is removed, by `sas-endpoint purge` at once, by `serve` each hour.

use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{Failure, terminal};
use crate::annuaire::store::Mirror;
use crate::audit::Settings;
use crate::config::Config;
use crate::error::Error;
use crate::fhir::date::instant;
use crate::storage::Storage;

/// How often `serve` looks for what is too old.
const INTERVAL: Duration = Duration::from_secs(3600);

/// Removes at once what is no longer kept, and says how much that was.
pub async fn purge(config: &Config) -> Result<ExitCode, Failure> {
    let storage = Storage::open_existing(&config.database_url).await?;
    let before = config.audit.kept_since(crate::clock::system_time());
    let purged = purge_exchanges(&storage, before).await?;
    println!(
        "{}: {purged} audit events from before {} removed.",
        terminal::cell(storage.description()),
        instant(before)
    );
    storage.close().await;
    if let Some(copy) = Mirror::open_existing(&config.annuaire_database_url).await? {
        let before = crate::clock::system_time().checked_sub(config.annuaire_keep)?;
        match copy.writer().await? {
            Some(mut writer) => {
                let purged = writer.purge(before).await?;
                let what = "superseded versions of the directory from before";
                println!("{}: {purged} {what} {} removed.", terminal::cell(copy.description()), instant(before));
            }
            None => println!(
                "{}: another process is writing to the mirror and purges it.",
                terminal::cell(copy.description())
            ),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Deletes expired audit events each hour, until the stop.
pub async fn purge_hourly(storage: Storage, settings: Settings, mut stop: watch::Receiver<bool>) {
    let runs = async {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            interval.tick().await;
            match purge_exchanges(&storage, settings.kept_since(crate::clock::system_time())).await {
                Ok(0) => {}
                Ok(purged) => tracing::info!(purged, "expired audit events were removed"),
                Err(error) => tracing::error!("expired audit events could not be removed: {}", error.causes()),
            }
        }
    };
    tokio::select! {
        () = runs => {}
        // An error means that the sender is gone: that is a stop too.
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Removes them a few at a time, so that writes go on between.
async fn purge_exchanges(storage: &Storage, before: Timestamp) -> Result<u64, Error> {
    let (before, mut purged) = (instant(before), 0);
    loop {
        match storage.purge_exchanges(&before).await? {
            0 => return Ok(purged),
            some => purged += some,
        }
    }
}
