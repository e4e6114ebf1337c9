//! What SAS asks beyond FHIR: rules that a schema cannot say, deviations, identity of accounts.

mod appointment;
pub mod deviation;
pub mod directory;
pub mod identity;
mod patient;
mod practitioner;
pub mod validation;

use serde_json::Value;

/// More claims than this are not looked at.
const MOST_CLAIMS: usize = 50;

/// The claims of `meta.profile` with their index, without their `|version`.
fn claimed_profiles(resource: &Value) -> impl Iterator<Item = (usize, &str)> {
    let claims = resource.get("meta").and_then(|meta| meta.get("profile")).and_then(Value::as_array);
    let texts = claims.into_iter().flatten().enumerate();
    texts.take(MOST_CLAIMS).filter_map(|(index, claim)| Some((index, claim.as_str()?.split('|').next()?)))
}
