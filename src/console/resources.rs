//! `/console/accounts` and `/console/appointments`: the resources, newest first, by pages, with a search.

use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::audit::Viewed;
use super::exchange_row::{shortened, time_of};
use super::exchanges::{READ_TIMEOUT, unavailable};
use super::page::{self, Layout};
use super::resource_summary::{ResourceSummary, folded_words};
use super::scans::WAIT_TIMEOUT;
use super::state::Console;
use super::text::{Text, fill};
use super::visit::Visit;
use crate::deadline::Deadline;
use crate::fhir::code_set::APPOINTMENT_STATUS;
use crate::fhir::identifier::Token;
use crate::fhir::resource_type::ResourceType;
use crate::interaction::search::{criterion, key};
use crate::storage::feed::Position;
use crate::storage::search::{Criterion, Key, Matches, Search, Sort};
use crate::storage::{Storage, StorageError, StoredVersion};

/// Resources of a page.
const PAGE: usize = 50;

/// Maximum accounts that a search by name or mail address reads for a page, and its time: there is no index of them.
const MAX_SCANNED: usize = 5_000;
const SCAN_TIMEOUT: Duration = Duration::from_millis(400);
const SCAN_BATCH: usize = 200;

/// Maximum characters of a field that are read.
const MAX_FIELD: usize = 300;

#[derive(Template)]
#[template(path = "resources.html")]
struct ResourcesPage {
    layout: Layout,
    path: &'static str,
    is_accounts: bool,
    query: String,
    state: &'static str,
    /// The choices of the state: value, title, whether it is chosen.
    states: Vec<(&'static str, &'static str, bool)>,
    date: String,
    rows: Vec<ResourceRow>,
    /// The position of the last version before the rows were read: where changes come from.
    head: Position,
    next: Option<String>,
    notes: Vec<String>,
}

struct ResourceRow {
    link: String,
    title: String,
    details: String,
    class: &'static str,
    state: String,
    identifiers: String,
    version: i64,
    at: String,
    time: String,
}

/// A page of what is found.
#[derive(Default)]
struct Found {
    versions: Vec<StoredVersion>,
    /// Where the next page begins.
    next: Option<Key>,
    /// How many accounts were read, where there was no index.
    scanned: Option<usize>,
}

pub async fn accounts(State(console): State<Arc<Console>>, request: Request) -> Response {
    show(&console, &Visit::of(&request), ResourceType::Practitioner).await
}

pub async fn appointments(State(console): State<Arc<Console>>, request: Request) -> Response {
    show(&console, &Visit::of(&request), ResourceType::Appointment).await
}

/// The path of the list of a type.
pub fn path_of(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Practitioner => "/console/accounts",
        ResourceType::Appointment => "/console/appointments",
    }
}

/// The page of a resource: `Type/id`.
pub fn link_to(reference: &str) -> Option<String> {
    let (resource_type, id) = reference.split_once('/')?;
    Some(format!("{}/{id}", path_of(ResourceType::parse(resource_type)?)))
}

/// The search parameter of the state of a type.
fn state_of(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Practitioner => "active",
        ResourceType::Appointment => "status",
    }
}

async fn show(console: &Console, visit: &Visit, resource_type: ResourceType) -> Response {
    let text = visit.text();
    let (criteria, mut notes) = criteria(console, visit, resource_type);
    let after = visit.query("after").and_then(|after| key(&after, Sort::LastUpdatedDescending));
    let search = Search { resource_type, criteria, sort: Sort::LastUpdatedDescending, after, count: PAGE };
    let query = field(visit, "q");
    let found = async { Ok((head(console).await?, find(console, search, &query).await?)) };
    let (head, found) = match found.await {
        Ok(found) => found,
        Err(error) => return unavailable(visit, &error),
    };
    if let Some(scanned) = found.scanned {
        let text = if found.next.is_some() { text.accounts_scanned } else { text.accounts_scanned_all };
        notes.push(fill(text, &[("n", &scanned.to_string())]));
    }
    // Of a search by words nothing is recorded.
    let token = Token::parse(&query).filter(|_| found.scanned.is_none());
    let is_accounts = resource_type == ResourceType::Practitioner;
    let state = state_of(resource_type);
    let page = ResourcesPage {
        layout: Layout::new(visit, path_of(resource_type), if is_accounts { text.accounts } else { text.appointments }),
        path: path_of(resource_type),
        is_accounts,
        query,
        state,
        states: states(resource_type, &field(visit, state), text),
        date: field(visit, "date"),
        rows: found.versions.iter().map(|version| ResourceRow::new(resource_type, version, text)).collect(),
        head,
        next: found.next.map(|next| next_link(visit, resource_type, &next)),
        notes,
    };
    let mut response = page::respond(StatusCode::OK, &page);
    response.extensions_mut().insert(Viewed { token, ..Viewed::default() });
    response
}

/// A field of the search, bounded.
fn field(visit: &Visit, name: &str) -> String {
    visit.query(name).unwrap_or_default().trim().chars().take(MAX_FIELD).collect()
}

/// The criteria of the filter but the free one, and what was not understood of it.
fn criteria(console: &Console, visit: &Visit, resource_type: ResourceType) -> (Vec<Criterion>, Vec<String>) {
    let (mut criteria, mut notes) = (vec![], vec![]);
    for name in [state_of(resource_type), "date"] {
        let value = field(visit, name);
        if value.is_empty() || (name == "date" && resource_type == ResourceType::Practitioner) {
            continue;
        }
        match criterion(name, &value, console.now()) {
            Ok(criterion) => criteria.push(criterion),
            Err(issue) => notes.push(issue.text(visit.language)),
        }
    }
    (criteria, notes)
}

/// The position of the last version.
async fn head(console: &Console) -> Result<Position, StorageError> {
    let deadline = Deadline::after(READ_TIMEOUT);
    deadline.limit(console.parts.endpoint.storage.for_console(&deadline).head()).await
}

/// By identifier, else by id, else, for accounts, by name or mail address.
async fn find(console: &Console, search: Search, query: &str) -> Result<Found, StorageError> {
    let deadline = Deadline::after(READ_TIMEOUT);
    let found = deadline.limit(find_by_index(console, &deadline, &search, query)).await?;
    match (found, search.resource_type) {
        (Some(found), _) => Ok(found),
        (None, ResourceType::Practitioner) => {
            let (storage, query) = (console.parts.endpoint.storage.clone(), query.to_owned());
            let read = async move |deadline: Deadline| {
                deadline.limit(scan(&storage.for_console(&deadline), search, &query)).await
            };
            console.scan(WAIT_TIMEOUT, read).await
        }
        (None, ResourceType::Appointment) => Ok(Found::default()),
    }
}

async fn find_by_index(
    console: &Console,
    deadline: &Deadline,
    search: &Search,
    query: &str,
) -> Result<Option<Found>, StorageError> {
    let storage = console.parts.endpoint.storage.for_console(deadline);
    if query.is_empty() {
        return Ok(Some(Found::new(storage.search(search).await?)));
    }
    let id = query.strip_prefix(search.resource_type.as_str()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(query);
    for (name, value) in [("identifier", query), ("_id", id)] {
        let Ok(criterion) = criterion(name, value, console.now()) else { continue };
        let mut search = search.clone();
        search.criteria.push(criterion);
        let matches = storage.search(&search).await?;
        if !matches.versions.is_empty() {
            return Ok(Some(Found::new(matches)));
        }
    }
    Ok(None)
}

/// Reads the newest accounts, and keeps those whose names and mail addresses have the words; on a background thread, as
/// contents may be large.
async fn scan(storage: &Storage, mut search: Search, query: &str) -> Result<Found, StorageError> {
    let words = folded_words(query);
    let end = Instant::now() + SCAN_TIMEOUT;
    let (mut found, mut scanned) = (Found::default(), 0);
    search.count = SCAN_BATCH;
    loop {
        let Matches { versions, more } = storage.search(&search).await?;
        let batch = matching(versions, &words, PAGE - found.versions.len());
        scanned += batch.scanned;
        search.after = batch.last.or(search.after);
        found.versions.extend(batch.versions);
        let is_end = batch.is_whole && !more;
        if is_end || found.versions.len() == PAGE || scanned >= MAX_SCANNED || Instant::now() > end {
            found.next = search.after.filter(|_| !is_end);
            found.scanned = Some(scanned);
            return Ok(found);
        }
    }
}

/// The accounts of a batch that have the words, as far as there is room for them.
struct Batch {
    versions: Vec<StoredVersion>,
    scanned: usize,
    last: Option<Key>,
    /// Whether all were looked at.
    is_whole: bool,
}

fn matching(versions: Vec<StoredVersion>, words: &[String], room: usize) -> Batch {
    let mut batch = Batch { versions: vec![], scanned: 0, last: None, is_whole: false };
    let mut rest = versions.into_iter();
    while batch.versions.len() < room
        && let Some(version) = rest.next()
    {
        batch.scanned += 1;
        batch.last = key_of(&version);
        if ResourceSummary::new(&version.content).has_words(words) {
            batch.versions.push(version);
        }
    }
    batch.is_whole = rest.as_slice().is_empty();
    batch
}

fn key_of(version: &StoredVersion) -> Option<Key> {
    key(&format!("{},{}", version.last_updated, version.id), Sort::LastUpdatedDescending)
}

impl Found {
    fn new(matches: Matches) -> Self {
        let next = matches.versions.last().filter(|_| matches.more).and_then(key_of);
        Self { versions: matches.versions, next, scanned: None }
    }
}

/// The choices of the state.
fn states(resource_type: ResourceType, chosen: &str, text: &'static Text) -> Vec<(&'static str, &'static str, bool)> {
    let choices: Vec<_> = match resource_type {
        ResourceType::Practitioner => vec![("true", text.account_active), ("false", text.account_inactive)],
        ResourceType::Appointment => APPOINTMENT_STATUS.codes.iter().map(|code| (*code, *code)).collect(),
    };
    let choices = [("", text.state_any)].into_iter().chain(choices);
    choices.map(|(value, title)| (value, title, value == chosen)).collect()
}

/// The link to the next page of the same search.
fn next_link(visit: &Visit, resource_type: ResourceType, next: &Key) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in ["q", state_of(resource_type), "date"] {
        let value = field(visit, name);
        if !value.is_empty() {
            query.append_pair(name, &value);
        }
    }
    query.append_pair("after", &format!("{},{}", next.last_updated, next.id));
    format!("{}?{}", path_of(resource_type), query.finish())
}

/// The state of a resource, with the class of its colour.
pub fn state(resource_type: ResourceType, summary: &ResourceSummary, text: &Text) -> (&'static str, String) {
    match resource_type {
        ResourceType::Practitioner => match summary.active {
            Some(true) => ("good", text.account_active.to_owned()),
            _ => ("warn", text.account_inactive.to_owned()),
        },
        ResourceType::Appointment => ("info", shortened(summary.status.as_deref().unwrap_or_default())),
    }
}

impl ResourceRow {
    fn new(resource_type: ResourceType, version: &StoredVersion, text: &Text) -> Self {
        let summary = ResourceSummary::new(&version.content);
        let (class, state) = state(resource_type, &summary, text);
        let (title, details) = match resource_type {
            ResourceType::Practitioner => (summary.name(), summary.mails().collect::<Vec<_>>().join(" ")),
            ResourceType::Appointment => (summary.start.clone().unwrap_or_default(), String::new()),
        };
        Self {
            link: format!("{}/{}", path_of(resource_type), version.id),
            title: if title.trim().is_empty() { version.id.clone() } else { shortened(&title) },
            details: shortened(&details),
            class,
            state,
            identifiers: shortened(&summary.identifiers()),
            version: version.version,
            time: time_of(&version.last_updated),
            at: version.last_updated.clone(),
        }
    }
}
