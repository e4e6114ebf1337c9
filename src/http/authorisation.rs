//! The rights that each interaction requires.

use crate::access::right::{Requirement, Right};
use crate::fhir::resource_type::ResourceType;
use crate::interaction::{Interaction, TypeInteraction};

/// Everything of the directory but its CapabilityStatement.
pub const DIRECTORY: Requirement = Requirement::AnyOf(&[Right::AnnuaireRead]);

/// The change feed.
pub const EVENTS: Requirement = Requirement::AnyOf(&[Right::Read]);

/// The rights that an interaction requires.
pub fn requirement(interaction: Interaction) -> Requirement {
    use ResourceType as T;
    use TypeInteraction as I;
    match interaction {
        Interaction::Capabilities => Requirement::Metadata,
        Interaction::OnType(I::Create | I::ConditionalUpdate | I::Update, T::Practitioner) => {
            Requirement::AnyOf(&[Right::PractitionerWrite])
        }
        Interaction::OnType(I::Create | I::ConditionalUpdate | I::Update, T::Appointment) => {
            Requirement::AnyOf(&[Right::AppointmentWrite])
        }
        Interaction::HistorySystem
        | Interaction::OnType(
            I::Read | I::Vread | I::HistoryInstance | I::HistoryType | I::Search | I::SearchByPost,
            _,
        ) => Requirement::AnyOf(&[Right::Read]),
        // Nothing is stored, and nothing stored is shown: for callers that may do either.
        Interaction::OnType(I::Validate, T::Practitioner) => {
            Requirement::AnyOf(&[Right::Read, Right::PractitionerWrite])
        }
        Interaction::OnType(I::Validate, T::Appointment) => Requirement::AnyOf(&[Right::Read, Right::AppointmentWrite]),
    }
}
