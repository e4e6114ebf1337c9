//! What JSON Schema cannot say of FHIR elements in one word: our own keywords.
//!
//! `jsonschema` asks them whether a whole resource is accepted; [`super::failures`] asks which element is at fault.

use std::collections::HashMap;

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

/// `"x-fhir-required": ["status"]`: the element or its companion (`_status`) is there.
pub const REQUIRED: &str = "x-fhir-required";
/// `"x-fhir-choice": [{"name":"value","required":false,"of":["valueString",…]}]`: at most one form
/// (exactly one, if required) of a choice element, companions counted with their primitive.
pub const CHOICE: &str = "x-fhir-choice";
/// `"x-fhir-integer": true`: written without fraction or exponent, which JSON Schema would allow.
pub const INTEGER: &str = "x-fhir-integer";

type Made<'a> = Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>>;

/// The elements of [`REQUIRED`].
pub struct Required(Vec<String>);

/// The choice elements of [`CHOICE`].
pub struct Choice(Vec<OneChoice>);

struct OneChoice {
    name: String,
    required: bool,
    /// Each form and its companion, with the number of the form.
    forms: HashMap<String, usize>,
}

struct Integer;
struct Annotation;

/// Makes the keyword [`REQUIRED`].
pub fn required<'a>(_: &'a Map<String, Value>, value: &'a Value, _: Location) -> Made<'a> {
    Ok(Box::new(Required::new(value)))
}

/// Makes the keyword [`CHOICE`].
pub fn choice<'a>(_: &'a Map<String, Value>, value: &'a Value, _: Location) -> Made<'a> {
    Ok(Box::new(Choice::new(value)))
}

/// Makes the keyword [`INTEGER`].
pub fn integer<'a>(_: &'a Map<String, Value>, _: &'a Value, _: Location) -> Made<'a> {
    Ok(Box::new(Integer))
}

/// Makes a keyword that asks nothing: `x-rule` only names the rule around it.
pub fn annotation<'a>(_: &'a Map<String, Value>, _: &'a Value, _: Location) -> Made<'a> {
    Ok(Box::new(Annotation))
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether the object has the element, as itself or as its companion.
fn has(object: &Map<String, Value>, element: &str) -> bool {
    object.contains_key(element) || object.contains_key(&format!("_{element}"))
}

impl Required {
    /// Reads the value of the keyword.
    pub fn new(value: &Value) -> Self {
        Self(strings(value))
    }

    /// The elements that the instance, an object, lacks.
    pub fn missing<'a>(&'a self, instance: &'a Value) -> impl Iterator<Item = &'a String> {
        let object = instance.as_object();
        self.0.iter().filter(move |element| object.is_some_and(|object| !has(object, element)))
    }
}

impl<'i> Keyword<'i> for Required {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        self.missing(instance).next().map_or(Ok(()), |element| Err(ValidationError::custom(element)))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.missing(instance).next().is_none()
    }
}

impl Choice {
    /// Reads the value of the keyword.
    pub fn new(value: &Value) -> Self {
        let choices = value.as_array().into_iter().flatten().map(|choice| {
            let forms = strings(&choice["of"]).into_iter().enumerate();
            OneChoice {
                name: choice["name"].as_str().unwrap_or_default().to_owned(),
                required: choice["required"].as_bool().unwrap_or_default(),
                forms: forms.flat_map(|(number, form)| [(format!("_{form}"), number), (form, number)]).collect(),
            }
        });
        Self(choices.collect())
    }

    /// The choice elements that the instance, an object, has in several forms, or lacks.
    pub fn broken<'a>(&'a self, instance: &'a Value) -> impl Iterator<Item = &'a String> {
        let object = instance.as_object();
        let broken = move |choice: &&OneChoice| object.is_some_and(|object| choice.is_broken(object));
        self.0.iter().filter(broken).map(|choice| &choice.name)
    }
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

impl<'i> Keyword<'i> for Choice {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        self.broken(instance).next().map_or(Ok(()), |name| Err(ValidationError::custom(name)))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.broken(instance).next().is_none()
    }
}

impl<'i> Keyword<'i> for Integer {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom("integer")) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        match instance {
            // What is no whole number at all is the schema's `type` to refuse.
            Value::Number(number) if number.as_f64().is_some_and(|value| value.fract() == 0.0) => {
                number.to_string().bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
            }
            _ => true,
        }
    }
}

impl<'i> Keyword<'i> for Annotation {
    fn validate(&self, _: &'i Value) -> Result<(), ValidationError<'i>> {
        Ok(())
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        true
    }
}
