//! Mark and sweep: marks the resources that walks have seen, and removes the others.

use roaring::RoaringBitmap;

use super::change_counts::Swept;
use super::writer::Writer;
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::Marks;

impl Writer {
    /// Sets the walk that marks resources from now on.
    pub(crate) fn mark_as(&mut self, marks: Marks) {
        self.marks = marks;
    }

    pub(super) fn mark(&mut self, resource_type: DirectoryType, sequence: u32) {
        self.seen.entry((resource_type, self.marks, sequence >> 16)).or_default().insert(sequence);
    }

    /// Marks rejected resources, so that the mirror keeps their last version. Returns how many of them it has.
    pub(crate) async fn mark_seen(&mut self, resources: &[(DirectoryType, String)]) -> Result<usize, Error> {
        let mut marked = 0;
        for resource_type in DirectoryType::ALL {
            let of_type = resources.iter().filter(|(of, _)| *of == resource_type);
            let ids: Vec<_> = of_type.map(|(_, id)| id.clone()).collect();
            if ids.is_empty() {
                continue;
            }
            self.begin().await?;
            for known in self.connection.known(resource_type, &ids).await?.into_values() {
                self.mark(resource_type, known.sequence);
                marked += 1;
            }
        }
        Ok(marked)
    }

    /// Deletes all marks of a type: a full walk begins.
    pub async fn forget_seen(&mut self, resource_type: DirectoryType) -> Result<(), Error> {
        self.forget_marks(resource_type, Marks::Full).await?;
        self.forget_marks(resource_type, Marks::Delta).await
    }

    /// Deletes the marks of one walk over a type.
    pub(crate) async fn forget_marks(&mut self, resource_type: DirectoryType, marks: Marks) -> Result<(), Error> {
        self.begin().await?;
        self.seen.retain(|(seen, by, _), _| (*seen, *by) != (resource_type, marks));
        Ok(self.connection.delete_marks(resource_type, marks).await?)
    }

    /// The number of resources of a type that one walk has marked. Commits earlier additions.
    pub(crate) async fn count_marks(&mut self, resource_type: DirectoryType, marks: Marks) -> Result<u64, Error> {
        self.commit().await?;
        // A resource that was received twice with different content has marked a superseded version.
        let alive = self.alive(resource_type).await?;
        Ok(alive.intersection_len(&self.connection.marked(resource_type, marks).await?))
    }

    /// Removes the resources of a type that were not seen since [`Writer::forget_seen`], unless they are more than the
    /// share `most` (0.15 is 15 %). Commits earlier additions; the removal is part of the next commit.
    pub async fn sweep(&mut self, resource_type: DirectoryType, most: f64) -> Result<Swept, Error> {
        self.commit().await?;
        self.begin().await?;
        let alive = self.alive(resource_type).await?;
        let mut unseen = &alive - self.connection.marked(resource_type, Marks::Full).await?;
        unseen -= self.connection.marked(resource_type, Marks::Delta).await?;
        let (of, unseen_count) = (alive.len(), unseen.len());
        let removed = unseen_count as f64 <= most * of as f64;
        if removed {
            self.close(resource_type, unseen.into_iter().collect()).await?;
        }
        Ok(Swept { of, unseen: unseen_count, removed })
    }

    /// The current versions of a type.
    async fn alive(&mut self, resource_type: DirectoryType) -> Result<RoaringBitmap, Error> {
        let mut alive = RoaringBitmap::new();
        for segment in self.connection.segments(resource_type).await? {
            alive.insert_range(segment.first..=segment.last);
        }
        Ok(alive - self.connection.closings(resource_type, i64::MAX).await?)
    }

    /// Writes the marks since the last commit.
    pub(super) async fn write_seen(&mut self) -> Result<(), Error> {
        for ((resource_type, marks, bucket), set) in std::mem::take(&mut self.seen) {
            self.connection.add_marks(resource_type, marks, bucket, set).await?;
        }
        Ok(())
    }
}
