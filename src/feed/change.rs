//! What a write changed, as it is stored with the new version.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::event_type::EventType;
use crate::fhir::identifier::{IDNPS, Identifier};
use crate::fhir::resource_type::ResourceType;
use crate::storage::registry::{Claim, Entry, Registry};

/// `Appointment.status` of a cancelled appointment.
const CANCELLED: &str = "cancelled";

/// What a write changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// In the order of [`EventType::ALL`], one at least. A later release may store others.
    #[serde(deserialize_with = "known_types")]
    pub types: Vec<EventType>,
    /// The identifiers that designate the resource from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    /// The national ids that were taken over from other accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
}

/// A national id that another account held until now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub system: String,
    pub value: String,
    /// The account that lost it, as a relative reference. It has no event of its own.
    pub from: String,
}

fn known_types<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EventType>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    Ok(names.iter().filter_map(|name| EventType::parse(name)).collect())
}

/// The parts of a version that tell one type of event from another.
struct State<'a> {
    active: bool,
    status: Option<&'a str>,
    identifiers: Vec<Identifier>,
}

impl Change {
    /// The change from the stored entry to the new one, which is not recorded yet.
    pub fn of_write(registry: &Registry, before: Option<&Entry>, after: &Entry) -> Self {
        let moved = after.identifiers.iter().filter(|(own, claim)| own.system == IDNPS && **claim == Claim::Held);
        let moved = moved.filter_map(|(own, _)| {
            let holder = registry.holder(after.resource_type, own).filter(|holder| holder.id != after.id)?;
            let Identifier { system, value } = own.clone();
            Some(Moved { system, value, from: format!("{}/{}", after.resource_type, holder.id) })
        });
        let former = before.map(State::of_entry);
        let change = Self::between(after.resource_type, former.as_ref(), &State::of_entry(after));
        Self { moved: moved.collect(), ..change }
    }

    /// The same of a version that a former release wrote, from the contents. Which account lost an identifier is not in them.
    pub fn of_contents(resource_type: ResourceType, before: Option<&Value>, after: &Value) -> Self {
        let former = before.map(|content| State::of_content(resource_type, content));
        Self::between(resource_type, former.as_ref(), &State::of_content(resource_type, after))
    }

    fn between(resource_type: ResourceType, before: Option<&State<'_>>, after: &State<'_>) -> Self {
        let is_new = before.is_none();
        let was_active = before.is_some_and(|before| before.active);
        let was_cancelled = before.is_some_and(|before| before.status == Some(CANCELLED));
        let is_cancelled = after.status == Some(CANCELLED);
        let has_other_identifiers = before.is_some_and(|before| before.identifiers != after.identifiers);
        let types = match resource_type {
            ResourceType::Practitioner => vec![
                (EventType::PractitionerCreated, is_new),
                (EventType::PractitionerUpdated, !is_new),
                (EventType::PractitionerEnabled, after.active && !was_active),
                (EventType::PractitionerDisabled, was_active && !after.active),
                (EventType::PractitionerIdentifiersChanged, has_other_identifiers),
            ],
            ResourceType::Appointment => vec![
                (EventType::AppointmentCreated, is_new),
                (EventType::AppointmentUpdated, !is_new),
                (EventType::AppointmentCancelled, is_cancelled && !was_cancelled),
            ],
        };
        let types = types.into_iter().filter_map(|(event_type, applies)| applies.then_some(event_type));
        Self { types: types.collect(), identifiers: after.identifiers.clone(), moved: vec![] }
    }
}

impl<'a> State<'a> {
    fn of_entry(entry: &'a Entry) -> Self {
        let held = entry.identifiers.iter().filter(|(_, claim)| **claim == Claim::Held);
        let identifiers = held.map(|(identifier, _)| identifier.clone()).collect();
        Self { active: entry.active, status: entry.status.as_deref(), identifiers }
    }

    fn of_content(resource_type: ResourceType, content: &'a Value) -> Self {
        let elements = content.get("identifier").and_then(Value::as_array).into_iter().flatten();
        let is_held = |own: &Identifier| resource_type != ResourceType::Practitioner || own.is_account_key();
        let mut identifiers: Vec<_> = elements.filter_map(Identifier::from_element).filter(is_held).collect();
        identifiers.sort_unstable();
        identifiers.dedup();
        let active = content.get("active").and_then(Value::as_bool).unwrap_or_default();
        Self { active, status: content.get("status").and_then(Value::as_str), identifiers }
    }
}
