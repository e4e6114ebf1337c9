//! What becomes known of an exchange while it goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::subject::{self, Named};
use super::{Key, Record};
use crate::fhir::date::instant;
use crate::fhir::identifier::{Identifier, Token, split_unescaped};
use crate::fhir::version::Version;

/// More identifiers than this of one request are not looked at: no request that is accepted names as many, and
/// each costs a hash.
const MOST_IDENTIFIERS: usize = 320;

/// Who asked, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Its name in the settings.
    #[serde(rename = "caller", skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The common name in its certificate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub common_name: Option<String>,
    /// The organizational units in its certificate.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub organizational_units: Vec<String>,
    /// The serial number of its certificate, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub serial: Option<String>,
    /// Its address.
    pub peer: String,
}

/// What was found or decided about one resource.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// Its id.
    pub id: Option<String>,
    /// Its version before.
    pub before: Option<Version>,
    /// Its version after.
    pub after: Option<Version>,
}

/// An exchange that is going on. Clones are of the same exchange.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    at: Timestamp,
    began: Instant,
    request_id: String,
    caller: Caller,
    key: Key,
    known: Mutex<Known>,
    is_recorded: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    interaction: Option<&'static str>,
    resource_type: Option<&'static str>,
    identifiers: Vec<Named>,
    decided: Decided,
}

impl Trace {
    /// The trace of an exchange that begins now, at this time of day.
    pub fn begin(at: Timestamp, request_id: String, caller: Caller, key: Key) -> Self {
        let (known, is_recorded) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Inner { at, began: Instant::now(), request_id, caller, key, known, is_recorded }))
    }

    /// Notes what is asked for, once that is known.
    pub fn asks(&self, interaction: &'static str, resource_type: Option<&'static str>) {
        let mut known = self.known();
        (known.interaction, known.resource_type) = (Some(interaction), resource_type);
    }

    /// What is asked for, where that is known: the name of the interaction, and a resource type.
    pub fn asked(&self) -> Option<(&'static str, Option<&'static str>)> {
        let known = self.known();
        known.interaction.map(|interaction| (interaction, known.resource_type))
    }

    /// The name of who asks, where it is recognised.
    pub fn caller(&self) -> Option<&str> {
        self.0.caller.name.as_deref()
    }

    /// Notes the identifiers in the parameters of a query.
    pub fn queried<'a>(&self, parameters: impl Iterator<Item = (&'a str, &'a str)>) {
        // `identifier:not`, `practitioner.identifier`, and `Identifier` as the SAS pages write it.
        let is_identifier = |name: &str| {
            let name = name.split(':').next().unwrap_or_default();
            name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("identifier"))
        };
        let values = parameters.filter(|(name, _)| is_identifier(name)).map(|(_, value)| value);
        let tokens = values.flat_map(|value| split_unescaped(value, ',')).take(MOST_IDENTIFIERS);
        tokens.filter_map(Token::parse).for_each(|token| self.names(&token));
    }

    /// Notes the identifier of a criterion.
    pub fn names(&self, token: &Token) {
        let system = match token {
            Token::Exact(Identifier { system, .. }) | Token::System(system) => subject::presentable(system),
            Token::Value(_) | Token::NoSystem(_) => None,
        };
        self.note(Named { system, hash: self.0.key.token(token) });
    }

    /// Notes the identifiers of a body: its own, and those of whom it refers to, wherever they stand.
    pub fn holds(&self, body: &Value) {
        let mut left = MOST_IDENTIFIERS;
        let mut unread = vec![body];
        while left > 0
            && let Some(value) = unread.pop()
        {
            match value {
                Value::Object(members) => {
                    for (name, member) in members {
                        if name == "identifier" {
                            let elements = member.as_array().map_or(std::slice::from_ref(member), Vec::as_slice);
                            let elements = &elements[..elements.len().min(left)];
                            left -= elements.len();
                            elements.iter().filter_map(Identifier::from_element).for_each(|own| self.named(&own));
                        }
                        unread.push(member);
                    }
                }
                Value::Array(elements) => unread.extend(elements),
                _ => {}
            }
        }
    }

    fn named(&self, identifier: &Identifier) {
        let system = subject::presentable(&identifier.system);
        self.note(Named { system, hash: Some(self.0.key.identifier(identifier)) });
    }

    fn note(&self, named: Named) {
        let mut known = self.known();
        if !known.identifiers.contains(&named) {
            known.identifiers.push(named);
        }
    }

    /// Notes which resource was found, at which version. To be told only once storage has it: what a client puts
    /// in the place of an id may be the identifier of a person.
    pub fn found(&self, id: &str, version: Option<Version>) {
        self.known().decided = Decided { id: Some(id.to_owned()), before: version, after: version };
    }

    /// The record, should it end now with this status and these rules.
    pub fn record<'a>(&self, status: u16, rules: impl Iterator<Item = &'a str>, decided: Option<Decided>) -> Record {
        let inner = &self.0;
        let known = self.known();
        let Decided { id, before, after } = decided.unwrap_or_else(|| known.decided.clone());
        let mut rules: Vec<_> = rules.map(str::to_owned).collect();
        rules.sort_unstable();
        rules.dedup();
        Record {
            at: instant(inner.at),
            request_id: inner.request_id.clone(),
            caller: inner.caller.clone(),
            interaction: known.interaction.unwrap_or("none").to_owned(),
            resource_type: known.resource_type.map(str::to_owned),
            id,
            before,
            after,
            status,
            rules,
            identifiers: known.identifiers.clone(),
            duration_ms: (inner.began.elapsed().as_secs_f64() * 1e5).round() / 1e2,
        }
    }

    /// Says that the record is kept: with the change that it describes.
    pub fn set_recorded(&self) {
        self.0.is_recorded.store(true, Ordering::Release);
    }

    /// Whether it is.
    pub fn is_recorded(&self) -> bool {
        self.0.is_recorded.load(Ordering::Acquire)
    }

    /// What is known is whole between two notes: a panic elsewhere leaves nothing half done.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_one_request_a_bounded_number_of_identifiers_is_looked_at() {
        let named = |look: &dyn Fn(&Trace)| {
            let trace = Trace::begin(Timestamp::UNIX_EPOCH, "1".to_owned(), Caller::default(), Key::of_bytes(b"k"));
            look(&trace);
            trace.record(200, std::iter::empty(), None).identifiers.len()
        };
        for (before, expected) in [(0, 2), (MOST_IDENTIFIERS - 2, 2), (MOST_IDENTIFIERS - 1, 1), (500_000, 1)] {
            let value = "s|a,".repeat(before + 1) + "s|b";
            assert_eq!(named(&|trace| trace.queried([("identifier", value.as_str())].into_iter())), expected);
            let mut identifiers = vec![json!({ "system": "s", "value": "a" }); before + 1];
            identifiers.push(json!({ "system": "s", "value": "b" }));
            assert_eq!(named(&|trace| trace.holds(&json!({ "identifier": identifiers }))), expected);
        }
        let values =
            |trace: &Trace| trace.queried([("identifier", "a"), ("practitioner.identifier:not", "b")].into_iter());
        assert_eq!(named(&values), 2);
    }
}
