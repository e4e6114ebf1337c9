//! Checks which elements an object has. A primitive is present if its value or its companion is: `status` or `_status`.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::check::{Check, Contained, Place, Receiver, Violation, strings};
use crate::issue::Rule;
use crate::issue::catalogue::{FHIR_CHOICE, FHIR_CODE_MISSING, FHIR_ELE_1, FHIR_REQUIRED_ELEMENT};

/// The names of an element and its companion, built once.
struct Element {
    name: String,
    companion: String,
}

impl Element {
    fn new(name: String) -> Self {
        Self { companion: format!("_{name}"), name }
    }

    fn is_in(&self, object: &Map<String, Value>) -> bool {
        object.contains_key(&self.name) || object.contains_key(&self.companion)
    }

    fn violation(&self, rule: &'static Rule) -> Violation<'_> {
        Violation { rule, place: Place::Member(&self.name), found: "", expected: &self.name }
    }
}

fn elements(names: &Value) -> Vec<Element> {
    strings(names).into_iter().map(Element::new).collect()
}

/// `"x-fhir-required": ["status"]`: the element is present.
pub fn required(names: &Value) -> Box<dyn Check> {
    Box::new(Required(elements(names)))
}

struct Required(Vec<Element>);

impl Check for Required {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::Object(object) = instance else { return ControlFlow::Continue(()) };
        let mut missing = self.0.iter().filter(|element| !element.is_in(object));
        missing.try_for_each(|element| report(&element.violation(&FHIR_REQUIRED_ELEMENT)))
    }
}

/// `"x-fhir-dependent": {"data": ["contentType"]}`: if the element is present, the others are.
pub fn dependent(value: &Value) -> Box<dyn Check> {
    let members = value.as_object().into_iter().flatten();
    Box::new(Dependent(members.map(|(name, others)| (Element::new(name.clone()), elements(others))).collect()))
}

struct Dependent(Vec<(Element, Vec<Element>)>);

impl Check for Dependent {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::Object(object) = instance else { return ControlFlow::Continue(()) };
        let given = self.0.iter().filter(|(element, _)| element.is_in(object));
        let mut missing = given.flat_map(|(_, others)| others).filter(|other| !other.is_in(object));
        missing.try_for_each(|other| {
            report(&Violation { place: Place::Lacking(&other.name), ..other.violation(&FHIR_REQUIRED_ELEMENT) })
        })
    }
}

/// `"x-fhir-choice": [{"name":"value","required":false,"of":["valueString",…]}]`: at most one form of a choice element
/// (exactly one, if required).
pub fn choice(value: &Value) -> Box<dyn Check> {
    let choices = value.as_array().into_iter().flatten().map(|choice| {
        let forms = strings(&choice["of"]).into_iter().enumerate();
        OneChoice {
            element: Element::new(choice["name"].as_str().unwrap_or_default().to_owned()),
            required: choice["required"].as_bool().unwrap_or_default(),
            forms: forms.flat_map(|(number, form)| [(format!("_{form}"), number), (form, number)]).collect(),
        }
    });
    Box::new(Choice(choices.collect()))
}

struct Choice(Vec<OneChoice>);

struct OneChoice {
    element: Element,
    required: bool,
    /// Each form and its companion, with the index of the form.
    forms: HashMap<String, usize>,
}

impl OneChoice {
    /// The member that is a form too many, or the name of the element if no form of it is there.
    ///
    /// Looks up the members of the object among the forms, as there are fewer members than forms.
    fn fault<'a>(&'a self, object: &'a Map<String, Value>) -> Option<&'a str> {
        let mut given = object.keys().filter_map(|name| Some((name, self.forms.get(name)?)));
        match given.next() {
            None => self.required.then_some(&self.element.name),
            Some((_, first)) => given.find(|(_, other)| *other != first).map(|(name, _)| name.as_str()),
        }
    }
}

impl Check for Choice {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::Object(object) = instance else { return ControlFlow::Continue(()) };
        let mut faults = self.0.iter().filter_map(|choice| Some((choice, choice.fault(object)?)));
        faults.try_for_each(|(choice, member)| {
            report(&Violation { place: Place::Member(member), ..choice.element.violation(&FHIR_CHOICE) })
        })
    }
}

/// ele-1: a primitive with only a companion has an extension. A code of a required binding needs a value even then.
/// <http://hl7.org/fhir/R4/element.html>, <http://hl7.org/fhir/R4/terminologies.html#required>
pub fn companions(codes: &Value) -> Box<dyn Check> {
    Box::new(Companions { codes: strings(codes) })
}

struct Companions {
    /// The codes of required bindings.
    codes: Vec<String>,
}

impl Check for Companions {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::Object(object) = instance else { return ControlFlow::Continue(()) };
        let has_extension = |companion: Option<&Value>| companion.is_some_and(|value| value.get("extension").is_some());
        for (name, companion) in object {
            let Some(element) = name.strip_prefix('_') else { continue };
            let mut violation = |rule, place| report(&Violation { rule, place, found: "", expected: element });
            match (object.get(element), companion) {
                (None, Value::Object(_)) => {
                    if self.codes.iter().any(|code| code == element) {
                        violation(&FHIR_CODE_MISSING, Place::Member(name))?;
                    }
                    if !has_extension(Some(companion)) {
                        violation(&FHIR_ELE_1, Place::Member(name))?;
                    }
                }
                (values, Value::Array(companions)) => {
                    let values = values.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                    for index in 0..values.len().max(companions.len()) {
                        let has_value = values.get(index).is_some_and(|value| !value.is_null());
                        if !has_value && !has_extension(companions.get(index)) {
                            violation(&FHIR_ELE_1, Place::Item(name, index))?;
                        }
                    }
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}
