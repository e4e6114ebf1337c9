//! `GET /_history`, `GET /{type}/_history` and `GET /{type}/{id}/_history`, newest version first, paged.
//!
//! <http://hl7.org/fhir/R4/http.html#history>

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::endpoint::{Endpoint, RequestContext};
use super::outcome::Outcome;
use super::page;
use crate::audit::AuditDraft;
use crate::error::Error;
use crate::fhir::bundle::{Bundle, Entry, Kind, Request, Response};
use crate::fhir::date::{Range, paris, parse_instant};
use crate::fhir::id::Id;
use crate::fhir::query::Query;
use crate::fhir::query::date::{DateBound, Interval};
use crate::fhir::query::value::is_blank;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::subset::{Subset, Summary};
use crate::fhir::version::{Version, entity_tag};
use crate::issue::Issue;
use crate::storage::history::{HistoryFilter, LogKey};
use crate::storage::{Storage, StoredVersion};

/// The parameter of `next` links: the page begins with the versions before this one.
const BEFORE: &str = "_before";

/// The resources whose versions a history lists.
#[derive(Clone, Copy)]
pub enum Scope<'a> {
    /// All.
    System,
    /// Those of a type.
    Type(ResourceType),
    /// The one with this id, as in the path.
    Instance(ResourceType, &'a str),
}

/// A request for a page of a history.
pub struct History<'a> {
    pub scope: Scope<'a>,
    pub query: Query,
}

impl History<'_> {
    /// Reads the page.
    pub async fn run(
        self,
        endpoint: &Endpoint,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<Outcome, Error> {
        let Self { scope, mut query } = self;
        query.retain(|_, value| !is_blank(value));
        let parsed = parse(scope, query.clone(), endpoint.clock.now())?;
        let storage = endpoint.storage.until(&context.deadline);
        let base = &context.base_url;
        let (url, page) = match scope {
            Scope::System => (format!("{base}/_history"), log_page(&storage, None, &parsed).await?),
            Scope::Type(resource_type) => {
                (format!("{base}/{resource_type}/_history"), log_page(&storage, Some(resource_type), &parsed).await?)
            }
            Scope::Instance(resource_type, id) => {
                let id = Id::parse(id).ok_or(Error::NotFound)?;
                let page = instance_page(&storage, resource_type, &id, &parsed).await?;
                audit.set_found(id.as_str(), None);
                (format!("{base}/{resource_type}/{id}/_history"), page)
            }
        };
        let own_url = page::link(&url, query.iter());
        let next_url = page.next.map(|before| {
            let others = query.iter().filter(|(name, _)| *name != BEFORE);
            page::link(&url, others.chain([(BEFORE, before.as_str())]))
        });
        let entry = |(resource_type, version)| entry(base, resource_type, &parsed.subset, version);
        let entries = page.versions.into_iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Outcome::Bundle(Bundle::new(Kind::History, page.total, own_url, next_url, entries)))
    }
}

/// A parsed query.
struct Parsed {
    filter: HistoryFilter,
    /// Maximum versions of the page.
    count: usize,
    /// Where the page of a resource begins: before this version.
    version: Option<Version>,
    /// Where the page of several resources begins.
    key: Option<LogKey>,
    /// The part of each version to return.
    subset: Subset,
}

fn parse(scope: Scope<'_>, mut query: Query, now: Timestamp) -> Result<Parsed, Error> {
    let mut issues = vec![];
    let count = page::count(&mut query, &mut issues);
    let since = page::parsed(&mut query, "_since", "instant", &mut issues, Range::parse).map(|range| range.start);
    let at = parse_period(&mut query, now, &mut issues);
    let (mut version, mut key) = (None, None);
    match scope {
        Scope::Instance(..) => {
            version = page::parsed(&mut query, BEFORE, "versionId", &mut issues, |text| text.parse().ok());
        }
        Scope::System | Scope::Type(_) => {
            key = page::parsed(&mut query, BEFORE, "…?_before=… (link “next”)", &mut issues, parse_key);
        }
    }
    let subset = page::parse_subset(&mut query, Summary::OF_READS, &mut issues);
    issues.extend(page::unknown_parameters(&query, "_count, _since, _at, _elements, _summary, _format, _pretty"));
    if !issues.is_empty() {
        return Err(Error::from_issues(issues));
    }
    Ok(Parsed { filter: HistoryFilter { since, at }, count, version, key, subset })
}

/// `_at`: the period that it denotes, or several of them together, such as `ge2026-03-01` and `lt2026-04-01`.
fn parse_period(query: &mut Query, now: Timestamp, issues: &mut Vec<Issue>) -> Option<Interval> {
    let dates = query.take("_at");
    let periods: Option<Vec<_>> =
        paris().and_then(|zone| dates.iter().map(|date| period(DateBound::parse(date, &zone, now)?)).collect());
    let Some(periods) = periods else {
        issues.push(page::malformed("http._at", "_at", "eq|gt|lt|ge|le|sa|eb|ap + 2026-03-04T14:00:00+01:00"));
        return None;
    };
    periods.into_iter().reduce(|one, other| Interval {
        start: one.start.max(other.start),
        end: [one.end, other.end].into_iter().flatten().min(),
    })
}

/// The instants that a date with its prefix denotes, unless these are two periods.
fn period(bound: DateBound) -> Option<Interval> {
    let mut intervals = bound.intervals();
    intervals.next().filter(|_| intervals.next().is_none())
}

fn parse_key(text: &str) -> Option<LogKey> {
    let mut parts = text.splitn(3, ',');
    let last_updated = parts.next().filter(|text| parse_instant(text).is_some())?.to_owned();
    Some(LogKey { last_updated, position: parts.next()?.parse().ok()?, head: parts.next()?.parse().ok()? })
}

/// A page, and where the next one begins.
struct Page {
    versions: Vec<(ResourceType, StoredVersion)>,
    total: Option<i64>,
    next: Option<String>,
}

async fn instance_page(
    storage: &Storage,
    resource_type: ResourceType,
    id: &Id,
    Parsed { filter, count, version, .. }: &Parsed,
) -> Result<Page, Error> {
    let history = storage.history(resource_type, id, *version, filter, *count).await?.ok_or(Error::NotFound)?;
    let last = history.versions.last().filter(|_| history.more);
    Ok(Page {
        next: last.map(|last| last.version.to_string()),
        versions: history.versions.into_iter().map(|version| (resource_type, version)).collect(),
        total: Some(history.total),
    })
}

async fn log_page(
    storage: &Storage,
    resource_type: Option<ResourceType>,
    Parsed { filter, count, key, .. }: &Parsed,
) -> Result<Page, Error> {
    let history = storage.log_history(resource_type, key.as_ref(), filter, *count).await?;
    let next = history.next.map(|LogKey { last_updated, position, head }| format!("{last_updated},{position},{head}"));
    Ok(Page { versions: history.versions, total: history.total, next })
}

fn entry(base: &str, resource_type: ResourceType, subset: &Subset, version: StoredVersion) -> Result<Entry, Error> {
    let created = version.interaction == "create";
    let url = format!("{resource_type}/{}", version.id);
    Ok(Entry {
        full_url: Some(format!("{base}/{url}")),
        resource: RawValue::from_string(subset.apply(resource_type.as_str(), version.content))
            .map_err(Error::internal)?,
        search: None,
        // A creation by PUT is shown as one by POST: the outcome is the same.
        request: Some(match created {
            true => Request { method: "POST", url: resource_type.to_string() },
            false => Request { method: "PUT", url },
        }),
        response: Some(Response {
            status: if created { "201" } else { "200" },
            etag: entity_tag(version.version),
            last_modified: version.last_updated,
        }),
    })
}
