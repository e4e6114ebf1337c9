//! The rules of SAS beyond FHIR: those that no schema can express, tolerated deviations, and the identity of accounts.

mod appointment;
pub mod deviation;
pub mod directory;
pub mod identity;
mod patient;
mod practitioner;
pub mod validation;

use serde_json::Value;

use crate::issue::Issue;
use crate::issue::catalogue::PROFILE_UNKNOWN;

/// Maximum claims of `meta.profile` that are checked.
const MAX_CLAIMS: usize = 50;

/// The claims of `meta.profile` with their index, without their `|version`.
fn claimed_profiles(resource: &Value) -> impl Iterator<Item = (usize, &str)> {
    let claims = resource.get("meta").and_then(|meta| meta.get("profile")).and_then(Value::as_array);
    let texts = claims.into_iter().flatten().enumerate();
    texts.take(MAX_CLAIMS).filter_map(|(index, claim)| Some((index, claim.as_str()?.split('|').next()?)))
}

/// The issue of a claim of an unknown profile.
fn unknown_profile(expression: String, claim: &str, expected: &str) -> Issue {
    Issue::new(&PROFILE_UNKNOWN, expression).with("found", claim).with("expected", expected)
}
