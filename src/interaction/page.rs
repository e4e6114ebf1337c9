//! What searches and histories share: parameters that may occur once, page sizes, links.

use form_urlencoded::Serializer;

use crate::fhir::query::{MAX_PARAMETERS, Query, QueryBounds};
use crate::fhir::subset::{Subset, Summary};
use crate::issue::Issue;
use crate::issue::catalogue::{QUERY_PARAMETER, QUERY_REPEATED, QUERY_SIZE, QUERY_VALUE};
use crate::storage::MAX_PAGE_BYTES;

/// The size of a page when the client names none.
const DEFAULT_COUNT: usize = 50;
/// Maximum size of a page; a larger `_count` gets this.
const MAX_COUNT: usize = 1000;

/// The bounds of a search: databases take long to plan many criteria, and SQLite nests a thousand comparisons at most.
pub const SEARCH_BOUNDS: QueryBounds = QueryBounds { criteria: 16, list: 256, values: 256 };

/// Size of an entry without its resource, in bytes: its URL, and the request of a version.
const MAX_ENTRY_OVERHEAD: usize = 1024;
/// Size of a page without its entries, in bytes: links that repeat the query, escaped.
const MAX_LINKS: usize = 256 << 10;

/// The size of the largest page, where no resource is larger than `max_resource`.
pub fn max_page_bytes(max_resource: usize) -> usize {
    MAX_PAGE_BYTES + max_resource + MAX_COUNT * MAX_ENTRY_OVERHEAD + MAX_LINKS
}

/// The issue of a query that exceeds the bounds of the FHIR API.
pub fn query_too_large() -> Issue {
    Issue::new(&QUERY_SIZE, "http.query")
        .with("parameters", MAX_PARAMETERS.to_string())
        .with("criteria", SEARCH_BOUNDS.criteria.to_string())
        .with("values", SEARCH_BOUNDS.values.to_string())
}

/// An issue for each parameter that is left in the query.
pub fn unknown_parameters(query: &Query, expected: &str) -> Vec<Issue> {
    query.iter().map(|(name, _)| unknown(format!("http.{name}"), name, expected)).collect()
}

/// The issue of an unknown parameter.
pub fn unknown(place: impl Into<String>, name: &str, expected: &str) -> Issue {
    Issue::new(&QUERY_PARAMETER, place).with("found", name).with("expected", expected)
}

/// The issue of a parameter that occurs again.
pub fn repeated(place: impl Into<String>, name: &str) -> Issue {
    Issue::new(&QUERY_REPEATED, place).with("found", name)
}

/// The issue of a malformed value.
pub fn malformed(place: impl Into<String>, name: &str, expected: &str) -> Issue {
    Issue::new(&QUERY_VALUE, place).with("found", name).with("expected", expected)
}

/// The value of a parameter that may occur once.
pub fn single(query: &mut Query, name: &str, issues: &mut Vec<Issue>) -> Option<String> {
    let mut values = query.take(name);
    if values.len() > 1 {
        issues.push(repeated(format!("http.{name}"), name));
    }
    values.pop()
}

/// The value of a parameter that may occur once, parsed.
pub fn parsed<T>(
    query: &mut Query,
    name: &str,
    expected: &str,
    issues: &mut Vec<Issue>,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let value = single(query, name, issues)?;
    let parsed = parse(&value);
    if parsed.is_none() {
        issues.push(malformed(format!("http.{name}"), name, expected));
    }
    parsed
}

/// `_elements` and `_summary`, which may be one of `summaries`: the part of each resource to return.
pub fn parse_subset(query: &mut Query, summaries: &'static str, issues: &mut Vec<Issue>) -> Subset {
    let summary = parsed(query, "_summary", summaries, issues, |text| Summary::parse(text, summaries));
    let mut subset = Subset { summary: summary.unwrap_or_default(), ..Subset::default() };
    for list in query.take("_elements") {
        if subset.add_elements(&list).is_none() {
            issues.push(malformed("http._elements", "_elements", "identifier, telecom…"));
        }
    }
    subset
}

/// `_count`: maximum entries of a page.
pub fn count(query: &mut Query, issues: &mut Vec<Issue>) -> usize {
    let count = parsed(query, "_count", "0…1000", issues, |text| text.parse().ok());
    count.unwrap_or(DEFAULT_COUNT).min(MAX_COUNT)
}

/// `url?name=value&…`, encoded; without parameters, `url`.
pub fn link<'a>(url: &str, parameters: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut serializer = Serializer::new(String::new());
    let query = serializer.extend_pairs(parameters).finish();
    if query.is_empty() { url.to_owned() } else { format!("{url}?{query}") }
}
