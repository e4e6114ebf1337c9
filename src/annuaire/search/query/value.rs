//! Parses the values of parameters.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::annuaire::search::Token;
use crate::annuaire::store::extraction::system_of;
use crate::annuaire::store::index_entry::Field;
use crate::fhir::code_set::{BOOLEANS, CodeSet, DEVICE_STATUS};
use crate::fhir::id::Id;
use crate::fhir::query::date::DateBound;
use crate::fhir::query::value::{split_token, split_unescaped, unescape};

/// The diagnostics of the national API for a refused value.
pub(super) const BAD_VALUE: &str = "Bad parameter value.";

/// Maximum characters of a value, as at the national API.
const MAX_VALUE_CHARS: usize = 1023;

/// The alternatives of a value, still escaped.
pub(super) fn items(value: &str) -> Result<Vec<&str>, ()> {
    let is_good = |item: &&str| {
        !item.contains(char::is_control) && (item.len() <= MAX_VALUE_CHARS || item.chars().count() <= MAX_VALUE_CHARS)
    };
    let items: Vec<&str> = split_unescaped(value, ',').filter(|item| !item.is_empty()).collect();
    if items.iter().all(is_good) { Ok(items) } else { Err(()) }
}

/// The items, trimmed, without empty ones.
fn not_blank<'a>(items: &'a [&str]) -> impl Iterator<Item = &'a str> {
    items.iter().map(|item| item.trim()).filter(|item| !item.is_empty())
}

/// The items, unescaped.
pub(super) fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| unescape(item)).collect()
}

/// Logical ids; `None` where one is malformed.
pub(super) fn logical_ids(items: &[&str]) -> Option<Vec<String>> {
    not_blank(items).map(|item| Some(unescape(item)).filter(|id| Id::is_legal(id))).collect()
}

/// URIs, as codes without a system: they are compared exactly.
pub(super) fn uris(items: &[&str]) -> Vec<Token> {
    not_blank(items).map(|uri| Token::Code(unescape(uri))).collect()
}

/// Tokens: `code`, `|code`, `system|code`, `system|`; `None` where one is malformed.
pub(super) fn tokens(field: Field, items: &[&str]) -> Option<Vec<Token>> {
    not_blank(items).map(|item| token(field, item)).collect()
}

fn token(field: Field, text: &str) -> Option<Token> {
    let (system, code) = split_token(text)?;
    let system = system_of(field, &system.unwrap_or_default()).to_owned();
    if code_set(field).is_some_and(|codes| !codes.allows(&system, &code)) {
        return None;
    }
    Some(match (system.is_empty(), code.is_empty()) {
        (true, _) => Token::Code(code),
        (false, true) => Token::System(system),
        (false, false) => Token::Both { system, code },
    })
}

/// The code set of a field that has only known codes.
pub(super) fn code_set(field: Field) -> Option<&'static CodeSet> {
    match field {
        Field::Active => Some(&BOOLEANS),
        Field::Status => Some(&DEVICE_STATUS),
        _ => None,
    }
}

/// References: `id` or `Type/id` of this type; `None` where one is malformed.
pub(super) fn ids(type_name: &str, items: &[&str]) -> Option<Vec<String>> {
    let id = |item| {
        let text = unescape(item);
        let id = match text.split_once('/') {
            Some((other, id)) => (other == type_name).then_some(id)?,
            None => &text,
        };
        Id::is_legal(id).then(|| id.to_owned())
    };
    not_blank(items).map(id).collect()
}

/// Dates with their prefixes, in UTC where they have no zone; `None` where one is malformed.
pub(super) fn bounds(items: &[&str], now: Timestamp) -> Option<Vec<DateBound>> {
    not_blank(items).map(|item| DateBound::parse(item, &TimeZone::UTC, now)).collect()
}
