//! Links between resources that are verified for each candidate: those of chains and `_has` with many resources at the
//! other end.

use std::collections::HashSet;

use roaring::RoaringBitmap;

use crate::annuaire::store::index_entry::{Field, IndexEntry};
use crate::annuaire::store::resource::SearchableResource;
use crate::annuaire::store::{Snapshot, term};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::{ReadTransaction, Segment};

/// Resources that are linked, where there are many.
pub enum Link {
    /// The field must refer to one of the versions.
    To { field: Field, target: DirectoryType, versions: RoaringBitmap },
    /// One of the versions must refer to the candidate.
    From { source: DirectoryType, field: Field, versions: RoaringBitmap, segments: Vec<Segment> },
}

impl Link {
    /// Keeps the resources that have the link.
    pub async fn retain_linked(
        &self,
        transaction: &mut ReadTransaction,
        resources: Vec<(u32, SearchableResource)>,
        at: &Snapshot,
    ) -> Result<Vec<(u32, SearchableResource)>, Error> {
        match self {
            Self::To { field, target: target_type, versions } => {
                let ids = resources.iter().filter_map(|(_, resource)| target(resource, *field));
                let targets = transaction.versions_of(*target_type, &ids.collect::<Vec<_>>(), at.revision).await?;
                let is_linked = |resource: &SearchableResource| {
                    target(resource, *field)
                        .and_then(|id| targets.get(&id).copied())
                        .is_some_and(|version| versions.contains(version))
                };
                Ok(resources.into_iter().filter(|(_, resource)| is_linked(resource)).collect())
            }
            Self::From { source, field, versions, segments } => {
                let ranges: Vec<_> =
                    resources.iter().map(|(_, resource)| term::reference(*field, &resource.id)).collect();
                let mut linked = HashSet::new();
                for ((_, n), posting) in transaction.postings(*source, segments, &ranges).await? {
                    if !posting.versions.is_disjoint(versions) {
                        linked.insert(n);
                    }
                }
                let kept = resources.into_iter().enumerate().filter(|(n, _)| linked.contains(n));
                Ok(kept.map(|(_, resource)| resource).collect())
            }
        }
    }
}

/// The id that a resource's reference is to.
pub fn target(resource: &SearchableResource, field: Field) -> Option<String> {
    resource.indexed.iter().find_map(|value| match value {
        IndexEntry::Reference { field: found, id, .. } if *found == field => Some(id.clone()),
        _ => None,
    })
}
