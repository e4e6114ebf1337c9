//! The part of the database that a batch of writes concerns, in memory: resources, versions and identifiers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::fhir::id::Id;
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;

/// How a resource relates to a business identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The identifier designates the resource, and no other of its type.
    Held,
    /// The identifier designated the resource once; it is free, or another resource holds it.
    Released,
    /// The resource contains the identifier, which does not designate it.
    Mentioned,
}

impl Claim {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Released => "released",
            Self::Mentioned => "mentioned",
        }
    }

    /// The claim with this word in the database.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Held, Self::Released, Self::Mentioned].into_iter().find(|claim| claim.as_str() == word)
    }
}

/// The identifiers of a resource and how it relates to each.
pub(crate) type Identifiers = BTreeMap<Identifier, Claim>;

/// A resource without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its type.
    pub resource_type: ResourceType,
    /// Its id.
    pub id: Id,
    /// Its current version.
    pub version: Version,
    /// When that version was written.
    pub last_updated: Timestamp,
    /// Equal for contents that are equal as JSON.
    pub content_hash: String,
    /// Whether no other resource may take its identifiers: an active account, or an appointment.
    pub active: bool,
    /// `Appointment.status`
    pub status: Option<String>,
    /// `Appointment.start`
    pub start: Option<Timestamp>,
    /// Its identifiers.
    pub identifiers: Identifiers,
}

/// The resources that a batch touches, and what the batch has changed of them.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    entries: BTreeMap<(ResourceType, Id), Entry>,
    holders: BTreeMap<(ResourceType, Identifier), Id>,
    changed: BTreeSet<(ResourceType, Id)>,
    changed_identifiers: BTreeSet<(ResourceType, Id)>,
    created: BTreeSet<(ResourceType, Id)>,
    /// The versions in the database of the resources that changed.
    stored_versions: BTreeMap<(ResourceType, Id), Version>,
}

impl Registry {
    /// A registry of what the database holds.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut registry = Self::default();
        for entry in entries {
            registry.index(&entry);
            registry.entries.insert((entry.resource_type, entry.id.clone()), entry);
        }
        registry
    }

    /// The resource with this id.
    pub fn entry(&self, resource_type: ResourceType, id: &Id) -> Option<&Entry> {
        self.entries.get(&(resource_type, id.clone()))
    }

    /// The version of this resource that the database holds, whatever the batch has changed.
    pub(crate) fn stored_version(&self, resource_type: ResourceType, id: &Id) -> Option<Version> {
        let key = (resource_type, id.clone());
        if self.created.contains(&key) {
            return None;
        }
        self.stored_versions.get(&key).copied().or_else(|| Some(self.entries.get(&key)?.version))
    }

    /// The resource that holds this identifier.
    pub fn holder(&self, resource_type: ResourceType, identifier: &Identifier) -> Option<&Entry> {
        let id = self.holders.get(&(resource_type, identifier.clone()))?;
        self.entry(resource_type, id)
    }

    /// The resources that hold or mention an identifier that matches the token.
    pub fn matching<'a>(&'a self, resource_type: ResourceType, token: &Token) -> impl Iterator<Item = &'a Entry> {
        self.entries.values().filter(move |entry| {
            let designated =
                |(identifier, claim): (&Identifier, &Claim)| *claim != Claim::Released && token.matches(identifier);
            entry.resource_type == resource_type && entry.identifiers.iter().any(designated)
        })
    }

    /// Records the new state of a resource. Other resources release the identifiers that it holds now.
    pub fn record(&mut self, entry: Entry) {
        let key = (entry.resource_type, entry.id.clone());
        let held = entry.identifiers.iter().filter(|(_, claim)| **claim == Claim::Held);
        for (identifier, _) in held {
            let Some(holder) = self.holders.get(&(entry.resource_type, identifier.clone())) else { continue };
            if *holder != entry.id {
                let holder = (entry.resource_type, holder.clone());
                if let Some(other) = self.entries.get_mut(&holder) {
                    other.identifiers.insert(identifier.clone(), Claim::Released);
                }
                self.changed_identifiers.insert(holder);
            }
        }
        let before = self.entries.get(&key);
        if before.is_none() {
            self.created.insert(key.clone());
        }
        if before.is_none_or(|before| before.identifiers != entry.identifiers) {
            self.changed_identifiers.insert(key.clone());
        }
        if before.is_none_or(|before| before.version != entry.version) {
            self.changed.insert(key.clone());
            if let Some(before) = before.filter(|_| !self.created.contains(&key)) {
                self.stored_versions.entry(key.clone()).or_insert(before.version);
            }
        }
        for identifier in before.into_iter().flat_map(|before| before.identifiers.keys()) {
            let held = (entry.resource_type, identifier.clone());
            if self.holders.get(&held) == Some(&entry.id) {
                self.holders.remove(&held);
            }
        }
        self.index(&entry);
        self.entries.insert(key, entry);
    }

    fn index(&mut self, entry: &Entry) {
        for (identifier, claim) in &entry.identifiers {
            if *claim == Claim::Held {
                self.holders.insert((entry.resource_type, identifier.clone()), entry.id.clone());
            }
        }
    }

    /// The resources whose row changed.
    pub fn changed(&self) -> Vec<&Entry> {
        self.changed.iter().filter_map(|key| self.entries.get(key)).collect()
    }

    /// The resources whose identifiers changed.
    pub(crate) fn changed_identifiers(&self) -> Vec<&Entry> {
        self.changed_identifiers.iter().filter_map(|key| self.entries.get(key)).collect()
    }

    /// Those of them whose stored identifiers must be replaced.
    pub(crate) fn replaced_identifiers(&self) -> Vec<&Entry> {
        self.changed_identifiers.difference(&self.created).filter_map(|key| self.entries.get(key)).collect()
    }
}
