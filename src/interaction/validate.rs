//! `POST /{type}/$validate`: reports the issues of a resource, and stores nothing.
//!
//! <http://hl7.org/fhir/R4/resource-operation-validate.html>

use axum::body::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use super::endpoint::{Endpoint, RequestContext};
use super::outcome::Outcome;
use super::{page, validated_body};
use crate::audit::AuditDraft;
use crate::error::{Error, Workload};
use crate::fhir::json::{Received, locate, parse};
use crate::fhir::query::{self, Query};
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{FHIR_CHOICE, FHIR_REQUIRED_ELEMENT};
use crate::issue::{Issue, MAX_ISSUES};
use crate::profile::{Profile, wrong_json_type};

/// The modes that are served: they make no difference. `delete` is refused, as nothing is ever deleted.
const MODES: [&str; 3] = ["create", "update", "profile"];

/// A request to validate a resource: the body itself, or the `resource` of a `Parameters`. `mode` and `profile` are
/// parameters of the query or of `Parameters`.
pub struct Validate {
    pub resource_type: ResourceType,
    pub query: Query,
    pub body: Bytes,
}

impl Validate {
    /// Validates the resource.
    ///
    /// # Errors
    /// If the resource is not validated: the query or `Parameters` are not supported, or the body cannot be parsed. Issues
    /// of the resource are no error.
    pub async fn run(
        self,
        endpoint: &Endpoint,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<Outcome, Error> {
        let Self { resource_type, mut query, body } = self;
        let mut issues = vec![];
        let mut parameters = ValidateParams { resource_type, has_mode: false, profiles: None };
        for name in ["mode", "profile"] {
            let values = query.take(name);
            issues.extend(values.iter().filter_map(|value| parameters.set(name, value, &format!("http.{name}")).err()));
        }
        issues.extend(page::unknown_parameters(&query, "mode, profile, _format, _pretty"));
        if !issues.is_empty() {
            return Err(Error::from_issues(issues));
        }
        let (validator, mut own_audit, bytes) = (endpoint.validator.clone(), audit.clone(), body.clone());
        let (identified, identifiers) = oneshot::channel();
        // One piece of work, so that no parsed body waits for a permit.
        let work = move || {
            let parsed = parameters.read(&body, &mut own_audit);
            // The validation takes longer, and the client may go away meanwhile: then nobody receives it.
            let _ = identified.send(own_audit);
            let Parsed { resource, root, defects, profiles } = parsed.map_err(|mut issues| {
                locate(&body, "", &mut issues);
                issues
            })?;
            let mut issues = validator.issues(resource_type, &resource, defects, profiles);
            locate(&body, &root, &mut issues);
            Ok::<_, Vec<Issue>>((resource, root, issues))
        };
        let add_identifiers = async {
            if let Ok(draft) = identifiers.await {
                *audit = draft;
            }
        };
        let run = validated_body::run(context, Workload::Validations, bytes.len(), work);
        let (validated, ()) = tokio::join!(run, add_identifiers);
        let (resource, root, mut issues) = validated?.map_err(Error::from_issues)?;
        endpoint.check_directory(context, resource_type, &resource, &mut issues).await;
        let issues = validated_body::located(context, Workload::Validations, &bytes, root, issues).await?;
        Ok(Outcome::Issues(issues))
    }
}

/// A resource to be validated.
struct Parsed {
    resource: Value,
    /// The JSON Pointer of the resource in the body.
    root: String,
    /// The defects of its JSON.
    defects: Vec<Issue>,
    /// The profiles to check.
    profiles: Option<Vec<Profile>>,
}

/// The parameters of the operation.
struct ValidateParams {
    resource_type: ResourceType,
    has_mode: bool,
    /// The profiles to check, instead of those that the resource claims. Empty for the base type.
    profiles: Option<Vec<Profile>>,
}

impl ValidateParams {
    /// Parses the body, and adds its identifiers to the audit event.
    fn read(self, body: &[u8], audit: &mut AuditDraft) -> Result<Parsed, Vec<Issue>> {
        let root = self.resource_type.as_str();
        let Received { value, mut defects, .. } =
            parse(body, root).map_err(|issues| place_in_parameters(issues, root))?;
        if value["resourceType"] == "Parameters" {
            // Their pointers start at the body, those of other issues at the resource.
            locate(body, "", &mut defects);
            return self.unwrap(value, defects, audit);
        }
        validated_body::add_identifiers(audit, &value);
        Ok(Parsed { resource: value, root: String::new(), defects, profiles: self.profiles })
    }

    /// Sets `mode` or `profile`, given at `place`.
    fn set(&mut self, name: &str, value: &str, place: &str) -> Result<(), Issue> {
        let is_mode = name == "mode";
        if (is_mode && std::mem::replace(&mut self.has_mode, true)) || (!is_mode && self.profiles.is_some()) {
            return Err(page::repeated(place, name));
        }
        let refused = |expected: &str| page::malformed(place, name, expected);
        if is_mode {
            return if MODES.contains(&value) { Ok(()) } else { Err(refused(&MODES.join(", "))) };
        }
        let own = format!("http://hl7.org/fhir/StructureDefinition/{}", self.resource_type);
        let of_this_type = || Profile::ALL.into_iter().filter(|known| known.resource_type() == self.resource_type);
        let canonical = value.split('|').next().unwrap_or_default();
        let profile = of_this_type().find(|known| known.canonical() == canonical);
        if profile.is_none() && canonical != own {
            let known = of_this_type().map(|known| known.canonical().to_owned());
            return Err(refused(&known.chain([own]).collect::<Vec<_>>().join(", ")));
        }
        self.profiles = Some(profile.into_iter().collect());
        Ok(())
    }

    /// The resource in a `Parameters`. Any fault of the `Parameters` themselves is an error: the answer would not be the one
    /// requested.
    fn unwrap(
        mut self,
        mut parameters: Value,
        defects: Vec<Issue>,
        audit: &mut AuditDraft,
    ) -> Result<Parsed, Vec<Issue>> {
        let elements = parameters["parameter"].as_array().into_iter().flatten();
        elements
            .filter_map(|element| element.get("resource"))
            .for_each(|own| validated_body::add_identifiers(audit, own));
        audit.add_body(&parameters);
        let (mut resource, mut issues) = (None, vec![]);
        let elements = parameters.get_mut("parameter");
        if let Some(other) = elements.as_ref().filter(|elements| !elements.is_array()) {
            issues.push(wrong_json_type(other, "Parameters.parameter", "array"));
        }
        for (index, parameter) in elements.and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
            if issues.len() >= MAX_ISSUES {
                break;
            }
            let place = format!("Parameters.parameter[{index}]");
            match self.take(parameter, &place) {
                Ok(Some(_)) if resource.is_some() => {
                    issues.push(page::repeated(place, "resource"));
                }
                Ok(Some(own)) => resource = Some((own, index)),
                Ok(None) => {}
                Err(issue) => issues.push(issue),
            }
        }
        let root = self.resource_type.as_str();
        let place = resource.as_ref().map(|(_, index)| format!("{root}.parameter[{index}].resource"));
        let mut own_defects = vec![];
        for mut defect in defects {
            let in_resource = place.as_ref().and_then(|place| rest_below(&defect.expression, place));
            let (rest, new_root, list) = match in_resource {
                Some(rest) => (rest, root, &mut own_defects),
                None => (rest_below(&defect.expression, root).unwrap_or_default(), "Parameters", &mut issues),
            };
            defect.expression = format!("{new_root}{rest}");
            list.push(defect);
        }
        match resource {
            Some((resource, index)) if issues.is_empty() => Ok(Parsed {
                resource,
                root: format!("/parameter/{index}/resource"),
                defects: own_defects,
                profiles: self.profiles,
            }),
            None if issues.is_empty() => {
                let place = "Parameters.parameter.resource";
                Err(vec![Issue::new(&FHIR_REQUIRED_ELEMENT, place).with("expected", "resource")])
            }
            _ => Err(issues),
        }
    }

    /// Applies one parameter; returns the resource if the parameter is that.
    fn take(&mut self, parameter: &mut Value, place: &str) -> Result<Option<Value>, Issue> {
        let Some(members) = parameter.as_object_mut() else {
            return Err(wrong_json_type(parameter, place, "object"));
        };
        let is_form = |key: &&String| key.starts_with("value") || matches!(key.as_str(), "resource" | "part");
        if members.keys().filter(is_form).count() > 1 {
            return Err(Issue::new(&FHIR_CHOICE, place).with("expected", "value"));
        }
        let missing = || Issue::new(&FHIR_REQUIRED_ELEMENT, format!("{place}.name")).with("expected", "name");
        let name = members.get("name").and_then(Value::as_str).ok_or_else(missing)?.to_owned();
        let text = |keys: &[&str]| keys.iter().find_map(|key| members.get(*key)?.as_str());
        let (value, expected) = match name.as_str() {
            "resource" => {
                let own = members.get_mut("resource").filter(|own| own.is_object()).map(Value::take);
                return own.map(Some).ok_or_else(|| page::malformed(place, &name, "resource"));
            }
            "mode" => (text(&["valueCode"]), "valueCode"),
            "profile" => (text(&["valueUri", "valueCanonical"]), "valueUri"),
            _ => return Err(page::unknown(place, &query::shown_name(name), "resource, mode, profile")),
        };
        let refused = || page::malformed(place, &name, expected);
        self.set(&name, value.ok_or_else(refused)?, place).map(|()| None)
    }
}

/// The issues of a body that cannot be read: no type that is served here has an element `parameter`.
fn place_in_parameters(mut issues: Vec<Issue>, root: &str) -> Vec<Issue> {
    for issue in &mut issues {
        if let Some(rest) = rest_below(&issue.expression, &format!("{root}.parameter")) {
            issue.expression = format!("Parameters.parameter{rest}");
        }
    }
    issues
}

/// The rest of an expression at or below `place`.
fn rest_below<'a>(expression: &'a str, place: &str) -> Option<&'a str> {
    expression.strip_prefix(place).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
