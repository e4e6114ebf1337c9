//! Terms: what the index is looked up by, as bytes whose order is that of a dictionary.
//!
//! `field value 0 detail`, where the detail is the system of a token, or the letters of a text before
//! its normalisation. So a code whatever its system, and all texts that begin alike, are each one range.
//! A value's field also has markers, `field 0` (something stands there) and `field 0 system` (some code of
//! that system does), and each text its grams: `128+group piece`, for pieces of one to three characters.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::annuaire::store::index_entry::{Field, IndexEntry};
use crate::annuaire::store::text_folding::fold_case_and_accents;
use crate::storage::mirror::TermRange;

/// The format of the index: raised whenever a resource would have other terms, or sets another encoding, than before.
/// An index of another format is refused until it is rebuilt.
pub const INDEX_FORMAT: i64 = 1;

/// A value is indexed up to this length, in bytes; what is longer must be compared in the resource.
pub const MAX_VALUE_BYTES: usize = 200;

/// The longest piece of a text that is indexed, in characters.
pub const GRAM: usize = 3;

/// All terms that begin like this.
fn beginning(from: Vec<u8>) -> TermRange {
    let mut to = from.clone();
    // Terms begin with a field, which is not 255: something is left to be incremented.
    while to.last() == Some(&u8::MAX) {
        to.pop();
    }
    if let Some(last) = to.last_mut() {
        *last += 1;
    }
    TermRange { from, to, by_term: false }
}

/// This term alone.
fn alone(term: Vec<u8>) -> TermRange {
    let mut to = term.clone();
    to.push(0);
    TermRange { from: term, to, by_term: false }
}

/// The text without its end where it is too long to be indexed; a zero would be taken for the separator.
fn indexed(text: &str) -> impl Iterator<Item = u8> {
    let end = if text.len() <= MAX_VALUE_BYTES { text.len() } else { text.floor_char_boundary(MAX_VALUE_BYTES) };
    text[..end].bytes().map(|byte| byte.max(1))
}

/// Whether what the index finds under this text is nothing else: the beginning of a longer text, which is cut
/// after a whole character, or a text with another of the two characters that are taken for one.
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

/// The fields whose texts are cut into pieces together.
pub fn group(field: Field) -> u8 {
    let head = match field {
        Field::Family | Field::Given | Field::Name => Field::Name,
        Field::AddressCity | Field::AddressPostalCode | Field::AddressLine | Field::AddressOther => Field::AddressCity,
        field => field,
    };
    head as u8
}

/// How many fields a group has.
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

/// Calls `found` with every term of a resource; some come more than once.
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

/// Calls `found` with every piece of the texts of a resource, as group and characters; some come more than once.
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

/// The term of a piece.
pub fn of_gram(group: u8, piece: [char; GRAM]) -> Vec<u8> {
    gram(group, &piece.iter().take_while(|character| **character != '\0').collect::<String>())
}

/// The pieces that a text has if it contains this one, which is not empty: itself if it is short.
pub fn grams_of(group: u8, normal: &str) -> Vec<TermRange> {
    let characters: Vec<char> = normal.chars().map(|character| character.max('\u{1}')).collect();
    let length = characters.len().clamp(1, GRAM);
    let mut pieces: Vec<_> = characters.windows(length).map(|piece| gram(group, &String::from_iter(piece))).collect();
    pieces.sort();
    pieces.dedup();
    pieces.into_iter().map(alone).collect()
}

/// Anything that stands in the field.
pub fn present(field: Field) -> TermRange {
    alone(term(field, "", ""))
}

/// A code, whatever its system.
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

/// A text that begins like this; already normalised, and not empty.
pub fn prefix(field: Field, normal: &str) -> TermRange {
    beginning(std::iter::once(field as u8).chain(indexed(normal)).collect())
}

/// A text to the letter.
pub fn exact(field: Field, raw: &str) -> TermRange {
    alone(term(field, &fold_case_and_accents(raw), raw))
}

/// A reference to this id.
pub fn reference(field: Field, id: &str) -> TermRange {
    alone(term(field, id, ""))
}

/// All days from one to another, both included; `None` for an open end. There are few of them, and each is to be
/// compared.
pub fn days(from: Option<Date>, to: Option<Date>) -> TermRange {
    let field = Field::LastUpdated;
    let of_day = |day: Date| beginning(term(field, &day.to_string(), ""));
    TermRange {
        from: from.map_or(vec![field as u8, 1], |day| of_day(day).from),
        to: to.map_or(vec![field as u8 + 1], |day| of_day(day).to),
        by_term: true,
    }
}

/// The value of a term, as it was indexed.
pub fn value(term: &[u8]) -> Option<&str> {
    let value = term.get(1..)?.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(value).ok()
}
