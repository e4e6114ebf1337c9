//! Codes, held against the code systems that are known whole.

use std::ops::ControlFlow;

use serde_json::Value;

use super::check::{Breach, Check, Contained, Place, Receiver, strings, text};
use crate::fhir::code_system::CodeSystem;
use crate::issue::catalogue::{FHIR_CODE, FHIR_CODE_UNKNOWN, FHIR_CODING_CODE};

/// `"x-fhir-coding": true`: the code of a Coding or a Quantity is one of its system.
pub struct Coding;

impl Check for Coding {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::Object(object) = instance else { return ControlFlow::Continue(()) };
        let (Some(url), Some(code)) = (text(object, "system"), text(object, "code")) else {
            return ControlFlow::Continue(());
        };
        match CodeSystem::find(url) {
            Some(system) if !system.contains(code) => {
                report(&Breach { rule: &FHIR_CODE_UNKNOWN, place: Place::Member("code"), found: code, expected: url })
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// `"x-fhir-concept": true`: a coding of a CodeableConcept has a code, where its system is known whole.
pub struct Concept;

impl Check for Concept {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let codings = instance.get("coding").and_then(Value::as_array).into_iter().flatten().enumerate();
        for (index, coding) in codings {
            let Value::Object(object) = coding else { continue };
            let url = text(object, "system").unwrap_or_default();
            if !object.contains_key("code") && CodeSystem::find(url).is_some() {
                let place = Place::Item("coding", index);
                report(&Breach { rule: &FHIR_CODING_CODE, place, found: "", expected: url })?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// `"x-fhir-code-of": ["urn:iso:std:iso:4217"]`: a code of one of these systems, written as it is there.
pub fn code_of(urls: &Value) -> Box<dyn Check> {
    let urls = strings(urls);
    let systems = urls.iter().filter_map(|url| CodeSystem::find(url)).collect();
    Box::new(CodeOf { expected: urls.join(", "), systems })
}

struct CodeOf {
    expected: String,
    systems: Vec<&'static CodeSystem>,
}

impl Check for CodeOf {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        match instance {
            Value::String(code) if !self.systems.iter().any(|system| system.lists(code)) => {
                report(&Breach { rule: &FHIR_CODE, place: Place::Here, found: code, expected: &self.expected })
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
