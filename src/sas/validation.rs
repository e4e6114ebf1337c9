//! Everything that can be said of a resource without looking at the others.

use serde_json::Value;

use super::deviation::{PARTICIPANT_REFUSED, Validation};
use super::{appointment, identity, practitioner};
use crate::fhir::json::{MAX_ISSUES, Received, parse};
use crate::fhir::resource_type::ResourceType;
use crate::issue::catalogue::{FHIR_CODE, RESOURCE_TYPE_MISMATCH, RESOURCE_TYPE_MISSING};
use crate::issue::{Issue, Level};
use crate::profile::{BrokenSchema, Profile, Profiles};

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
            Ok(received) => {
                let issues = self.issues(resource_type, &received.value);
                Judged { received: Some(received), issues }
            }
        }
    }

    /// Judges a resource that was read, against `profile` instead of those it claims, if there is one.
    pub fn issues_as(&self, resource_type: ResourceType, resource: &Value, profile: Option<Profile>) -> Vec<Issue> {
        if resource.get("resourceType").and_then(Value::as_str) != Some(resource_type.as_str()) {
            return vec![wrong_type(resource, resource_type.as_str())];
        }
        let structure = self.profiles.structure(resource_type, resource).map(|issue| match self.validation {
            Validation::Tolerant => tolerate_refused(issue),
            Validation::Strict => issue,
        });
        let mut issues = bounded(structure);
        // Where FHIR itself is broken, a profile's word on the same place would only be noise.
        let is_final =
            |issue: &&Issue| issue.rule.level == Level::NotFhir || *issue.rule == *PARTICIPANT_REFUSED.tolerated_as;
        let judged_places: Vec<String> = issues.iter().filter(is_final).map(|issue| issue.expression.clone()).collect();
        let is_unjudged = |issue: &Issue| !judged_places.iter().any(|place| is_at_or_below(&issue.expression, place));
        let (claimed, claims) = match resource_type {
            ResourceType::Practitioner => practitioner::profiles(resource),
            ResourceType::Appointment => appointment::profiles(resource, self.validation),
        };
        let rules = match resource_type {
            ResourceType::Practitioner => vec![],
            ResourceType::Appointment => appointment::issues(resource),
        };
        let profiles = profile.map_or(claimed, |profile| vec![profile]);
        let departures = profiles.into_iter().flat_map(|profile| self.profiles.departures(profile, resource));
        let rules = rules.into_iter().chain(identity::identifier_bounds(resource_type, resource));
        issues.extend(bounded(departures.chain(rules).filter(is_unjudged)));
        issues.extend(bounded(claims.into_iter()));
        // Errors first: they are what must be repaired.
        issues.sort_by_key(|issue| !issue.is_error());
        issues
    }

    /// Judges a body that may hold a resource of any type served here.
    pub fn judge_any(&self, body: &[u8]) -> Judged {
        let named = |received: &Received| received.value["resourceType"].as_str().and_then(ResourceType::parse);
        match parse(body, "Resource") {
            Err(issues) => Judged { received: None, issues },
            Ok(received) => match named(&received) {
                Some(resource_type) => {
                    let issues = self.issues(resource_type, &received.value);
                    Judged { received: Some(received), issues }
                }
                None => {
                    Judged { issues: vec![wrong_type(&received.value, "Practitioner, Appointment")], received: None }
                }
            },
        }
    }

    fn issues(&self, resource_type: ResourceType, resource: &Value) -> Vec<Issue> {
        self.issues_as(resource_type, resource, None)
    }
}

fn wrong_type(resource: &Value, expected: &str) -> Issue {
    let expression =
        if expected.contains(',') { "Resource.resourceType".to_owned() } else { format!("{expected}.resourceType") };
    match resource.get("resourceType").and_then(Value::as_str) {
        None => Issue::new(&RESOURCE_TYPE_MISSING, expression).with("expected", expected),
        Some(found) => Issue::new(&RESOURCE_TYPE_MISMATCH, expression).with("found", found).with("expected", expected),
    }
}

/// `refused`, the one code outside the R4 value set that the page itself prints.
fn tolerate_refused(issue: Issue) -> Issue {
    let is_participant_status =
        issue.expression.starts_with("Appointment.participant[") && issue.expression.ends_with("].status");
    let found_refused = issue.parameters.iter().any(|(name, value)| *name == "found" && value == "refused");
    if *issue.rule == FHIR_CODE && is_participant_status && found_refused {
        PARTICIPANT_REFUSED.at(issue.expression, Validation::Tolerant)
    } else {
        issue
    }
}

fn is_at_or_below(expression: &str, place: &str) -> bool {
    expression.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The issues, each rule and place once, as many as anybody would read. Beyond that, a warning is
/// dropped, but never the error that refuses the request.
fn bounded(issues: impl Iterator<Item = Issue>) -> Vec<Issue> {
    let mut kept: Vec<Issue> = vec![];
    let (mut errors, mut others) = (0, 0);
    for issue in issues {
        let same = |other: &Issue| std::ptr::eq(other.rule, issue.rule) && other.expression == issue.expression;
        let count = if issue.is_error() { &mut errors } else { &mut others };
        if *count < MAX_ISSUES && !kept.iter().any(same) {
            *count += 1;
            kept.push(issue);
        }
        if errors == MAX_ISSUES {
            break;
        }
    }
    kept
}
