//! Marks: the versions that the walks over the directory have seen.

use roaring::RoaringBitmap;

use super::write::{WriteConnection, on_connection};
use super::{sequences, type_number, union};
use crate::fhir::directory_type::DirectoryType;
use crate::storage::error::StorageError;

/// The walk that a mark belongs to. The walks over a type have separate marks, so that each can be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marks {
    /// The full walk.
    #[default]
    Full,
    /// The delta, after a full walk or alone.
    Delta,
}

impl Marks {
    /// The number of a type and walk in the table `seen`.
    fn number(self, resource_type: DirectoryType) -> i64 {
        match self {
            Self::Full => type_number(resource_type),
            Self::Delta => -type_number(resource_type),
        }
    }
}

impl WriteConnection {
    pub async fn delete_marks(&mut self, resource_type: DirectoryType, marks: Marks) -> Result<(), StorageError> {
        on_connection!(self, connection => {
            let query = sqlx::query("DELETE FROM seen WHERE resource_type = $1").bind(marks.number(resource_type));
            query.execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }

    /// The versions of a type that a walk has marked.
    pub async fn marked(&mut self, resource_type: DirectoryType, marks: Marks) -> Result<RoaringBitmap, StorageError> {
        let sql = "SELECT sequences FROM seen WHERE resource_type = $1";
        let rows: Vec<Vec<u8>> = on_connection!(self, connection => {
            sqlx::query_scalar(sql).bind(marks.number(resource_type)).fetch_all(&mut *connection).await
        })?;
        union(rows)
    }

    /// Adds marks to a bucket (sequence >> 16).
    pub async fn add_marks(
        &mut self,
        resource_type: DirectoryType,
        marks: Marks,
        bucket: u32,
        mut set: RoaringBitmap,
    ) -> Result<(), StorageError> {
        let select = "SELECT sequences FROM seen WHERE resource_type = $1 AND bucket = $2";
        let upsert = "INSERT INTO seen (resource_type, bucket, sequences) VALUES ($1, $2, $3) \
            ON CONFLICT (resource_type, bucket) DO UPDATE SET sequences = excluded.sequences";
        let (number, bucket) = (marks.number(resource_type), i64::from(bucket));
        on_connection!(self, connection => {
            let query = sqlx::query_scalar(select).bind(number).bind(bucket);
            let before: Option<Vec<u8>> = query.fetch_optional(&mut *connection).await?;
            sequences::add(&before.unwrap_or_default(), &mut set).map_err(StorageError::internal)?;
            let query = sqlx::query(upsert).bind(number).bind(bucket);
            query.bind(sequences::encode(&set)).execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }
}
