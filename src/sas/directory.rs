//! National ids that a received resource cites, and what becomes of it where the copy of the national
//! directory knows no such professional in use.

use clap::ValueEnum;
use serde_json::Value;

use super::identity;
use crate::fhir::identifier::{IDNPS, Identifier};
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{
    ANNUAIRE_INACTIVE, ANNUAIRE_INACTIVE_REFUSED, ANNUAIRE_UNKNOWN, ANNUAIRE_UNKNOWN_REFUSED,
};
use crate::issue::{Issue, Rule};

/// More national ids of a resource than this are not looked up: an appointment has two.
const MOST_CITED: usize = 50;

/// What becomes of a resource that cites a professional whom the directory does not know in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Check {
    /// Accepted, told as a warning.
    #[default]
    Warn,
    /// Refused.
    Refuse,
    /// Accepted; the directory is not asked.
    Off,
}

/// Something that makes a national id doubtful.
pub struct Doubt {
    /// What is said of it where it is accepted.
    pub warned_as: &'static Rule,
    /// What is said of it where it is refused.
    pub refused_as: &'static Rule,
}

/// No professional of the directory has it.
pub const UNKNOWN: Doubt = Doubt { warned_as: &ANNUAIRE_UNKNOWN, refused_as: &ANNUAIRE_UNKNOWN_REFUSED };

/// Its professional is no longer in use there.
pub const INACTIVE: Doubt = Doubt { warned_as: &ANNUAIRE_INACTIVE, refused_as: &ANNUAIRE_INACTIVE_REFUSED };

impl Doubt {
    /// The doubt about the id at `expression`, as this setting weighs it.
    pub fn at(&self, expression: impl Into<String>, check: Check) -> Issue {
        match check {
            Check::Warn | Check::Off => Issue::new(self.warned_as, expression),
            Check::Refuse => Issue::new(self.refused_as, expression),
        }
    }
}

/// The national ids that the directory should know, each with the place where it is cited: those of an
/// account, or of the operator and the participants of an appointment.
///
/// What is withdrawn cites nobody: that a professional has left is what often makes an account
/// be deactivated, or an appointment be cancelled.
pub fn cited(resource_type: ResourceType, resource: &Value) -> Vec<(String, String)> {
    let cited = match resource_type {
        ResourceType::Practitioner if resource["active"] != true => return vec![],
        ResourceType::Appointment if matches!(resource["status"].as_str(), Some("cancelled" | "entered-in-error")) => {
            return vec![];
        }
        ResourceType::Practitioner => of_account(resource),
        ResourceType::Appointment => of_appointment(resource),
    };
    let national = cited.into_iter().filter(|(identifier, _)| is_rpps(identifier));
    national.take(MOST_CITED).map(|(identifier, place)| (identifier.value, place)).collect()
}

fn of_account(account: &Value) -> Vec<(Identifier, String)> {
    let own = account["identifier"].as_array().into_iter().flatten().enumerate();
    let own = own.filter_map(|(index, element)| {
        Some((Identifier::from_element(element)?, format!("Practitioner.identifier[{index}]")))
    });
    own.collect()
}

fn of_appointment(appointment: &Value) -> Vec<(Identifier, String)> {
    let actors = appointment["participant"].as_array().into_iter().flatten().enumerate();
    let actors = actors.filter_map(|(index, participant)| {
        let identifier = Identifier::from_element(&participant["actor"]["identifier"])?;
        Some((identifier, format!("Appointment.participant[{index}].actor.identifier")))
    });
    identity::operator(appointment).into_iter().chain(actors).collect()
}

/// Whether this is the national id of a professional with an RPPS number: `8` and its eleven digits.
/// All others (ADELI, and numbers that a structure gives) the directory cannot know.
fn is_rpps(identifier: &Identifier) -> bool {
    let value = identifier.value.as_bytes();
    identifier.system == IDNPS && value.len() == 12 && value[0] == b'8' && value.iter().all(u8::is_ascii_digit)
}
