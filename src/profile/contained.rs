//! Checks contained resources: ref-1, dom-3, unique ids, and the narratives within them.
//!
//! <http://hl7.org/fhir/R4/references.html#contained>, <http://hl7.org/fhir/R4/domainresource.html>

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde_json::Value;

use super::issue::{Report, keyword_issue};
use super::keyword::{Check, Contained, Narrative};
use crate::fhir::json::Path;
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{FHIR_CONTAINED_ID, FHIR_DOM_3, FHIR_REF_1};

/// The types of the contained resources, by id.
pub fn contained(resource: &Value) -> Contained<'_> {
    let resources = resource.get("contained").and_then(Value::as_array).into_iter().flatten();
    resources.filter_map(|resource| Some((id_of(resource)?, resource.get("resourceType")?.as_str()?))).collect()
}

/// Reports the violations of these rules in a resource.
pub fn report(resource_type: ResourceType, resource: &Value, report: Report<'_>) -> ControlFlow<()> {
    let contained = resource.get("contained").and_then(Value::as_array).into_iter().flatten();
    let contained: Vec<_> = contained.map(|resource| (id_of(resource), resource)).collect();
    let ids = contained.iter().filter_map(|(id, _)| *id).collect();
    let mut walk = Walk { resource_type, ids, references: HashSet::new(), report };
    walk.visit(resource, &Path::Root)?;
    let Walk { references, report, .. } = walk;
    let mut known = HashSet::new();
    for (index, (id, resource)) in contained.into_iter().enumerate() {
        let list = Path::Key(&Path::Root, "contained");
        let path = Path::Index(&list, index);
        if id.is_some_and(|id| !known.insert(id)) {
            report(&FHIR_CONTAINED_ID, &|| path.issue(&FHIR_CONTAINED_ID, resource_type.as_str()))?;
        }
        if id.is_some_and(|id| !references.contains(id)) && !refers_to_container(resource) {
            report(&FHIR_DOM_3, &|| path.issue(&FHIR_DOM_3, resource_type.as_str()))?;
        }
    }
    ControlFlow::Continue(())
}

struct Walk<'a, 'r> {
    resource_type: ResourceType,
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
                        // The schemas know only the common elements of other types: a narrative may be in a section, or in
                        // a resource within. A `div` is never a reference, even if it begins with `#`.
                        Value::String(_) if key == "div" && is_contained(&path) => self.narrative(value, &path)?,
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
        // In a contained resource, `#` alone refers to the container.
        let is_known = if id.is_empty() { is_contained(path) } else { self.ids.contains(id) };
        if key == "reference" && !is_known {
            (self.report)(&FHIR_REF_1, &|| path.issue(&FHIR_REF_1, self.resource_type.as_str()))?;
        }
        ControlFlow::Continue(())
    }

    fn narrative(&mut self, div: &Value, path: &Path<'_>) -> ControlFlow<()> {
        Narrative.check(div, &Contained::new(), &mut |violation| {
            (self.report)(violation.rule, &|| keyword_issue(violation, path, self.resource_type))
        })
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
