//! What a batch of writes reads, and what it adds.

use crate::audit::AuditEvent;
use crate::fhir::id::Id;
use crate::fhir::identifier::Identifier;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;

/// The keys of the state that the decisions of a batch depend on.
#[derive(Clone, Debug, Default)]
pub struct StateKeys {
    /// Resources by id.
    pub ids: Vec<(ResourceType, Id)>,
    /// Resources by an identifier that they hold.
    pub identifiers: Vec<(ResourceType, Identifier)>,
    /// Resources by a value of the identifiers that they hold or mention, whatever the system.
    pub values: Vec<(ResourceType, String)>,
}

impl StateKeys {
    /// Removes keys that several writes name.
    pub(super) fn sort(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
        self.identifiers.sort_unstable();
        self.identifiers.dedup();
        self.values.sort_unstable();
        self.values.dedup();
    }
}

/// A version to be added.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The type of the resource.
    pub resource_type: ResourceType,
    /// Its id.
    pub id: Id,
    /// The number of this version.
    pub version: Version,
    /// When it was written, as stored.
    pub last_updated: String,
    /// The interaction that wrote it: `create` or `update`.
    pub interaction: &'static str,
    /// The resource as JSON text.
    pub content: String,
    /// What the write changed, as a JSON object.
    pub change: String,
}

/// The rows that a batch adds.
#[derive(Clone, Debug, Default)]
pub struct WriteSet {
    /// Versions of resources.
    pub versions: Vec<NewVersion>,
    /// Their audit events.
    pub events: Vec<AuditEvent>,
}
