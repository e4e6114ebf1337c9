//! Queries, read into a [`Search`].
//!
//! A parameter that is repeated must hold each time, and of values separated by commas one suffices;
//! what is empty asks for nothing. Nothing else is ignored but `_format`, `_pretty` and, where that is asked for, unknown
//! parameters: what is not understood is told, all of it at once, in our words and in those of the national API.

mod criterion;
mod include;
mod value;

use jiff::Timestamp;

use self::criterion::{Written, parse_criterion};
use crate::annuaire::search::parameter;
use crate::annuaire::search::{Search, Total};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::query::value::is_blank;
use crate::fhir::query::{MAX_PARAMETERS, Query, QueryBounds};
use crate::fhir::subset::{Subset, Summary};
use crate::issue::Issue;
use crate::issue::catalogue::{ANNUAIRE_PARAMETER, ANNUAIRE_REPEATED, ANNUAIRE_SIZE, ANNUAIRE_VALUE};

/// The size of a page when the client names none.
pub const DEFAULT_COUNT: usize = 50;
/// The largest page; a client that asks for more gets this.
pub const MAX_COUNT: usize = 1000;
/// The bounds of the parameters of a search.
const BOUNDS: QueryBounds = QueryBounds { criteria: MAX_PARAMETERS, list: 256, values: 1200 };

/// The parameters that are no criteria, for people.
const RESULT_PARAMETERS: &str = "_count, _total, _elements, _summary, _include, _revinclude";

/// The issue of a query that exceeds the bounds of the directory's API.
pub fn too_large() -> Issue {
    Issue::new(&ANNUAIRE_SIZE, "http.query")
        .with("parameters", MAX_PARAMETERS.to_string())
        .with("values", BOUNDS.values.to_string())
        .with("list", BOUNDS.list.to_string())
}

fn check_bounds(query: &Query) -> Result<(), Error> {
    if query.exceeds(&BOUNDS, |_| true) { Err(Error::of(vec![too_large()])) } else { Ok(()) }
}

/// Parses the parameters of a query. `now` is what `ap` is about.
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
        // R4 says so: what is included has no narrative of the match.
        issues.push(malformed("_summary", "true, data, false (_include, _revinclude)").diagnostics(value::BAD_VALUE));
    }
    if issues.is_empty() { Ok(parser.search) } else { Err(Error::of(issues)) }
}

/// A query that is being read.
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

/// The value of a parameter that has one; it may be repeated, but not contradicted.
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

/// `_count`, as far as it goes.
fn count(text: &str) -> Result<usize, Issue> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let bad = "Bad value for the _count parameter. An integer of 0 or more is expected";
        return Err(malformed("_count", &format!("0…{MAX_COUNT}")).diagnostics(bad));
    }
    // Digits that are no number here are more than the largest.
    Ok(text.parse().unwrap_or(MAX_COUNT).min(MAX_COUNT))
}

/// `_total`
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

/// `_elements`
fn elements(list: &str, subset: &mut Subset) -> Result<(), Issue> {
    let expected = || malformed("_elements", "identifier, telecom…").diagnostics(value::BAD_VALUE);
    subset.add_elements(list).ok_or_else(expected)
}

/// `_summary`, which may be one of these.
fn summary(text: &str, summaries: &'static str) -> Result<Summary, Issue> {
    Summary::parse(text, summaries).ok_or_else(|| malformed("_summary", summaries).diagnostics(value::BAD_VALUE))
}

/// The part of a resource that the parameters of a read ask for. They may have no others.
pub fn parse_read_subset(resource_type: DirectoryType, query: &Query) -> Result<Subset, Error> {
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
    if issues.is_empty() { Ok(subset) } else { Err(Error::of(issues)) }
}

/// The parameters of a search that are not ignored, and a warning for each that is told as ignored.
#[derive(Debug)]
pub struct SearchQuery {
    pub parameters: Query,
    /// The warnings.
    pub ignored: Vec<Issue>,
}

impl SearchQuery {
    /// Takes out what a search ignores: parameters without a value and, where it is lenient, those that are not known. Only
    /// the latter are told. A modifier changes what a parameter means: one that is not known is never ignored.
    pub fn new(resource_type: DirectoryType, mut parameters: Query, is_lenient: bool) -> Result<Self, Error> {
        check_bounds(&parameters)?;
        parameters.retain(|_, value| !is_blank(value));
        let is_ignored = |name: &str, value: &str| {
            // What is known does not depend on the time.
            let read = || QueryParser::new(resource_type, Timestamp::UNIX_EPOCH).parameter(name, value);
            is_lenient
                && !include::is_include(name)
                && read().is_err_and(|issue| issue.rule.id == ANNUAIRE_PARAMETER.id)
        };
        let ignored = parameters.take_ignored(&known_parameters(resource_type), is_ignored);
        Ok(Self { parameters, ignored })
    }
}

/// The issue of a value that has not the form expected.
fn malformed(name: &str, expected: &str) -> Issue {
    Issue::new(&ANNUAIRE_VALUE, format!("http.{name}")).with("found", name).with("expected", expected)
}

/// The issue of a parameter that a type does not have, which stands in the parameter `whole`.
fn unknown(resource_type: DirectoryType, name: &str, whole: &str) -> Issue {
    Issue::new(&ANNUAIRE_PARAMETER, format!("http.{whole}"))
        .with("found", name)
        .with("type", resource_type.as_str())
        .with("expected", known_parameters(resource_type))
        .diagnostics(not_found(name, resource_type.as_str()))
}

/// The issue of a parameter that something else than a search does not have.
pub fn unsupported(place: &str, name: &str, expected: &str) -> Issue {
    Issue::new(&ANNUAIRE_PARAMETER, format!("http.{name}"))
        .with("found", name)
        .with("type", place)
        .with("expected", expected)
        .diagnostics(not_found(name, place))
}

fn known_parameters(resource_type: DirectoryType) -> String {
    let known = parameter::for_type(resource_type).map(|parameter| parameter.name);
    known.chain([RESULT_PARAMETERS]).collect::<Vec<_>>().join(", ")
}

/// What the national API says of a parameter or a link that it does not know.
fn not_found(name: &str, resource_type: &str) -> String {
    // Cut before the type, which is what matters of a name without end.
    let name: String = name.chars().take(200).collect();
    format!("Parameter {name} not found for resource {resource_type}")
}

#[cfg(test)]
mod tests;
