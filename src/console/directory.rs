//! `/console/directory`: the directory mirror: counts, runs, what was rejected, and a search.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;

use super::audit::Viewed;
use super::database_name::database_name;
use super::directory_search::{SearchForm, TypeMatches, title, url_of};
use super::exchange_row::{shortened, time_of};
use super::exchanges::READ_TIMEOUT;
use super::issue_lines::IssueLines;
use super::page::{self, Layout};
use super::refusal::Refusal;
use super::state::Console;
use super::text::{Text, fill};
use super::time::Time;
use super::visit::Visit;
use crate::annuaire::ingest::run_log::{RunRecord, Work, read_run_records};
use crate::annuaire::ingest::sync_state::SyncState;
use crate::annuaire::search::Counts;
use crate::annuaire::store::{Mirror, Rejected};
use crate::error::{Error, Workload};
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::id::Id;
use crate::http::outcome::log_failure;

/// Rejected resources that are shown.
const REJECTED: usize = 50;

#[derive(Template)]
#[template(path = "directory.html")]
struct DirectoryPage {
    layout: Layout,
    /// Whether there is a mirror.
    is_open: bool,
    form: SearchForm,
    found: Option<Vec<TypeMatches>>,
    /// Why nothing was searched.
    refused: Vec<String>,
    /// `None` where the mirror does not answer.
    mirror: Option<MirrorView>,
}

#[derive(Default)]
struct MirrorView {
    description: String,
    has_counts: bool,
    types: Vec<TypeRow>,
    runs: Vec<RunRow>,
    rejected: Vec<RejectedRow>,
    rejected_note: Option<String>,
}

struct TypeRow {
    name: &'static str,
    active: String,
    inactive: String,
    mark: Option<Time>,
    /// The deletions that were suppressed: a sentence in English.
    suppressed: Option<String>,
}

struct RunRow {
    began: Time,
    work: &'static str,
    source: String,
    class: &'static str,
    outcome: &'static str,
    /// The changes, and how it ended: sentences in English.
    summary: String,
    sentence: String,
}

struct RejectedRow {
    resource_type: &'static str,
    name: String,
    reason: String,
    at: String,
    time: String,
}

#[derive(Template)]
#[template(path = "directory_entry.html")]
struct EntryPage {
    layout: Layout,
    title: String,
    reference: String,
    url: String,
    content: IssueLines,
}

/// The mirror, and what a search finds.
pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    let visit = Visit::of(&request);
    let (text, now) = (visit.text(), console.now());
    let form = SearchForm::new(&visit);
    let (mut found, mut refused, mut mirror) = (None, vec![], None);
    let mut status = StatusCode::OK;
    if let Some(open) = &console.parts.mirror {
        if !form.query.is_empty() {
            match form.run(&console, open, text).await {
                Ok(matches) => found = Some(matches),
                Err(Error::EmptyDirectory) => refused.push(text.directory_empty.to_owned()),
                Err(error) => {
                    log_failure(&error);
                    let is_understood = !matches!(error, Error::NotFhir(_) | Error::Refused(_));
                    status = if is_understood { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
                    refused = error.issues().iter().map(|issue| issue.text(visit.language)).collect();
                }
            }
        }
        mirror = MirrorView::read(&console, open, now, text).await.inspect_err(log_failure).ok();
    }
    let page = DirectoryPage {
        layout: Layout::new(&visit, "/console/directory", text.directory),
        is_open: console.parts.mirror.is_some(),
        form,
        found,
        refused,
        mirror,
    };
    let mut response = page::respond(status, &page);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

/// `/console/directory/TYPE/ID`: a resource of the directory.
pub async fn entry(State(console): State<Arc<Console>>, request: Request) -> Response {
    let visit = Visit::of(&request);
    let text = visit.text();
    let not_found = || Refusal::NotFound.respond(&visit, false);
    // Types and ids have nothing that is to be decoded.
    let mut segments = request.uri().path().rsplit('/');
    let id = segments.next().and_then(Id::parse);
    let resource_type = segments.next().and_then(DirectoryType::parse);
    let (Some(id), Some(resource_type), Some(mirror)) = (id, resource_type, &console.parts.mirror) else {
        return not_found();
    };
    let read = async {
        let deadline = console.parts.permits.permit(Workload::Directory).await?.at_most(READ_TIMEOUT);
        deadline.limit(mirror.for_lookups(&deadline).read(resource_type, id.as_str())).await
    };
    let stored = match read.await {
        Ok(Some(stored)) => stored,
        Ok(None) => return not_found(),
        Err(error) => {
            log_failure(&error);
            return Refusal::Busy.respond(&visit, false);
        }
    };
    let page = EntryPage {
        layout: Layout::new(&visit, "/console/directory", text.directory_entry),
        title: shortened(&title(&serde_json::from_str(&stored.body).unwrap_or_default())),
        reference: format!("{resource_type}/{id}"),
        url: format!("{}/{id}", url_of(&console, resource_type)),
        content: IssueLines::of_stored(&stored.body, text),
    };
    let mut response = page::respond(StatusCode::OK, &page);
    response.extensions_mut().insert(Viewed::resource(resource_type.as_str(), id.as_str()));
    response
}

impl MirrorView {
    /// Reads the state of the mirror; the counts only if they are made in time.
    async fn read(console: &Console, mirror: &Mirror, now: Timestamp, text: &'static Text) -> Result<Self, Error> {
        let deadline = console.parts.permits.permit(Workload::Directory).await?.at_most(READ_TIMEOUT);
        let mirror = mirror.for_lookups(&deadline);
        let mut view = Self { description: database_name(mirror.description(), text), ..Self::default() };
        let reading = async {
            let runs = read_run_records(&mirror).await?;
            let rejected = mirror.rejected(REJECTED + 1).await?;
            let mut states = vec![];
            for resource_type in DirectoryType::ALL {
                states.push(SyncState::load(&mirror, resource_type).await?.unwrap_or_default());
            }
            Ok::<_, Error>((runs, rejected, states))
        };
        let (runs, rejected, states) = deadline.limit(reading).await?;
        view.runs = runs.iter().map(|run| RunRow::new(run, now, text)).collect();
        if rejected.len() > REJECTED {
            view.rejected_note = Some(fill(text.directory_rejected_more, &[("n", &REJECTED.to_string())]));
        }
        view.rejected = rejected.into_iter().take(REJECTED).map(RejectedRow::new).collect();
        let counts = deadline.limit(mirror.counts()).await;
        view.has_counts = counts.is_ok();
        let counts = counts.map_or_else(|_| vec![None; states.len()], |counts| counts.into_iter().map(Some).collect());
        let types = DirectoryType::ALL.into_iter().zip(states).zip(counts);
        view.types = types.map(|((of, state), counts)| TypeRow::new(of, &state, counts, now, text)).collect();
        Ok(view)
    }
}

impl TypeRow {
    fn new(of: DirectoryType, state: &SyncState, counts: Option<Counts>, now: Timestamp, text: &Text) -> Self {
        let shown = |number: Option<u64>| number.map_or_else(|| text.unknown.to_owned(), |number| number.to_string());
        Self {
            name: of.as_str(),
            active: shown(counts.map(|counts| counts.active)),
            inactive: shown(counts.map(|counts| counts.inactive)),
            mark: state.high_water_mark.map(|mark| Time::new(mark, now, text)),
            suppressed: state.held_back.map(|held_back| held_back.sentence(of)),
        }
    }
}

impl RunRow {
    fn new(run: &RunRecord, now: Timestamp, text: &'static Text) -> Self {
        let (class, outcome) = match &run.outcome {
            Some(outcome) if outcome.succeeded => ("good", text.run_succeeded),
            Some(_) => ("bad", text.run_failed),
            None => ("warn", text.run_unfinished),
        };
        let summary = shortened(&run.summary());
        // A success is told by what it changed.
        let sentence = run.outcome.as_ref().map(|outcome| shortened(&outcome.sentence));
        Self {
            began: Time::new(run.began, now, text),
            work: if run.work == Work::Sync { text.run_sync } else { text.run_load },
            source: shortened(&run.source),
            class,
            outcome,
            sentence: sentence.filter(|sentence| *sentence != summary).unwrap_or_default(),
            summary,
        }
    }
}

impl RejectedRow {
    fn new(rejected: Rejected) -> Self {
        Self {
            resource_type: rejected.resource_type.map_or("", DirectoryType::as_str),
            name: shortened(&rejected.name),
            reason: shortened(&rejected.reason),
            time: time_of(&rejected.at),
            at: rejected.at,
        }
    }
}
