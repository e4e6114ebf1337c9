//! What ties a resource to those that it contains: ref-1, dom-3, ids that are given once; and narratives anywhere in these.
//!
//! <http://hl7.org/fhir/R4/references.html#contained>, <http://hl7.org/fhir/R4/domainresource.html>

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde_json::Value;

use super::issue::{Report, primitive};
use super::keyword::Contained;
use crate::fhir::json::Path;
use crate::fhir::narrative::{self, Fault};
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{FHIR_CONTAINED_ID, FHIR_DOM_3, FHIR_PRIMITIVE, FHIR_REF_1, FHIR_TXT_1, FHIR_TXT_2};
use crate::issue::{Issue, Rule};

/// The contained resources of a resource.
pub fn contained(resource: &Value) -> Contained<'_> {
    let resources = resource.get("contained").and_then(Value::as_array).into_iter().flatten();
    resources.filter_map(|resource| Some((id_of(resource)?, resource.get("resourceType")?.as_str()?))).collect()
}

/// Reports the breaches of these rules in a resource.
pub fn report(resource_type: ResourceType, resource: &Value, report: Report<'_>) -> ControlFlow<()> {
    let contained = resource.get("contained").and_then(Value::as_array).into_iter().flatten();
    let contained: Vec<_> = contained.map(|resource| (id_of(resource), resource)).collect();
    let ids = contained.iter().filter_map(|(id, _)| *id).collect();
    let mut walk = Walk { root: resource_type.as_str(), ids, references: HashSet::new(), report };
    walk.visit(resource, &Path::Root)?;
    let Walk { references, report, .. } = walk;
    let mut known = HashSet::new();
    for (index, (id, resource)) in contained.into_iter().enumerate() {
        let place = || format!("{resource_type}.contained[{index}]");
        if id.is_some_and(|id| !known.insert(id)) {
            report(&FHIR_CONTAINED_ID, &|| Issue::new(&FHIR_CONTAINED_ID, place()))?;
        }
        if id.is_some_and(|id| !references.contains(id)) && !refers_to_container(resource) {
            report(&FHIR_DOM_3, &|| Issue::new(&FHIR_DOM_3, place()))?;
        }
    }
    ControlFlow::Continue(())
}

struct Walk<'a, 'r> {
    root: &'a str,
    /// The ids of the contained resources.
    ids: HashSet<&'a str>,
    /// The ids that a local reference (`#id`) names.
    references: HashSet<&'a str>,
    report: Report<'r>,
}

impl<'a> Walk<'a, '_> {
    fn visit(&mut self, value: &'a Value, path: &Path<'_>) -> ControlFlow<()> {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.visit(item, &Path::Index(path, index))?;
                }
            }
            Value::Object(object) => {
                for (key, value) in object {
                    let path = Path::Key(path, key);
                    match value {
                        // Of a type that is not known whole, nothing below the common elements is known: a narrative
                        // may stand in a section or in a resource within it. It is no reference, whatever it begins with.
                        Value::String(text) if key == "div" && is_contained(&path) => self.narrative(text, &path)?,
                        Value::String(text) if text.starts_with('#') => self.local(key, text, &path)?,
                        Value::Object(_) | Value::Array(_) => self.visit(value, &path)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn local(&mut self, key: &str, reference: &'a str, path: &Path<'_>) -> ControlFlow<()> {
        let id = &reference[1..];
        self.references.insert(id);
        // A lone `#` is the container, seen from what it contains.
        let is_known = if id.is_empty() { is_contained(path) } else { self.ids.contains(id) };
        if key == "reference" && !is_known {
            self.report(&FHIR_REF_1, path)?;
        }
        ControlFlow::Continue(())
    }

    fn narrative(&mut self, text: &str, path: &Path<'_>) -> ControlFlow<()> {
        match narrative::check(text) {
            Ok(()) => ControlFlow::Continue(()),
            Err(Fault::Unreadable) => {
                let issue = || primitive("xhtml", path.expression(self.root));
                (self.report)(&FHIR_PRIMITIVE, &issue)
            }
            Err(Fault::Forbidden) => self.report(&FHIR_TXT_1, path),
            Err(Fault::Invisible) => self.report(&FHIR_TXT_2, path),
        }
    }

    fn report(&mut self, rule: &'static Rule, path: &Path<'_>) -> ControlFlow<()> {
        (self.report)(rule, &|| Issue::new(rule, path.expression(self.root)))
    }
}

fn is_contained(path: &Path<'_>) -> bool {
    match path {
        Path::Root => false,
        Path::Key(Path::Root, key) => *key == "contained",
        Path::Key(parent, _) | Path::Index(parent, _) => is_contained(parent),
    }
}

fn id_of(resource: &Value) -> Option<&str> {
    resource.get("id").and_then(Value::as_str)
}

fn refers_to_container(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            object.get("reference").and_then(Value::as_str) == Some("#") || object.values().any(refers_to_container)
        }
        Value::Array(items) => items.iter().any(refers_to_container),
        _ => false,
    }
}
