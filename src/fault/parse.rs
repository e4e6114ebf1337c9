//! Parses a fault strictly: what is misspelt would never act, and the tester would wait for it.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kind::{Effect, FaultKind};
use crate::annuaire::api;
use crate::clock::duration::duration_parser;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::resource_type::ResourceType;
use crate::interaction::{ROUTES, SYSTEM_ROUTES, WRITES};

/// Maximum duration of `delay`.
const MAX_DELAY: Duration = Duration::from_mins(1);
/// Maximum duration of `for`.
const MAX_LIFETIME: Duration = Duration::from_hours(1);
const DEFAULT_LIFETIME: &str = "10m";
/// Maximum requests that one fault acts on.
const MAX_COUNT: u32 = 10_000;
/// Maximum seconds of `Retry-After`.
const MAX_RETRY_AFTER: u32 = 3600;
/// Maximum bytes of a text to match.
const MAX_TEXT: usize = 512;

/// A fault as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub effect: Effect,
    pub matches: Match,
    /// How many requests it acts on.
    pub count: u32,
    /// How long it is armed.
    pub lifetime: Duration,
}

/// The requests that a fault acts on: those that are all that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The name of the interaction, as in logs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interaction: Option<String>,
    /// The type of the resource.
    #[serde(skip_serializing_if = "Option::is_none", default, rename = "type")]
    pub resource_type: Option<String>,
    /// The name of the caller.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub caller: Option<String>,
    /// `system|value`, in the query or in the body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identifier: Option<String>,
}

/// A request, as faults are matched with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct MatchOn<'a> {
    pub interaction: &'a str,
    pub resource_type: Option<&'a str>,
    pub caller: Option<&'a str>,
    /// Those of the query and of the body; not read where no armed fault has one.
    pub identifiers: &'a [Identifier],
    /// Whether its answer has no body.
    pub has_no_body: bool,
}

/// The JSON of a fault.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Raw {
    kind: String,
    status: Option<u16>,
    retry_after: Option<u32>,
    delay: Option<String>,
    r#match: Option<Match>,
    count: Option<u32>,
    r#for: Option<String>,
}

impl Fault {
    /// Parses the JSON of a fault.
    ///
    /// # Errors
    /// A sentence that names the member.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let raw: Raw = serde_json::from_slice(json).map_err(|error| format!("this is no fault: {error}"))?;
        let effect = raw.effect()?;
        let matches = raw.r#match.unwrap_or_default();
        matches.check()?;
        let interaction = matches.interaction.as_deref();
        if effect == Effect::CutAfterCommit && interaction.is_some_and(|interaction| !WRITES.contains(&interaction)) {
            return Err(format!("match.interaction: cut-after-commit acts on {} only", WRITES.join(", ")));
        }
        let count = raw.count.unwrap_or(1);
        if !(1..=MAX_COUNT).contains(&count) {
            return Err(format!("count: expected a number from 1 to {MAX_COUNT}"));
        }
        let lifetime = raw.r#for.as_deref().unwrap_or(DEFAULT_LIFETIME);
        let lifetime = duration_parser(Duration::from_millis(1)..=MAX_LIFETIME, "10m, 1h at most")(lifetime);
        Ok(Self { effect, matches, count, lifetime: lifetime.map_err(|error| format!("for: {error}"))? })
    }
}

impl Raw {
    fn effect(&self) -> Result<Effect, String> {
        let kind = FaultKind::parse(&self.kind);
        let kinds = || FaultKind::ALL.map(FaultKind::as_str).join(", ");
        let kind = kind.ok_or_else(|| format!("kind: expected one of {}", kinds()))?;
        if kind != FaultKind::Status && (self.status.is_some() || self.retry_after.is_some()) {
            return Err("status, retryAfter: only a fault of the kind status has them".to_owned());
        }
        if kind != FaultKind::Delay && self.delay.is_some() {
            return Err("delay: only a fault of the kind delay has it".to_owned());
        }
        Ok(match kind {
            FaultKind::Status => {
                let status = self.status.filter(|status| (400..=599).contains(status));
                let status = status.ok_or("status: expected a number from 400 to 599")?;
                if self.retry_after.is_some_and(|seconds| seconds > MAX_RETRY_AFTER) {
                    return Err(format!("retryAfter: expected seconds, {MAX_RETRY_AFTER} at most"));
                }
                Effect::Status { status, retry_after: self.retry_after }
            }
            FaultKind::Delay => {
                let delay = self.delay.as_deref().ok_or("delay: expected a duration such as 2s")?;
                let delay = duration_parser(Duration::from_millis(1)..=MAX_DELAY, "2s, 60s at most")(delay);
                Effect::Delay(delay.map_err(|error| format!("delay: {error}"))?)
            }
            FaultKind::CutBefore => Effect::CutBefore,
            FaultKind::CutAfterCommit => Effect::CutAfterCommit,
            FaultKind::CutInAnswer => Effect::CutInAnswer,
            FaultKind::InvalidJson => Effect::InvalidJson,
        })
    }
}

impl Match {
    fn check(&self) -> Result<(), String> {
        let texts = [&self.interaction, &self.resource_type, &self.caller, &self.identifier];
        if texts.into_iter().flatten().any(|text| text.is_empty() || text.len() > MAX_TEXT) {
            return Err(format!("match: expected texts of 1 to {MAX_TEXT} bytes"));
        }
        if self.interaction.as_deref().is_some_and(|name| interactions().all(|known| known != name)) {
            let known = interactions().collect::<Vec<_>>().join(", ");
            return Err(format!("match.interaction: expected one of {known}"));
        }
        let is_type = |name: &str| ResourceType::parse(name).is_some() || DirectoryType::parse(name).is_some();
        if self.resource_type.as_deref().is_some_and(|name| !is_type(name)) {
            return Err("match.type: expected a type of this server or of its directory".to_owned());
        }
        if self.identifier.is_some() && self.parsed_identifier().is_none() {
            return Err("match.identifier: expected system|value".to_owned());
        }
        Ok(())
    }

    /// The identifier, normalised as those of requests are.
    fn parsed_identifier(&self) -> Option<Identifier> {
        match Token::parse(self.identifier.as_deref()?)? {
            Token::Exact(identifier) => Some(identifier),
            _ => None,
        }
    }

    /// Whether the request is all that is set.
    pub fn fits(&self, request: &MatchOn<'_>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found.is_some_and(|found| found == wanted))
        };
        is(&self.interaction, Some(request.interaction))
            && is(&self.resource_type, request.resource_type)
            && is(&self.caller, request.caller)
            && (self.identifier.is_none()
                || self.parsed_identifier().is_some_and(|identifier| request.identifiers.contains(&identifier)))
    }
}

/// The names of all interactions, of both APIs and of the change feed.
pub fn interactions() -> impl Iterator<Item = &'static str> {
    let of_types = ROUTES.iter().map(|route| route.interaction.as_str());
    let of_system = SYSTEM_ROUTES.iter().map(|route| route.interaction.as_str());
    let of_directory = api::ROUTES.iter().map(|route| route.interaction.as_str());
    // A search is one interaction, by GET and by POST.
    let mut seen = HashSet::new();
    of_types.chain(of_system).chain(["events"]).chain(of_directory).filter(move |name| seen.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_is_parsed_with_its_defaults() {
        let fault = Fault::parse(br#"{"kind": "cut-after-commit"}"#).expect("a fault");
        let (effect, lifetime) = (Effect::CutAfterCommit, Duration::from_mins(10));
        assert_eq!(fault, Fault { effect, matches: Match::default(), count: 1, lifetime });
        let text = r#"{"kind":"status","status":503,"retryAfter":2,"match":{"interaction":"conditional-update",
            "type":"Practitioner","caller":"vendor","identifier":"urn:x|1"},"count":3,"for":"1h"}"#;
        let fault = Fault::parse(text.as_bytes()).expect("a fault");
        assert_eq!(fault.effect, Effect::Status { status: 503, retry_after: Some(2) });
        assert_eq!((fault.count, fault.lifetime), (3, Duration::from_hours(1)));
        let fault = Fault::parse(br#"{"kind":"delay","delay":"60s"}"#).expect("a fault");
        assert_eq!(fault.effect, Effect::Delay(Duration::from_mins(1)));
    }

    #[test]
    fn fault_with_a_member_that_is_unknown_or_out_of_bounds_is_refused_by_its_name() {
        for (json, named) in [
            ("", "no fault"),
            ("[]", "no fault"),
            ("{}", "kind"),
            (r#"{"kind": 1}"#, "no fault"),
            (r#"{"kind": "lightning"}"#, "cut-after-commit"),
            (r#"{"kind": "cut-before", "colour": 1}"#, "colour"),
            (r#"{"kind": "cut-before", "kind": "delay"}"#, "duplicate field"),
            (r#"{"kind": "status"}"#, "status: "),
            (r#"{"kind": "status", "status": 399}"#, "400 to 599"),
            (r#"{"kind": "status", "status": 600}"#, "400 to 599"),
            (r#"{"kind": "status", "status": 503, "retryAfter": 3601}"#, "retryAfter"),
            (r#"{"kind": "status", "status": 503, "retryAfter": -1}"#, "no fault"),
            (r#"{"kind": "cut-before", "retryAfter": 1}"#, "retryAfter"),
            (r#"{"kind": "cut-before", "status": 503}"#, "status"),
            (r#"{"kind": "cut-before", "delay": "1s"}"#, "delay: only"),
            (r#"{"kind": "delay"}"#, "delay: expected"),
            (r#"{"kind": "delay", "delay": "61s"}"#, "60s at most"),
            (r#"{"kind": "delay", "delay": 2}"#, "no fault"),
            (r#"{"kind": "cut-before", "for": "61m"}"#, "1h at most"),
            (r#"{"kind": "cut-before", "for": "0s"}"#, "for: "),
            (r#"{"kind": "cut-before", "count": 0}"#, "count: "),
            (r#"{"kind": "cut-before", "count": 10001}"#, "count: "),
            (
                r#"{"kind": "cut-before", "match": {"interaction": "delete"}}"#,
                "match.interaction: expected one of create",
            ),
            (r#"{"kind": "cut-before", "match": {"type": "Patient"}}"#, "match.type"),
            (r#"{"kind": "cut-before", "match": {"identifier": "1"}}"#, "system|value"),
            (r#"{"kind": "cut-before", "match": {"identifier": "s|"}}"#, "system|value"),
            (r#"{"kind": "cut-before", "match": {"caller": ""}}"#, "1 to 512"),
            (r#"{"kind": "cut-before", "match": {"name": "x"}}"#, "name"),
        ] {
            let refused = Fault::parse(json.as_bytes()).expect_err(json);
            assert!(refused.contains(named), "{json}: {refused}");
        }
    }

    #[test]
    fn fault_interactions_are_each_named_once() {
        let names: Vec<_> = interactions().collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        for name in ["conditional-update", "search-type", "history-system", "capabilities", "events", "annuaire-page"] {
            assert!(names.contains(&name), "{name}");
        }
    }

    #[test]
    fn fault_matches_a_request_that_is_all_that_is_set() {
        let identifiers = [Identifier::new("s", "1"), Identifier::new("s", "2")];
        let request = MatchOn {
            interaction: "conditional-update",
            resource_type: Some("Practitioner"),
            caller: Some("vendor"),
            identifiers: &identifiers,
            has_no_body: false,
        };
        for (json, expected) in [
            ("{}", true),
            (r#"{"interaction": "conditional-update"}"#, true),
            (r#"{"interaction": "update"}"#, false),
            (r#"{"type": "Practitioner"}"#, true),
            (r#"{"type": "Appointment"}"#, false),
            (r#"{"caller": "vendor"}"#, true),
            (r#"{"caller": "other"}"#, false),
            (r#"{"identifier": "s|2"}"#, true),
            (r#"{"identifier": "s|3"}"#, false),
            (r#"{"type": "Practitioner", "identifier": "s|1", "caller": "vendor"}"#, true),
            (r#"{"type": "Practitioner", "identifier": "s|1", "caller": "other"}"#, false),
        ] {
            let matches: Match = serde_json::from_str(json).expect("JSON");
            assert_eq!(matches.fits(&request), expected, "{json}");
            assert!(matches.check().is_ok());
        }
        let matches = Match { caller: Some("vendor".to_owned()), ..Match::default() };
        assert!(!matches.fits(&MatchOn { caller: None, ..request }));
    }
}
