//! What a reference says of the type of its target. <http://hl7.org/fhir/R4/references.html>

use std::ops::ControlFlow;

use serde_json::Value;

use super::check::{Breach, Check, Contained, Place, Receiver, strings, text};
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
    /// As the HL7 validator does, a literal reference is not held against the types of its element: what stands
    /// behind it is not known. A contained resource is known, and so is what `type` says.
    fn check(&self, instance: &Value, contained: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::Object(object) = instance else { return ControlFlow::Continue(()) };
        let Some(reference) = text(object, "reference") else { return ControlFlow::Continue(()) };
        let is_target = |target: &str| self.types.is_empty() || self.types.iter().any(|known| known == target);
        let local = reference.strip_prefix('#').and_then(|id| contained.get(id)).copied();
        let mut breach = |member, found, expected| {
            report(&Breach { rule: &FHIR_REFERENCE_TYPE, place: Place::Member(member), found, expected })
        };
        if let Some(found) = local.filter(|found| !is_target(found)) {
            breach("reference", found, &self.expected)?;
        }
        let Some(stated) = text(object, "type") else { return ControlFlow::Continue(()) };
        match local.or_else(|| named(reference)) {
            Some(named) if named != stated => breach("type", stated, named),
            _ if !is_target(stated) => breach("type", stated, &self.expected),
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
