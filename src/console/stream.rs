//! `/console/stream`: what happens, as Server-Sent Events. `exchange` has the row of the list, `change` the position of the last
//! version, and `reload` tells that something was left out. The ids of events are those of exchanges, or, where only changes are
//! asked for, positions.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::cookie;
use super::exchange_row::ExchangeRow;
use super::exchanges::{self, READ_TIMEOUT};
use super::live::{LiveEvent, MAX_ROWS, Subscription};
use super::refusal::Refusal;
use super::state::Console;
use super::visit::Visit;
use crate::deadline::Deadline;
use crate::storage::feed::Position;
use crate::storage::journal::{JournalFilter, JournalRow};

/// A line is sent after so much silence, so that a browser that is gone is noticed, and a session that has ended.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// After this time a stream ends, and the browser connects again.
const MAX_DURATION: Duration = Duration::from_mins(15);

/// Tells nginx to pass each event on at once.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Maximum exchanges that are sent at once: a list shows as many.
const MAX_AT_ONCE: usize = 50;

/// The list has not all that came.
const RELOAD: Bytes = Bytes::from_static(b"event: reload\ndata:\n\n");

#[derive(Template)]
#[template(path = "exchange_row.html")]
struct RowTemplate {
    row: ExchangeRow,
}

/// The next events of one browser.
struct EventStream {
    console: Arc<Console>,
    visit: Visit,
    filter: JournalFilter,
    subscription: Subscription,
    /// The session whose end ends the stream; `None` where the console is open.
    session: Option<String>,
    /// Whether exchanges are left out.
    is_of_changes: bool,
    /// The newest exchange that was looked at.
    seen: i64,
    /// The position of the last version, once it is known.
    head: Option<Position>,
    waiting: VecDeque<Bytes>,
    end: Instant,
}

/// Begins a stream of the exchanges that match the filter of the query, behind `after` or `Last-Event-ID`; with `only=changes`, of
/// changes behind that position.
pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    let visit = Visit::of(&request);
    let session = visit.caller.as_ref().and_then(|_| cookie::find(request.headers(), cookie::SESSION));
    let session = session.map(str::to_owned);
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    drop(request);
    let parts = &console.parts;
    let Some(subscription) = parts.live.subscribe(&parts.endpoint.storage, &parts.journal) else {
        return Refusal::Busy.respond(&visit, false);
    };
    let after: Option<i64> = last.or_else(|| visit.query("after")).and_then(|id| id.parse().ok());
    let is_of_changes = visit.query("only").as_deref() == Some("changes");
    let (seen, head) = if is_of_changes { (None, after) } else { (after, None) };
    let (filter, _) = exchanges::filter(&console, &visit);
    let filter = JournalFilter { before: None, after: seen, keys: vec![], ..filter };
    // What came between the page and the stream.
    let deadline = Deadline::after(READ_TIMEOUT);
    let missed = match seen {
        // By the key alone; those that do not match are left out afterwards.
        Some(_) => {
            let behind = JournalFilter { after: seen, ..JournalFilter::default() };
            parts.journal.list(&behind, MAX_ROWS, &deadline).await
        }
        None => Ok(None),
    };
    let last = match head {
        Some(_) => deadline.limit(parts.endpoint.storage.for_console(&deadline).head()).await.ok(),
        None => None,
    };
    let mut events = EventStream {
        filter,
        subscription,
        session,
        is_of_changes,
        seen: seen.unwrap_or(i64::MAX),
        head,
        waiting: VecDeque::new(),
        end: Instant::now() + MAX_DURATION,
        console,
        visit,
    };
    match missed {
        Ok(rows) if rows.as_ref().is_none_or(|rows| rows.len() < MAX_ROWS) => events.add(&rows.unwrap_or_default()),
        Ok(_) | Err(_) => events.waiting.push_back(RELOAD),
    }
    if let Some(last) = last {
        events.add_head(last);
    }
    let chunks = stream::unfold(events, async |mut events| Some((Ok::<_, Infallible>(events.next().await?), events)));
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(BUFFERING, HeaderValue::from_static("no"));
    response
}

impl EventStream {
    /// The next chunk; `None` when the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if Instant::now() >= self.end || !self.has_session() {
                return None;
            }
            if let Some(chunk) = self.waiting.pop_front() {
                return Some(chunk);
            }
            let Subscription { events, stopping, .. } = &mut self.subscription;
            let event = tokio::select! {
                // An error means that the server has stopped.
                _ = stopping.wait_for(|stopping| *stopping) => return None,
                event = tokio::time::timeout(HEARTBEAT, events.recv()) => event,
            };
            match event {
                Err(_) => return Some(Bytes::from_static(b":\n\n")),
                Ok(Ok(LiveEvent::Exchanges(_) | LiveEvent::Missed)) if self.is_of_changes => {}
                Ok(Ok(LiveEvent::Exchanges(rows))) => self.add(&rows),
                Ok(Ok(LiveEvent::Head(position))) => self.add_head(position),
                Ok(Ok(LiveEvent::Missed) | Err(RecvError::Lagged(_))) => self.waiting.push_back(RELOAD),
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }

    /// Whether the person is still logged in. To look does not prolong the session.
    fn has_session(&self) -> bool {
        let is_over = |id: &String| self.console.sessions.peek(id, self.console.now()).is_none();
        !self.session.as_ref().is_some_and(is_over)
    }

    /// Adds the event of a change, unless this is the position that is known, or the first one.
    fn add_head(&mut self, position: Position) {
        if self.head.replace(position).is_some_and(|former| former != position) {
            let id = if self.is_of_changes { format!("id: {position}\n") } else { String::new() };
            self.waiting.push_back(format!("event: change\n{id}data: {position}\n\n").into());
        }
    }

    /// Adds the events of the rows that are new and match, oldest first. The first rows that come are those of the page, where it
    /// has not said which ones it has.
    fn add(&mut self, rows: &[JournalRow]) {
        let Some(newest) = rows.first().map(|row| row.id) else { return };
        let new: Vec<_> = rows.iter().filter(|row| row.id > self.seen && self.filter.matches(row)).collect();
        for row in new.iter().take(MAX_AT_ONCE).rev() {
            let template = RowTemplate { row: ExchangeRow::new(row, self.visit.text()) };
            if let Ok(html) = template.render() {
                let data: String = html.trim_end().lines().map(|line| format!("data: {line}\n")).collect();
                self.waiting.push_back(format!("event: exchange\nid: {}\n{data}\n", row.id).into());
            }
        }
        if new.len() > MAX_AT_ONCE {
            self.waiting.push_back(RELOAD);
        }
        self.seen = if self.seen == i64::MAX { newest } else { self.seen.max(newest) };
    }
}
