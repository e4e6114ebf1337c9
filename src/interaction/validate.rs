//! `POST /{type}/$validate`: what is said of a resource; nothing is stored.
//!
//! <http://hl7.org/fhir/R4/resource-operation-validate.html>

use serde_json::Value;

use super::query::Query;
use super::{Endpoint, Exchange, page};
use crate::error::Error;
use crate::fhir::json::{Received, parse};
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{FHIR_REQUIRED_ELEMENT, QUERY_PARAMETER};
use crate::issue::{Issue, MAX_ISSUES};
use crate::profile::Profile;

/// What may be validated for: a resource is judged alike for each. Nothing is ever deleted here.
const MODES: [&str; 3] = ["create", "update", "profile"];

/// Judges the resource in the body: the resource itself, or a `Parameters` with one `resource`.
/// `mode` and `profile` are parameters of the query or of `Parameters`.
pub async fn validate(
    endpoint: &Endpoint,
    exchange: &Exchange,
    resource_type: ResourceType,
    mut query: Query,
    body: &[u8],
) -> Result<Vec<Issue>, Error> {
    let mut issues = vec![];
    let mut wanted = Wanted { resource_type, profile: None };
    for name in ["mode", "profile"] {
        let value = page::single(&mut query, name, &mut issues);
        issues.extend(value.and_then(|value| wanted.parameter(name, &value).err()));
    }
    issues.extend(query.leftovers("mode, profile, _format, _pretty"));
    if !issues.is_empty() {
        return Err(Error::of(issues));
    }
    let Received { value, defects, .. } = match parse(body, resource_type.as_str()) {
        Ok(received) => received,
        Err(issues) => return Ok(issues),
    };
    exchange.trace.holds(&value);
    let resource = match value["resourceType"] == "Parameters" {
        true => wanted.unwrap(&value, &mut issues),
        false => Some(&value),
    };
    match resource {
        Some(resource) => {
            issues.extend(endpoint.validator.issues(resource_type, resource, defects, wanted.profile));
            endpoint.ask_directory(resource_type, resource, &mut issues).await;
        }
        None => issues.extend(defects),
    }
    Ok(issues)
}

/// What the client wants to know.
struct Wanted {
    resource_type: ResourceType,
    profile: Option<Profile>,
}

impl Wanted {
    /// Takes `mode` or `profile` into account.
    fn parameter(&mut self, name: &str, value: &str) -> Result<(), Issue> {
        if name == "mode" {
            return if MODES.contains(&value) { Ok(()) } else { Err(page::malformed(name, &MODES.join(", "))) };
        }
        let of_this_type = || Profile::ALL.into_iter().filter(|known| known.resource_type() == self.resource_type);
        let canonical = value.split('|').next().unwrap_or_default();
        let known = of_this_type().find(|known| known.canonical() == canonical);
        let expected = || of_this_type().map(Profile::canonical).collect::<Vec<_>>().join(", ");
        self.profile = Some(known.ok_or_else(|| page::malformed(name, &expected()))?);
        Ok(())
    }

    /// The resource in a `Parameters`, whose other parameters are taken into account.
    fn unwrap<'a>(&mut self, parameters: &'a Value, issues: &mut Vec<Issue>) -> Option<&'a Value> {
        let mut resource = None;
        for (index, parameter) in parameters["parameter"].as_array().into_iter().flatten().enumerate() {
            let name = parameter["name"].as_str().unwrap_or_default();
            let value = ["valueCode", "valueUri", "valueCanonical"].iter().find_map(|key| parameter[key].as_str());
            match (name, value) {
                ("resource", _) if parameter["resource"].is_object() => resource = Some(&parameter["resource"]),
                _ if issues.len() >= MAX_ISSUES => {}
                ("mode" | "profile", Some(value)) => issues.extend(self.parameter(name, value).err()),
                _ => issues.push(
                    Issue::new(&QUERY_PARAMETER, format!("Parameters.parameter[{index}]"))
                        .with("found", name)
                        .with("expected", "resource, mode, profile"),
                ),
            }
        }
        if resource.is_none() {
            let place = "Parameters.parameter.resource";
            issues.push(Issue::new(&FHIR_REQUIRED_ELEMENT, place).with("expected", "resource"));
        }
        resource
    }
}
