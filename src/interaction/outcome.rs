//! What an interaction did: HTTP makes the response of it.

use jiff::Timestamp;

use crate::fhir::bundle::Bundle;
use crate::fhir::id::Id;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::issue::Issue;
use crate::sas::identity::Effect;
use crate::storage::StoredVersion;

/// What an interaction did.
pub enum Outcome {
    /// A resource was written, or is as it was to be written.
    Written(Written),
    /// A version was read.
    Version(StoredVersion),
    /// A page of a search or of a history.
    Bundle(Bundle),
    /// What `$validate` found.
    Issues(Vec<Issue>),
}

/// A write that is on disk.
#[derive(Clone, Debug)]
pub struct Written {
    pub resource_type: ResourceType,
    pub effect: Effect,
    pub id: Id,
    /// The current version.
    pub version: Version,
    /// When that version was written.
    pub last_updated: Timestamp,
    /// The content as stored.
    pub content: String,
    /// Warnings and information.
    pub issues: Vec<Issue>,
}
