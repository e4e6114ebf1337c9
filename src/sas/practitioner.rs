//! Regulator accounts (INT_R02): their profile.

use serde_json::Value;

use super::{claimed_profiles, unknown_profile};
use crate::issue::Issue;
use crate::profile::Profile;

/// Parent and sibling profiles that an account may claim too.
const KNOWN: [&str; 3] = [
    "http://hl7.org/fhir/StructureDefinition/Practitioner",
    "http://interopsante.org/fhir/StructureDefinition/FrPractitioner",
    "http://sas.fr/fhir/StructureDefinition/FrPractitionerAgregateur",
];

/// Every account is validated against FrPractitionerRegul; an unknown claim is an issue.
pub fn profiles(resource: &Value) -> (Vec<Profile>, Vec<Issue>) {
    let profile = Profile::FrPractitionerRegul;
    let unknown =
        claimed_profiles(resource).filter(|(_, claim)| *claim != profile.canonical() && !KNOWN.contains(claim));
    let issues = unknown.map(|(index, claim)| {
        unknown_profile(format!("Practitioner.meta.profile[{index}]"), claim, "FrPractitionerRegul")
    });
    (vec![profile], issues.collect())
}
