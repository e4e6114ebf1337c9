//! A page of events.

use std::ops::ControlFlow;

use super::event::{Content, Event, change_of};
use super::filter::EventFilter;
use crate::storage::feed::{LoggedVersion, Position};
use crate::storage::{Storage, StorageError};

/// Maximum versions that are read for a page, whatever the filter leaves out.
const MAX_VERSIONS: usize = 1000;

/// A page ends with the version with which the contents that were read reach this, in bytes: each version with the one before it.
const MAX_READ_BYTES: usize = 8 << 20;

/// The usual size of an event without resource and identifiers, in bytes.
const EVENT_OVERHEAD: usize = 512;

/// What a reader wants.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Events behind this position.
    pub after: Position,
    /// Maximum number of events.
    pub limit: usize,
    /// A page ends with the event with which its size reaches this, in bytes.
    pub max_bytes: usize,
    pub filter: EventFilter,
    pub content: Content,
}

/// Events, oldest first.
#[derive(Debug)]
pub struct EventPage {
    pub events: Vec<Event>,
    /// The last position that was read, also of events that the filter leaves out.
    pub next: Position,
    /// Whether the page ended before the log did.
    pub is_full: bool,
    /// How often the end of the log had gone back when the page was read, for [`Head::wait_beyond`](super::Head::wait_beyond).
    pub rewinds: u64,
}

/// Reads a page of events, whose URLs begin with `base_url`.
pub async fn read_page(storage: &Storage, query: &EventQuery, base_url: &str) -> Result<EventPage, StorageError> {
    let (mut events, mut bytes, mut failure) = (vec![], 0, None);
    let (mut versions, mut bytes_read, mut is_full) = (0, 0, false);
    let visit = |version: LoggedVersion| {
        versions += 1;
        bytes_read += version.content.len() + version.previous.as_ref().map_or(0, String::len);
        match event(version, query, base_url, &mut bytes) {
            Ok(event) => events.extend(event),
            Err(error) => failure = Some(error),
        }
        is_full = events.len() >= query.limit
            || bytes >= query.max_bytes
            || bytes_read >= MAX_READ_BYTES
            || versions >= MAX_VERSIONS;
        match is_full || failure.is_some() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let next = storage.visit_log(query.after, MAX_VERSIONS, visit).await?;
    if let Some(error) = failure {
        return Err(StorageError::internal(error));
    }
    Ok(EventPage { events, next, is_full, rewinds: 0 })
}

fn event(
    version: LoggedVersion,
    query: &EventQuery,
    base_url: &str,
    bytes: &mut usize,
) -> Result<Option<Event>, serde_json::Error> {
    let change = change_of(&version)?;
    if !query.filter.matches(&change.types) {
        return Ok(None);
    }
    let identifiers = change.identifiers.iter().map(|own| own.system.len() + own.value.len()).sum::<usize>();
    // Each may have moved.
    *bytes += EVENT_OVERHEAD + 2 * identifiers;
    if query.content == Content::Full {
        *bytes += version.content.len();
    }
    Event::new(version, change, query.content, base_url).map(Some)
}
