//! `/console/accounts/ID` and `/console/appointments/ID`: content, identifiers, versions with their differences and events,
//! and the exchanges about it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::audit::Viewed;
use super::difference::Difference;
use super::exchange_row::{ExchangeRow, shortened, time_of};
use super::exchanges::{READ_TIMEOUT, unavailable};
use super::issue_lines::IssueLines;
use super::page::{self, Layout};
use super::refusal::Refusal;
use super::resource_summary::ResourceSummary;
use super::resources::{path_of, state};
use super::state::Console;
use super::text::{Text, fill};
use super::time::Time;
use super::visit::Visit;
use crate::deadline::Deadline;
use crate::feed::change_of;
use crate::fhir::date::parse_instant;
use crate::fhir::id::Id;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::storage::feed::LoggedVersion;
use crate::storage::journal::JournalFilter;
use crate::storage::registry::Claim;
use crate::storage::{StorageError, StoredIdentifier, StoredVersion};

/// Versions of a page.
const VERSIONS: usize = 8;

/// Exchanges of a page.
const EXCHANGES: usize = 10;

/// Maximum identifiers of a page.
const MAX_IDENTIFIERS: u8 = 50;

/// Identifiers that a version took over which are shown.
const MAX_MOVED: usize = 5;

#[derive(Template)]
#[template(path = "resource.html")]
struct ResourcePage {
    layout: Layout,
    reference: String,
    title: String,
    class: &'static str,
    state: String,
    version: i64,
    updated: Option<Time>,
    identifiers: Vec<IdentifierRow>,
    /// Whether there are more.
    identifiers_note: Option<String>,
    versions: Vec<VersionView>,
    /// The link to older versions.
    older: Option<String>,
    exchanges: Vec<ExchangeRow>,
    /// The link to all exchanges.
    all_exchanges: String,
    content_title: String,
    /// Whether it is not the current version's.
    is_former: bool,
    content: IssueLines,
    path: &'static str,
    id: String,
}

struct IdentifierRow {
    system: String,
    value: String,
    class: &'static str,
    claim: &'static str,
    /// Who holds it now: id and link.
    holder: Option<(String, String)>,
}

struct VersionView {
    number: i64,
    at: String,
    time: String,
    /// The place in the log, and the events.
    events: String,
    /// The identifiers that it took over from others.
    moved: Vec<String>,
    /// `None` of the first version, and where the one before is too large.
    difference: Option<Difference>,
}

/// What is read of a resource.
struct Read {
    current: StoredVersion,
    /// The version whose content was asked for, unless it is the current one.
    former: Option<StoredVersion>,
    identifiers: Vec<StoredIdentifier>,
    versions: Vec<LoggedVersion>,
    has_older: bool,
}

pub async fn account(State(console): State<Arc<Console>>, request: Request) -> Response {
    show(&console, Visit::of(&request), ResourceType::Practitioner, request.uri().path()).await
}

pub async fn appointment(State(console): State<Arc<Console>>, request: Request) -> Response {
    show(&console, Visit::of(&request), ResourceType::Appointment, request.uri().path()).await
}

async fn show(console: &Console, visit: Visit, resource_type: ResourceType, path: &str) -> Response {
    // An id has letters, digits, hyphens and full stops, so that nothing is to be decoded.
    let Some(id) = path.rsplit('/').next().and_then(Id::parse) else { return Refusal::NotFound.respond(&visit, false) };
    let deadline = Deadline::after(READ_TIMEOUT);
    let number = |name: &str| visit.query(name).and_then(|number| number.parse().ok());
    let [before, version] = ["before", "version"].map(number);
    let read = match deadline.limit(read(console, resource_type, &id, before, version, &deadline)).await {
        Ok(Some(read)) => read,
        Ok(None) => return Refusal::NotFound.respond(&visit, false),
        Err(error) => return unavailable(&visit, &error),
    };
    let keys = console.parts.endpoint.writer.audit().key_of_resource(resource_type.as_str(), id.as_str());
    let filter = JournalFilter { keys: keys.into_iter().collect(), ..JournalFilter::default() };
    // The page is useful without them.
    let exchanges = console.parts.journal.list(&filter, EXCHANGES, &deadline).await.ok().flatten().unwrap_or_default();
    let exchanges = exchanges.iter().map(|row| ExchangeRow::new(row, visit.text())).collect();
    let now = console.now();
    let failed = visit.clone();
    // Contents may be large.
    let made = move || {
        let updated = parse_instant(&read.current.last_updated).map(|at| Time::new(at, now, visit.text()));
        page::respond(StatusCode::OK, &ResourcePage::new(&visit, resource_type, read, exchanges, updated))
    };
    let made = tokio::task::spawn_blocking(made).await;
    let mut response = made.unwrap_or_else(|_| Refusal::Internal.respond(&failed, false));
    response.extensions_mut().insert(Viewed::resource(resource_type.as_str(), id.as_str()));
    response
}

async fn read(
    console: &Console,
    resource_type: ResourceType,
    id: &Id,
    before: Option<i64>,
    version: Option<Version>,
    deadline: &Deadline,
) -> Result<Option<Read>, StorageError> {
    let storage = console.parts.endpoint.storage.for_console(deadline);
    let Some(current) = storage.read(resource_type, id).await? else { return Ok(None) };
    let former = match version.filter(|version| *version != current.version) {
        // A version that there is not has no page.
        Some(version) => match storage.read_version(resource_type, id, version).await? {
            Some(former) => Some(former),
            None => return Ok(None),
        },
        None => None,
    };
    let identifiers = storage.identifiers(resource_type, id, u32::from(MAX_IDENTIFIERS) + 1).await?;
    let (versions, has_older) = storage.log_of_resource(resource_type, id, before, VERSIONS).await?;
    Ok(Some(Read { current, former, identifiers, versions, has_older }))
}

impl ResourcePage {
    fn new(
        visit: &Visit,
        resource_type: ResourceType,
        Read { current, former, identifiers, versions, has_older }: Read,
        exchanges: Vec<ExchangeRow>,
        updated: Option<Time>,
    ) -> Self {
        let (text, max) = (visit.text(), usize::from(MAX_IDENTIFIERS));
        let (path, id) = (path_of(resource_type), &current.id);
        let reference = format!("{resource_type}/{id}");
        let summary = ResourceSummary::new(&current.content);
        let (class, state) = state(resource_type, &summary, text);
        let title = match resource_type {
            ResourceType::Practitioner => summary.name(),
            ResourceType::Appointment => summary.start.clone().unwrap_or_default(),
        };
        let title_of_page = match resource_type {
            ResourceType::Practitioner => text.account,
            ResourceType::Appointment => text.appointment,
        };
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("identifier", &reference).finish();
        let older =
            versions.last().filter(|_| has_older).map(|last| format!("{path}/{id}?before={}#versions", last.version));
        Self {
            layout: Layout::new(visit, path, title_of_page),
            title: shortened(&title),
            class,
            state,
            version: current.version,
            updated,
            identifiers_note: (identifiers.len() > max)
                .then(|| fill(text.identifiers_more, &[("n", &max.to_string())])),
            identifiers: identifiers.iter().take(max).map(|own| IdentifierRow::new(own, id, path, text)).collect(),
            versions: versions.iter().map(|version| VersionView::new(version, text)).collect(),
            older,
            exchanges,
            all_exchanges: format!("/console/exchanges?{query}"),
            content_title: former.as_ref().map_or_else(
                || text.resource_content.to_owned(),
                |former| fill(text.version_content_of, &[("version", &former.version.to_string())]),
            ),
            is_former: former.is_some(),
            content: IssueLines::of_stored(&former.as_ref().unwrap_or(&current).content, text),
            path,
            id: id.clone(),
            reference,
        }
    }
}

impl IdentifierRow {
    fn new(
        StoredIdentifier { identifier, claim, holder }: &StoredIdentifier,
        id: &str,
        path: &str,
        text: &Text,
    ) -> Self {
        let (class, claim) = match claim {
            Claim::Held => ("good", text.identifier_held),
            Claim::Released => ("warn", text.identifier_released),
            Claim::Mentioned => ("info", text.identifier_mentioned),
        };
        let holder = holder.as_ref().filter(|holder| *holder != id);
        Self {
            system: shortened(&identifier.system),
            value: shortened(&identifier.value),
            class,
            claim,
            holder: holder.map(|holder| (holder.clone(), format!("{path}/{holder}"))),
        }
    }
}

impl VersionView {
    fn new(version: &LoggedVersion, text: &Text) -> Self {
        // Of a version that a former release wrote, events are told from the contents, if both are there.
        let is_known = version.change.is_some() || version.previous.is_some() || version.version == 1;
        let change = if is_known { change_of(version).ok() } else { None }.unwrap_or_default();
        let types: Vec<_> = change.types.iter().map(|event_type| event_type.as_str()).collect();
        let moved = change.moved.iter().take(MAX_MOVED).map(|moved| {
            let identifier = shortened(&format!("{}|{}", moved.system, moved.value));
            fill(text.identifier_moved, &[("identifier", &identifier), ("from", &moved.from)])
        });
        let position = version.position.to_string();
        Self {
            number: version.version,
            at: version.last_updated.clone(),
            time: time_of(&version.last_updated),
            events: fill(text.version_events, &[("position", &position), ("events", &types.join(", "))]),
            moved: moved.collect(),
            difference: version.previous.as_deref().map(|previous| Difference::new(previous, &version.content, text)),
        }
    }
}
