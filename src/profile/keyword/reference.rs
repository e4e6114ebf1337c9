//! Checks the type of the target of a reference. <http://hl7.org/fhir/R4/references.html>

use std::ops::ControlFlow;

use serde_json::Value;

use super::check::{Check, Contained, Place, Receiver, Violation, strings, text};
use crate::fhir::code_system::CodeSystem;
use crate::issue::catalogue::FHIR_REFERENCE_TYPE;

/// The code system of the types that a reference may name.
const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";

/// `"x-fhir-targets": ["Organization"]`: the types that the element may refer to; all, if none is named.
pub fn targets(types: &Value) -> Box<dyn Check> {
    let types = strings(types);
    Box::new(Targets { expected: types.join(", "), types })
}

struct Targets {
    expected: String,
    types: Vec<String>,
}

impl Check for Targets {
    /// Like the HL7 validator, checks `type` and contained resources only: the target of another literal reference is not
    /// resolved.
    fn check(&self, instance: &Value, contained: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::Object(object) = instance else { return ControlFlow::Continue(()) };
        let Some(reference) = text(object, "reference") else { return ControlFlow::Continue(()) };
        let is_target = |target: &str| self.types.is_empty() || self.types.iter().any(|known| known == target);
        let local = reference.strip_prefix('#').and_then(|id| contained.get(id)).copied();
        let mut violation = |member, found, expected| {
            report(&Violation { rule: &FHIR_REFERENCE_TYPE, place: Place::Member(member), found, expected })
        };
        if let Some(found) = local.filter(|found| !is_target(found)) {
            violation("reference", found, &self.expected)?;
        }
        let Some(stated) = text(object, "type") else { return ControlFlow::Continue(()) };
        match local.or_else(|| named(reference)) {
            Some(named) if named != stated => violation("type", stated, named),
            _ if !is_target(stated) => violation("type", stated, &self.expected),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The resource type that a literal reference names: `Practitioner/1`, `https://example.org/fhir/Practitioner/1`.
fn named(reference: &str) -> Option<&str> {
    let path = reference.split(['?', '#', '|']).next()?;
    let path = path.split("/_history").next()?;
    let (rest, _) = path.rsplit_once('/')?;
    let name = rest.rsplit('/').next()?;
    CodeSystem::find(RESOURCE_TYPES)?.lists(name).then_some(name)
}
