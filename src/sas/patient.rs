//! Refuses data of patients: the flows of SAS carry none, so none may be stored.
//!
//! Free text cannot be checked: a name in `description` or `display` passes.

use std::ops::ControlFlow;

use serde_json::Value;

use crate::fhir::identifier::INS;
use crate::fhir::json::Path;
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{APPOINTMENT_PATIENT, CONTAINED_PATIENT, PATIENT_IDENTIFIER};
use crate::issue::{Issue, Rule};

/// Resource types that describe a patient, or a person by their relation to a patient.
const PATIENT_TYPES: [&str; 2] = ["Patient", "RelatedPerson"];

/// The elements of a Reference. <http://hl7.org/fhir/R4/references.html#Reference>
const REFERENCE_ELEMENTS: [&str; 6] = ["id", "extension", "reference", "type", "identifier", "display"];

/// Takes a violation of a rule; the issue is built only if it is listed.
type Report<'r> = &'r mut dyn FnMut(&'static Rule, &dyn Fn() -> Issue) -> ControlFlow<()>;

/// Reports contained patients and national identifiers of patients; of an appointment, references to patients too.
pub fn report(resource_type: ResourceType, resource: &Value, report: Report<'_>) -> ControlFlow<()> {
    visit(resource_type, resource, &Path::Root, report)
}

fn visit(root: ResourceType, value: &Value, path: &Path<'_>, report: Report<'_>) -> ControlFlow<()> {
    let mut violation = |rule, path: &Path<'_>| report(rule, &|| path.issue(rule, root.as_str()));
    match value {
        Value::Object(members) => {
            let (mut is_patient, mut refers_to_patient, mut has_patient_identifier) = (false, false, false);
            for (name, member) in members {
                let Value::String(text) = member else { continue };
                match name.as_str() {
                    "resourceType" => is_patient = PATIENT_TYPES.contains(&text.as_str()),
                    "reference" => refers_to_patient |= designates_patient(text),
                    "type" => refers_to_patient |= is_patient_type(text) && is_reference(members.keys()),
                    "system" => has_patient_identifier = is_ins(text),
                    _ => {}
                }
            }
            // The root is of the type that the route expects, or refused for that.
            if is_patient && !matches!(path, Path::Root) {
                violation(&CONTAINED_PATIENT, path)?;
            }
            if refers_to_patient && root == ResourceType::Appointment {
                violation(&APPOINTMENT_PATIENT, path)?;
            }
            if has_patient_identifier {
                violation(&PATIENT_IDENTIFIER, &Path::Key(path, "system"))?;
            }
            members.iter().try_for_each(|(name, member)| visit(root, member, &Path::Key(path, name), report))
        }
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| visit(root, item, &Path::Index(path, index), report))
        }
        _ => ControlFlow::Continue(()),
    }
}

/// Whether a literal reference names a patient: `Patient/1`, `https://example.org/fhir/Patient/1/_history/2` or
/// `Patient?identifier=…`. R4 leaves the form of a reference open, so that spaces, empty segments, versions and operations
/// around these do not hide them.
fn designates_patient(reference: &str) -> bool {
    let (path, rest) = reference.split_at(reference.find(['?', '#', '|']).unwrap_or(reference.len()));
    let segments = path.split('/').map(str::trim).filter(|segment| !segment.is_empty());
    let mut last = [""; 2];
    for segment in segments.take_while(|segment| !segment.starts_with(['_', '$'])) {
        last = [last[1], segment];
    }
    PATIENT_TYPES.contains(&last[0]) || (rest.starts_with('?') && PATIENT_TYPES.contains(&last[1]))
}

/// `Reference.type` is a type of FHIR, or the URL of its definition, with or without a version.
fn is_patient_type(text: &str) -> bool {
    let name = text.split('|').next().unwrap_or_default().trim();
    PATIENT_TYPES.contains(&name.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(name))
}

/// Whether an object with a `type` is a Reference: other types have elements that a Reference does not have.
fn is_reference<'a>(mut names: impl Iterator<Item = &'a String>) -> bool {
    names.all(|name| REFERENCE_ELEMENTS.contains(&name.strip_prefix('_').unwrap_or(name)))
}

/// URNs of OIDs are compared without regard to case: RFC 8141, section 3.
fn is_ins(system: &str) -> bool {
    system.get(..INS.len()).is_some_and(|start| start.eq_ignore_ascii_case(INS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_to_patient_is_recognised_by_its_resource_type() {
        for reference in [
            "Patient/1",
            "RelatedPerson/1",
            "https://example.org/fhir/Patient/1",
            "Patient/1/_history/2",
            "Patient/1#part",
            "Patient?identifier=a|b",
            "https://example.org/fhir/RelatedPerson?identifier=a/b",
            "Patient/1/",
            "Patient//1",
            " Patient/1",
            "Patient/1?_format=json",
            "Patient/1|2",
            "Patient/1/$everything",
            "/Patient/1/_history",
        ] {
            assert!(designates_patient(reference), "{reference}");
        }
        for reference in [
            "Practitioner/Patient",
            "https://example.org/Patient/Practitioner/1",
            "#Patient",
            "Patient",
            "PatientX/1",
            "",
        ] {
            assert!(!designates_patient(reference), "{reference}");
        }
    }

    #[test]
    fn identifier_of_patient_is_recognised_by_its_system() {
        for (system, expected) in [
            ("urn:oid:1.2.250.1.213.1.4.8", true),
            ("URN:OID:1.2.250.1.213.1.4.10", true),
            ("urn:oid:1.2.250.1.213.1.4", false),
            ("urn:oid:1.2.250.1.213.1.41.1", false),
            ("urn:oid:1.2.250.1.213.3.6", false),
            ("é", false),
        ] {
            assert_eq!(is_ins(system), expected, "{system}");
        }
    }
}
