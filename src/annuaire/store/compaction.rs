//! Compaction: merges small segments, and purges versions that no walk can see.

use std::collections::BTreeMap;

use jiff::Timestamp;
use roaring::RoaringBitmap;

use crate::annuaire::store::segment_builder::MAX_SEGMENT_VERSIONS;
use crate::annuaire::store::writer::Writer;
use crate::error::Error;
use crate::fhir::date::instant;
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::{Segment, SegmentContent, sequences};

/// Neighbouring segments of one size that are merged into one of the next size.
const MERGED_SEGMENTS: usize = 8;

/// The sizes below which segments are merged, in versions.
const SMALL_SEGMENT_SIZES: [u64; 2] = [MAX_SEGMENT_VERSIONS / 32, MAX_SEGMENT_VERSIONS / 4];

/// Versions deleted by one statement.
const PURGE_BATCH: i64 = 5_000;

/// Maximum rejected resources that are kept.
const MAX_REJECTED: i64 = 1_000;

impl Writer {
    /// Merges small segments where enough of them are neighbours.
    pub(super) async fn merge(&mut self) -> Result<(), Error> {
        for resource_type in DirectoryType::ALL {
            while let Some(ids) = mergeable(&self.connection.segments(resource_type).await?) {
                self.rewrite(resource_type, &ids, &RoaringBitmap::new()).await?;
            }
        }
        Ok(())
    }

    /// Replaces neighbouring segments by one, without the versions of `dropped`.
    async fn rewrite(
        &mut self,
        resource_type: DirectoryType,
        ids: &[i64],
        dropped: &RoaringBitmap,
    ) -> Result<(), Error> {
        self.begin().await?;
        let segments: Vec<_> = self.connection.segments(resource_type).await?;
        let mut segments = segments.into_iter().filter(|segment| ids.contains(&segment.id));
        let Some(Segment { first, last, .. }) = segments.next() else { return self.end().await };
        let last = segments.next_back().map_or(last, |segment| segment.last);
        let mut postings: BTreeMap<Vec<u8>, RoaringBitmap> = BTreeMap::new();
        for id in ids {
            for (term, bytes) in self.connection.postings(*id).await? {
                sequences::add(&bytes, postings.entry(term).or_default()).map_err(Error::internal)?;
            }
        }
        let mut range: RoaringBitmap = (first..=last).collect();
        range -= dropped;
        let postings = postings.into_iter().map(|(term, set)| (term, set - dropped)).filter(|(_, set)| !set.is_empty());
        let merged = SegmentContent {
            first,
            last,
            versions: range.len(),
            postings: postings.map(|(term, set)| (term, sequences::encode(&set))).collect(),
        };
        self.connection.delete_segments(ids).await?;
        self.connection.insert_segment(resource_type, merged).await?;
        self.end().await
    }

    /// Deletes the versions that were superseded before `before`, and the snapshots that saw them. Returns the number
    /// of versions.
    pub async fn purge(&mut self, before: Timestamp) -> Result<usize, Error> {
        self.commit().await?;
        let Some(oldest) = self.connection.newest_revision_before(instant(before)).await? else { return Ok(0) };
        // The snapshots first: a walk that could miss a deleted version must get 410.
        self.begin().await?;
        self.connection.delete_revisions_before(oldest).await?;
        self.connection.trim_rejected(MAX_REJECTED).await?;
        self.end().await?;
        let mut dropped = 0;
        loop {
            match self.drop_some(oldest).await? {
                0 => break,
                some => dropped += some,
            }
        }
        for resource_type in DirectoryType::ALL {
            self.compact_closed(resource_type, oldest).await?;
        }
        Ok(dropped)
    }

    /// Deletes some of the versions closed up to a revision. Returns how many, 0 when none is left.
    async fn drop_some(&mut self, oldest: i64) -> Result<usize, Error> {
        self.begin().await?;
        let dropped = self.connection.delete_superseded(oldest, PURGE_BATCH).await?;
        self.end().await?;
        Ok(dropped)
    }

    /// Joins the closings up to a revision, and rewrites segments of which half is deleted.
    async fn compact_closed(&mut self, resource_type: DirectoryType, oldest: i64) -> Result<(), Error> {
        let dropped = self.connection.closings(resource_type, oldest).await?;
        if dropped.is_empty() {
            return Ok(());
        }
        self.join_closings(resource_type, oldest, &dropped).await?;
        for Segment { id, first, last, versions } in self.connection.segments(resource_type).await? {
            let range: RoaringBitmap = (first..=last).collect();
            let width = range.len();
            // Versions that an earlier rewriting dropped are no longer in the segment.
            let alive = width - range.intersection_len(&dropped);
            if alive < versions / 2 {
                self.rewrite(resource_type, &[id], &dropped).await?;
            }
        }
        Ok(())
    }

    async fn join_closings(
        &mut self,
        resource_type: DirectoryType,
        oldest: i64,
        closed: &RoaringBitmap,
    ) -> Result<(), Error> {
        let mut buckets: BTreeMap<(DirectoryType, u32), RoaringBitmap> = BTreeMap::new();
        for sequence in closed {
            buckets.entry((resource_type, sequence >> 16)).or_default().insert(sequence);
        }
        self.begin().await?;
        self.connection.delete_closings(resource_type, oldest).await?;
        self.connection.insert_closings(oldest, buckets).await?;
        self.end().await
    }
}

/// The neighbours to merge: enough of one size, and together not too large.
fn mergeable(segments: &[Segment]) -> Option<Vec<i64>> {
    for size in SMALL_SEGMENT_SIZES {
        let mut run: Vec<(i64, u64)> = vec![];
        for Segment { id, versions, .. } in segments {
            if *versions >= size {
                run.clear();
                continue;
            }
            run.push((*id, *versions));
            if run.len() == MERGED_SEGMENTS {
                return Some(run.into_iter().map(|(id, _)| id).collect());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(versions: &[u64]) -> Vec<Segment> {
        let segment = |(id, versions): (i64, &u64)| Segment { id, first: 0, last: 0, versions: *versions };
        (0..).zip(versions).map(segment).collect()
    }

    #[test]
    fn compaction_eight_small_neighbours_are_merged() {
        assert_eq!(mergeable(&segments(&[5; 7])), None);
        assert_eq!(mergeable(&segments(&[5; 8])), Some((0..8).collect()));
        assert_eq!(mergeable(&segments(&[5, 5, 5, 60_000, 5, 5, 5, 5, 5, 5, 5])), None);
        let mixed = segments(&[65_536, 8_192, 8_192, 8_192, 8_192, 8_192, 8_192, 8_192, 100]);
        assert_eq!(mergeable(&mixed), Some((1..9).collect()));
    }
}
