//! Parses a query into a [`Search`].
//!
//! Each repetition of a parameter must match; of values separated by commas, one suffices. Empty parameters, `_format`,
//! `_pretty` and, in a lenient search, unknown parameters are ignored. Everything else that is not understood is
//! refused, with all issues at once, in our sentences and with the diagnostics of the national API.

mod criterion;
mod include;
mod refusal;
mod value;

use jiff::Timestamp;

use self::criterion::{Written, parse_criterion};
use self::refusal::{known_parameters, malformed};
use crate::annuaire::search::{Search, Total};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::query::value::is_blank;
use crate::fhir::query::{MAX_PARAMETERS, Query, QueryBounds};
use crate::fhir::subset::{Subset, Summary};
use crate::issue::Issue;
use crate::issue::catalogue::{ANNUAIRE_PARAMETER, ANNUAIRE_REPEATED, ANNUAIRE_SIZE};

pub(crate) use self::refusal::unsupported;

/// The size of a page when the client names none.
pub(crate) const DEFAULT_COUNT: usize = 50;
/// Maximum size of a page; a larger `_count` gets this.
pub(crate) const MAX_COUNT: usize = 1000;
/// The bounds of the parameters of a search.
const BOUNDS: QueryBounds = QueryBounds { criteria: MAX_PARAMETERS, list: 256, values: 1200 };

/// The issue of a query that exceeds the bounds of the directory's API.
pub(crate) fn too_large() -> Issue {
    Issue::new(&ANNUAIRE_SIZE, "http.query")
        .with("parameters", MAX_PARAMETERS.to_string())
        .with("values", BOUNDS.values.to_string())
        .with("list", BOUNDS.list.to_string())
}

fn check_bounds(query: &Query) -> Result<(), Error> {
    if query.exceeds(&BOUNDS, |_| true) { Err(Error::from_issues(vec![too_large()])) } else { Ok(()) }
}

/// Parses a query. The prefix `ap` is relative to `now`.
pub fn parse(resource_type: DirectoryType, query: &Query, now: Timestamp) -> Result<Search, Error> {
    check_bounds(query)?;
    let mut parser = QueryParser::new(resource_type, now);
    let mut issues = vec![];
    for (name, value) in query.iter() {
        issues.extend(parser.parameter(name, value).err());
    }
    if parser.search.subset.summary == Summary::Count {
        parser.search.count = 0;
    }
    if parser.search.subset.summary == Summary::Text && !parser.search.includes.is_empty() {
        // R4 excludes this combination. <http://hl7.org/fhir/R4/search.html#summary>
        issues.push(malformed("_summary", "true, data, false (_include, _revinclude)").diagnostics(value::BAD_VALUE));
    }
    if issues.is_empty() { Ok(parser.search) } else { Err(Error::from_issues(issues)) }
}

struct QueryParser<'a> {
    search: Search,
    now: Timestamp,
    count: Option<&'a str>,
    total: Option<&'a str>,
    summary: Option<&'a str>,
}

impl<'a> QueryParser<'a> {
    fn new(resource_type: DirectoryType, now: Timestamp) -> Self {
        let search = Search {
            resource_type,
            criteria: vec![],
            count: DEFAULT_COUNT,
            total: Total::BestEffort,
            subset: Subset::default(),
            includes: vec![],
        };
        Self { search, now, count: None, total: None, summary: None }
    }

    fn parameter(&mut self, name: &'a str, value: &'a str) -> Result<(), Issue> {
        match name {
            "_format" | "_pretty" => {}
            "_count" => {
                if let Some(text) = once(name, value, &mut self.count)? {
                    self.search.count = count(text)?;
                }
            }
            "_total" => {
                if let Some(text) = once(name, value, &mut self.total)? {
                    self.search.total = total(text)?;
                }
            }
            "_elements" => elements(value, &mut self.search.subset)?,
            "_summary" => {
                if let Some(text) = once(name, value, &mut self.summary)? {
                    self.search.subset.summary = summary(text, Summary::OF_SEARCHES)?;
                }
            }
            _ if include::is_include(name) => include::parse_include(name, value, &mut self.search)?,
            _ => {
                let written = Written { whole: name, value, now: self.now };
                self.search.criteria.extend(parse_criterion(self.search.resource_type, written)?);
            }
        }
        Ok(())
    }
}

/// The value of a parameter that may be repeated only with the same value; `None` where it is empty.
fn once<'a>(name: &str, value: &'a str, known: &mut Option<&'a str>) -> Result<Option<&'a str>, Issue> {
    let value = value.trim();
    if value.is_empty() {
        return Ok(None);
    }
    match known.replace(value) {
        Some(other) if other != value => {
            Err(Issue::new(&ANNUAIRE_REPEATED, format!("http.{name}")).with("found", name))
        }
        _ => Ok(Some(value)),
    }
}

fn count(text: &str) -> Result<usize, Issue> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let bad = "Bad value for the _count parameter. An integer of 0 or more is expected";
        return Err(malformed("_count", &format!("0…{MAX_COUNT}")).diagnostics(bad));
    }
    // A number that overflows is more than the maximum.
    Ok(text.parse().unwrap_or(MAX_COUNT).min(MAX_COUNT))
}

fn total(text: &str) -> Result<Total, Issue> {
    match text {
        "none" => Ok(Total::None),
        "accurate" | "estimate" => Ok(Total::Wanted),
        _ => {
            let bad = "Bad value for the _total parameter. Allowed values are : accurate, none, estimate";
            Err(malformed("_total", "accurate, none, estimate").diagnostics(bad))
        }
    }
}

fn elements(list: &str, subset: &mut Subset) -> Result<(), Issue> {
    let expected = || malformed("_elements", "identifier, telecom…").diagnostics(value::BAD_VALUE);
    subset.add_elements(list).ok_or_else(expected)
}

fn summary(text: &str, summaries: &'static str) -> Result<Summary, Issue> {
    Summary::parse(text, summaries).ok_or_else(|| malformed("_summary", summaries).diagnostics(value::BAD_VALUE))
}

/// The subset that the parameters of a read ask for. Any other parameter is refused.
pub(crate) fn parse_read_subset(resource_type: DirectoryType, query: &Query) -> Result<Subset, Error> {
    let (mut subset, mut said, mut issues) = (Subset::default(), None, vec![]);
    for (name, value) in query.iter() {
        let read = match name {
            "_elements" => elements(value, &mut subset),
            "_summary" => once(name, value, &mut said)
                .and_then(|text| text.map_or(Ok(Summary::Off), |text| summary(text, Summary::OF_READS)))
                .map(|summary| subset.summary = summary),
            _ => Err(unsupported(resource_type.as_str(), name, "_elements, _summary, _format, _pretty")),
        };
        issues.extend(read.err());
    }
    if issues.is_empty() { Ok(subset) } else { Err(Error::from_issues(issues)) }
}

/// The parameters of a search without the ignored ones, and a warning for each ignored unknown parameter.
#[derive(Debug)]
pub struct SearchQuery {
    pub parameters: Query,
    pub ignored: Vec<Issue>,
}

impl SearchQuery {
    /// Removes the parameters that a search ignores: empty ones, without a warning, and in a lenient search unknown
    /// ones. An unknown modifier is never ignored: it changes the meaning of its parameter.
    pub fn new(resource_type: DirectoryType, mut parameters: Query, is_lenient: bool) -> Result<Self, Error> {
        check_bounds(&parameters)?;
        parameters.retain(|_, value| !is_blank(value));
        let is_ignored = |name: &str, value: &str| {
            // Whether a parameter is known does not depend on the time.
            let read = || QueryParser::new(resource_type, Timestamp::UNIX_EPOCH).parameter(name, value);
            is_lenient
                && !include::is_include(name)
                && read().is_err_and(|issue| issue.rule.id == ANNUAIRE_PARAMETER.id)
        };
        let ignored = parameters.take_ignored(&known_parameters(resource_type), is_ignored);
        Ok(Self { parameters, ignored })
    }
}

#[cfg(test)]
mod tests;
