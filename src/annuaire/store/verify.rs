//! Checks the index against the resources: versions that a search would find wrongly, or not find.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::resource::SearchableResource;
use super::segment_builder::Builder;
use super::{Mirror, Snapshot, index};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::{ReadTransaction, Segment, sequences};

/// Segments of a type in a sample, from the first to the last.
const SAMPLED_SEGMENTS: usize = 4;

/// Versions of each segment in a sample.
const SAMPLED_VERSIONS: u32 = 250;

/// Resources read by one statement.
const READ_BATCH: usize = 1_000;

/// Maximum ids of faulty resources that are reported.
const MAX_EXAMPLES: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Some hundred resources of each type; others after the next change of the mirror.
    Sample,
    /// Every resource.
    All,
}

/// The result of the check of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexCheck {
    /// Versions whose terms were compared with the index.
    pub checked: u64,
    /// Segments that were read.
    pub segments: usize,
    /// Versions that a search for one of their values would not find.
    pub missing: u64,
    /// Versions that a search would find for a value that they do not have.
    pub spurious: u64,
    /// Versions that are searched but not current, or current but not searched.
    pub wrong_state: u64,
    /// Entries of the index, or resources, that cannot be parsed.
    pub unreadable: u64,
    /// Current resources.
    pub resources: u64,
    /// Resources that the index covers; equal to `resources` in a sound one.
    pub covered: u64,
    pub examples: Vec<String>,
}

impl IndexCheck {
    /// Whether the index agrees with the resources.
    pub fn is_sound(&self) -> bool {
        let faults = self.missing + self.spurious + self.wrong_state + self.unreadable;
        faults == 0 && self.resources == self.covered
    }
}

impl Mirror {
    /// Checks the index of a type, in one transaction.
    pub async fn verify(&self, resource_type: DirectoryType, extent: Extent) -> Result<IndexCheck, Error> {
        let mut check = IndexCheck::default();
        let mut transaction = self.begin().await?;
        let Some(at) = transaction.snapshot().await? else { return Ok(check) };
        let last = at.last[index(resource_type)];
        let segments = transaction.segments(resource_type, 0, last).await?;
        check.resources = transaction.resource_count(resource_type).await?;
        let mut covered = RoaringBitmap::new();
        for segment in &segments {
            covered.insert_range(segment.first..=segment.last);
        }
        let closed = transaction.closed(resource_type, (0, u32::MAX), at.revision).await?;
        check.covered = (covered - &closed).len();
        let mut faulty = RoaringBitmap::new();
        for segment in selected(&segments, extent) {
            let versions = sample(segment, extent, &at);
            faulty |= check.segment(&mut transaction, resource_type, segment, &versions, (&at, &closed)).await?;
        }
        let examples: Vec<u32> = faulty.into_iter().take(MAX_EXAMPLES).collect();
        check.examples = transaction.ids(resource_type, &examples).await?;
        Ok(check)
    }
}

impl IndexCheck {
    /// Compares versions of a segment with its postings. Returns the faulty ones.
    async fn segment(
        &mut self,
        transaction: &mut ReadTransaction,
        resource_type: DirectoryType,
        segment: &Segment,
        versions: &[u32],
        (at, closed): (&Snapshot, &RoaringBitmap),
    ) -> Result<RoaringBitmap, Error> {
        let (mut present, mut wrong_state) = (RoaringBitmap::new(), RoaringBitmap::new());
        let mut builder = Builder::default();
        for batch in versions.chunks(READ_BATCH) {
            let rows = transaction.versions(resource_type, batch).await?;
            let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
            let current = transaction.versions_of(resource_type, &ids, at.revision).await?;
            for row in rows {
                let is_current = current.get(&row.id) == Some(&row.seq);
                if is_current == closed.contains(row.seq) {
                    wrong_state.insert(row.seq);
                }
                match SearchableResource::parse(&row.body) {
                    Ok(resource) => {
                        builder.add(row.seq, &resource.indexed, resource.last_updated);
                        present.insert(row.seq);
                    }
                    Err(_) => self.unreadable += 1,
                }
            }
        }
        self.checked += present.len();
        self.segments += 1;
        let mut expected = HashMap::new();
        for (term, bytes) in builder.finish().postings {
            expected.insert(term, decode(&bytes).unwrap_or_default());
        }
        let (mut missing, mut spurious) = (RoaringBitmap::new(), RoaringBitmap::new());
        for (term, bytes) in transaction.segment_postings(segment.id).await? {
            let Some(mut found) = decode(&bytes) else {
                self.unreadable += 1;
                continue;
            };
            found &= &present;
            let expected = expected.remove(&term).unwrap_or_default();
            missing |= &expected - &found;
            spurious |= found - expected;
        }
        for versions in expected.into_values() {
            missing |= versions;
        }
        self.missing += missing.len();
        self.spurious += spurious.len();
        self.wrong_state += wrong_state.len();
        Ok(missing | spurious | wrong_state)
    }
}

/// The segments that are checked, from the first to the last.
fn selected(segments: &[Segment], extent: Extent) -> Vec<&Segment> {
    let wanted = match extent {
        Extent::All => segments.len(),
        Extent::Sample => SAMPLED_SEGMENTS.min(segments.len()),
    };
    let gaps = wanted.saturating_sub(1).max(1);
    (0..wanted).filter_map(|n| segments.get(n * (segments.len() - 1) / gaps)).collect()
}

/// The versions of a segment that are checked, at equal distances.
fn sample(segment: &Segment, extent: Extent, at: &Snapshot) -> Vec<u32> {
    let distance = match extent {
        Extent::All => 1,
        Extent::Sample => (segment.last - segment.first) / SAMPLED_VERSIONS + 1,
    };
    let offset = u32::try_from(at.revision.rem_euclid(i64::from(distance))).unwrap_or_default();
    (segment.first..=segment.last).skip(offset as usize).step_by(distance as usize).collect()
}

fn decode(bytes: &[u8]) -> Option<RoaringBitmap> {
    let mut set = RoaringBitmap::new();
    sequences::add(bytes, &mut set).ok()?;
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: i64, first: u32, last: u32) -> Segment {
        Segment { id, first, last, versions: u64::from(last - first) + 1 }
    }

    #[test]
    fn verify_sample_has_the_first_and_the_last_segment_and_all_of_a_small_one() {
        let segments: Vec<_> = (0..10_u32).map(|n| segment(n.into(), n * 10 + 1, n * 10 + 10)).collect();
        let ids = |extent, count: usize| {
            selected(&segments[..count], extent).into_iter().map(|segment| segment.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(Extent::Sample, 10), [0, 3, 6, 9]);
        assert_eq!(ids(Extent::Sample, 1), [0]);
        assert_eq!(ids(Extent::Sample, 0), [0_i64; 0]);
        assert_eq!(ids(Extent::All, 10).len(), 10);
        let at = Snapshot { revision: 7, last: [0; 5] };
        assert_eq!(sample(&segments[0], Extent::Sample, &at), (1..=10).collect::<Vec<_>>());
        let large = segment(1, 1, 65_536);
        assert_eq!(sample(&large, Extent::Sample, &at)[..2], [8, 271]);
        assert_eq!(sample(&large, Extent::All, &at).len(), 65_536);
    }
}
