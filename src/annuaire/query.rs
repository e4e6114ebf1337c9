//! Queries, read into a [`Search`].
//!
//! A parameter that is repeated must hold each time, and of values separated by commas one suffices;
//! what is empty asks for nothing. Nothing is ignored but `_format` and `_pretty`: what is not
//! understood is told, all of it at once, in our words and in those of the national API.

mod criterion;
mod include;
mod value;

use std::collections::BTreeSet;

use jiff::Timestamp;

use self::criterion::Reader;
use super::parameter;
use super::resource::DirectoryType;
use super::search::{Search, Total};
use crate::error::Error;
use crate::fhir::MAX_PARAMETERS;
use crate::issue::Issue;
use crate::issue::catalogue::{ANNUAIRE_PARAMETER, ANNUAIRE_REPEATED, ANNUAIRE_SIZE, ANNUAIRE_VALUE};

/// The size of a page when the client names none.
pub const DEFAULT_COUNT: usize = 50;
/// The largest page; a client that asks for more gets this.
pub const LARGEST_COUNT: usize = 1000;
/// Values of all parameters together.
const MAX_VALUES: usize = 1200;
/// Values of one list, separated by commas.
const MAX_LIST: usize = 256;

/// The parameters that are no criteria, for people.
const RESULT_PARAMETERS: &str = "_count, _total, _elements, _include, _revinclude";

/// The issue of a query that exceeds the bounds of the directory's API.
pub fn too_large() -> Issue {
    Issue::new(&ANNUAIRE_SIZE, "http.query")
        .with("parameters", MAX_PARAMETERS.to_string())
        .with("values", MAX_VALUES.to_string())
        .with("list", MAX_LIST.to_string())
}

/// Whether a list, or all of them together, have more values than they may. Empty ones count: they are read too.
fn exceeds_bounds(parameters: &[(String, String)]) -> bool {
    let lists = || parameters.iter().map(|(_, value)| value.split(','));
    lists().any(|mut list| list.nth(MAX_LIST).is_some()) || lists().flatten().nth(MAX_VALUES).is_some()
}

/// Reads the parameters of a query, decoded, in their order. `now` is what `ap` is about.
pub fn parse(resource_type: DirectoryType, parameters: &[(String, String)], now: Timestamp) -> Result<Search, Error> {
    if exceeds_bounds(parameters) {
        return Err(Error::of(vec![too_large()]));
    }
    let mut reading = Reading::new(resource_type, now);
    let mut issues = vec![];
    for (name, value) in parameters {
        issues.extend(reading.parameter(name, value).err());
    }
    if issues.is_empty() { Ok(reading.search) } else { Err(Error::of(issues)) }
}

/// A query that is being read.
struct Reading<'a> {
    search: Search,
    criteria: Reader,
    count: Option<&'a str>,
    total: Option<&'a str>,
}

impl<'a> Reading<'a> {
    fn new(resource_type: DirectoryType, now: Timestamp) -> Self {
        let search = Search {
            resource_type,
            criteria: vec![],
            count: DEFAULT_COUNT,
            total: Total::BestEffort,
            elements: BTreeSet::new(),
            includes: vec![],
        };
        Self { search, criteria: Reader { now }, count: None, total: None }
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
            "_elements" => elements(value, &mut self.search.elements)?,
            _ if include::is_include(name) => include::read(name, value, &mut self.search)?,
            _ => self.search.criteria.extend(self.criteria.read(self.search.resource_type, name, value)?),
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
        return Err(malformed("_count", &format!("0…{LARGEST_COUNT}")).diagnostics(bad));
    }
    // Digits that are no number here are more than the largest.
    Ok(text.parse().unwrap_or(LARGEST_COUNT).min(LARGEST_COUNT))
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

/// `_elements`: names of elements, those that no resource has among them.
fn elements(value: &str, elements: &mut BTreeSet<String>) -> Result<(), Issue> {
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if name.len() > 64 || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(malformed("_elements", "identifier, telecom…").diagnostics(value::BAD_VALUE));
        }
        elements.insert(name.to_owned());
    }
    Ok(())
}

/// The issue of a value that has not the form expected.
fn malformed(name: &str, expected: &str) -> Issue {
    Issue::new(&ANNUAIRE_VALUE, format!("http.{name}")).with("found", name).with("expected", expected)
}

/// The issue of a parameter that a type does not have, which stands in the parameter `whole`.
fn unknown(resource_type: DirectoryType, name: &str, whole: &str) -> Issue {
    let mut known: Vec<_> = parameter::of(resource_type).map(|parameter| parameter.name).collect();
    known.push(RESULT_PARAMETERS);
    Issue::new(&ANNUAIRE_PARAMETER, format!("http.{whole}"))
        .with("found", name)
        .with("type", resource_type.as_str())
        .with("expected", known.join(", "))
        .diagnostics(not_found(name, resource_type))
}

/// What the national API says of a parameter or a link that it does not know.
fn not_found(name: &str, resource_type: DirectoryType) -> String {
    // Cut before the type, which is what matters of a name without end.
    let name: String = name.chars().take(200).collect();
    format!("Parameter {name} not found for resource {resource_type}")
}

#[cfg(test)]
mod tests;
