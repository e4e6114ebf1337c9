//! `GET /{type}?…` and `POST /{type}/_search`. <http://hl7.org/fhir/R4/search.html>

#![expect(clippy::cast_possible_wrap, reason = "a page has at most a thousand matches")]

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::endpoint::{Endpoint, RequestContext};
use super::outcome::Outcome;
use super::page;
use crate::audit::AuditDraft;
use crate::error::Error;
use crate::fhir::bundle::{self, Bundle, Entry, Kind};
use crate::fhir::code_set::{APPOINTMENT_STATUS, BOOLEANS};
use crate::fhir::date::paris;
use crate::fhir::id::Id;
use crate::fhir::identifier::Token;
use crate::fhir::operation_outcome::operation_outcome;
use crate::fhir::query::Query;
use crate::fhir::query::date::DateBound;
use crate::fhir::query::name::split_modifier;
use crate::fhir::query::value::{is_blank, split_unescaped};
use crate::fhir::resource_type::ResourceType;
use crate::fhir::subset::{Subset, Summary};
use crate::issue::Issue;
use crate::storage::StorageError;
use crate::storage::search::{Criterion, Key, Matches, Search, Sort};

/// A search parameter, as the CapabilityStatement lists it.
pub struct SearchParameter {
    /// Its name in a query.
    pub name: &'static str,
    /// Its type: <http://hl7.org/fhir/R4/search.html#ptypes>
    pub kind: &'static str,
    /// The only resource type that has it, if not all do.
    pub only: Option<ResourceType>,
    /// The elements that it compares.
    pub documentation: &'static str,
}

/// Every criterion a search may have.
pub const SEARCH_PARAMETERS: [SearchParameter; 6] = [
    SearchParameter { name: "_id", kind: "token", only: None, documentation: "Logical id" },
    SearchParameter { name: "_lastUpdated", kind: "date", only: None, documentation: "meta.lastUpdated" },
    SearchParameter {
        name: "identifier",
        kind: "token",
        only: None,
        documentation: "Business identifier: system|value, value, or system|",
    },
    SearchParameter {
        name: "active",
        kind: "token",
        only: Some(ResourceType::Practitioner),
        documentation: "Practitioner.active: the account is enabled",
    },
    SearchParameter {
        name: "status",
        kind: "token",
        only: Some(ResourceType::Appointment),
        documentation: "Appointment.status",
    },
    SearchParameter {
        name: "date",
        kind: "date",
        only: Some(ResourceType::Appointment),
        documentation: "Appointment.start; without a zone, a date is meant in Europe/Paris",
    },
];

/// The parameter of `next` links: the page begins after this match.
const AFTER: &str = "_after";

/// A request for a page of a search.
pub struct SearchRequest {
    pub resource_type: ResourceType,
    pub query: Query,
    /// Ignore unknown parameters, and say so in the answer. <http://hl7.org/fhir/R4/search.html#errors>
    pub is_lenient: bool,
}

impl SearchRequest {
    /// Searches.
    pub async fn run(
        self,
        endpoint: &Endpoint,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<Outcome, Error> {
        let Self { resource_type, mut query, is_lenient } = self;
        audit.add_query(query.iter());
        let Parsed { search, wants_total, subset, ignored } =
            parse(resource_type, &mut query, is_lenient, endpoint.clock.now())?;
        let storage = endpoint.storage.until(&context.deadline);
        let page = match search.count {
            0 => Matches { versions: vec![], more: false },
            _ => storage.search(&search).await?,
        };
        if query.iter().any(|(name, _)| name == "_id")
            && let [only] = page.versions.as_slice()
        {
            audit.set_found(&only.id, None);
        }
        let is_whole = search.after.is_none() && !page.more && search.count > 0;
        let total = match is_whole {
            true => Some(page.versions.len() as i64),
            false if wants_total || search.count == 0 => {
                match storage.count(&search).await {
                    // A page is useful without the number.
                    Err(StorageError::DeadlineExceeded) if search.count > 0 => None,
                    counted => Some(counted?),
                }
            }
            false => None,
        };
        let url = format!("{}/{resource_type}", context.base_url);
        let own_url = page::link(&url, query.iter());
        let next_url = page.versions.last().filter(|_| page.more).map(|last| {
            let after = match search.sort {
                Sort::Id => last.id.clone(),
                Sort::LastUpdated | Sort::LastUpdatedDescending => format!("{},{}", last.last_updated, last.id),
            };
            let others = query.iter().filter(|(name, _)| *name != AFTER);
            page::link(&url, others.chain([(AFTER, after.as_str())]))
        });
        let matches = page.versions.into_iter().map(|version| {
            let full_url = format!("{url}/{}", version.id);
            entry("match", Some(full_url), subset.apply(resource_type.as_str(), version.content))
        });
        let outcome = (!ignored.is_empty()).then(|| operation_outcome(&ignored, context.language).to_string());
        let entries = matches.chain(outcome.map(|outcome| entry("outcome", None, outcome)));
        let entries = entries.collect::<Result<_, _>>()?;
        Ok(Outcome::Bundle(Bundle::new(Kind::Searchset, total, own_url, next_url, entries)))
    }
}

fn entry(mode: &'static str, full_url: Option<String>, resource: String) -> Result<Entry, Error> {
    Ok(Entry {
        full_url,
        resource: RawValue::from_string(resource).map_err(Error::internal)?,
        search: Some(bundle::Search { mode }),
        request: None,
        response: None,
    })
}

/// A parsed query.
struct Parsed {
    search: Search,
    /// Whether the number of matches is requested.
    wants_total: bool,
    /// The part of each match to return.
    subset: Subset,
    /// A warning for each parameter that was ignored.
    ignored: Vec<Issue>,
}

/// Parses a query. Ignored parameters are removed from it.
fn parse(
    resource_type: ResourceType,
    whole_query: &mut Query,
    is_lenient: bool,
    now: Timestamp,
) -> Result<Parsed, Error> {
    let known = SEARCH_PARAMETERS.iter().filter(|known| known.only.is_none_or(|only| only == resource_type));
    let names: Vec<_> = known.map(|known| known.name).collect();
    if whole_query.exceeds(&page::SEARCH_BOUNDS, |name| names.contains(&name)) {
        return Err(Error::from_issues(vec![page::query_too_large()]));
    }
    whole_query.retain(|_, value| !is_blank(value));
    let mut query = whole_query.clone();
    let mut issues = vec![];
    let subset = page::parse_subset(&mut query, Summary::OF_SEARCHES, &mut issues);
    let count = page::count(&mut query, &mut issues);
    let count = if subset.summary == Summary::Count { 0 } else { count };
    let sort = page::parsed(&mut query, "_sort", "_lastUpdated, -_lastUpdated", &mut issues, |text| match text {
        "_lastUpdated" => Some(Sort::LastUpdated),
        "-_lastUpdated" => Some(Sort::LastUpdatedDescending),
        _ => None,
    });
    let sort = sort.unwrap_or(Sort::Id);
    let wants_total = page::parsed(&mut query, "_total", "none, estimate, accurate", &mut issues, |text| match text {
        "none" => Some(false),
        "estimate" | "accurate" => Some(true),
        _ => None,
    });
    let after =
        page::parsed(&mut query, AFTER, "…?_after=… (link “next”)", &mut issues, |text| key(text, sort));
    let mut criteria = vec![];
    for name in &names {
        for value in query.take(name) {
            match criterion(name, &value, now) {
                Ok(criterion) => criteria.push(criterion),
                Err(issue) => issues.push(issue),
            }
        }
    }
    let expected = format!("{}, _sort, _count, _total, _elements, _summary, _format, _pretty", names.join(", "));
    let mut ignored = vec![];
    if is_lenient {
        // A modifier changes the meaning of a parameter: an unknown modifier is never ignored.
        let is_known = |name: &str| name == AFTER || expected.split(", ").any(|known| known == split_modifier(name).0);
        ignored = query.take_ignored(&expected, |name, _| !is_known(name));
        whole_query.retain(|name, _| is_known(name));
    }
    issues.extend(page::unknown_parameters(&query, &expected));
    if !issues.is_empty() {
        return Err(Error::from_issues(issues));
    }
    let search = Search { resource_type, criteria, sort, after, count };
    Ok(Parsed { search, wants_total: wants_total.unwrap_or(false), subset, ignored })
}

/// A criterion; alternatives are separated by commas.
pub(crate) fn criterion(name: &str, value: &str, now: Timestamp) -> Result<Criterion, Issue> {
    let malformed = |expected: &str| page::malformed(format!("http.{name}"), name, expected);
    let values = || split_unescaped(value, ',');
    match name {
        "_id" => values().map(Id::parse).collect::<Option<_>>().map(Criterion::Id).ok_or_else(|| malformed("id")),
        "identifier" => values()
            .map(Token::parse)
            .collect::<Option<_>>()
            .map(Criterion::Identifier)
            .ok_or_else(|| malformed("system|value, value, system|")),
        "active" => {
            let codes = BOOLEANS.parse_tokens(values()).ok_or_else(|| malformed(&BOOLEANS.codes.join(", ")))?;
            Ok(Criterion::Active(codes.into_iter().map(|code| code == "true").collect()))
        }
        "status" => {
            let set = &APPOINTMENT_STATUS;
            let codes = set.parse_tokens(values()).ok_or_else(|| malformed(&set.codes.join(", ")))?;
            Ok(Criterion::Status(codes.into_iter().map(str::to_owned).collect()))
        }
        _ => {
            // A date without a zone is in Europe/Paris, as on the SAS pages.
            let bounds = paris().and_then(|zone| values().map(|value| DateBound::parse(value, &zone, now)).collect());
            let bounds = bounds.ok_or_else(|| malformed("eq|ne|gt|lt|ge|le|sa|eb|ap + 2026-03-04T14:00:00+01:00"))?;
            Ok(if name == "date" { Criterion::Start(bounds) } else { Criterion::LastUpdated(bounds) })
        }
    }
}

/// The key of the parameter `_after`.
pub(crate) fn key(text: &str, sort: Sort) -> Option<Key> {
    if sort == Sort::Id {
        return Some(Key { last_updated: String::new(), id: Id::parse(text)? });
    }
    let (last_updated, id) = text.split_once(',')?;
    crate::fhir::date::parse_instant(last_updated)?;
    Some(Key { last_updated: last_updated.to_owned(), id: Id::parse(id)? })
}
