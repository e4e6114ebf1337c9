//! `sas-endpoint events`: prints the change feed.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use super::failure::Failure;
use super::terminal;
use crate::config::Config;
use crate::config::events::Events;
use crate::feed::{Content, Event, EventFilter, EventQuery, Head};
use crate::storage::Storage;

/// Events read at once.
const PAGE: usize = 500;

/// A page ends with the event with which its contents reach this, in bytes.
const MAX_PAGE_BYTES: usize = 8 << 20;

/// Prints the events, oldest first; with `--follow`, those to come.
pub async fn events(arguments: &Events, config: &Config) -> Result<ExitCode, Failure> {
    let storage = Storage::open_existing(&config.database_url).await?;
    // Nothing tells another process of a commit: the database is asked a few times a second.
    let head = Head::follow(storage.clone(), Arc::default());
    let base_url = config.base_url.clone().unwrap_or_else(|| format!("http://{}/fhir", config.listen));
    let mut query = EventQuery {
        after: arguments.after,
        limit: PAGE,
        max_bytes: MAX_PAGE_BYTES,
        filter: arguments.types.clone().unwrap_or_else(EventFilter::all),
        content: if arguments.full { Content::Full } else { Content::Reference },
    };
    if !arguments.json {
        print_row(["POSITION", "TIME", "RESOURCE", "VERSION", "TYPES", "CHANGED"])?;
    }
    loop {
        let page = head.read_page(&storage, &query, &base_url).await?;
        for event in &page.events {
            print_event(event, arguments.json)?;
        }
        // Nothing is behind a position of another log, nor of what a restore has removed.
        if page.next == query.after && page.next > storage.last_position().await? {
            let end = storage.head().await?;
            return Err(
                format!("position {} is beyond the end of the log: its last position is {end}", page.next).into()
            );
        }
        query.after = page.next;
        if !page.is_full {
            if !arguments.follow {
                break;
            }
            head.wait_beyond(query.after, page.rewinds).await;
        }
    }
    storage.close().await;
    Ok(ExitCode::SUCCESS)
}

fn print_event(event: &Event, json: bool) -> Result<(), Failure> {
    if json {
        writeln!(std::io::stdout(), "{}", terminal::json(&serde_json::to_string(event)?))?;
        return Ok(());
    }
    let types: Vec<_> = event.types.iter().map(|event_type| event_type.as_str()).collect();
    print_row([
        &event.position.to_string(),
        &event.time,
        &format!("{}/{}", event.resource_type, event.id),
        &event.version.to_string(),
        &types.join(" "),
        &event.changed.join(" "),
    ])
}

/// Events are printed as they come: the widths are those of usual values.
fn print_row([position, time, resource, version, types, changed]: [&str; 6]) -> Result<(), Failure> {
    let line = format!("{position:>8}  {time:24}  {resource:49}  {version:>7}  {types:43}  {changed}");
    writeln!(std::io::stdout(), "{}", terminal::cell(line.trim_end()))?;
    Ok(())
}
