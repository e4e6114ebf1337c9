//! Appointments (INT_R03): their profiles, and the rules that a schema cannot express.

use serde_json::Value;

use super::deviation::{PROFILE_URL, Validation};
use super::{claimed_profiles, unknown_profile};
use crate::fhir::date::parse_instant;
use crate::issue::Issue;
use crate::issue::catalogue::APPOINTMENT_PERIOD;
use crate::profile::Profile;

/// Former or announced URLs of FrAppointmentSAS, which is published under `http://sas.fr/fhir`.
const ALIASES: [&str; 2] = [
    "http://interopsante.org/fhir/StructureDefinition/FrAppointmentSAS",
    "https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/FrAppointmentSAS",
];

/// Parents of both profiles: a claim of one does not select between them.
const PARENTS: [&str; 2] = [
    "http://hl7.org/fhir/StructureDefinition/Appointment",
    "http://interopsante.org/fhir/StructureDefinition/FrAppointment",
];

/// The profiles that `meta.profile` claims; without a known claim, FrAppointmentSAS.
pub fn profiles(resource: &Value, validation: Validation) -> (Vec<Profile>, Vec<Issue>) {
    let mut profiles = vec![];
    let mut issues = vec![];
    for (index, claim) in claimed_profiles(resource) {
        let expression = format!("Appointment.meta.profile[{index}]");
        let known =
            [Profile::FrAppointmentSas, Profile::SosAppointment].into_iter().find(|known| known.canonical() == claim);
        if let Some(known) = known {
            profiles.push(known);
        } else if ALIASES.contains(&claim) {
            profiles.push(Profile::FrAppointmentSas);
            issues.push(PROFILE_URL.at(expression, validation).with("found", claim));
        } else if !PARENTS.contains(&claim) {
            issues.push(unknown_profile(expression, claim, "FrAppointmentSAS"));
        }
    }
    if profiles.is_empty() {
        profiles.push(Profile::FrAppointmentSas);
    }
    (profiles, issues)
}

/// The rules that compare elements with each other.
pub fn issues(resource: &Value) -> Vec<Issue> {
    period(resource).into_iter().collect()
}

/// The end does not precede the start.
fn period(resource: &Value) -> Option<Issue> {
    let instant = |name| resource.get(name).and_then(Value::as_str).and_then(parse_instant);
    (instant("end")? < instant("start")?).then(|| Issue::new(&APPOINTMENT_PERIOD, "Appointment.end"))
}
