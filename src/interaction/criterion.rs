//! The criterion of a conditional interaction: one identifier, and no other parameter.
//!
//! <http://hl7.org/fhir/R4/http.html#cond-update>

use super::page;
use crate::fhir::identifier::Token;
use crate::fhir::query::Query;
use crate::fhir::query::value::split_unescaped;
use crate::fhir::resource_type::ResourceType;
use crate::issue::Issue;
use crate::issue::catalogue::{
    HTTP_IF_NONE_EXIST, QUERY_IDENTIFIER_FORM, QUERY_IDENTIFIER_MISSING, QUERY_IDENTIFIER_SINGLE,
    QUERY_IDENTIFIER_SYSTEM,
};
use crate::sas::deviation::{IDENTIFIER_CASE, Validation};
use crate::sas::identity::{MAX_IDENTIFIER_PART, is_indexable};

const AT: &str = "http.identifier";
const EXPECTED: &str = "identifier, _format, _pretty";

/// The criterion of a conditional update, and its issues.
pub struct Criterion {
    /// The identifier, if it is well-formed.
    pub token: Option<Token>,
    /// Errors and warnings.
    pub issues: Vec<Issue>,
}

/// Parses the criterion of `PUT /{type}?identifier=…`.
pub fn parse_update_criterion(resource_type: ResourceType, mut query: Query, validation: Validation) -> Criterion {
    let mut issues = vec![];
    let mut values = query.take("identifier");
    if resource_type == ResourceType::Appointment {
        let misspelt = query.take("Identifier");
        if !misspelt.is_empty() {
            let issue = IDENTIFIER_CASE.at("http.Identifier", validation);
            issues.push(issue.with("found", "Identifier").with("expected", EXPECTED));
            values.extend(misspelt);
        }
    }
    issues.extend(page::unknown_parameters(&query, EXPECTED));
    let token = match single(&values).and_then(|value| token(resource_type, value)) {
        Ok(token) => Some(token),
        Err(issue) => {
            issues.push(issue);
            None
        }
    };
    Criterion { token, issues }
}

/// Parses the criterion of `If-None-Exist`: a query. Some clients, such as HAPI's, send the whole URL of the search: the
/// part before the question mark is cut off, if it is a URL of this type.
pub fn parse_if_none_exist(resource_type: ResourceType, header: &str) -> Result<Token, Issue> {
    let malformed = || Issue::new(&HTTP_IF_NONE_EXIST, "http.If-None-Exist");
    let query = match header.split_once('?') {
        Some((url, query)) if url.is_empty() || names_type(url, resource_type) => query,
        // A value may contain a question mark.
        Some((before, _)) if !before.contains('=') => return Err(malformed()),
        _ => header,
    };
    let mut query = Query::parse(query).map_err(|_| malformed())?;
    let values = query.take("identifier");
    if query != Query::default() {
        return Err(malformed());
    }
    let value = single(&values).map_err(|_| malformed())?;
    match Token::parse(value) {
        Some(token @ (Token::Exact(_) | Token::Value(_))) => Ok(token),
        _ => Err(malformed()),
    }
}

/// Whether a URL without its query is that of the resources of this type: `https://host/fhir/Practitioner`,
/// `/Practitioner`, `Practitioner`.
fn names_type(url: &str, resource_type: ResourceType) -> bool {
    url.rsplit('/').next() == Some(resource_type.as_str())
}

/// The one value; neither repeated nor a list of alternatives.
fn single(values: &[String]) -> Result<&str, Issue> {
    match values {
        [] => Err(Issue::new(&QUERY_IDENTIFIER_MISSING, AT)),
        [value] if split_unescaped(value, ',').nth(1).is_none() => Ok(value),
        _ => Err(Issue::new(&QUERY_IDENTIFIER_SINGLE, AT)),
    }
}

fn token(resource_type: ResourceType, value: &str) -> Result<Token, Issue> {
    let token = Token::parse(value);
    let too_long = match &token {
        Some(Token::Exact(identifier)) => !is_indexable(identifier),
        Some(Token::Value(value)) => value.chars().count() > MAX_IDENTIFIER_PART,
        _ => false,
    };
    if too_long {
        let expected = format!("system|value (≤ {MAX_IDENTIFIER_PART})");
        return Err(Issue::new(&QUERY_IDENTIFIER_FORM, AT).with("expected", expected));
    }
    match (resource_type, token) {
        (ResourceType::Practitioner, Some(Token::Exact(identifier))) if !identifier.is_account_key() => {
            Err(Issue::new(&QUERY_IDENTIFIER_SYSTEM, AT).with("found", identifier.system))
        }
        (_, Some(token @ Token::Exact(_))) => Ok(token),
        (ResourceType::Appointment, Some(token @ Token::Value(_))) => Ok(token),
        (ResourceType::Practitioner, _) => Err(Issue::new(&QUERY_IDENTIFIER_FORM, AT).with("expected", "system|value")),
        (ResourceType::Appointment, _) => {
            Err(Issue::new(&QUERY_IDENTIFIER_FORM, AT).with("expected", "system|value, value"))
        }
    }
}
