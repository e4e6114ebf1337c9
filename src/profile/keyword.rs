//! What JSON Schema cannot say of FHIR elements in one word: our own keywords.
//!
//! `jsonschema` asks them whether a whole resource is accepted; [`super::failures`] asks which element is at fault.

mod check;
mod code;
mod element;
mod reference;
mod value;

use std::ops::ControlFlow;
use std::sync::LazyLock;

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError, ValidationOptions};
use serde_json::{Map, Value};

pub use check::{Breach, Check, Contained, Place, Receiver};

/// Makes a keyword from its value in a schema.
type Make = fn(&Value) -> Box<dyn Check>;

/// All keywords. The last stands in no file: [`derive`] adds it to each object that it is for.
const KEYWORDS: [(&str, Make); 13] = [
    ("x-fhir-required", element::required),
    ("x-fhir-dependent", element::dependent),
    ("x-fhir-choice", element::choice),
    ("x-fhir-integer", |_| Box::new(value::Integer)),
    ("x-fhir-narrative", |_| Box::new(value::Narrative)),
    ("x-fhir-attachment", |_| Box::new(value::Attachment)),
    ("x-fhir-period", |_| Box::new(value::Period)),
    ("x-fhir-range", |_| Box::new(value::Range)),
    ("x-fhir-coding", |_| Box::new(code::Coding)),
    ("x-fhir-concept", |_| Box::new(code::Concept)),
    ("x-fhir-code-of", code::code_of),
    ("x-fhir-targets", reference::targets),
    (COMPANIONS, element::companions),
];

/// `["status"]`: a primitive that is described by its companion alone (`_family`) has an extension there (ele-1), and
/// these codes have a value.
const COMPANIONS: &str = "x-fhir-companions";

/// What `jsonschema` asks about knows no contained resources.
static NONE_CONTAINED: LazyLock<Contained<'static>> = LazyLock::new(Contained::new);

/// The keyword of this name.
pub fn find(name: &str, value: &Value) -> Option<Box<dyn Check>> {
    KEYWORDS.iter().find(|(known, _)| *known == name).map(|(_, make)| make(value))
}

/// Adds all keywords, and the one that only names the rule around it.
pub fn register<'a>(options: ValidationOptions<'a>, annotation: &'static str) -> ValidationOptions<'a> {
    let options = KEYWORDS.into_iter().fold(options, |options, (name, make)| {
        options.with_keyword(name, move |_: &Map<String, Value>, value: &Value, _: Location| asks(make(value)))
    });
    options.with_keyword(annotation, |_: &Map<String, Value>, _: &Value, _: Location| asks(Box::new(Annotation)))
}

/// Adds [`COMPANIONS`] to every object of a schema whose properties have some.
pub fn derive(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            keywords.values_mut().for_each(derive);
            let Some(Value::Object(properties)) = keywords.get("properties") else { return };
            let has_companion = |name: &String| properties.contains_key(&format!("_{name}"));
            let is_list = |schema: &Value| schema.get("enum").is_some() || schema.get("x-fhir-code-of").is_some();
            let codes = properties.iter().filter(|(name, schema)| is_list(schema) && has_companion(name));
            let codes: Vec<_> = codes.map(|(name, _)| Value::from(name.as_str())).collect();
            if properties.keys().any(|name| name.starts_with('_')) {
                keywords.insert(COMPANIONS.to_owned(), codes.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(derive),
        _ => {}
    }
}

type Made<'a> = Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>>;

fn asks<'a>(check: Box<dyn Check>) -> Made<'a> {
    Ok(Box::new(Asked(check)))
}

/// A keyword, as `jsonschema` asks it. What depends on contained resources is left to the walk.
struct Asked(Box<dyn Check>);

impl<'i> Keyword<'i> for Asked {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom("broken")) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.0.check(instance, &NONE_CONTAINED, &mut |_| ControlFlow::Break(())).is_continue()
    }
}

/// Asks nothing.
struct Annotation;

impl Check for Annotation {
    fn check(&self, _: &Value, _: &Contained<'_>, _: Receiver<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
