//! What an audit event will say of a request, gathered while the request is answered.

use std::collections::VecDeque;
use std::sync::Arc;
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

/// Maximum identifiers of a request that are hashed. No request that is accepted has as many.
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

/// A resource, and its versions before and after the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceRef {
    /// Its id.
    pub id: Option<String>,
    /// Its version before.
    pub before: Option<Version>,
    /// Its version after.
    pub after: Option<Version>,
    /// How an accepted write has found it; `None` where it is new, or was only read.
    pub matched_by: Option<MatchedBy>,
}

/// How a write has found its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    /// By the id in the URL.
    Id,
    /// By the identifier in the query, or in `If-None-Exist`.
    Criterion,
    /// By an INTRN in the body, to whose person the identifier in the query is attached.
    BodyIntrn,
    /// By an identifier in the body: its account has released the one in the query, in a change that is repeated.
    BodyAfterRelease,
}

/// How a write ended that was neither committed nor refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteOutcome {
    /// Nothing was written.
    Failed,
    /// It is unknown whether the write was committed. If it was, the request has a second audit event, which was committed
    /// with the change.
    Unknown,
}

/// What is known of a write, and of its resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// The resource, at versions that are committed. Before the commit, the one that the write is meant for.
    pub resource: ResourceRef,
    /// `None` where the write is committed or refused.
    pub outcome: Option<WriteOutcome>,
    /// Whether its audit event is committed with the change.
    pub is_audited: bool,
}

impl WriteReport {
    /// Of a write that has not been begun.
    pub fn failed() -> Self {
        Self { outcome: Some(WriteOutcome::Failed), ..Self::default() }
    }

    /// Of a write that may have been committed.
    #[cfg(test)]
    pub fn unknown() -> Self {
        Self { outcome: Some(WriteOutcome::Unknown), ..Self::default() }
    }
}

/// The audit event of a request in the making.
#[derive(Clone, Debug)]
pub struct AuditDraft {
    request: Arc<RequestFacts>,
    interaction: Option<&'static str>,
    resource_type: Option<&'static str>,
    identifiers: Vec<HashedIdentifier>,
    identifiers_left_out: u32,
    /// The resource that was found, or written.
    resource: ResourceRef,
    write_outcome: Option<WriteOutcome>,
    is_audited: bool,
    fault: Option<&'static str>,
}

/// What is known of a request when it arrives.
#[derive(Debug)]
struct RequestFacts {
    at: Timestamp,
    began: Instant,
    request_id: String,
    caller: Caller,
    key: Key,
}

impl AuditDraft {
    /// The draft for a request that arrives now, at this time of day.
    pub fn new(at: Timestamp, request_id: String, caller: Caller, key: Key) -> Self {
        Self {
            request: Arc::new(RequestFacts { at, began: Instant::now(), request_id, caller, key }),
            interaction: None,
            resource_type: None,
            identifiers: vec![],
            identifiers_left_out: 0,
            resource: ResourceRef::default(),
            write_outcome: None,
            is_audited: false,
            fault: None,
        }
    }

    /// Sets the name of the interaction and the type of the resource.
    pub fn set_interaction(&mut self, interaction: &'static str, resource_type: Option<&'static str>) {
        (self.interaction, self.resource_type) = (Some(interaction), resource_type);
    }

    /// The name of the interaction; `None` where nothing is served.
    pub fn interaction(&self) -> Option<&'static str> {
        self.interaction
    }

    /// The type of the resource, where there is one.
    pub fn resource_type(&self) -> Option<&'static str> {
        self.resource_type
    }

    /// The name of the caller, if it is authenticated.
    pub fn caller(&self) -> Option<&str> {
        self.request.caller.name.as_deref()
    }

    /// Adds the identifiers in the parameters of a query.
    pub fn add_query<'a>(&mut self, parameters: impl Iterator<Item = (&'a str, &'a str)>) {
        // `identifier:not`, `practitioner.identifier`, and `Identifier` as the SAS pages write it.
        let is_identifier = |name: &str| {
            let name = name.split(':').next().unwrap_or_default();
            name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("identifier"))
        };
        let values = parameters.filter(|(name, _)| is_identifier(name)).map(|(_, value)| value);
        let tokens = values.flat_map(|value| split_unescaped(value, ',')).take(MAX_READ_IDENTIFIERS);
        tokens.filter_map(Token::parse).for_each(|token| self.add_token(&token));
    }

    /// Adds the identifier of a criterion.
    pub(crate) fn add_token(&mut self, token: &Token) {
        let system = match token {
            Token::Exact(Identifier { system, .. }) | Token::System(system) => lookup_key::safe_system(system),
            Token::Value(_) | Token::NoSystem(_) => None,
        };
        let hash = self.request.key.token(token);
        self.add(HashedIdentifier { system, hash });
    }

    /// Adds an identifier. Those that are added first are in the event, however many follow.
    pub(crate) fn add_identifier(&mut self, identifier: &Identifier) {
        let system = lookup_key::safe_system(&identifier.system);
        let hash = Some(self.request.key.identifier(identifier));
        self.add(HashedIdentifier { system, hash });
    }

    /// Adds the identifiers in a body: those of the resource, and those of the persons it refers to, at any depth.
    pub fn add_body(&mut self, body: &Value) {
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
                                .for_each(|own| self.add_identifier(&own));
                        }
                        unread.push_back(member);
                    }
                }
                Value::Array(elements) => unread.extend(elements),
                _ => {}
            }
        }
    }

    /// Adds the identifiers of another event.
    pub(crate) fn add_hashed(&mut self, identifiers: impl IntoIterator<Item = HashedIdentifier>) {
        identifiers.into_iter().for_each(|identifier| self.add(identifier));
    }

    fn add(&mut self, identifier: HashedIdentifier) {
        // A criterion without a value, whose system may not be kept.
        let is_empty = identifier.system.is_none() && identifier.hash.is_none();
        if is_empty || self.identifiers.contains(&identifier) {
            return;
        }
        match self.identifiers.len() {
            MAX_EVENT_IDENTIFIERS => self.identifiers_left_out += 1,
            _ => self.identifiers.push(identifier),
        }
    }

    /// Sets the resource that was found, at this version. Only for ids that the database has: a client may send the
    /// identifier of a person in the place of an id.
    pub(crate) fn set_found(&mut self, id: &str, version: Option<Version>) {
        let matched_by = None;
        self.resource = ResourceRef { id: Some(id.to_owned()), before: version, after: version, matched_by };
    }

    /// Sets what is known of the write.
    pub(crate) fn set_write(&mut self, report: WriteReport) {
        (self.resource, self.write_outcome, self.is_audited) = (report.resource, report.outcome, report.is_audited);
    }

    /// Sets the kind of the armed fault that acts on the request. Before a write is queued: its event is committed with it.
    pub(crate) fn set_fault(&mut self, kind: Option<&'static str>) {
        self.fault = kind;
    }

    /// The kind of the armed fault that acts on the request.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    /// Whether the audit event is committed already, with the change that it describes.
    pub(crate) fn is_audited(&self) -> bool {
        self.is_audited
    }

    /// Whether the write was committed, or nobody knows.
    pub(crate) fn may_be_committed(&self) -> bool {
        self.is_audited || self.write_outcome == Some(WriteOutcome::Unknown)
    }

    /// The audit event of a request that ends now.
    pub fn event<'a>(&self, status: u16, rules: impl Iterator<Item = &'a str>) -> AuditEvent {
        self.event_about(&self.resource, self.write_outcome, status, rules)
    }

    /// The audit event that is committed with a change.
    pub fn event_of_change<'a>(
        &self,
        resource: &ResourceRef,
        status: u16,
        rules: impl Iterator<Item = &'a str>,
    ) -> AuditEvent {
        self.event_about(resource, None, status, rules)
    }

    fn event_about<'a>(
        &self,
        resource: &ResourceRef,
        write_outcome: Option<WriteOutcome>,
        status: u16,
        rules: impl Iterator<Item = &'a str>,
    ) -> AuditEvent {
        let request = &self.request;
        let ResourceRef { id, before, after, matched_by } = resource.clone();
        let hash = |id: &String| request.key.resource(self.resource_type.unwrap_or_default(), id);
        let id_hash = id.as_ref().filter(|id| !is_server_id(id)).map(hash);
        let id = id.filter(|_| id_hash.is_none());
        let mut rules: Vec<_> = rules.map(str::to_owned).collect();
        rules.sort_unstable();
        rules.dedup();
        AuditEvent {
            at: instant(request.at),
            request_id: request.request_id.clone(),
            caller: request.caller.clone(),
            interaction: self.interaction.unwrap_or("none").to_owned(),
            resource_type: self.resource_type.map(str::to_owned),
            id,
            id_hash,
            before,
            after,
            matched_by,
            write_outcome,
            status,
            rules,
            fault: self.fault.map(str::to_owned),
            identifiers: self.identifiers.clone(),
            identifiers_left_out: self.identifiers_left_out,
            duration_ms: (request.began.elapsed().as_secs_f64() * 1e5).round() / 1e2,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft() -> AuditDraft {
        AuditDraft::new(Timestamp::UNIX_EPOCH, "1".to_owned(), Caller::default(), Key::from_bytes(b"k"))
    }

    fn event(draft: &AuditDraft) -> AuditEvent {
        draft.event(200, std::iter::empty())
    }

    #[test]
    fn audit_event_of_many_identifiers_is_bounded_and_keeps_the_first() {
        let elements = |kind: &str| -> Vec<_> {
            (0..320)
                .map(|number| json!({ "system": "https://example.org", "value": format!("{kind}{number}") }))
                .collect()
        };
        let contained = json!([{ "identifier": elements("contained") }]);
        let body = json!({ "contained": contained, "identifier": elements("own") });
        let mut draft = draft();
        draft.add_query([("identifier", "s|criterion")].into_iter());
        draft.add_identifier(&Identifier::new("s", "operator"));
        draft.add_body(&body);
        let event = event(&draft);
        assert_eq!(
            (event.identifiers.len(), event.identifiers_left_out),
            (MAX_EVENT_IDENTIFIERS, 322 - u32::try_from(MAX_EVENT_IDENTIFIERS).expect("a small number"))
        );
        let key = Key::from_bytes(b"k");
        let hash = |system, value: &str| Some(key.identifier(&Identifier::new(system, value)));
        let own = (0..MAX_EVENT_IDENTIFIERS - 2).map(|number| hash("https://example.org", &format!("own{number}")));
        let first = [hash("s", "criterion"), hash("s", "operator")].into_iter().chain(own);
        let hashes = event.identifiers.iter().map(|named| named.hash.clone());
        assert!(hashes.eq(first));
        let size = serde_json::to_string(&event).expect("JSON").len();
        assert!(size < 8 << 10, "{size} bytes");

        let mut queried = self::draft();
        let list = (0..320).map(|number| format!("s|{number}")).collect::<Vec<_>>().join(",");
        queried.add_query([("identifier", list.as_str())].into_iter());
        assert_eq!(self::event(&queried).identifiers.len(), MAX_EVENT_IDENTIFIERS);
    }

    #[test]
    fn audit_event_of_few_identifiers_has_all() {
        let mut draft = draft();
        for number in 0..MAX_EVENT_IDENTIFIERS {
            draft.add_identifier(&Identifier::new("s", &number.to_string()));
        }
        draft.add_identifier(&Identifier::new("s", "0"));
        let event = event(&draft);
        assert_eq!((event.identifiers.len(), event.identifiers_left_out), (MAX_EVENT_IDENTIFIERS, 0));
        assert!(!serde_json::to_string(&event).expect("JSON").contains("left_out"));
    }

    #[test]
    fn audit_event_has_an_id_only_if_the_server_assigned_it() {
        let server = "018f3c5e-8b7a-7c1b-9d55-6f2f6d0e8a11";
        for (id, is_shown) in [(server, true), ("dupont", false), ("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", false)] {
            let mut draft = draft();
            draft.set_interaction("read", Some("Practitioner"));
            draft.set_found(id, Some(1));
            let event = event(&draft);
            let hash = Key::from_bytes(b"k").resource("Practitioner", id);
            let expected = if is_shown { (Some(id.to_owned()), None) } else { (None, Some(hash)) };
            assert_eq!((event.id.clone(), event.id_hash.clone()), expected);
            assert_eq!(event.lookup_keys().len(), 1);
            assert_eq!(serde_json::to_string(&event).expect("JSON").contains(id), is_shown);
        }
    }

    #[test]
    fn audit_event_of_a_change_has_no_write_outcome() {
        let mut draft = draft();
        let resource = ResourceRef { id: Some("a".to_owned()), before: Some(1), ..ResourceRef::default() };
        draft.set_write(WriteReport { resource, ..WriteReport::unknown() });
        let unknown = event(&draft);
        assert_eq!(
            (unknown.id_hash.is_some(), unknown.before, unknown.after, unknown.write_outcome),
            (true, Some(1), None, Some(WriteOutcome::Unknown))
        );
        let change = ResourceRef { id: Some("a".to_owned()), before: Some(1), after: Some(2), matched_by: None };
        let committed = draft.event_of_change(&change, 200, std::iter::empty());
        assert_eq!((committed.before, committed.after, committed.write_outcome), (Some(1), Some(2), None));
    }

    #[test]
    fn audit_event_of_an_earlier_release_is_parsed() {
        let text = r#"{"at":"2026-03-01T08:00:00.000Z","request_id":"req-42","common_name":"x","peer":"192.0.2.1",
            "interaction":"update","resource_type":"Practitioner","id":"dupont","before":1,"after":2,"status":200,
            "identifiers":[{"system":"https://example.org/x","hash":"00000000000000aa0000000000000000"}],
            "duration_ms":1.5}"#;
        let event: AuditEvent = serde_json::from_str(text).expect("an audit event");
        assert_eq!((event.id.as_deref(), event.id_hash.as_deref(), event.write_outcome), (Some("dupont"), None, None));
        assert_eq!((event.identifiers_left_out, event.lookup_keys().len()), (0, 2));
    }

    #[test]
    fn audit_event_reads_a_bounded_number_of_identifiers() {
        let count = |add: &dyn Fn(&mut AuditDraft)| {
            let mut draft = draft();
            add(&mut draft);
            event(&draft).identifiers.len()
        };
        for (before, expected) in [(0, 2), (MAX_READ_IDENTIFIERS - 2, 2), (MAX_READ_IDENTIFIERS - 1, 1), (500_000, 1)] {
            let value = "s|a,".repeat(before + 1) + "s|b";
            assert_eq!(count(&|draft| draft.add_query([("identifier", value.as_str())].into_iter())), expected);
            let mut identifiers = vec![json!({ "system": "s", "value": "a" }); before + 1];
            identifiers.push(json!({ "system": "s", "value": "b" }));
            assert_eq!(count(&|draft| draft.add_body(&json!({ "identifier": identifiers }))), expected);
        }
        let values = |draft: &mut AuditDraft| {
            draft.add_query([("identifier", "a"), ("practitioner.identifier:not", "b")].into_iter());
        };
        assert_eq!(count(&values), 2);
    }
}
