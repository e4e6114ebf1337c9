//! Prepares a search: criteria become conditions of the index. Those about other resources (chains, `_has`) are searches
//! of their own, which are evaluated first.
//!
//! Where few resources are at the other end, the index is asked for what refers to them, or for what they refer to. Where
//! there are many, so there are matches, and each candidate is verified instead (see [`Link`]).

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::Criterion;
use super::condition::Condition;
use super::evaluation::Evaluation;
use super::link::{Link, target};
use crate::annuaire::store::resource::SearchableResource;
use crate::annuaire::store::{Snapshot, term};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::issue::Issue;
use crate::issue::catalogue::ANNUAIRE_TOO_COSTLY;
use crate::storage::mirror::{ReadTransaction, TermRange};

/// A search may have this many chains: each is a search of its own.
const MAX_CHAINS: usize = 4;

/// A search may look up this many ranges of terms in each segment.
const MAX_RANGES: usize = 4_000;

/// Up to this many resources at the other end, the index is asked.
const MAX_INDEXED_LINKS: u64 = 1_000;

impl<'a> Evaluation<'a> {
    /// Prepares a search; the searches that it contains are evaluated.
    pub async fn prepare(
        transaction: &mut ReadTransaction,
        resource_type: DirectoryType,
        criteria: &'a [Criterion],
        at: &'a Snapshot,
    ) -> Result<Self, Error> {
        let is_link = |criterion: &&Criterion| matches!(criterion, Criterion::Chain { .. } | Criterion::Has { .. });
        if criteria.iter().filter(is_link).count() > MAX_CHAINS {
            return Err(too_costly());
        }
        let (mut conditions, mut links) = (vec![], vec![]);
        let mut places: HashMap<TermRange, usize> = HashMap::new();
        for criterion in criteria {
            let (condition, link) = match Condition::from_criterion(criterion) {
                Some(condition) => (condition, None),
                None => resolve_link(transaction, resource_type, criterion, at).await?,
            };
            let ranges = condition.ranges().into_iter();
            let numbers = ranges.map(|range| {
                let next = places.len();
                *places.entry(range).or_insert(next)
            });
            let numbers = numbers.collect();
            conditions.push((condition, numbers));
            links.extend(link);
        }
        if places.len() > MAX_RANGES {
            return Err(too_costly());
        }
        let mut ranges = Vec::from_iter(places);
        ranges.sort_unstable_by_key(|(_, number)| *number);
        let ranges = ranges.into_iter().map(|(range, _)| range).collect();
        Ok(Self { resource_type, criteria, at, conditions, ranges, links })
    }
}

/// The condition of a criterion about other resources, and the link to verify for each candidate.
async fn resolve_link(
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

/// The versions of a type for which a criterion holds.
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

/// The refusal of a search that would cost too much.
fn too_costly() -> Error {
    Error::from_issues(vec![Issue::new(&ANNUAIRE_TOO_COSTLY, "http.query")])
}
