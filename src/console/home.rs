//! `/console`: whether all is well.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::database_name::database_name;
use super::exchange_row::ExchangeRow;
use super::exchanges::audit_events;
use super::page::{self, Layout};
use super::plots::Plots;
use super::state::Console;
use super::text::{Text, fill};
use super::time::Time;
use super::visit::Visit;
use super::webhooks::{class_of, state_of};
use crate::annuaire::status::{TypeMark, marks};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::http::ops::Readiness;
use crate::storage::journal::JournalFilter;
use crate::webhook::{WebhookStatus, read_statuses};

/// Maximum time for what a page reads from a database.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum time that the page waits for the turn of a scan; it is shown without refusals then.
const TURN_TIMEOUT: Duration = Duration::from_millis(500);

/// Refusals that are shown.
const MAX_REFUSALS: usize = 10;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    layout: Layout,
    ready: &'static str,
    ready_class: &'static str,
    version: &'static str,
    started: Time,
    database: String,
    directory: DirectoryView,
    has_webhooks: bool,
    webhooks: Vec<WebhookRow>,
    plots: Plots,
    since: String,
    /// The last refusals; `None` where the database does not answer.
    refusals: Option<Vec<ExchangeRow>>,
}

/// What is shown of the directory mirror.
enum DirectoryView {
    None,
    Failed,
    Types(Vec<(&'static str, Option<Time>)>),
}

struct WebhookRow {
    name: String,
    class: &'static str,
    state: &'static str,
    lag: i64,
}

pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    let visit = Visit::of(&request);
    let (text, now) = (visit.text(), console.now());
    let status = Status::read(&console).await;
    let (ready, ready_class) = ready(status.readiness, text);
    let directory = match status.directory {
        None => DirectoryView::None,
        Some(Err(_)) => DirectoryView::Failed,
        Some(Ok(marks)) => DirectoryView::Types(
            marks
                .into_iter()
                .map(|TypeMark { resource_type, mark }| {
                    (resource_type.as_str(), mark.map(|mark| Time::new(mark, now, text)))
                })
                .collect(),
        ),
    };
    let webhooks = status.webhooks.into_iter().map(|status| WebhookRow {
        class: class_of(&status),
        state: state_of(&status, text),
        lag: status.lag,
        name: status.name,
    });
    let started = Time::new(console.started, now, text);
    let page = HomePage {
        layout: Layout::new(&visit, "/console", text.home),
        ready,
        ready_class,
        version: env!("CARGO_PKG_VERSION"),
        database: database_name(console.parts.endpoint.storage.description(), text),
        directory,
        has_webhooks: !console.parts.webhooks.is_empty(),
        webhooks: webhooks.collect(),
        plots: Plots::new(&console.parts.counters, visit.query("hours").and_then(|hours| hours.parse().ok()), text),
        since: fill(text.plots_since, &[("time", &started.text)]),
        started,
        refusals: refusals(&console, text).await,
    };
    page::respond(StatusCode::OK, &page)
}

/// The last refusals, from the journal where it is kept, else from the audit log.
async fn refusals(console: &Console, text: &Text) -> Option<Vec<ExchangeRow>> {
    let filter = JournalFilter { status: Some((400, 599)), ..JournalFilter::default() };
    let journal = &console.parts.journal;
    if journal.is_kept() {
        let rows = journal.list(&filter, MAX_REFUSALS, &Deadline::after(READ_TIMEOUT)).await.ok()?;
        return Some(rows.unwrap_or_default().iter().map(|row| ExchangeRow::new(row, text)).collect());
    }
    let events = audit_events(console, &filter, TURN_TIMEOUT).await.ok()?.events;
    Some(events.iter().rev().take(MAX_REFUSALS).map(|event| ExchangeRow::of_event(event, text)).collect())
}

/// What the first page and the API tell.
pub struct Status {
    pub readiness: Readiness,
    /// `None` without a mirror.
    pub directory: Option<Result<Vec<TypeMark>, Error>>,
    /// Empty where the database does not answer.
    pub webhooks: Vec<WebhookStatus>,
}

impl Status {
    /// Asks the databases, together, each for a bounded time.
    pub async fn read(console: &Console) -> Self {
        let parts = &console.parts;
        let deadline = Deadline::after(READ_TIMEOUT);
        let directory = async {
            let mirror = parts.mirror.as_ref()?.for_lookups(&deadline);
            Some(deadline.limit(marks(&mirror)).await)
        };
        let storage = parts.endpoint.storage.for_console(&deadline);
        let is_configured = |name: &str| parts.webhooks.iter().any(|webhook| webhook.name == name);
        let webhooks = async {
            match parts.webhooks.is_empty() {
                true => vec![],
                false => deadline.limit(read_statuses(&storage, is_configured)).await.unwrap_or_default(),
            }
        };
        let (readiness, directory, webhooks) = tokio::join!(Readiness::check(&parts.endpoint), directory, webhooks);
        Self { readiness, directory, webhooks }
    }
}

fn ready(readiness: Readiness, text: &'static Text) -> (&'static str, &'static str) {
    match readiness {
        Readiness { database: false, .. } => (text.ready_no_database, "bad"),
        Readiness { writing: false, .. } => (text.ready_no_writing, "bad"),
        Readiness { .. } => (text.ready_yes, "good"),
    }
}
