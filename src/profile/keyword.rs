//! Custom keywords, for checks of FHIR elements that JSON Schema cannot express in one keyword.
//!
//! `jsonschema` uses them to accept or refuse a resource, [`super::failures`] to find the element that violates a rule.

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

pub use check::{Check, Contained, Place, Receiver, Violation};
pub use value::Narrative;

/// Builds a keyword from its value in a schema.
type Build = fn(&Value) -> Box<dyn Check>;

/// All keywords. The last one is in no file: [`derive()`] adds it to the objects that need it.
const KEYWORDS: [(&str, Build); 13] = [
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

/// `["status"]`: a primitive that has only its companion (`_family`) has an extension there (ele-1), and the codes in the
/// list have a value.
const COMPANIONS: &str = "x-fhir-companions";

/// `jsonschema` does not know the contained resources of an instance.
static NONE_CONTAINED: LazyLock<Contained<'static>> = LazyLock::new(Contained::new);

/// The keyword with this name.
pub fn find(name: &str, value: &Value) -> Option<Box<dyn Check>> {
    KEYWORDS.iter().find(|(known, _)| *known == name).map(|(_, build)| build(value))
}

/// Adds all keywords, and the annotation that names a rule.
pub fn register<'a>(options: ValidationOptions<'a>, annotation: &'static str) -> ValidationOptions<'a> {
    let options = KEYWORDS.into_iter().fold(options, |options, (name, build)| {
        options.with_keyword(name, move |_: &Map<String, Value>, value: &Value, _: Location| adapt(build(value)))
    });
    options.with_keyword(annotation, |_: &Map<String, Value>, _: &Value, _: Location| adapt(Box::new(Annotation)))
}

/// Adds [`COMPANIONS`] to every object of a schema that has companions among its properties.
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

type AdaptedKeyword<'a> = Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>>;

#[expect(clippy::unnecessary_wraps, reason = "jsonschema's factories return a Result")]
fn adapt<'a>(check: Box<dyn Check>) -> AdaptedKeyword<'a> {
    Ok(Box::new(Adapter(check)))
}

/// Makes a [`Check`] a keyword of `jsonschema`. Checks that depend on contained resources find nothing here, only in
/// [`super::failures`].
struct Adapter(Box<dyn Check>);

impl<'i> Keyword<'i> for Adapter {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom("violated")) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.0.check(instance, &NONE_CONTAINED, &mut |_| ControlFlow::Break(())).is_continue()
    }
}

/// Checks nothing.
struct Annotation;

impl Check for Annotation {
    fn check(&self, _: &Value, _: &Contained<'_>, _: Receiver<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
