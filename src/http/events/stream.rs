//! Events as a stream of Server-Sent Events, which ends when the server stops.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use tokio::time::{Instant, timeout_at};

use super::query::FeedQuery;
use super::state::State;
use super::stream_limit::StreamPermit;
use crate::feed::EventPage;
use crate::http::admission::Client;
use crate::http::http_error::HttpError;

/// A line is sent after so much silence, so that proxies keep the connection, and a client that is gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// After this time a stream ends, and its client connects again: behind a proxy, its certificate is checked for each request.
const MAX_DURATION: Duration = Duration::from_mins(15);

/// How long a failing database is left alone.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Tells nginx to pass each event on at once.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The next events of one client.
struct EventStream {
    state: Arc<State>,
    query: FeedQuery,
    base_url: Arc<str>,
    step: Step,
    /// The id that was sent last: behind it a client resumes.
    sent: i64,
    /// Those of the last page, for [`State::wait_beyond`].
    rewinds: u64,
    /// When it ends.
    end: Instant,
    _permit: StreamPermit,
}

/// What comes next.
enum Step {
    Send(EventPage),
    Read,
    Wait,
}

/// Begins a stream. The first page is read before, so that a refusal is an OperationOutcome.
pub async fn respond(
    state: Arc<State>,
    query: FeedQuery,
    client: Client,
    base_url: Arc<str>,
) -> Result<Response, HttpError> {
    let permit = state.streams.acquire(client)?;
    let page = state.read(&query, &base_url).await?;
    state.check_position(&query, &page).await?;
    let (sent, rewinds, end) = (query.page.after, page.rewinds, Instant::now() + MAX_DURATION);
    let events = EventStream { state, query, base_url, step: Step::Send(page), sent, rewinds, end, _permit: permit };
    let chunks = stream::unfold(events, async |mut events| Some((Ok::<_, Infallible>(events.next().await?), events)));
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

impl EventStream {
    /// The next chunk: events, or a comment after a silence. `None` when the stream ends, or the server stops.
    async fn next(&mut self) -> Option<Bytes> {
        let heartbeat = Instant::now() + HEARTBEAT;
        while !*self.state.feed.stopping.borrow() && Instant::now() < self.end {
            if Instant::now() >= heartbeat {
                return Some(self.heartbeat());
            }
            match std::mem::replace(&mut self.step, Step::Wait) {
                Step::Send(page) => {
                    (self.query.page.after, self.rewinds) = (page.next, page.rewinds);
                    if page.is_full {
                        self.step = Step::Read;
                    }
                    if !page.events.is_empty() {
                        return self.chunk(&page);
                    }
                }
                Step::Read => {
                    // What is not read by then is read after the heartbeat.
                    self.step = Step::Read;
                    let reading = timeout_at(heartbeat, self.read());
                    match self.state.unless_stopped(reading).await? {
                        Ok(Ok(page)) => self.step = Step::Send(page),
                        // The client connects again, and is told why.
                        Ok(Err(HttpError::EventsGone { .. })) => return None,
                        Ok(Err(_)) => tokio::time::sleep(RETRY_DELAY).await,
                        Err(_) => {}
                    }
                }
                Step::Wait => {
                    if self.state.wait_beyond(self.query.page.after, self.rewinds, heartbeat).await {
                        self.step = Step::Read;
                    } else if Instant::now() < heartbeat {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// The next page. Its position may be gone: the database may have been restored since the last one.
    async fn read(&self) -> Result<EventPage, HttpError> {
        let page = self.state.read(&self.query, &self.base_url).await?;
        self.state.check_position(&self.query, &page).await?;
        Ok(page)
    }

    fn chunk(&mut self, page: &EventPage) -> Option<Bytes> {
        let mut text = Vec::new();
        for event in &page.events {
            self.sent = event.position;
            text.extend_from_slice(format!("id: {}\ndata: ", event.position).as_bytes());
            // JSON has no line breaks. An event that cannot be written ends the stream, rather than to be left out.
            serde_json::to_writer(&mut text, event).ok()?;
            text.extend_from_slice(b"\n\n");
        }
        Some(text.into())
    }

    /// A comment. With it, the position behind events that the filter left out: an id without data is no event.
    fn heartbeat(&mut self) -> Bytes {
        if self.sent == self.query.page.after {
            return Bytes::from_static(b":\n\n");
        }
        self.sent = self.query.page.after;
        format!(":\nid: {}\n\n", self.sent).into()
    }
}
