//! What becomes known of an exchange while it goes on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lookup_key::{self, HashedIdentifier};
use super::{AuditEvent, Key, is_server_id};
use crate::fhir::date::instant;
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::query::value::split_unescaped;
use crate::fhir::version::Version;

/// More identifiers than this of one request are not looked at: no request that is accepted names as many, and
/// each costs a hash.
const MAX_READ_IDENTIFIERS: usize = 320;

/// Identifiers beyond these are counted, not kept: an event takes some kilobytes at most.
const MAX_EVENT_IDENTIFIERS: usize = 64;

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
pub struct ResourceRef {
    /// Its id.
    pub id: Option<String>,
    /// Its version before.
    pub before: Option<Version>,
    /// Its version after.
    pub after: Option<Version>,
}

/// How a write ended that was neither carried out nor refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteOutcome {
    /// Nothing was written.
    Failed,
    /// The database did not say whether it was written, or had not yet when the exchange ended. Where it was, another
    /// record of the same exchange, committed with the change, says so.
    Unknown,
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
    identifiers: Vec<HashedIdentifier>,
    identifiers_left_out: u32,
    decided: ResourceRef,
    write_outcome: Option<WriteOutcome>,
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
        let tokens = values.flat_map(|value| split_unescaped(value, ',')).take(MAX_READ_IDENTIFIERS);
        tokens.filter_map(Token::parse).for_each(|token| self.names(&token));
    }

    /// Notes the identifier of a criterion.
    pub fn names(&self, token: &Token) {
        let system = match token {
            Token::Exact(Identifier { system, .. }) | Token::System(system) => lookup_key::safe_system(system),
            Token::Value(_) | Token::NoSystem(_) => None,
        };
        self.note(HashedIdentifier { system, hash: self.0.key.token(token) });
    }

    /// Notes an identifier that must be in the record, though others of the body come before it.
    pub fn names_identifier(&self, identifier: &Identifier) {
        let system = lookup_key::safe_system(&identifier.system);
        self.note(HashedIdentifier { system, hash: Some(self.0.key.identifier(identifier)) });
    }

    /// Notes the identifiers of a body: its own, and those of whom it refers to, wherever they stand.
    pub fn holds(&self, body: &Value) {
        let mut left = MAX_READ_IDENTIFIERS;
        // Level by level, so that the resource's own identifiers come first.
        let mut unread = VecDeque::from([body]);
        while left > 0
            && let Some(value) = unread.pop_front()
        {
            match value {
                Value::Object(members) => {
                    for (name, member) in members {
                        if name == "identifier" {
                            let elements = member.as_array().map_or(std::slice::from_ref(member), Vec::as_slice);
                            let elements = &elements[..elements.len().min(left)];
                            left -= elements.len();
                            elements
                                .iter()
                                .filter_map(Identifier::from_element)
                                .for_each(|own| self.names_identifier(&own));
                        }
                        unread.push_back(member);
                    }
                }
                Value::Array(elements) => unread.extend(elements),
                _ => {}
            }
        }
    }

    fn note(&self, named: HashedIdentifier) {
        let mut known = self.known();
        // Of a criterion that names nobody, and a system that is not shown, nothing is left.
        let is_nothing = named.system.is_none() && named.hash.is_none();
        if is_nothing || known.identifiers.contains(&named) {
            return;
        }
        match known.identifiers.len() {
            MAX_EVENT_IDENTIFIERS => known.identifiers_left_out += 1,
            _ => known.identifiers.push(named),
        }
    }

    /// Notes which resource was found, at which version. To be told only once storage has it: what a client puts
    /// in the place of an id may be the identifier of a person.
    pub fn found(&self, id: &str, version: Option<Version>) {
        self.known().decided = ResourceRef { id: Some(id.to_owned()), before: version, after: version };
    }

    /// Notes that a write waits for the database: until it is answered, its outcome is unknown.
    pub fn write_begins(&self) {
        self.known().write_outcome = Some(WriteOutcome::Unknown);
    }

    /// Notes the resource that a write is meant for, where one is stored, at its committed version.
    pub fn write_is_for(&self, stored: Option<(&str, Version)>) {
        self.known().decided = match stored {
            Some((id, version)) => ResourceRef { id: Some(id.to_owned()), before: Some(version), after: None },
            None => ResourceRef::default(),
        };
    }

    /// Notes that a write was not committed, or may not have been.
    pub fn write_fails(&self, outcome: WriteOutcome) {
        self.known().write_outcome = Some(outcome);
    }

    /// Notes what became of a write. To be told only once that is committed.
    pub fn write_ends(&self, decided: ResourceRef) {
        let mut known = self.known();
        (known.decided, known.write_outcome) = (decided, None);
    }

    /// The record, should it end now with this status and these rules.
    pub fn record<'a>(
        &self,
        status: u16,
        rules: impl Iterator<Item = &'a str>,
        decided: Option<ResourceRef>,
    ) -> AuditEvent {
        let inner = &self.0;
        let known = self.known();
        // What is decided is recorded with its commit.
        let write_outcome = if decided.is_some() { None } else { known.write_outcome };
        let ResourceRef { id, before, after } = decided.unwrap_or_else(|| known.decided.clone());
        let hash = |id: &String| inner.key.resource(known.resource_type.unwrap_or_default(), id);
        let id_hash = id.as_ref().filter(|id| !is_server_id(id)).map(hash);
        let id = id.filter(|_| id_hash.is_none());
        let mut rules: Vec<_> = rules.map(str::to_owned).collect();
        rules.sort_unstable();
        rules.dedup();
        AuditEvent {
            at: instant(inner.at),
            request_id: inner.request_id.clone(),
            caller: inner.caller.clone(),
            interaction: known.interaction.unwrap_or("none").to_owned(),
            resource_type: known.resource_type.map(str::to_owned),
            id,
            id_hash,
            before,
            after,
            write_outcome,
            status,
            rules,
            identifiers: known.identifiers.clone(),
            identifiers_left_out: known.identifiers_left_out,
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

    fn trace() -> Trace {
        Trace::begin(Timestamp::UNIX_EPOCH, "1".to_owned(), Caller::default(), Key::from_bytes(b"k"))
    }

    fn record(trace: &Trace) -> AuditEvent {
        trace.record(200, std::iter::empty(), None)
    }

    #[test]
    fn record_of_many_identifiers_is_bounded_and_keeps_the_first() {
        let elements = |kind: &str| -> Vec<_> {
            (0..320)
                .map(|number| json!({ "system": "https://example.org", "value": format!("{kind}{number}") }))
                .collect()
        };
        let contained = json!([{ "identifier": elements("contained") }]);
        let body = json!({ "contained": contained, "identifier": elements("own") });
        let trace = trace();
        trace.queried([("identifier", "s|criterion")].into_iter());
        trace.names_identifier(&Identifier::new("s", "operator"));
        trace.holds(&body);
        let record = record(&trace);
        assert_eq!(
            (record.identifiers.len(), record.identifiers_left_out),
            (MAX_EVENT_IDENTIFIERS, 322 - MAX_EVENT_IDENTIFIERS as u32)
        );
        let key = Key::from_bytes(b"k");
        let hash = |system, value: &str| Some(key.identifier(&Identifier::new(system, value)));
        let own = (0..MAX_EVENT_IDENTIFIERS - 2).map(|number| hash("https://example.org", &format!("own{number}")));
        let first = [hash("s", "criterion"), hash("s", "operator")].into_iter().chain(own);
        let hashes = record.identifiers.iter().map(|named| named.hash.clone());
        assert!(hashes.eq(first));
        let size = serde_json::to_string(&record).expect("JSON").len();
        assert!(size < 8 << 10, "{size} bytes");

        let (queried, list) =
            (self::trace(), (0..320).map(|number| format!("s|{number}")).collect::<Vec<_>>().join(","));
        queried.queried([("identifier", list.as_str())].into_iter());
        assert_eq!(self::record(&queried).identifiers.len(), MAX_EVENT_IDENTIFIERS);
    }

    #[test]
    fn record_of_few_identifiers_is_whole() {
        let trace = trace();
        for number in 0..MAX_EVENT_IDENTIFIERS {
            trace.names_identifier(&Identifier::new("s", &number.to_string()));
        }
        trace.names_identifier(&Identifier::new("s", "0"));
        let record = record(&trace);
        assert_eq!((record.identifiers.len(), record.identifiers_left_out), (MAX_EVENT_IDENTIFIERS, 0));
        assert!(!serde_json::to_string(&record).expect("JSON").contains("left_out"));
    }

    #[test]
    fn record_names_an_id_only_where_the_server_gave_it() {
        let server = "018f3c5e-8b7a-7c1b-9d55-6f2f6d0e8a11";
        for (id, is_shown) in [(server, true), ("dupont", false), ("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", false)] {
            let trace = trace();
            trace.asks("read", Some("Practitioner"));
            trace.found(id, Some(1));
            let record = record(&trace);
            let hash = Key::from_bytes(b"k").resource("Practitioner", id);
            let expected = if is_shown { (Some(id.to_owned()), None) } else { (None, Some(hash)) };
            assert_eq!((record.id.clone(), record.id_hash.clone()), expected);
            assert_eq!(record.lookup_keys().len(), 1);
            assert_eq!(serde_json::to_string(&record).expect("JSON").contains(id), is_shown);
        }
    }

    #[test]
    fn record_of_a_failed_write_keeps_the_version_before() {
        let trace = trace();
        let told = || {
            let record = record(&trace);
            (record.id_hash.is_some(), record.before, record.after, record.write_outcome)
        };
        let decided = || ResourceRef { id: Some("a".to_owned()), before: Some(1), after: Some(2) };
        trace.write_begins();
        assert_eq!(told(), (false, None, None, Some(WriteOutcome::Unknown)));
        trace.write_is_for(Some(("a", 1)));
        assert_eq!(told(), (true, Some(1), None, Some(WriteOutcome::Unknown)));
        // What is committed with its record has no other outcome.
        let committed = trace.record(200, std::iter::empty(), Some(decided()));
        assert_eq!((committed.after, committed.write_outcome), (Some(2), None));
        trace.write_fails(WriteOutcome::Failed);
        assert_eq!(told(), (true, Some(1), None, Some(WriteOutcome::Failed)));
        trace.write_is_for(None);
        assert_eq!(told(), (false, None, None, Some(WriteOutcome::Failed)));
        trace.write_ends(decided());
        assert_eq!(told(), (true, Some(1), Some(2), None));
    }

    #[test]
    fn record_of_an_earlier_release_is_read() {
        let text = r#"{"at":"2026-03-01T08:00:00.000Z","request_id":"req-42","common_name":"x","peer":"192.0.2.1",
            "interaction":"update","resource_type":"Practitioner","id":"dupont","before":1,"after":2,"status":200,
            "identifiers":[{"system":"https://example.org/x","hash":"00000000000000aa0000000000000000"}],
            "duration_ms":1.5}"#;
        let record: AuditEvent = serde_json::from_str(text).expect("a record");
        assert_eq!(
            (record.id.as_deref(), record.id_hash.as_deref(), record.write_outcome),
            (Some("dupont"), None, None)
        );
        assert_eq!((record.identifiers_left_out, record.lookup_keys().len()), (0, 2));
    }

    #[test]
    fn of_one_request_a_bounded_number_of_identifiers_is_looked_at() {
        let named = |look: &dyn Fn(&Trace)| {
            let trace = trace();
            look(&trace);
            record(&trace).identifiers.len()
        };
        for (before, expected) in [(0, 2), (MAX_READ_IDENTIFIERS - 2, 2), (MAX_READ_IDENTIFIERS - 1, 1), (500_000, 1)] {
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
