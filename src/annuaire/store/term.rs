//! Terms: the keys of the index, compared as bytes.
//!
//! A term is `field value 0 detail`, where the detail is the system of a token, or the text before folding. A code of
//! any system is one range, and so are all texts with a common prefix. Each value also has markers, `field 0` (the
//! field has a value) and `field 0 system` (it has a code of the system), and each text has grams, `128+group piece`,
//! for its pieces of one to three characters.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::annuaire::store::index_entry::{Field, IndexEntry};
use crate::annuaire::store::text_folding::fold_case_and_accents;
use crate::storage::mirror::TermRange;

/// The format of the index. Raise it when the terms of a resource or the encoding of sets change: an index of another
/// format is refused until it is rebuilt.
pub const INDEX_FORMAT: i64 = 1;

/// Maximum bytes of a value in a term. Longer values are cut, and their matches must be verified.
pub const MAX_VALUE_BYTES: usize = 200;

/// Maximum characters of a gram.
pub const GRAM: usize = 3;

/// All terms with this prefix.
fn beginning(from: Vec<u8>) -> TermRange {
    let mut to = from.clone();
    // The first byte is a field, which is never 255: one byte can always be incremented.
    while to.last() == Some(&u8::MAX) {
        to.pop();
    }
    if let Some(last) = to.last_mut() {
        *last += 1;
    }
    TermRange { from, to, by_term: false }
}

/// This term only.
fn alone(term: Vec<u8>) -> TermRange {
    let mut to = term.clone();
    to.push(0);
    TermRange { from: term, to, by_term: false }
}

/// The text, cut to the maximum length, without zeros: a zero is the separator.
fn indexed(text: &str) -> impl Iterator<Item = u8> {
    let end = if text.len() <= MAX_VALUE_BYTES { text.len() } else { text.floor_char_boundary(MAX_VALUE_BYTES) };
    text[..end].bytes().map(|byte| byte.max(1))
}

/// Whether the term of this text is that of no other: the text is not cut, and contains neither of the two characters that
/// terms do not distinguish.
pub fn is_exactly_indexable(text: &str) -> bool {
    text.len() <= MAX_VALUE_BYTES - char::MAX_LEN_UTF8 && !text.contains(['\0', '\u{1}'])
}

fn term(field: Field, value: &str, detail: &str) -> Vec<u8> {
    let mut term = Vec::with_capacity(2 + value.len() + detail.len());
    term.push(field as u8);
    term.extend(indexed(value));
    term.push(0);
    term.extend(indexed(detail));
    term
}

fn gram(group: u8, piece: &str) -> Vec<u8> {
    let mut term = vec![128 + group];
    term.extend(indexed(piece));
    term
}

/// The group of fields that share their grams.
pub fn group(field: Field) -> u8 {
    let head = match field {
        Field::Family | Field::Given | Field::Name => Field::Name,
        Field::AddressCity | Field::AddressPostalCode | Field::AddressLine | Field::AddressOther => Field::AddressCity,
        field => field,
    };
    head as u8
}

pub fn size_of_group(field: Field) -> usize {
    match field {
        Field::Family | Field::Given | Field::Name => 3,
        Field::AddressCity | Field::AddressPostalCode | Field::AddressLine | Field::AddressOther => 4,
        _ => 1,
    }
}

/// The day of an instant, in UTC, as in the terms of [`Field::LastUpdated`].
pub fn day(instant: Timestamp) -> Date {
    instant.to_zoned(TimeZone::UTC).date()
}

/// Calls `found` with every term of a resource; some are repeated.
pub fn terms(values: &[IndexEntry], last_updated: Timestamp, mut found: impl FnMut(Vec<u8>)) {
    found(term(Field::LastUpdated, &day(last_updated).to_string(), ""));
    for value in values {
        found(term(value.field(), "", ""));
        match value {
            IndexEntry::Token { field, system, code } => {
                found(term(*field, code, system));
                if !system.is_empty() {
                    found(term(*field, "", system));
                }
            }
            IndexEntry::Text { field, raw } => {
                let normal = fold_case_and_accents(raw);
                found(term(*field, &normal, raw));
            }
            IndexEntry::Reference { field, id, .. } => found(term(*field, id, "")),
            IndexEntry::Period { .. } => {}
        }
    }
}

/// Calls `found` with every gram of a resource, as group and characters; some are repeated.
pub fn grams(values: &[IndexEntry], mut found: impl FnMut(u8, [char; GRAM])) {
    for value in values {
        let IndexEntry::Text { field, raw } = value else { continue };
        let group = group(*field);
        let (mut before, mut last) = ('\0', '\0');
        for character in fold_case_and_accents(raw).chars().map(|character| character.max('\u{1}')) {
            found(group, [character, '\0', '\0']);
            if last != '\0' {
                found(group, [last, character, '\0']);
            }
            if before != '\0' {
                found(group, [before, last, character]);
            }
            (before, last) = (last, character);
        }
    }
}

/// The term of a gram.
pub fn of_gram(group: u8, piece: [char; GRAM]) -> Vec<u8> {
    gram(group, &piece.iter().take_while(|character| **character != '\0').collect::<String>())
}

/// The grams of every text that contains this non-empty one; a short text is one gram.
pub fn grams_of(group: u8, normal: &str) -> Vec<TermRange> {
    let characters: Vec<char> = normal.chars().map(|character| character.max('\u{1}')).collect();
    let length = characters.len().clamp(1, GRAM);
    let mut pieces: Vec<_> = characters.windows(length).map(|piece| gram(group, &String::from_iter(piece))).collect();
    pieces.sort();
    pieces.dedup();
    pieces.into_iter().map(alone).collect()
}

/// Any value of a field.
pub fn present(field: Field) -> TermRange {
    alone(term(field, "", ""))
}

/// A code of any system.
pub fn code(field: Field, code: &str) -> TermRange {
    beginning(term(field, code, ""))
}

/// A code of a system.
pub fn code_of(field: Field, system: &str, code: &str) -> TermRange {
    alone(term(field, code, system))
}

/// Any code of a system.
pub fn any_of(field: Field, system: &str) -> TermRange {
    alone(term(field, "", system))
}

/// Texts with this prefix, which is folded and not empty.
pub fn prefix(field: Field, normal: &str) -> TermRange {
    beginning(std::iter::once(field as u8).chain(indexed(normal)).collect())
}

/// Texts that equal this one.
pub fn exact(field: Field, raw: &str) -> TermRange {
    alone(term(field, &fold_case_and_accents(raw), raw))
}

pub fn reference(field: Field, id: &str) -> TermRange {
    alone(term(field, id, ""))
}

/// All days from one to another, inclusive; `None` is open. Their sets are returned by term, as each day is compared.
pub fn days(from: Option<Date>, to: Option<Date>) -> TermRange {
    let field = Field::LastUpdated;
    let of_day = |day: Date| beginning(term(field, &day.to_string(), ""));
    TermRange {
        from: from.map_or(vec![field as u8, 1], |day| of_day(day).from),
        to: to.map_or(vec![field as u8 + 1], |day| of_day(day).to),
        by_term: true,
    }
}

pub fn value(term: &[u8]) -> Option<&str> {
    let value = term.get(1..)?.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(value).ok()
}
