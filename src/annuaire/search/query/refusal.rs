//! The issues of queries that are refused.

use crate::annuaire::search::parameter;
use crate::fhir::directory_type::DirectoryType;
use crate::issue::Issue;
use crate::issue::catalogue::{ANNUAIRE_PARAMETER, ANNUAIRE_VALUE};

/// The parameters that are no criteria, for messages.
const RESULT_PARAMETERS: &str = "_count, _total, _elements, _summary, _include, _revinclude";

/// The issue of a malformed value.
pub(super) fn malformed(name: &str, expected: &str) -> Issue {
    Issue::new(&ANNUAIRE_VALUE, format!("http.{name}")).with("found", name).with("expected", expected)
}

/// The issue of a parameter that a type does not have; `whole` is the full name, with chain and modifier.
pub(super) fn unknown(resource_type: DirectoryType, name: &str, whole: &str) -> Issue {
    Issue::new(&ANNUAIRE_PARAMETER, format!("http.{whole}"))
        .with("found", name)
        .with("type", resource_type.as_str())
        .with("expected", known_parameters(resource_type))
        .diagnostics(not_found(name, resource_type.as_str()))
}

/// The issue of a parameter that an interaction other than search does not have.
pub fn unsupported(place: &str, name: &str, expected: &str) -> Issue {
    Issue::new(&ANNUAIRE_PARAMETER, format!("http.{name}"))
        .with("found", name)
        .with("type", place)
        .with("expected", expected)
        .diagnostics(not_found(name, place))
}

pub(super) fn known_parameters(resource_type: DirectoryType) -> String {
    let known = parameter::for_type(resource_type).map(|parameter| parameter.name);
    known.chain([RESULT_PARAMETERS]).collect::<Vec<_>>().join(", ")
}

/// The diagnostics of the national API for an unknown parameter or link.
pub(super) fn not_found(name: &str, resource_type: &str) -> String {
    // The name is cut, so that the type at the end stays within the length of diagnostics.
    let name: String = name.chars().take(200).collect();
    format!("Parameter {name} not found for resource {resource_type}")
}
