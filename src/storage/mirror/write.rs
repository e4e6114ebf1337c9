//! The writing connection, and its statements.

use std::collections::HashMap;
use std::fs::File;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use super::cell::Cell;
use super::{Rejected, Segment, SegmentContent, Snapshot, number_of, parts_of, sequences, type_number};
use crate::fhir::directory_type::DirectoryType;
use crate::storage::error::StorageError;
use roaring::RoaringBitmap;

/// A writing connection with the write lock. Both end when it is dropped, or the process ends.
pub(crate) enum WriteConnection {
    Sqlite { connection: SqliteConnection, _lock: File },
    Postgres { connection: PgConnection },
}

/// Expands a body for each database, with `$connection` the connection.
macro_rules! on_connection {
    ($writer:expr, $name:ident => $body:expr) => {
        match $writer {
            $crate::storage::mirror::write::WriteConnection::Sqlite { connection: $name, .. } => $body,
            $crate::storage::mirror::write::WriteConnection::Postgres { connection: $name } => $body,
        }
    };
}
pub(super) use on_connection;

/// Expands a body for each database, with a query whose `$1` is a list of any length: `$sql` gets the text to write
/// after a column.
macro_rules! on_listed {
    ($writer:expr, $kind:ident, $list:expr, $sql:expr, $query:ident, $name:ident => $body:expr) => {
        match $writer {
            $crate::storage::mirror::write::WriteConnection::Sqlite { connection: $name, .. } => {
                let sql = sqlx::AssertSqlSafe($sql("IN (SELECT value FROM json_each($1))"));
                let list = serde_json::to_string(&$list).map_err(StorageError::internal)?;
                let $query = sqlx::$kind(sql).bind(list);
                $body
            }
            $crate::storage::mirror::write::WriteConnection::Postgres { connection: $name } => {
                let $query = sqlx::$kind(sqlx::AssertSqlSafe($sql("= ANY($1)"))).bind($list.to_vec());
                $body
            }
        }
    };
}
pub(super) use on_listed;

/// The current version of a resource.
pub(crate) struct KnownVersion {
    pub sequence: u32,
    /// In milliseconds since 1970.
    pub last_updated: i64,
    pub hash: Vec<u8>,
}

/// A version to add, which becomes the current one.
pub(crate) struct NewVersion {
    pub sequence: u32,
    pub id: String,
    pub body: String,
    /// In milliseconds since 1970.
    pub last_updated: i64,
    pub hash: [u8; 16],
}

impl WriteConnection {
    pub async fn begin(&mut self) -> Result<(), StorageError> {
        let begin = match self {
            Self::Sqlite { .. } => "BEGIN IMMEDIATE",
            Self::Postgres { .. } => "BEGIN",
        };
        self.execute(begin).await
    }

    pub async fn commit(&mut self) -> Result<(), StorageError> {
        self.execute("COMMIT").await
    }

    async fn execute(&mut self, sql: &'static str) -> Result<(), StorageError> {
        on_connection!(self, connection => sqlx::raw_sql(sql).execute(&mut *connection).await.map(|_| ()))?;
        Ok(())
    }

    /// The newest revision; `None` before the first.
    pub async fn snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let sql = "SELECT revision, last FROM revision ORDER BY revision DESC LIMIT 1";
        let row: Option<(i64, String)> = on_connection!(self, connection => {
            sqlx::query_as(sql).fetch_optional(&mut *connection).await
        })?;
        row.map(Snapshot::try_from).transpose()
    }

    /// Adds a revision with the time of its commit.
    pub async fn insert_revision(&mut self, snapshot: &Snapshot, committed_at: String) -> Result<(), StorageError> {
        let last = serde_json::to_string(&snapshot.last).map_err(StorageError::internal)?;
        let row = [Cell::Integer(snapshot.revision), Cell::Text(committed_at), Cell::Text(last)];
        self.insert("revision", ["revision", "committed_at", "last"], vec![row]).await
    }

    /// The current versions of ids, by id.
    pub async fn known(
        &mut self,
        resource_type: DirectoryType,
        ids: &[String],
    ) -> Result<HashMap<String, KnownVersion>, StorageError> {
        let sql = |list: &str| {
            format!("SELECT id, number, last_updated, hash FROM resource WHERE resource_type = $2 AND id {list}")
        };
        let rows: Vec<(String, i64, i64, Vec<u8>)> = on_listed!(self, query_as, ids, sql, query, connection => {
            query.bind(type_number(resource_type)).fetch_all(&mut *connection).await
        })?;
        let known = rows.into_iter().map(|(id, number, last_updated, hash)| {
            (id, KnownVersion { sequence: parts_of(number).1, last_updated, hash })
        });
        Ok(known.collect())
    }

    /// Adds versions, visible from this revision on.
    pub async fn insert_versions(
        &mut self,
        resource_type: DirectoryType,
        revision: i64,
        added: Vec<NewVersion>,
    ) -> Result<(), StorageError> {
        let (mut versions, mut current) = (Vec::with_capacity(added.len()), Vec::with_capacity(added.len()));
        for NewVersion { sequence, id, body, last_updated, hash } in added {
            let number = Cell::Integer(number_of(resource_type, sequence));
            let (opened, id) = (Cell::Integer(revision), Cell::Text(id));
            current.push([
                Cell::Integer(type_number(resource_type)),
                id.clone(),
                number.clone(),
                opened.clone(),
                Cell::Integer(last_updated),
                Cell::Bytes(hash.to_vec()),
            ]);
            versions.push([number, opened, id, Cell::Text(body)]);
        }
        self.insert("version", ["number", "opened", "id", "body"], versions).await?;
        let columns = ["resource_type", "id", "number", "opened", "last_updated", "hash"];
        self.insert("resource", columns, current).await
    }

    /// Supersedes versions, invisible from this revision on.
    pub async fn supersede(
        &mut self,
        resource_type: DirectoryType,
        sequences: &[u32],
        revision: i64,
    ) -> Result<(), StorageError> {
        let numbers: Vec<_> = sequences.iter().map(|sequence| number_of(resource_type, *sequence)).collect();
        let keep = |list: &str| {
            format!(
                "INSERT INTO superseded (number, resource_type, id, opened, closed) \
                 SELECT number, $2, id, opened, $3 FROM version WHERE number {list}"
            )
        };
        let remove = |list: &str| {
            format!(
                "DELETE FROM resource WHERE resource_type = $2 AND id IN (SELECT id FROM version WHERE number {list})"
            )
        };
        on_listed!(self, query, &numbers, keep, query, connection => {
            query.bind(type_number(resource_type)).bind(revision).execute(&mut *connection).await.map(|_| ())
        })?;
        on_listed!(self, query, &numbers, remove, query, connection => {
            query.bind(type_number(resource_type)).execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }

    /// The versions of a type that were closed up to a revision.
    pub async fn closings(
        &mut self,
        resource_type: DirectoryType,
        revision: i64,
    ) -> Result<RoaringBitmap, StorageError> {
        let sql = "SELECT sequences FROM closing WHERE resource_type = $1 AND revision <= $2";
        let rows: Vec<Vec<u8>> = on_connection!(self, connection => {
            let query = sqlx::query_scalar(sql).bind(type_number(resource_type)).bind(revision);
            query.fetch_all(&mut *connection).await
        })?;
        super::union(rows)
    }

    /// Records the versions that a revision closed, as sets by type and bucket (sequence >> 16).
    pub async fn insert_closings(
        &mut self,
        revision: i64,
        closed: impl IntoIterator<Item = ((DirectoryType, u32), RoaringBitmap)>,
    ) -> Result<(), StorageError> {
        let rows = closed.into_iter().map(|((resource_type, bucket), set)| {
            let (number, bucket) = (Cell::Integer(type_number(resource_type)), Cell::Integer(bucket.into()));
            [number, bucket, Cell::Integer(revision), Cell::Bytes(sequences::encode(&set))]
        });
        let rows = rows.collect();
        self.insert("closing", ["resource_type", "bucket", "revision", "sequences"], rows).await
    }

    pub async fn insert_rejected(&mut self, rejected: Rejected) -> Result<(), StorageError> {
        let sql = "INSERT INTO set_aside (number, at, resource_type, name, reason) \
            VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM set_aside), $1, $2, $3, $4)";
        on_connection!(self, connection => {
            let query = sqlx::query(sql).bind(rejected.at).bind(rejected.resource_type.map(type_number));
            query.bind(rejected.name).bind(rejected.reason).execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }

    pub async fn upsert_metadata(&mut self, name: &str, value: &str) -> Result<(), StorageError> {
        let sql =
            "INSERT INTO note (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        on_connection!(self, connection => {
            sqlx::query(sql).bind(name).bind(value).execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }

    /// Stores the format of the index.
    pub async fn write_index_format(&mut self, format: i64) -> Result<(), StorageError> {
        self.upsert_metadata("index-format", &format.to_string()).await
    }

    /// The bodies of a range of versions, both ends included, with their sequences.
    pub async fn bodies(
        &mut self,
        resource_type: DirectoryType,
        first: u32,
        last: u32,
    ) -> Result<Vec<(u32, String)>, StorageError> {
        let sql = "SELECT number, body FROM version WHERE number >= $1 AND number <= $2 ORDER BY number";
        let (first, last) = (number_of(resource_type, first), number_of(resource_type, last));
        let rows: Vec<(i64, String)> = on_connection!(self, connection => {
            sqlx::query_as(sql).bind(first).bind(last).fetch_all(&mut *connection).await
        })?;
        Ok(rows.into_iter().map(|(number, body)| (parts_of(number).1, body)).collect())
    }

    /// The segments of a type, in order.
    pub async fn segments(&mut self, resource_type: DirectoryType) -> Result<Vec<Segment>, StorageError> {
        let sql = "SELECT id, first, last, versions FROM segment WHERE resource_type = $1 ORDER BY first";
        let rows: Vec<(i64, i64, i64, i64)> = on_connection!(self, connection => {
            sqlx::query_as(sql).bind(type_number(resource_type)).fetch_all(&mut *connection).await
        })?;
        Ok(rows.into_iter().map(Segment::from).collect())
    }

    /// The postings of a segment: terms and encoded sets.
    pub async fn postings(&mut self, segment: i64) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StorageError> {
        let sql = "SELECT term, sequences FROM posting WHERE segment = $1";
        Ok(on_connection!(self, connection => {
            sqlx::query_as(sql).bind(segment).fetch_all(&mut *connection).await
        })?)
    }

    pub async fn insert_segment(
        &mut self,
        resource_type: DirectoryType,
        segment: SegmentContent,
    ) -> Result<(), StorageError> {
        let newest: i64 = on_connection!(self, connection => {
            sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM segment").fetch_one(&mut *connection).await
        })?;
        let id = newest + 1;
        let row = [
            Cell::Integer(id),
            Cell::Integer(type_number(resource_type)),
            Cell::Integer(segment.first.into()),
            Cell::Integer(segment.last.into()),
            Cell::Integer(i64::try_from(segment.versions).unwrap_or(i64::MAX)),
        ];
        self.insert("segment", ["id", "resource_type", "first", "last", "versions"], vec![row]).await?;
        let postings = segment.postings.into_iter();
        let postings = postings.map(|(term, set)| [Cell::Integer(id), Cell::Bytes(term), Cell::Bytes(set)]).collect();
        self.insert("posting", ["segment", "term", "sequences"], postings).await
    }

    pub async fn delete_segments(&mut self, ids: &[i64]) -> Result<(), StorageError> {
        for (table, column) in [("posting", "segment"), ("segment", "id")] {
            let sql = |list: &str| format!("DELETE FROM {table} WHERE {column} {list}");
            on_listed!(&mut *self, query, ids, sql, query, connection => {
                query.execute(&mut *connection).await.map(|_| ())
            })?;
        }
        Ok(())
    }
}
