//! The published examples of ANS, where they are at hand (they are not copied into the project).

use std::path::PathBuf;

use sas_endpoint::sas::deviation::Validation;

use crate::findings;

fn official(name: &str) -> Option<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/sas");
    if !folder.is_dir() {
        eprintln!("skipped: the official examples are not at hand");
        return None;
    }
    Some(std::fs::read(folder.join(name)).expect("an official example"))
}

#[test]
fn official_regulators_get_the_expected_verdicts() {
    let Some(wrong_oid) = official("examples/Practitioner-ExamplePractitionerRegul1.json") else { return };
    assert_eq!(
        findings(Validation::Tolerant, &wrong_oid),
        [
            "practitioner-identifier-idnst Practitioner.identifier[0].system",
            "practitioner-meta-source-missing Practitioner.meta.source"
        ]
    );
    for number in [2, 3] {
        let Some(good) = official(&format!("examples/Practitioner-ExamplePractitionerRegul{number}.json")) else {
            return;
        };
        assert_eq!(
            findings(Validation::Tolerant, &good),
            ["practitioner-meta-source-missing Practitioner.meta.source"]
        );
    }
}

#[test]
fn official_appointments_get_the_expected_verdicts() {
    for number in [1, 2] {
        let Some(good) = official(&format!("examples/Appointment-{number}.json")) else { return };
        assert_eq!(findings(Validation::Strict, &good), [""; 0]);
    }
    let Some(page) = official("seed-appointment-cancelled.json") else { return };
    assert_eq!(
        findings(Validation::Tolerant, &page),
        [
            "appointment-participant-refused Appointment.participant[0].status",
            "profile-alias Appointment.meta.profile[0]"
        ]
    );
    assert_eq!(
        findings(Validation::Strict, &page),
        ["fhir-code Appointment.participant[0].status", "profile-not-published Appointment.meta.profile[0]"]
    );
}
