//! What a walk over everything has met, and the removal of what it has not.

use roaring::RoaringBitmap;

use super::database::on_connection;
use super::writer::Writer;
use super::{sequences, type_number};
use crate::annuaire::resource::DirectoryType;
use crate::error::Error;

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
    /// Records resources for [`Writer::sweep`] that came but could not be read: what the copy has of them stays.
    pub async fn mark_seen(&mut self, resources: &[(DirectoryType, String)]) -> Result<(), Error> {
        for resource_type in DirectoryType::ALL {
            let of_type = resources.iter().filter(|(of, _)| *of == resource_type);
            let ids: Vec<_> = of_type.map(|(_, id)| id.clone()).collect();
            if ids.is_empty() {
                continue;
            }
            self.begin().await?;
            for known in self.known(resource_type, &ids).await?.into_values() {
                let sequence = known.sequence;
                self.seen.entry((resource_type, sequence >> 16)).or_default().insert(sequence);
            }
        }
        Ok(())
    }

    /// Forgets what was seen of a type: a walk over all of it begins.
    pub async fn forget_seen(&mut self, resource_type: DirectoryType) -> Result<(), Error> {
        self.begin().await?;
        self.seen.retain(|(seen, _), _| *seen != resource_type);
        on_connection!(self.connection, connection => {
            let query = sqlx::query("DELETE FROM seen WHERE resource_type = $1").bind(type_number(resource_type));
            query.execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }

    /// Removes what was not seen of a type since [`Writer::forget_seen`], unless that is more than
    /// `most` of it (0.15: 15 %). Commits what was added before; the removal itself is committed next.
    pub async fn sweep(&mut self, resource_type: DirectoryType, most: f64) -> Result<Swept, Error> {
        self.commit().await?;
        self.begin().await?;
        let mut alive = RoaringBitmap::new();
        for (_, first, last, _) in self.segments(resource_type).await? {
            alive.insert_range(first..=last);
        }
        alive -= self.stored_sets("closing", resource_type, i64::MAX).await?;
        let unseen = &alive - self.stored_sets("seen", resource_type, 0).await?;
        let (of, unseen_count) = (alive.len(), unseen.len());
        let removed = unseen_count as f64 <= most * of as f64;
        if removed {
            self.close(resource_type, unseen.into_iter()).await?;
        }
        Ok(Swept { of, unseen: unseen_count, removed })
    }

    /// All sets of a type in a table, together; of closings, those up to a revision.
    pub(super) async fn stored_sets(
        &mut self,
        table: &'static str,
        resource_type: DirectoryType,
        revision: i64,
    ) -> Result<RoaringBitmap, Error> {
        let sql = match table {
            "seen" => "SELECT sequences FROM seen WHERE resource_type = $1 AND $2 >= 0",
            _ => "SELECT sequences FROM closing WHERE resource_type = $1 AND revision <= $2",
        };
        let rows: Vec<Vec<u8>> = on_connection!(self.connection, connection => {
            let query = sqlx::query_scalar(sql).bind(type_number(resource_type)).bind(revision);
            query.fetch_all(&mut *connection).await
        })?;
        let mut sets = RoaringBitmap::new();
        for bytes in rows {
            sequences::add(&bytes, &mut sets).map_err(Error::internal)?;
        }
        Ok(sets)
    }

    /// Writes what was seen since the last commit.
    pub(super) async fn write_seen(&mut self) -> Result<(), Error> {
        for ((resource_type, bucket), mut set) in std::mem::take(&mut self.seen) {
            let select = "SELECT sequences FROM seen WHERE resource_type = $1 AND bucket = $2";
            let upsert = "INSERT INTO seen (resource_type, bucket, sequences) VALUES ($1, $2, $3) \
                ON CONFLICT (resource_type, bucket) DO UPDATE SET sequences = excluded.sequences";
            on_connection!(self.connection, connection => {
                let query = sqlx::query_scalar(select).bind(type_number(resource_type)).bind(i64::from(bucket));
                let before: Option<Vec<u8>> = query.fetch_optional(&mut *connection).await?;
                sequences::add(&before.unwrap_or_default(), &mut set).map_err(Error::internal)?;
                let query = sqlx::query(upsert).bind(type_number(resource_type)).bind(i64::from(bucket));
                query.bind(sequences::encode(&set)).execute(&mut *connection).await.map(|_| ())
            })?;
        }
        Ok(())
    }
}
