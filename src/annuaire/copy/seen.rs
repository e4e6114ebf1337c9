//! What the walks over a directory have met, and the removal of what they have not.

use roaring::RoaringBitmap;

use super::database::on_connection;
use super::writer::Writer;
use super::{sequences, type_number};
use crate::annuaire::resource::DirectoryType;
use crate::error::Error;

/// Which walk marks the resources that it meets. The walks over a type are kept apart, so that what each of them met
/// can be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marks {
    /// The walk over everything.
    #[default]
    Whole,
    /// The walk over changes: after the one over everything, or alone.
    Changes,
}

impl Marks {
    /// The number under which the table `seen` has a type's set.
    fn number(self, resource_type: DirectoryType) -> i64 {
        match self {
            Self::Whole => type_number(resource_type),
            Self::Changes => -type_number(resource_type),
        }
    }
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// How many resources of the type were in the copy.
    pub of: u64,
    /// How many of them had not been seen.
    pub unseen: u64,
    /// Whether those were removed.
    pub removed: bool,
}

impl Writer {
    /// Chooses the walk that marks resources from here on.
    pub fn mark_as(&mut self, marks: Marks) {
        self.marks = marks;
    }

    pub(super) fn mark(&mut self, resource_type: DirectoryType, sequence: u32) {
        self.seen.entry((resource_type, self.marks, sequence >> 16)).or_default().insert(sequence);
    }

    /// Marks resources that came but could not be read: what the copy has of them stays. Returns how many it has.
    pub async fn mark_seen(&mut self, resources: &[(DirectoryType, String)]) -> Result<usize, Error> {
        let mut marked = 0;
        for resource_type in DirectoryType::ALL {
            let of_type = resources.iter().filter(|(of, _)| *of == resource_type);
            let ids: Vec<_> = of_type.map(|(_, id)| id.clone()).collect();
            if ids.is_empty() {
                continue;
            }
            self.begin().await?;
            for known in self.known(resource_type, &ids).await?.into_values() {
                self.mark(resource_type, known.sequence);
                marked += 1;
            }
        }
        Ok(marked)
    }

    /// Forgets what every walk over a type has met: a walk over all of it begins.
    pub async fn forget_seen(&mut self, resource_type: DirectoryType) -> Result<(), Error> {
        self.forget_marks(resource_type, Marks::Whole).await?;
        self.forget_marks(resource_type, Marks::Changes).await
    }

    /// Forgets what one walk over a type has met.
    pub async fn forget_marks(&mut self, resource_type: DirectoryType, marks: Marks) -> Result<(), Error> {
        self.begin().await?;
        self.seen.retain(|(seen, by, _), _| (*seen, *by) != (resource_type, marks));
        on_connection!(self.connection, connection => {
            let query = sqlx::query("DELETE FROM seen WHERE resource_type = $1").bind(marks.number(resource_type));
            query.execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }

    /// The number of resources of a type that one walk has met, each counted once. Commits what was added before.
    pub async fn count_marks(&mut self, resource_type: DirectoryType, marks: Marks) -> Result<u64, Error> {
        self.commit().await?;
        // A resource that came twice with different content has left a mark on a version that is closed.
        let alive = self.alive(resource_type).await?;
        Ok(alive.intersection_len(&self.marked(resource_type, marks).await?))
    }

    /// Removes what was not seen of a type since [`Writer::forget_seen`], unless that is more than
    /// `most` of it (0.15: 15 %). Commits what was added before; the removal itself is committed next.
    pub async fn sweep(&mut self, resource_type: DirectoryType, most: f64) -> Result<Swept, Error> {
        self.commit().await?;
        self.begin().await?;
        let alive = self.alive(resource_type).await?;
        let mut unseen = &alive - self.marked(resource_type, Marks::Whole).await?;
        unseen -= self.marked(resource_type, Marks::Changes).await?;
        let (of, unseen_count) = (alive.len(), unseen.len());
        let removed = unseen_count as f64 <= most * of as f64;
        if removed {
            self.close(resource_type, unseen.into_iter()).await?;
        }
        Ok(Swept { of, unseen: unseen_count, removed })
    }

    /// The versions of a type that the copy has now.
    async fn alive(&mut self, resource_type: DirectoryType) -> Result<RoaringBitmap, Error> {
        let mut alive = RoaringBitmap::new();
        for (_, first, last, _) in self.segments(resource_type).await? {
            alive.insert_range(first..=last);
        }
        Ok(alive - self.closings(resource_type, i64::MAX).await?)
    }

    /// The versions of a type that a walk has marked.
    async fn marked(&mut self, resource_type: DirectoryType, marks: Marks) -> Result<RoaringBitmap, Error> {
        let sql = "SELECT sequences FROM seen WHERE resource_type = $1";
        let rows: Vec<Vec<u8>> = on_connection!(self.connection, connection => {
            sqlx::query_scalar(sql).bind(marks.number(resource_type)).fetch_all(&mut *connection).await
        })?;
        union(rows)
    }

    /// The versions of a type that were closed up to a revision.
    pub(super) async fn closings(
        &mut self,
        resource_type: DirectoryType,
        revision: i64,
    ) -> Result<RoaringBitmap, Error> {
        let sql = "SELECT sequences FROM closing WHERE resource_type = $1 AND revision <= $2";
        let rows: Vec<Vec<u8>> = on_connection!(self.connection, connection => {
            let query = sqlx::query_scalar(sql).bind(type_number(resource_type)).bind(revision);
            query.fetch_all(&mut *connection).await
        })?;
        union(rows)
    }

    /// Writes what was seen since the last commit.
    pub(super) async fn write_seen(&mut self) -> Result<(), Error> {
        for ((resource_type, marks, bucket), mut set) in std::mem::take(&mut self.seen) {
            let select = "SELECT sequences FROM seen WHERE resource_type = $1 AND bucket = $2";
            let upsert = "INSERT INTO seen (resource_type, bucket, sequences) VALUES ($1, $2, $3) \
                ON CONFLICT (resource_type, bucket) DO UPDATE SET sequences = excluded.sequences";
            on_connection!(self.connection, connection => {
                let query = sqlx::query_scalar(select).bind(marks.number(resource_type)).bind(i64::from(bucket));
                let before: Option<Vec<u8>> = query.fetch_optional(&mut *connection).await?;
                sequences::add(&before.unwrap_or_default(), &mut set).map_err(Error::internal)?;
                let query = sqlx::query(upsert).bind(marks.number(resource_type)).bind(i64::from(bucket));
                query.bind(sequences::encode(&set)).execute(&mut *connection).await.map(|_| ())
            })?;
        }
        Ok(())
    }
}

/// Encoded sets, together.
fn union(rows: Vec<Vec<u8>>) -> Result<RoaringBitmap, Error> {
    let mut union = RoaringBitmap::new();
    for bytes in rows {
        sequences::add(&bytes, &mut union).map_err(Error::internal)?;
    }
    Ok(union)
}
