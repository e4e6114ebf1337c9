//! Which elements an object has. A primitive counts with its companion: `status` or `_status`.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::check::{Breach, Check, Contained, Place, Receiver, strings};
use crate::issue::Rule;
use crate::issue::catalogue::{FHIR_CHOICE, FHIR_CODE_MISSING, FHIR_ELE_1, FHIR_REQUIRED_ELEMENT};

/// The element and its companion. Both names are made once.
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

    fn breach(&self, rule: &'static Rule) -> Breach<'_> {
        Breach { rule, place: Place::Member(&self.name), found: "", expected: &self.name }
    }
}

fn elements(names: &Value) -> Vec<Element> {
    strings(names).into_iter().map(Element::new).collect()
}

/// `"x-fhir-required": ["status"]`: the element is there.
pub fn required(names: &Value) -> Box<dyn Check> {
    Box::new(Required(elements(names)))
}

struct Required(Vec<Element>);

impl Check for Required {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::Object(object) = instance else { return ControlFlow::Continue(()) };
        let mut missing = self.0.iter().filter(|element| !element.is_in(object));
        missing.try_for_each(|element| report(&element.breach(&FHIR_REQUIRED_ELEMENT)))
    }
}

/// `"x-fhir-dependent": {"data": ["contentType"]}`: with the element, the others are there.
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
        missing.try_for_each(|other| report(&Breach { place: Place::Here, ..other.breach(&FHIR_REQUIRED_ELEMENT) }))
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
    /// Each form and its companion, with the number of the form.
    forms: HashMap<String, usize>,
}

impl OneChoice {
    /// Looks up the members of the object among the forms, which are many, and not the other way round.
    fn is_broken(&self, object: &Map<String, Value>) -> bool {
        let mut given = object.keys().filter_map(|name| self.forms.get(name));
        match given.next() {
            None => self.required,
            Some(first) => given.any(|other| other != first),
        }
    }
}

impl Check for Choice {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::Object(object) = instance else { return ControlFlow::Continue(()) };
        let mut broken = self.0.iter().filter(|choice| choice.is_broken(object));
        broken.try_for_each(|choice| report(&choice.element.breach(&FHIR_CHOICE)))
    }
}

/// ele-1: what a companion alone describes has an extension. Of a code of a required binding, not even that is enough.
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
            let mut breach = |rule, place| report(&Breach { rule, place, found: "", expected: element });
            match (object.get(element), companion) {
                (None, Value::Object(_)) => {
                    if self.codes.iter().any(|code| code == element) {
                        breach(&FHIR_CODE_MISSING, Place::Member(element))?;
                    }
                    if !has_extension(Some(companion)) {
                        breach(&FHIR_ELE_1, Place::Member(element))?;
                    }
                }
                (values, Value::Array(companions)) => {
                    let values = values.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                    for index in 0..values.len().max(companions.len()) {
                        let has_value = values.get(index).is_some_and(|value| !value.is_null());
                        if !has_value && !has_extension(companions.get(index)) {
                            breach(&FHIR_ELE_1, Place::Item(element, index))?;
                        }
                    }
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}
