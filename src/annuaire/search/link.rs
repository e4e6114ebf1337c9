//! Criteria about other resources: chains and `_has`.
//!
//! The other resources are searched first. If they are few, the index finds the references from or to them. If they are
//! many, so are the matches, and each candidate is verified instead.

use std::collections::HashSet;

use roaring::RoaringBitmap;

use crate::annuaire::search::Criterion;
use crate::annuaire::search::condition::Condition;
use crate::annuaire::search::evaluation::Evaluation;
use crate::annuaire::store::index_entry::{Field, IndexEntry};
use crate::annuaire::store::resource::SearchableResource;
use crate::annuaire::store::{Snapshot, term};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::{ReadTransaction, Segment};

/// Maximum resources at the other end whose references are looked up in the index.
const MAX_INDEXED_LINKS: u64 = 1_000;

/// A link to or from many resources, which is verified for each candidate.
pub enum Link {
    /// The field must refer to one of the versions.
    To { field: Field, target: DirectoryType, versions: RoaringBitmap },
    /// One of the versions must refer to the candidate.
    From { source: DirectoryType, field: Field, versions: RoaringBitmap, segments: Vec<Segment> },
}

/// The condition of a criterion about other resources, and the link to verify.
pub async fn linked(
    transaction: &mut ReadTransaction,
    resource_type: DirectoryType,
    criterion: &Criterion,
    at: &Snapshot,
) -> Result<(Condition, Option<Link>), Error> {
    match criterion {
        Criterion::Id(ids) => {
            let versions = transaction.versions_of(resource_type, ids, at.revision).await?;
            Ok((Condition::Versions(versions.into_values().collect()), None))
        }
        Criterion::Chain { field, target, criterion } => {
            let versions = Box::pin(find_versions(transaction, *target, criterion, at)).await?;
            if versions.len() > MAX_INDEXED_LINKS {
                let referring = Condition::unverified(vec![term::present(*field)]);
                return Ok((referring, Some(Link::To { field: *field, target: *target, versions })));
            }
            let ids = transaction.ids(*target, &versions.into_iter().collect::<Vec<_>>()).await?;
            Ok((Condition::referring(*field, &ids), None))
        }
        Criterion::Has { source, field, criterion } => {
            let versions = Box::pin(find_versions(transaction, *source, criterion, at)).await?;
            if versions.len() > MAX_INDEXED_LINKS {
                let segments = transaction.segments(*source, 0, u32::MAX).await?;
                let link = Link::From { source: *source, field: *field, versions, segments };
                return Ok((Condition::ScanAll, Some(link)));
            }
            let sources = transaction.versions(*source, &versions.into_iter().collect::<Vec<_>>()).await?;
            let targets = sources.iter().filter_map(|row| target(&SearchableResource::parse(&row.body).ok()?, *field));
            let targets = transaction.versions_of(resource_type, &targets.collect::<Vec<_>>(), at.revision).await?;
            Ok((Condition::Versions(targets.into_values().collect()), None))
        }
        _ => Ok((Condition::Everything, None)),
    }
}

/// The versions of a type that match a criterion.
async fn find_versions(
    transaction: &mut ReadTransaction,
    resource_type: DirectoryType,
    criterion: &Criterion,
    at: &Snapshot,
) -> Result<RoaringBitmap, Error> {
    let criteria = std::slice::from_ref(criterion);
    let evaluation = Evaluation::prepare(transaction, resource_type, criteria, at).await?;
    evaluation.versions(transaction).await
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

/// The id that a field refers to.
fn target(resource: &SearchableResource, field: Field) -> Option<String> {
    resource.indexed.iter().find_map(|value| match value {
        IndexEntry::Reference { field: found, id, .. } if *found == field => Some(id.clone()),
        _ => None,
    })
}
