//! The national identifiers that a received resource cites, and the issues if the mirror of the national directory has no
//! active professional with one.

use clap::ValueEnum;
use serde_json::Value;

use super::identity;
use crate::fhir::identifier::{IDNPS, Identifier};
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{
    ANNUAIRE_INACTIVE, ANNUAIRE_INACTIVE_REFUSED, ANNUAIRE_UNKNOWN, ANNUAIRE_UNKNOWN_REFUSED,
};
use crate::issue::{Issue, Rule};

/// Maximum national identifiers of a resource that are looked up; an appointment has two.
const MAX_CITED: usize = 50;

/// How a resource is treated that cites a professional who is unknown or inactive in the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Check {
    /// Accepted with a warning
    #[default]
    Warn,
    /// Refused
    Refuse,
    /// Accepted; the directory is not consulted
    Off,
}

/// A problem of a national identifier.
pub(crate) struct Problem {
    /// The rule if the resource is accepted.
    pub warned_as: &'static Rule,
    /// The rule if it is refused.
    pub refused_as: &'static Rule,
}

/// No professional of the directory has this identifier.
pub(crate) const UNKNOWN: Problem = Problem { warned_as: &ANNUAIRE_UNKNOWN, refused_as: &ANNUAIRE_UNKNOWN_REFUSED };

/// The professional is inactive in the directory.
pub(crate) const INACTIVE: Problem = Problem { warned_as: &ANNUAIRE_INACTIVE, refused_as: &ANNUAIRE_INACTIVE_REFUSED };

impl Problem {
    /// The issue at `expression`, for this setting.
    pub fn at(&self, expression: impl Into<String>, check: Check) -> Issue {
        match check {
            Check::Warn | Check::Off => Issue::new(self.warned_as, expression),
            Check::Refuse => Issue::new(self.refused_as, expression),
        }
    }
}

/// The national identifiers that the directory should know, each with its FHIRPath: those of an account, or of the operator
/// and the participants of an appointment.
///
/// Inactive accounts and cancelled appointments have none: a professional who has left the directory is often the reason.
pub(crate) fn cited_identifiers(resource_type: ResourceType, resource: &Value) -> Vec<(String, String)> {
    let cited = match resource_type {
        ResourceType::Practitioner if resource["active"] != true => return vec![],
        ResourceType::Appointment if matches!(resource["status"].as_str(), Some("cancelled" | "entered-in-error")) => {
            return vec![];
        }
        ResourceType::Practitioner => account_identifiers_with_paths(resource),
        ResourceType::Appointment => appointment_identifiers_with_paths(resource),
    };
    let national = cited.into_iter().filter(|(identifier, _)| is_rpps(identifier));
    national.take(MAX_CITED).map(|(identifier, path)| (identifier.value, path)).collect()
}

fn account_identifiers_with_paths(account: &Value) -> Vec<(Identifier, String)> {
    let own = account["identifier"].as_array().into_iter().flatten().enumerate();
    let own = own.filter_map(|(index, element)| {
        Some((Identifier::from_element(element)?, format!("Practitioner.identifier[{index}]")))
    });
    own.collect()
}

fn appointment_identifiers_with_paths(appointment: &Value) -> Vec<(Identifier, String)> {
    let actors = appointment["participant"].as_array().into_iter().flatten().enumerate();
    let actors = actors.filter_map(|(index, participant)| {
        let identifier = Identifier::from_element(&participant["actor"]["identifier"])?;
        Some((identifier, format!("Appointment.participant[{index}].actor.identifier")))
    });
    identity::operator(appointment).into_iter().chain(actors).collect()
}

/// Whether this is a national identifier with an RPPS number: `8` and its eleven digits. The directory does not have others
/// (ADELI, and numbers that a structure assigns).
fn is_rpps(identifier: &Identifier) -> bool {
    let value = identifier.value.as_bytes();
    identifier.system == IDNPS && value.len() == 12 && value[0] == b'8' && value.iter().all(u8::is_ascii_digit)
}
