//! Validates a single resource, without the stored ones.

use serde_json::Value;

use super::deviation::{PARTICIPANT_REFUSED, Validation};
use super::{appointment, identity, patient, practitioner};
use crate::fhir::json::{Received, locate, parse};
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{FHIR_CODE, RESOURCE_SUBSETTED, RESOURCE_TYPE_MISMATCH, RESOURCE_TYPE_MISSING};
use crate::issue::{Findings, Issue, Level, Rule};
use crate::profile::{BrokenSchema, Profile, Profiles};

/// The code system of the tag SUBSETTED: <http://hl7.org/fhir/R4/search.html#summary>
const SUBSETTED_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// Validates bodies: strict JSON, FHIR R4, SAS profiles, SAS rules.
pub struct Validator {
    profiles: Profiles,
    validation: Validation,
}

/// The parsed body, and its issues.
#[derive(Debug)]
pub struct ValidationResult {
    /// The resource; `None` if the body could not be parsed.
    pub received: Option<Received>,
    /// Errors first; each rule once per element; all with their position in the body.
    pub issues: Vec<Issue>,
}

impl ValidationResult {
    /// Whether there is no error.
    pub(crate) fn is_accepted(&self) -> bool {
        !self.issues.iter().any(Issue::is_error)
    }
}

impl Validator {
    /// Compiles the profiles, which takes some time: create one validator per process.
    pub fn new(validation: Validation) -> Result<Self, BrokenSchema> {
        Ok(Self { profiles: Profiles::compile()?, validation })
    }

    /// Whether documented deviations are tolerated.
    pub fn validation(&self) -> Validation {
        self.validation
    }

    /// Validates a body that must be a resource of this type; its issues have their position. CPU-bound: up to tens of milliseconds for a large body.
    pub fn validate(&self, resource_type: ResourceType, body: &[u8]) -> ValidationResult {
        let (received, mut issues) = match parse(body, resource_type.as_str()) {
            Err(issues) => (None, issues),
            Ok(mut received) => {
                let defects = std::mem::take(&mut received.defects);
                let issues = self.issues(resource_type, &received.value, defects, None);
                (Some(received), issues)
            }
        };
        locate(body, "", &mut issues);
        ValidationResult { received, issues }
    }

    /// Validates a body that may be a resource of any supported type.
    pub fn validate_any(&self, body: &[u8]) -> ValidationResult {
        let mut issues = match parse(body, "Resource") {
            Err(issues) => issues,
            Ok(received) => {
                if let Some(resource_type) = received.value["resourceType"].as_str().and_then(ResourceType::parse) {
                    return self.validate(resource_type, body);
                }
                let mut issues = received.defects;
                issues.push(type_mismatch(&received.value, "Practitioner, Appointment"));
                issues
            }
        };
        locate(body, "", &mut issues);
        ValidationResult { received: None, issues }
    }

    /// The issues of a parsed resource, `defects` of its JSON included. Checks these `profiles`; if `None`, those that the
    /// resource claims.
    pub fn issues(
        &self,
        resource_type: ResourceType,
        resource: &Value,
        defects: Vec<Issue>,
        profiles: Option<Vec<Profile>>,
    ) -> Vec<Issue> {
        let mut issues = defects;
        if resource.get("resourceType").and_then(Value::as_str) != Some(resource_type.as_str()) {
            issues.push(type_mismatch(resource, resource_type.as_str()));
            return issues;
        }
        let defective = Places::with_errors(&issues);
        let mut structure = Findings::after(&issues);
        let _ = self.profiles.check_structure(resource_type, resource, &mut |rule, issue| {
            let issue = || Some(issue()).filter(|issue| !defective.contain(issue));
            structure.offer(rule, || issue().map(|issue| self.refine_participant_status(issue)))
        });
        issues.extend(structure.into_issues());
        // If an element violates FHIR itself, profile issues at the same element would only repeat that.
        let broken = Places::with_errors(&issues);
        let (claimed, claims) = match resource_type {
            ResourceType::Practitioner => practitioner::profiles(resource),
            ResourceType::Appointment => appointment::profiles(resource, self.validation),
        };
        let rules = match resource_type {
            ResourceType::Practitioner => vec![],
            ResourceType::Appointment => appointment::issues(resource),
        };
        let mut departures = Findings::after(&issues);
        let mut report = |rule: &'static Rule, issue: &dyn Fn() -> Issue| {
            departures.offer(rule, || Some(issue()).filter(|issue| !broken.contain(issue)))
        };
        let mut profiles = profiles.unwrap_or(claimed).into_iter();
        let bounds = identity::check_identifier_limits(resource_type, resource);
        let mut rules = rules.into_iter().chain(subsetted(resource_type, resource)).chain(bounds);
        let _ = profiles
            .try_for_each(|profile| self.profiles.check_profile(profile, resource, &mut report))
            .is_continue()
            .then(|| rules.try_for_each(|issue| report(issue.rule, &|| issue.clone())))
            .is_some_and(|rules| rules.is_continue())
            .then(|| patient::report(resource_type, resource, &mut report));
        issues.extend(departures.into_issues());
        issues.extend(claims);
        issues.sort_by_key(|issue| !issue.is_error());
        issues
    }

    /// For `participant.status`, tolerates `refused`, the one code outside the R4 value set that the SAS page uses, and
    /// proposes only codes that a profile accepts.
    fn refine_participant_status(&self, mut issue: Issue) -> Issue {
        let is_participant_status =
            issue.expression.starts_with("Appointment.participant[") && issue.expression.ends_with("].status");
        if *issue.rule != FHIR_CODE || !is_participant_status {
            return issue;
        }
        let found_refused = issue.parameters.iter().any(|(name, value)| *name == "found" && value == "refused");
        if found_refused && self.validation == Validation::Tolerant {
            return PARTICIPANT_REFUSED.at(issue.expression, Validation::Tolerant);
        }
        issue.parameters.retain(|(name, _)| *name != "expected");
        issue.with("expected", "accepted, needs-action")
    }
}

/// Elements whose issues make further ones redundant.
struct Places(Vec<String>);

impl Places {
    fn with_errors(issues: &[Issue]) -> Self {
        let is_final =
            |issue: &&Issue| issue.rule.level == Level::NotFhir || *issue.rule == *PARTICIPANT_REFUSED.tolerated_as;
        Self(issues.iter().filter(is_final).map(|issue| issue.expression.clone()).collect())
    }

    /// Whether the issue is at one of these elements, or below.
    fn contain(&self, issue: &Issue) -> bool {
        self.0.iter().any(|place| {
            let rest = issue.expression.strip_prefix(place.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

/// A partial resource, read with `_summary` or `_elements`, must not be written.
fn subsetted(resource_type: ResourceType, resource: &Value) -> Option<Issue> {
    let mut tags = resource["meta"]["tag"].as_array()?.iter();
    let index = tags.position(|tag| tag["system"] == SUBSETTED_SYSTEM && tag["code"] == "SUBSETTED")?;
    Some(Issue::new(&RESOURCE_SUBSETTED, format!("{resource_type}.meta.tag[{index}]")))
}

fn type_mismatch(resource: &Value, expected: &str) -> Issue {
    // `resourceType` is a JSON member, not a FHIR element.
    let expression = if expected.contains(',') { "Resource" } else { expected };
    let issue = match resource.get("resourceType").and_then(Value::as_str) {
        None => Issue::new(&RESOURCE_TYPE_MISSING, expression),
        Some(found) => Issue::new(&RESOURCE_TYPE_MISMATCH, expression).with("found", found),
    };
    issue.with("expected", expected).at_pointer("/resourceType".to_owned())
}
