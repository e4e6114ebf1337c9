//! Accounts and appointments that a request probably meant which has created another one: they hold an identifier that differs
//! a little, or are of the same person. Looked for when a page is opened, never when something is written.

use std::collections::BTreeSet;
use std::time::Duration;

use super::decision::reference;
use super::resources::link_to;
use super::state::Console;
use super::text::{Text, fill};
use crate::deadline::Deadline;
use crate::fhir::identifier::{IDNPS, INTRN, Identifier, Token};
use crate::fhir::resource_type::ResourceType;
use crate::journal::exchange::Exchange;
use crate::journal::person;
use crate::storage::journal::JournalFilter;
use crate::storage::{StateKeys, StorageError};

/// Maximum time of the search.
const TIMEOUT: Duration = Duration::from_millis(200);

/// Maximum variants of an identifier that are looked up.
const MAX_VARIANTS: usize = 2_000;

/// Maximum characters of a value whose characters are varied.
const MAX_VARIED: usize = 40;

/// Maximum exchanges about the same person that are read.
const MAX_EXCHANGES: usize = 200;

/// Maximum resources that are shown.
const MAX_SHOWN: usize = 10;

/// The first characters of national ids of persons, by kind: TRE_G08-TypeIdentifiantPersonne.
const PREFIXES: [&str; 7] = ["0", "1", "3", "4", "5", "6", "8"];

/// What a page says of near misses.
pub struct NearMisses {
    /// The page of each resource, the resource, and what it has in common.
    pub found: Vec<(String, String, String)>,
    /// Whether the time was not enough.
    pub is_incomplete: bool,
    /// Whether the identifier has more variants than are looked up.
    pub is_bounded: bool,
}

/// Resources, each with what it has in common.
type Alike = Vec<(String, String)>;

/// How a variant differs from an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variation {
    Case,
    Prefix,
    System,
    Encoding,
    Character,
}

/// Looks for near misses of a conditional update that has created a resource; `None` of any other exchange.
pub async fn find(console: &Console, exchange: &Exchange, text: &Text) -> Option<NearMisses> {
    let event = &exchange.event;
    if event.interaction != "conditional-update" || event.status != 201 {
        return None;
    }
    let resource_type = ResourceType::parse(event.resource_type.as_deref()?)?;
    let deadline = Deadline::after(TIMEOUT);
    let own = reference(event).unwrap_or_default();
    let (alike, same) = (
        with_similar_identifier(console, exchange, resource_type, text, &deadline).await,
        of_same_person(console, exchange, text, &deadline).await,
    );
    let is_incomplete = alike.is_err() || same.is_err();
    let mut seen = BTreeSet::from([own]);
    let (alike, is_bounded) = alike.unwrap_or_default();
    let found = alike.into_iter().chain(same.unwrap_or_default());
    let found = found.filter(|(resource, _)| seen.insert(resource.clone())).take(MAX_SHOWN);
    let found = found.filter_map(|(resource, reason)| Some((link_to(&resource)?, resource, reason))).collect();
    Some(NearMisses { found, is_incomplete, is_bounded })
}

/// Resources that hold a variant of the identifier in the query; and whether it has more variants than were looked up.
async fn with_similar_identifier(
    console: &Console,
    exchange: &Exchange,
    resource_type: ResourceType,
    text: &Text,
    deadline: &Deadline,
) -> Result<(Alike, bool), StorageError> {
    let Some(Token::Exact(identifier)) = criterion(&exchange.target) else { return Ok((vec![], false)) };
    let (variants, is_bounded) = variants(&identifier);
    let identifiers = variants.iter().map(|(_, variant)| (resource_type, variant.clone())).collect();
    let keys = StateKeys { identifiers, ..StateKeys::default() };
    let storage = console.parts.endpoint.storage.for_console(deadline);
    let registry = deadline.limit(storage.read_state(&keys)).await?;
    let held = variants.into_iter().filter_map(|(variation, variant)| {
        let holder = registry.holder(resource_type, &variant)?;
        let Identifier { system, value } = &variant;
        let has = fill(variation.sentence(text), &[("identifier", &format!("{system}|{value}"))]);
        Some((format!("{resource_type}/{}", holder.id), has))
    });
    Ok((held.collect(), is_bounded))
}

/// Accounts that were written with the same name and mail address.
async fn of_same_person(
    console: &Console,
    exchange: &Exchange,
    text: &Text,
    deadline: &Deadline,
) -> Result<Alike, StorageError> {
    let audit = console.parts.endpoint.writer.audit();
    let Some(key) = person::key(audit, exchange) else { return Ok(vec![]) };
    let filter = JournalFilter { keys: vec![key], status: Some((200, 299)), ..JournalFilter::default() };
    let rows = console.parts.journal.list(&filter, MAX_EXCHANGES, deadline).await?.unwrap_or_default();
    let resources = rows.into_iter().filter_map(|row| Some(format!("{}/{}", row.resource_type?, row.resource_id?)));
    Ok(resources.map(|resource| (resource, text.near_miss_person.to_owned())).collect())
}

/// The identifier in the query of a target.
pub fn criterion(target: &str) -> Option<Token> {
    let (_, query) = target.split_once('?')?;
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let (_, value) = parameters.find(|(name, _)| name.eq_ignore_ascii_case("identifier"))?;
    Token::parse(&value)
}

impl Variation {
    fn sentence(self, text: &Text) -> &'static str {
        match self {
            Self::Case => text.near_miss_case,
            Self::Prefix => text.near_miss_prefix,
            Self::System => text.near_miss_system,
            Self::Encoding => text.near_miss_encoding,
            Self::Character => text.near_miss_character,
        }
    }
}

/// Identifiers that a client may have meant, the likeliest first; a bounded number, and whether there are more.
fn variants(identifier: &Identifier) -> (Vec<(Variation, Identifier)>, bool) {
    let Identifier { system, value } = identifier;
    let (mut variants, mut has_more) = (vec![], value.chars().count() > MAX_VARIED);
    let mut add = |variation, system: &str, value: &str| {
        let variant = Identifier::new(system, value);
        if variant == *identifier || value.is_empty() {
            return;
        }
        match variants.len() {
            MAX_VARIANTS => has_more = true,
            _ => variants.push((variation, variant)),
        }
    };
    add(Variation::Case, system, &value.to_lowercase());
    add(Variation::Case, system, &value.to_uppercase());
    let once = decoded(value);
    for text in [&once, &decoded(&once)] {
        add(Variation::Encoding, &decoded(system), text);
    }
    if system == IDNPS {
        for prefix in PREFIXES {
            add(Variation::Prefix, system, value.strip_prefix(prefix).unwrap_or_default());
            add(Variation::Prefix, system, &format!("{prefix}{value}"));
        }
    }
    for other in [IDNPS, INTRN] {
        add(Variation::System, other, value);
    }
    match system.strip_prefix("urn:oid:") {
        Some(oid) => add(Variation::System, oid, value),
        None => add(Variation::System, &format!("urn:oid:{system}"), value),
    }
    let characters: Vec<_> = value.chars().collect();
    if characters.len() <= MAX_VARIED {
        with_another_character(&characters, |varied| add(Variation::Character, system, &varied));
    }
    (variants, has_more)
}

/// Each text with one character less, two exchanged, one replaced, or one more.
fn with_another_character(characters: &[char], mut add: impl FnMut(String)) {
    let alphabet = alphabet(characters);
    let text = |parts: &[&[char]]| parts.concat().into_iter().collect::<String>();
    for at in 0..characters.len() {
        add(text(&[&characters[..at], &characters[at + 1..]]));
    }
    for at in 1..characters.len() {
        add(text(&[&characters[..at - 1], &[characters[at], characters[at - 1]], &characters[at + 1..]]));
    }
    for at in 0..characters.len() {
        for other in &alphabet {
            add(text(&[&characters[..at], &[*other], &characters[at + 1..]]));
        }
    }
    for at in 0..=characters.len() {
        for other in &alphabet {
            add(text(&[&characters[..at], &[*other], &characters[at..]]));
        }
    }
}

/// The characters that a text of this kind may have: digits, and letters as far as it has some.
fn alphabet(characters: &[char]) -> Vec<char> {
    let has = |is_of: fn(&char) -> bool| characters.iter().any(is_of);
    let last = if characters.iter().all(|other| !other.is_ascii_alphabetic() || other.is_ascii_hexdigit()) {
        'f'
    } else {
        'z'
    };
    let lower = ('a'..=last).filter(|_| has(char::is_ascii_lowercase));
    let upper = ('A'..=last.to_ascii_uppercase()).filter(|_| has(char::is_ascii_uppercase));
    ('0'..='9').chain(lower).chain(upper).collect()
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_of_an_identifier_are_what_a_client_may_have_meant() {
        let sent = Identifier::new(IDNPS, "81000290937a%2F");
        let (all, has_more) = variants(&sent);
        assert!(!has_more);
        for (variation, system, value) in [
            (Variation::Case, IDNPS, "81000290937A%2F"),
            (Variation::Encoding, IDNPS, "81000290937a/"),
            (Variation::Prefix, IDNPS, "1000290937a%2F"),
            (Variation::Prefix, IDNPS, "381000290937a%2F"),
            (Variation::System, INTRN, "81000290937a%2F"),
            (Variation::System, "1.2.250.1.71.4.2.1", "81000290937a%2F"),
            (Variation::Character, IDNPS, "8100029097a%2F"),
            (Variation::Character, IDNPS, "18000290937a%2F"),
            (Variation::Character, IDNPS, "81000290938a%2F"),
            (Variation::Character, IDNPS, "810002900937a%2F"),
        ] {
            assert!(all.contains(&(variation, Identifier::new(system, value))), "{variation:?} {system}|{value}");
        }
        assert!(!all.iter().any(|(_, variant)| *variant == sent));
        let (bare, _) = variants(&Identifier::new("1.2.250.1.71.4.2.1", "1"));
        assert!(bare.contains(&(Variation::System, Identifier::new(IDNPS, "1"))));
        let (twice, _) = variants(&Identifier::new("s", "a%252Fb"));
        assert!(twice.contains(&(Variation::Encoding, Identifier::new("s", "a/b"))));
    }

    #[test]
    fn near_misses_are_bounded_in_number_and_it_is_known() {
        for (value, expected) in [
            ("zA0".repeat(13), true),
            ("0".repeat(MAX_VARIED + 1), true),
            ("é".repeat(255), true),
            (String::new(), false),
            ("0".repeat(MAX_VARIED), false),
            ("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11".to_owned(), false),
        ] {
            let (variants, has_more) = variants(&Identifier::new("s", &value));
            assert!(variants.len() <= MAX_VARIANTS, "{value}");
            assert_eq!(has_more, expected, "{value}");
        }
    }

    #[test]
    fn criterion_of_a_target_is_decoded_once() {
        for (target, expected) in [
            ("/fhir/Practitioner?identifier=s%7Cv%252F", Some(Token::Exact(Identifier::new("s", "v%2F")))),
            ("/fhir/Practitioner?_format=json&Identifier=s|v", Some(Token::Exact(Identifier::new("s", "v")))),
            ("/fhir/Practitioner", None),
        ] {
            assert_eq!(criterion(target), expected, "{target}");
        }
    }
}
