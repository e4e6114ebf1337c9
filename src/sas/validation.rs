//! Everything that can be said of a resource without looking at the others.

use serde_json::Value;

use super::deviation::{PARTICIPANT_REFUSED, Validation};
use super::{appointment, identity, patient, practitioner};
use crate::fhir::json::{Received, parse};
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{FHIR_CODE, RESOURCE_SUBSETTED, RESOURCE_TYPE_MISMATCH, RESOURCE_TYPE_MISSING};
use crate::issue::{Findings, Issue, Level, Rule};
use crate::profile::{BrokenSchema, Profile, Profiles};

/// The code system of the tag of parts: <http://hl7.org/fhir/R4/search.html#summary>
const SUBSETTED_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// Reads bodies and judges them: strict JSON, FHIR R4, SAS profiles, SAS rules.
pub struct Validator {
    profiles: Profiles,
    validation: Validation,
}

/// A body that was read, and all that there is to say of it.
#[derive(Debug)]
pub struct Judged {
    /// The resource, where it could be read at all.
    pub received: Option<Received>,
    /// Errors, warnings and information, each place and rule once.
    pub issues: Vec<Issue>,
}

impl Judged {
    /// Whether nothing that was found makes the request fail.
    pub fn is_accepted(&self) -> bool {
        !self.issues.iter().any(Issue::is_error)
    }
}

impl Validator {
    /// Compiles the profiles.
    pub fn new(validation: Validation) -> Result<Self, BrokenSchema> {
        Ok(Self { profiles: Profiles::compile()?, validation })
    }

    /// How documented deviations are weighed.
    pub fn validation(&self) -> Validation {
        self.validation
    }

    /// Judges a body that should hold a resource of this type.
    pub fn judge(&self, resource_type: ResourceType, body: &[u8]) -> Judged {
        match parse(body, resource_type.as_str()) {
            Err(issues) => Judged { received: None, issues },
            Ok(mut received) => {
                let defects = std::mem::take(&mut received.defects);
                let issues = self.issues(resource_type, &received.value, defects, None);
                Judged { received: Some(received), issues }
            }
        }
    }

    /// Judges a body that may hold a resource of any type served here.
    pub fn judge_any(&self, body: &[u8]) -> Judged {
        match parse(body, "Resource") {
            Err(issues) => Judged { received: None, issues },
            Ok(received) => match received.value["resourceType"].as_str().and_then(ResourceType::parse) {
                Some(resource_type) => self.judge(resource_type, body),
                None => {
                    let mut issues = received.defects;
                    issues.push(wrong_type(&received.value, "Practitioner, Appointment"));
                    Judged { received: None, issues }
                }
            },
        }
    }

    /// All there is to say of a resource that was read, beyond the `defects` of its JSON; against
    /// these `profiles`, if there are any, instead of those it claims.
    pub fn issues(
        &self,
        resource_type: ResourceType,
        resource: &Value,
        defects: Vec<Issue>,
        profiles: Option<Vec<Profile>>,
    ) -> Vec<Issue> {
        let mut issues = defects;
        if resource.get("resourceType").and_then(Value::as_str) != Some(resource_type.as_str()) {
            issues.push(wrong_type(resource, resource_type.as_str()));
            return issues;
        }
        let defective = Places::of(&issues);
        let mut structure = Findings::after(&issues);
        let _ = self.profiles.structure(resource_type, resource, &mut |rule, issue| {
            let issue = || Some(issue()).filter(|issue| !defective.hold(issue));
            structure.offer(rule, || issue().map(|issue| self.of_participant_status(issue)))
        });
        issues.extend(structure.into_issues());
        // Where FHIR itself is broken, a profile's word on the same place would only be noise.
        let broken = Places::of(&issues);
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
            departures.offer(rule, || Some(issue()).filter(|issue| !broken.hold(issue)))
        };
        let mut profiles = profiles.unwrap_or(claimed).into_iter();
        let bounds = identity::identifier_bounds(resource_type, resource);
        let mut rules = rules.into_iter().chain(subsetted(resource_type, resource)).chain(bounds);
        let _ = profiles
            .try_for_each(|profile| self.profiles.departures(profile, resource, &mut report))
            .is_continue()
            .then(|| rules.try_for_each(|issue| report(issue.rule, &|| issue.clone())))
            .is_some_and(|rules| rules.is_continue())
            .then(|| patient::report(resource_type, resource, &mut report));
        issues.extend(departures.into_issues());
        issues.extend(claims);
        // Errors first: they are what must be repaired.
        issues.sort_by_key(|issue| !issue.is_error());
        issues
    }

    /// `participant.status`: `refused` is the one code outside the R4 value set that the page itself
    /// prints; of the others, those that no profile accepts are not worth proposing.
    fn of_participant_status(&self, mut issue: Issue) -> Issue {
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

/// Places of which FHIR has said what there is to say.
struct Places(Vec<String>);

impl Places {
    fn of(issues: &[Issue]) -> Self {
        let is_final =
            |issue: &&Issue| issue.rule.level == Level::NotFhir || *issue.rule == *PARTICIPANT_REFUSED.tolerated_as;
        Self(issues.iter().filter(is_final).map(|issue| issue.expression.clone()).collect())
    }

    /// Whether the issue is at one of them, or below.
    fn hold(&self, issue: &Issue) -> bool {
        self.0.iter().any(|place| {
            let rest = issue.expression.strip_prefix(place.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

/// What was read with `_summary` or `_elements` is no resource to be written.
fn subsetted(resource_type: ResourceType, resource: &Value) -> Option<Issue> {
    let mut tags = resource["meta"]["tag"].as_array()?.iter();
    let index = tags.position(|tag| tag["system"] == SUBSETTED_SYSTEM && tag["code"] == "SUBSETTED")?;
    Some(Issue::new(&RESOURCE_SUBSETTED, format!("{resource_type}.meta.tag[{index}]")))
}

fn wrong_type(resource: &Value, expected: &str) -> Issue {
    // `resourceType` is a member of the JSON, no element.
    let expression = if expected.contains(',') { "Resource" } else { expected };
    match resource.get("resourceType").and_then(Value::as_str) {
        None => Issue::new(&RESOURCE_TYPE_MISSING, expression).with("expected", expected),
        Some(found) => Issue::new(&RESOURCE_TYPE_MISMATCH, expression).with("found", found).with("expected", expected),
    }
}
