//! What each interaction asks of whoever sends it.

use crate::access::right::{Requirement, Right};
use crate::fhir::resource_type::ResourceType;
use crate::interaction::Interaction;

/// Everything of the directory but its CapabilityStatement.
pub const DIRECTORY: Requirement = Requirement::AnyOf(&[Right::AnnuaireRead]);

/// What an interaction with resources of a type needs.
pub fn needed(interaction: Interaction, resource_type: Option<ResourceType>) -> Requirement {
    use Interaction as I;
    use ResourceType as T;
    match (interaction, resource_type) {
        (I::Capabilities, _) => Requirement::Metadata,
        (I::Create | I::ConditionalUpdate | I::Update, Some(T::Practitioner)) => {
            Requirement::AnyOf(&[Right::PractitionerWrite])
        }
        (I::Create | I::ConditionalUpdate | I::Update, Some(T::Appointment)) => {
            Requirement::AnyOf(&[Right::AppointmentWrite])
        }
        (I::Read | I::Vread | I::History | I::Search | I::SearchByPost, Some(_)) => Requirement::AnyOf(&[Right::Read]),
        // Nothing is kept and nothing that is kept is shown: for whoever may do either.
        (I::Validate, Some(T::Practitioner)) => Requirement::AnyOf(&[Right::Read, Right::PractitionerWrite]),
        (I::Validate, Some(T::Appointment)) => Requirement::AnyOf(&[Right::Read, Right::AppointmentWrite]),
        // Every other interaction is about a type; nobody may do it without.
        (_, None) => Requirement::AnyOf(&[]),
    }
}
