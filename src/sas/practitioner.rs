//! Regulator accounts (INT_R02): the profile they are judged by.

use serde_json::Value;

use super::claimed_profiles;
use crate::issue::Issue;
use crate::issue::catalogue::PROFILE_UNKNOWN;
use crate::profile::Profile;

/// Parents and siblings that a SAS account may also claim.
const KNOWN: [&str; 3] = [
    "http://hl7.org/fhir/StructureDefinition/Practitioner",
    "http://interopsante.org/fhir/StructureDefinition/FrPractitioner",
    "http://sas.fr/fhir/StructureDefinition/FrPractitionerAgregateur",
];

/// Every account is judged by FrPractitionerRegul; an unknown claim is told.
pub fn profiles(resource: &Value) -> (Vec<Profile>, Vec<Issue>) {
    let profile = Profile::FrPractitionerRegul;
    let unknown =
        claimed_profiles(resource).filter(|(_, claim)| *claim != profile.canonical() && !KNOWN.contains(claim));
    let issues = unknown.map(|(index, claim)| {
        Issue::new(&PROFILE_UNKNOWN, format!("Practitioner.meta.profile[{index}]"))
            .with("found", claim)
            .with("expected", "FrPractitionerRegul")
    });
    (vec![profile], issues.collect())
}
