//! Reports the schema failures of a resource, one at a time, until the receiver wants no more.
//!
//! `jsonschema` collects every error of a document before it returns the first, and some errors contain a copy of the
//! value: a body of 1 MiB made 350,000 errors of 500 MiB. So this module follows the keywords that lead to other values
//! itself, and uses `jsonschema` for one keyword of one value at a time.

mod compiler;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;

use super::keyword::{Check, Contained, Violation};
use crate::fhir::json::Path;
use crate::issue::Rule;

pub use compiler::Compiler;

/// One keyword that one value fails.
pub struct Failure<'a> {
    /// The value.
    pub instance: &'a Value,
    /// Its path.
    pub path: &'a Path<'a>,
    /// The rule of the innermost `x-rule` around the keyword.
    pub rule: Option<&'static Rule>,
    /// The definition that the keyword belongs to: the FHIR type of the value; empty at the root.
    pub fhir_type: &'a str,
    /// What failed.
    pub kind: Kind<'a>,
}

/// The keyword that a value fails.
#[derive(Clone, Copy)]
pub enum Kind<'a> {
    /// A keyword of this name and value.
    Keyword(&'a str, &'a Value),
    /// `required`: this member.
    Required(&'a str),
    /// A custom keyword.
    Own(&'a Violation<'a>),
    /// `additionalProperties`: this member.
    Unknown(&'a str),
}

/// Takes the failures, one at a time; [`ControlFlow::Break`] ends the report.
pub type Receiver<'t> = &'t mut dyn FnMut(&Failure<'_>) -> ControlFlow<()>;

/// A compiled schema that reports failures one by one.
pub struct Failures {
    /// The first is the schema itself, the others its parts.
    schemas: Vec<Schema>,
}

#[derive(Default)]
struct Schema {
    rule: Option<&'static Rule>,
    steps: Vec<Step>,
}

/// The check of a keyword. Numbers are indexes into [`Failures::schemas`].
enum Step {
    Assert { keyword: String, value: Value, validator: Arc<Validator> },
    Required(Vec<String>),
    Own(Box<dyn Check>),
    Members { known: HashMap<String, usize>, is_closed: bool },
    Items(usize),
    All(Vec<usize>),
    Then { condition: Arc<Validator>, then: usize },
    Definition { name: String, schema: usize },
}

/// A value that is being visited, with what the schemas above it determine.
#[derive(Clone, Copy)]
struct Here<'a> {
    instance: &'a Value,
    path: &'a Path<'a>,
    rule: Option<&'static Rule>,
    fhir_type: &'a str,
    contained: &'a Contained<'a>,
}

impl Failures {
    /// Reports the failures of a resource with these contained resources, until the receiver breaks.
    pub fn report(&self, resource: &Value, contained: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        self.visit(0, Here { instance: resource, path: &Path::Root, rule: None, fhir_type: "", contained }, report)
    }

    fn visit(&self, number: usize, here: Here<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let schema = &self.schemas[number];
        let here = Here { rule: schema.rule.or(here.rule), ..here };
        schema.steps.iter().try_for_each(|step| self.take(step, here, report))
    }

    fn take(&self, step: &Step, here: Here<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Here { instance, path, .. } = here;
        match step {
            Step::Assert { keyword, value, validator } if !validator.is_valid(instance) => {
                report(&here.fails(Kind::Keyword(keyword, value)))
            }
            Step::Assert { .. } => ControlFlow::Continue(()),
            Step::Required(names) => {
                let object = instance.as_object();
                let mut missing = names.iter().filter(|name| object.is_some_and(|object| !object.contains_key(*name)));
                missing.try_for_each(|name| report(&here.fails(Kind::Required(name))))
            }
            Step::Own(check) => {
                check.check(instance, here.contained, &mut |violation| report(&here.fails(Kind::Own(violation))))
            }
            Step::Members { known, is_closed } => {
                let members = || instance.as_object().into_iter().flatten();
                for (name, member) in members() {
                    if let Some(&schema) = known.get(name) {
                        self.visit(schema, Here { instance: member, path: &Path::Key(path, name), ..here }, report)?;
                    }
                }
                let mut unknown =
                    members().map(|(name, _)| name).filter(|name| *is_closed && !known.contains_key(*name));
                unknown.try_for_each(|name| report(&here.fails(Kind::Unknown(name))))
            }
            Step::Items(schema) => {
                let mut items = instance.as_array().into_iter().flatten().enumerate();
                items.try_for_each(|(index, item)| {
                    self.visit(*schema, Here { instance: item, path: &Path::Index(path, index), ..here }, report)
                })
            }
            Step::All(schemas) => schemas.iter().try_for_each(|schema| self.visit(*schema, here, report)),
            Step::Then { condition, then } if condition.is_valid(instance) => self.visit(*then, here, report),
            Step::Then { .. } => ControlFlow::Continue(()),
            Step::Definition { name, schema } => self.visit(*schema, Here { fhir_type: name, ..here }, report),
        }
    }
}

impl<'a> Here<'a> {
    fn fails<'b>(self, kind: Kind<'b>) -> Failure<'b>
    where
        'a: 'b,
    {
        let Self { instance, path, rule, fhir_type, .. } = self;
        Failure { instance, path, rule, fhir_type, kind }
    }
}
