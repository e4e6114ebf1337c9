//! Decides which resource a write concerns, and whether it is allowed: a pure function of the stored identifiers and the
//! request.
//!
//! The letters and numbers (P1…P17, A1…A6) are those of the decision tables that tests cite.
//! Three facts shape it: an INTRN designates one person for ever; a national id moves as soon as
//! an account drops it; an *active* account is the only holder of its identifiers.
//!
//! SAS, Gestion des comptes régulateurs (INT_R02) and Mise à jour de rendez-vous (INT_R03).

mod write;

use jiff::Timestamp;
use serde_json::Value;

use super::deviation::{BODY_ID, Validation};
use crate::audit::MatchedBy;
use crate::error::Error;
use crate::fhir::id::Id;
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::resource_type::ResourceType;
use crate::issue::Issue;
use crate::issue::catalogue::{
    APPOINTMENT_IDENTIFIER_CHANGED, APPOINTMENT_OPERATOR_REQUIRED, APPOINTMENT_OPERATOR_UNKNOWN, IDENTIFIER_COUNT,
    IDENTIFIER_DUPLICATE, IDENTIFIER_LENGTH, IDENTIFIER_NOT_IN_BODY,
};
use crate::storage::registry::{Claim, Entry, Identifiers, Registry};
pub(crate) use write::operator;
pub use write::{Target, Write, identifiers};

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A new resource.
    Create,
    /// A new version.
    Update,
    /// Nothing: the resource is already so, or `If-None-Exist` found it.
    Keep,
}

impl Effect {
    /// The HTTP status of the answer. <http://hl7.org/fhir/R4/http.html#update>
    pub fn status(self) -> u16 {
        match self {
            Self::Create => 201,
            Self::Update | Self::Keep => 200,
        }
    }
}

/// An accepted write.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub effect: Effect,
    /// The resource that is written, or kept.
    pub id: Id,
    /// How it was found; `None` where it is new.
    pub matched_by: Option<MatchedBy>,
    /// The identifiers of the resource from now on.
    pub identifiers: Identifiers,
    /// Warnings and information.
    pub issues: Vec<Issue>,
}

/// Maximum length of the system and of the value of an identifier, in characters: the limit of the index.
pub(crate) const MAX_IDENTIFIER_PART: usize = 255;

/// Whether both parts of an identifier fit into the index.
pub(crate) fn is_indexable(identifier: &Identifier) -> bool {
    [&identifier.system, &identifier.value].iter().all(|part| part.chars().count() <= MAX_IDENTIFIER_PART)
}

/// Maximum identifiers of a resource; an account has two or three.
const MAX_IDENTIFIERS: usize = 50;

/// The issues of identifiers that are too many, or too long for the index.
pub(crate) fn check_identifier_limits(resource_type: ResourceType, resource: &Value) -> impl Iterator<Item = Issue> {
    let elements = resource.get("identifier").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let too_many = (elements.len() > MAX_IDENTIFIERS).then(|| {
        let issue = Issue::new(&IDENTIFIER_COUNT, format!("{resource_type}.identifier"));
        issue.with("found", elements.len().to_string()).with("expected", MAX_IDENTIFIERS.to_string())
    });
    let too_long = elements
        .iter()
        .enumerate()
        .filter(|(_, element)| Identifier::from_element(element).is_some_and(|own| !is_indexable(&own)));
    let too_long = too_long.map(move |(index, _)| {
        let issue = Issue::new(&IDENTIFIER_LENGTH, format!("{resource_type}.identifier[{index}]"));
        issue.with("expected", MAX_IDENTIFIER_PART.to_string())
    });
    too_many.into_iter().chain(too_long)
}

/// Decides a write from the stored state; no I/O, no clock.
pub(crate) fn decide(known: &Registry, write: &Write) -> Result<Decision, Error> {
    if let Target::New(Some(criterion)) = &write.target {
        let mut matches = known.matching(write.resource_type, criterion);
        match (matches.next(), matches.next()) {
            (Some(existing), None) => return Ok(keep(existing)),
            (Some(_), Some(_)) => return Err(Error::MultipleMatches { criterion: "If-None-Exist" }),
            (None, _) => {}
        }
    }
    let (designated, matched_by) = designated(known, write)?.unzip();
    precondition(write, designated)?;
    let mut issues = vec![];
    let id = resource_id(known, write, designated, &mut issues)?;
    let mut refusals = match write.resource_type {
        ResourceType::Practitioner => vec![],
        ResourceType::Appointment => appointment_rules(known, write, designated, &mut issues),
    };
    refusals.extend(duplicates(known, write, &id));
    if !refusals.is_empty() {
        return Err(Error::from_issues(refusals));
    }
    if !is_held(known, write) && !names_itself(write) {
        issues.push(Issue::new(&IDENTIFIER_NOT_IN_BODY, "http.identifier"));
    }
    let identifiers = match write.resource_type {
        ResourceType::Practitioner => account_identifiers(write, designated),
        ResourceType::Appointment => write.identifiers.iter().map(|own| (own.clone(), Claim::Held)).collect(),
    };
    let effect = match designated {
        None => Effect::Create,
        Some(entry) if entry.content_hash == write.content_hash => Effect::Keep,
        Some(_) => Effect::Update,
    };
    Ok(Decision { effect, id, matched_by, identifiers, issues })
}

fn keep(existing: &Entry) -> Decision {
    Decision {
        effect: Effect::Keep,
        id: existing.id.clone(),
        matched_by: Some(MatchedBy::Criterion),
        identifiers: existing.identifiers.clone(),
        issues: vec![],
    }
}

/// The resource that a request is about, and how it is found.
///
/// # Errors
/// [`Error::MultipleMatches`] if the criterion designates several appointments.
pub(crate) fn designated<'a>(known: &'a Registry, write: &Write) -> Result<Option<(&'a Entry, MatchedBy)>, Error> {
    match (&write.target, write.resource_type) {
        (Target::New(_), _) => Ok(None),
        (Target::Id(id), _) => Ok(known.entry(write.resource_type, id).map(|entry| (entry, MatchedBy::Id))),
        (Target::Identifier(Token::Exact(query)), ResourceType::Practitioner) => {
            Ok(designated_account(known, write, query))
        }
        (Target::Identifier(_), ResourceType::Practitioner) => Ok(None),
        (Target::Identifier(token), ResourceType::Appointment) => {
            let mut matches = known.matching(write.resource_type, token);
            match (matches.next(), matches.next()) {
                (found, None) => Ok(found.map(|entry| (entry, MatchedBy::Criterion))),
                (_, Some(_)) => Err(Error::MultipleMatches { criterion: "identifier" }),
            }
        }
    }
}

/// The account that a request with this identifier in its query is about.
fn designated_account<'a>(known: &'a Registry, write: &Write, query: &Identifier) -> Option<(&'a Entry, MatchedBy)> {
    let holder = |identifier: &Identifier| known.holder(write.resource_type, identifier);
    // P5, P6: the query designates the account. An INTRN that an update dropped is still held.
    if let Some(account) = holder(query) {
        return Some((account, MatchedBy::Criterion));
    }
    // The INTRN of the body designates its person, to whom the national id of the query is attached. Not if the query has an
    // INTRN: with a typing error in it, the request would change the account of another person (P14).
    let mut own_intrn = write.identifiers.iter().filter(|own| own.is_intrn() && !query.is_intrn());
    if let Some(account) = own_intrn.find_map(holder) {
        return Some((account, MatchedBy::BodyIntrn));
    }
    // P12: a repeated change of the identifier. A national id that is only in the body selects no account (P13).
    let released = |account: &&Entry| account.identifiers.get(query) == Some(&Claim::Released);
    let account = write.identifiers.iter().filter_map(holder).find(released)?;
    Some((account, MatchedBy::BodyAfterRelease))
}

fn precondition(write: &Write, designated: Option<&Entry>) -> Result<(), Error> {
    let current = designated.map(|entry| entry.version);
    if write.if_match.as_ref().is_some_and(|tags| !tags.names(current)) {
        return Err(Error::PreconditionFailed { header: "If-Match", current });
    }
    // RFC 9110, section 13.2.2: If-Match precedes it.
    let since = write.if_unmodified_since.filter(|_| write.if_match.is_none());
    let is_newer =
        |since: Timestamp| designated.is_some_and(|entry| entry.last_updated.as_second() > since.as_second());
    if since.is_some_and(is_newer) {
        return Err(Error::PreconditionFailed { header: "If-Unmodified-Since", current });
    }
    if write.if_none_match.as_ref().is_some_and(|tags| tags.names(current)) {
        return Err(Error::PreconditionFailed { header: "If-None-Match", current });
    }
    Ok(())
}

/// The id of the resource, existing or new. Checks the id of the body.
fn resource_id(
    known: &Registry,
    write: &Write,
    designated: Option<&Entry>,
    issues: &mut Vec<Issue>,
) -> Result<Id, Error> {
    let id = match (&write.target, designated) {
        (Target::Id(id), _) => return Ok(id.clone()),
        (_, Some(entry)) => &entry.id,
        (_, None) => &write.new_id,
    };
    let Some(body_id) = write.body_id.as_ref().filter(|body_id| *body_id != id) else {
        return Ok(id.clone());
    };
    let expression = format!("{}.id", write.resource_type);
    match (&write.target, write.validation, designated) {
        // R4: one match and another id is an error; no match is an update as create with that id.
        (Target::Identifier(_), Validation::Strict, Some(_)) => {
            Err(Error::from_issues(vec![BODY_ID.at(expression, Validation::Strict)]))
        }
        (Target::Identifier(_), Validation::Strict, None) => match known.entry(write.resource_type, body_id) {
            Some(_) => Err(Error::IdTaken { resource_type: write.resource_type }),
            None => Ok(body_id.clone()),
        },
        // R4: a create ignores it.
        (Target::New(_) | Target::Id(_), ..) | (Target::Identifier(_), Validation::Tolerant, _) => {
            issues.push(BODY_ID.at(expression, Validation::Tolerant));
            Ok(id.clone())
        }
    }
}

/// A3: the identifier of an appointment is its only key. Its operator should be known.
fn appointment_rules(
    known: &Registry,
    write: &Write,
    designated: Option<&Entry>,
    issues: &mut Vec<Issue>,
) -> Vec<Issue> {
    let mut refusals = vec![];
    let kept = write.identifiers.iter().all(|own| {
        let queried = match &write.target {
            Target::Identifier(token) => token.matches(own),
            Target::New(_) | Target::Id(_) => true,
        };
        queried && designated.is_none_or(|entry| entry.identifiers.contains_key(own))
    });
    if !kept {
        refusals.push(Issue::new(&APPOINTMENT_IDENTIFIER_CHANGED, "Appointment.identifier[0]"));
    }
    if let Some((operator, place)) = &write.operator
        && known.holder(ResourceType::Practitioner, operator).is_none()
    {
        match write.validation {
            Validation::Tolerant => issues.push(Issue::new(&APPOINTMENT_OPERATOR_UNKNOWN, place)),
            Validation::Strict => refusals.push(Issue::new(&APPOINTMENT_OPERATOR_REQUIRED, place)),
        }
    }
    refusals
}

/// P2, P8, P13, A4: identifiers of the body that another resource holds exclusively.
fn duplicates(known: &Registry, write: &Write, id: &Id) -> Vec<Issue> {
    let exclusive = |holder: &Entry, own: &Identifier| match write.resource_type {
        ResourceType::Appointment => true,
        // An INTRN is never given to another person, active or not.
        ResourceType::Practitioner if own.is_intrn() => true,
        // An inactive account loses its national id (P3, P7) to an active account only: between two inactive
        // ones, retries would move it back and forth.
        ResourceType::Practitioner => holder.active || !write.active,
    };
    let held = write.identifiers.iter().enumerate().filter_map(|(index, own)| {
        let holder = known.holder(write.resource_type, own)?;
        (holder.id != *id && exclusive(holder, own)).then(|| {
            let expression = format!("{}.identifier[{index}]", write.resource_type);
            Issue::new(&IDENTIFIER_DUPLICATE, expression)
                .with("found", format!("{}/{}", write.resource_type, holder.id))
        })
    });
    held.collect()
}

/// Whether the query's identifier, if there is one, has a holder.
fn is_held(known: &Registry, write: &Write) -> bool {
    match &write.target {
        Target::Identifier(Token::Exact(query)) => known.holder(write.resource_type, query).is_some(),
        Target::Identifier(_) | Target::New(_) | Target::Id(_) => true,
    }
}

/// Whether the query's identifier, if there is one, is in the body.
fn names_itself(write: &Write) -> bool {
    match &write.target {
        Target::Identifier(token) => write.identifiers.iter().any(|own| token.matches(own)),
        Target::New(_) | Target::Id(_) => true,
    }
}

/// The identifiers of an account after the write.
fn account_identifiers(write: &Write, designated: Option<&Entry>) -> Identifiers {
    let mut identifiers = Identifiers::new();
    // P6, P10: identifiers that the body drops. An INTRN still designates its person; a national id is free at once, and
    // remembered for a repetition of this change (P12).
    for (former, claim) in designated.into_iter().flat_map(|entry| &entry.identifiers) {
        match claim {
            Claim::Held if former.is_intrn() => identifiers.insert(former.clone(), Claim::Held),
            Claim::Held | Claim::Released => identifiers.insert(former.clone(), Claim::Released),
            Claim::Mentioned => None,
        };
    }
    // P11: the query's identifier was this account's, even if it was never received. It is remembered for a repetition of
    // this creation; as no body had it, it stays free for its person.
    if let (Target::Identifier(Token::Exact(query)), None) = (&write.target, designated) {
        identifiers.insert(query.clone(), Claim::Released);
    }
    for own in &write.identifiers {
        identifiers.insert(own.clone(), if own.is_account_key() { Claim::Held } else { Claim::Mentioned });
    }
    identifiers
}
