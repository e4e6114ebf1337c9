//! `POST /{type}/$validate`: what is said of a resource; nothing is stored.
//!
//! <http://hl7.org/fhir/R4/resource-operation-validate.html>

use axum::body::Bytes;
use serde_json::Value;

use super::query::Query;
use super::{Endpoint, Exchange, judging, page};
use crate::error::{Error, Workload};
use crate::fhir::json::{Received, parse};
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{FHIR_REQUIRED_ELEMENT, QUERY_PARAMETER};
use crate::issue::{Issue, MAX_ISSUES};
use crate::profile::Profile;
use crate::record::Trace;
use crate::sas::validation::Validator;

/// What may be validated for: a resource is judged alike for each. Nothing is ever deleted here.
const MODES: [&str; 3] = ["create", "update", "profile"];

/// Judges the resource in the body: the resource itself, or a `Parameters` with one `resource`.
/// `mode` and `profile` are parameters of the query or of `Parameters`.
pub async fn validate(
    endpoint: &Endpoint,
    exchange: &Exchange,
    resource_type: ResourceType,
    mut query: Query,
    body: Bytes,
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
    let (validator, trace) = (endpoint.validator.clone(), exchange.trace.clone());
    let judged =
        judging::run(exchange, Workload::Validations, body.len(), move || judge(&validator, &trace, wanted, &body));
    let (resource, mut issues) = judged.await?;
    if let Some(resource) = resource {
        endpoint.ask_directory(exchange, resource_type, &resource, &mut issues).await;
    }
    Ok(issues)
}

/// The resource in the body, where there is one, and what there is to say of it.
fn judge(validator: &Validator, trace: &Trace, mut wanted: Wanted, body: &[u8]) -> (Option<Value>, Vec<Issue>) {
    let Received { value, defects, .. } = match parse(body, wanted.resource_type.as_str()) {
        Ok(received) => received,
        Err(issues) => return (None, issues),
    };
    let is_wrapped = value["resourceType"] == "Parameters";
    if !is_wrapped {
        judging::note_identifiers(trace, &value);
    }
    let mut issues = vec![];
    let resource = match is_wrapped {
        true => wanted.unwrap(value, trace, &mut issues),
        false => Some(value),
    };
    issues.extend(match &resource {
        Some(resource) => validator.issues(wanted.resource_type, resource, defects, wanted.profile),
        None => defects,
    });
    (resource, issues)
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
    fn unwrap(&mut self, mut parameters: Value, trace: &Trace, issues: &mut Vec<Issue>) -> Option<Value> {
        let mut resource = None;
        let elements = parameters["parameter"].as_array().into_iter().flatten();
        elements.filter_map(|element| element.get("resource")).for_each(|own| judging::note_identifiers(trace, own));
        trace.holds(&parameters);
        for (index, parameter) in parameters["parameter"].as_array_mut().into_iter().flatten().enumerate() {
            let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
            let value = ["valueCode", "valueUri", "valueCanonical"].iter().find_map(|key| parameter.get(key)?.as_str());
            match (name, value) {
                ("resource", _) if parameter.get("resource").is_some_and(Value::is_object) => {
                    resource = parameter.get_mut("resource").map(Value::take);
                }
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
