//! A write, and how it designates its resource: the parts of a request that identity depends on.

use jiff::Timestamp;
use serde_json::Value;

use crate::fhir::id::Id;
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::EntityTags;
use crate::sas::deviation::Validation;
use crate::storage::StateKeys;

/// How a request designates the resource that it writes.
#[derive(Clone, Debug)]
pub enum Target {
    /// `POST /{type}`, with the criterion of `If-None-Exist`.
    New(Option<Token>),
    /// `PUT /{type}?identifier=…`
    Identifier(Token),
    /// `PUT /{type}/{id}`
    Id(Id),
}

/// The parts of a write that identity depends on.
#[derive(Clone, Debug)]
pub struct Write {
    pub resource_type: ResourceType,
    pub target: Target,
    /// The identifiers of the body, in order.
    pub identifiers: Vec<Identifier>,
    /// `Practitioner.active`; an appointment always is.
    pub active: bool,
    /// The regulator who made the appointment, with the FHIRPath of the identifier.
    pub operator: Option<(Identifier, String)>,
    /// Equal for contents that are equal as JSON.
    pub content_hash: String,
    /// The `id` of the body.
    pub body_id: Option<Id>,
    /// The id of the resource if the write creates one.
    pub new_id: Id,
    /// `If-Match`
    pub if_match: Option<EntityTags>,
    /// `If-None-Match`: `*` allows a creation only.
    pub if_none_match: Option<EntityTags>,
    /// `If-Unmodified-Since`, in whole seconds.
    pub if_unmodified_since: Option<Timestamp>,
    /// Whether documented deviations are tolerated.
    pub validation: Validation,
}

impl Write {
    /// The write of this body, without preconditions and without the hash of its content.
    pub(crate) fn new(
        resource_type: ResourceType,
        target: Target,
        resource: &Value,
        new_id: Id,
        validation: Validation,
    ) -> Self {
        let is_active = resource.get("active") == Some(&Value::Bool(true));
        Self {
            resource_type,
            target,
            identifiers: identifiers(resource),
            active: resource_type != ResourceType::Practitioner || is_active,
            operator: operator(resource),
            content_hash: String::new(),
            body_id: resource.get("id").and_then(Value::as_str).and_then(Id::parse),
            new_id,
            if_match: None,
            if_none_match: None,
            if_unmodified_since: None,
            validation,
        }
    }

    /// Adds the keys of the state that its decision depends on.
    pub(crate) fn add_state_keys(&self, keys: &mut StateKeys) {
        let resource_type = self.resource_type;
        let is_account_key = |own: &Identifier| resource_type != ResourceType::Practitioner || own.is_account_key();
        // What an account merely mentions has no holder.
        let own = self.identifiers.iter().filter(|own| is_account_key(own));
        keys.identifiers.extend(own.map(|own| (resource_type, own.clone())));
        match &self.target {
            Target::New(Some(token)) | Target::Identifier(token) => match token {
                Token::Exact(identifier) if is_account_key(identifier) => {
                    keys.identifiers.push((resource_type, identifier.clone()));
                }
                Token::Exact(Identifier { value, .. }) => keys.values.push((resource_type, value.clone())),
                Token::Value(value) => {
                    // The comparable form of an INTRN is lower case.
                    keys.values.extend([value.clone(), value.to_ascii_lowercase()].map(|value| (resource_type, value)));
                }
                Token::NoSystem(_) | Token::System(_) => {}
            },
            Target::New(None) => {}
            Target::Id(id) => keys.ids.push((resource_type, id.clone())),
        }
        if let Some((operator, _)) = &self.operator {
            keys.identifiers.push((ResourceType::Practitioner, operator.clone()));
        }
        keys.ids.extend(self.body_id.clone().map(|id| (resource_type, id)));
    }
}

/// The identifiers of a resource's content.
pub fn identifiers(resource: &Value) -> Vec<Identifier> {
    let elements = resource.get("identifier").and_then(Value::as_array);
    elements.into_iter().flatten().filter_map(Identifier::from_element).collect()
}

/// The regulator who made an appointment, with the FHIRPath of the identifier.
pub(crate) fn operator(resource: &Value) -> Option<(Identifier, String)> {
    const URL: &str = "http://interopsante.org/fhir/StructureDefinition/FrAppointmentOperator";
    let extensions = resource.get("extension").and_then(Value::as_array)?;
    let index = extensions.iter().position(|extension| extension.get("url").and_then(Value::as_str) == Some(URL))?;
    let identifier = Identifier::from_element(extensions[index].get("valueReference")?.get("identifier")?)?;
    Some((identifier, format!("Appointment.extension[{index}].value.identifier")))
}
