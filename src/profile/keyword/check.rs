//! What a keyword checks, and how it reports what an instance breaks.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use crate::issue::Rule;

/// The contained resources: their types by their ids.
pub type Contained<'a> = HashMap<&'a str, &'a str>;

/// Takes what an instance breaks; [`ControlFlow::Break`] where it wants no more.
pub type Receiver<'t> = &'t mut dyn FnMut(&Violation<'_>) -> ControlFlow<()>;

/// A keyword with its value.
pub trait Check: Send + Sync {
    /// Tells what the instance breaks. Instances of other JSON types than the keyword is for break nothing.
    fn check(&self, instance: &Value, contained: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()>;
}

/// What an instance breaks.
pub struct Violation<'a> {
    /// The rule, unless the schema names another.
    pub rule: &'static Rule,
    /// Where.
    pub place: Place<'a>,
    /// What is there, where it may be repeated.
    pub found: &'a str,
    /// What should be.
    pub expected: &'a str,
}

/// Where a breach is.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// The instance itself.
    Here,
    /// The instance itself, as it lacks this member.
    Lacking(&'a str),
    /// A member of it.
    Member(&'a str),
    /// An item of a member.
    Item(&'a str, usize),
}

pub(super) fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn text<'a>(object: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    object.get(member).and_then(Value::as_str)
}
