//! Rebuilds the index from the resources.

#![expect(clippy::cast_possible_truncation, reason = "numbers of versions are u32")]

use super::resource::SearchableResource;
use super::segment_builder::{Builder, MAX_SEGMENT_VERSIONS};
use super::term::INDEX_FORMAT;
use super::{Writer, index};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::Segment;

/// Versions read by one statement.
const READ_BATCH: u32 = 1_000;

impl Writer {
    /// Rewrites every segment, one per transaction, so that searches continue; calls `done` with the versions of each.
    /// At the end, the index gets the format of this program.
    pub async fn reindex(&mut self, mut done: impl FnMut(DirectoryType, u64)) -> Result<(), Error> {
        for resource_type in DirectoryType::ALL {
            let last = self.last[index(resource_type)];
            let mut after = 0;
            while after < last {
                let segments = self.connection.segments(resource_type).await?;
                let (first, until) = next_range(&segments, after, last);
                let replaced: Vec<i64> = segments
                    .iter()
                    .filter(|segment| segment.first <= until && segment.last >= first)
                    .map(|segment| segment.id)
                    .collect();
                done(resource_type, self.replace(resource_type, (first, until), &replaced).await?);
                after = until;
            }
        }
        self.begin().await?;
        self.connection.write_index_format(INDEX_FORMAT).await?;
        self.end().await
    }

    /// Replaces segments by one over a range of versions. Returns the number of versions.
    async fn replace(
        &mut self,
        resource_type: DirectoryType,
        (first, last): (u32, u32),
        replaced: &[i64],
    ) -> Result<u64, Error> {
        self.begin().await?;
        let mut builder = Builder::default();
        for begin in (first..=last).step_by(READ_BATCH as usize) {
            let end = begin.saturating_add(READ_BATCH - 1).min(last);
            for (sequence, body) in self.connection.bodies(resource_type, begin, end).await? {
                match SearchableResource::parse(&body) {
                    Ok(resource) => builder.add(sequence, &resource.indexed, resource.last_updated),
                    Err(unreadable) => tracing::error!(%resource_type, sequence, "not indexed: {unreadable}"),
                }
            }
        }
        let mut segment = builder.finish();
        (segment.first, segment.last) = (first, last);
        let versions = segment.versions;
        self.connection.delete_segments(replaced).await?;
        self.connection.insert_segment(resource_type, segment).await?;
        self.end().await?;
        Ok(versions)
    }
}

/// The versions of the next segment: those of the segment that begins there, or else those up to the next segment.
fn next_range(segments: &[Segment], after: u32, last: u32) -> (u32, u32) {
    let first = after + 1;
    let next = segments.iter().find(|segment| segment.last >= first);
    let longest = first.saturating_add(MAX_SEGMENT_VERSIONS as u32 - 1);
    let until = match next {
        Some(segment) if segment.first <= first => segment.last,
        Some(segment) => longest.min(segment.first - 1),
        None => longest,
    };
    (first, until.min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reindex_ranges_are_those_of_the_segments_and_of_what_lies_between() {
        let segments = [(1, 1, 10), (2, 31, 40)].map(|(id, first, last)| Segment { id, first, last, versions: 10 });
        assert_eq!(next_range(&segments, 0, 200_000), (1, 10));
        assert_eq!(next_range(&segments, 10, 200_000), (11, 30));
        assert_eq!(next_range(&segments, 30, 200_000), (31, 40));
        assert_eq!(next_range(&segments, 40, 200_000), (41, 65_576));
        assert_eq!(next_range(&segments, 40, 50), (41, 50));
    }
}
