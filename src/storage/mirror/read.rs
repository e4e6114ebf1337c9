//! Reads of the mirror, in one transaction: what it sees does not change while segments are merged and versions purged.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use roaring::RoaringBitmap;
use sqlx::AssertSqlSafe;

use super::{
    Rejected, Segment, Snapshot, Stored, TermRange, number_of, parts_of, sequence, sequences, type_number, type_of,
    union,
};
use crate::deadline::Deadline;
use crate::fhir::directory_type::DirectoryType;
use crate::storage::database::Readers;
use crate::storage::error::StorageError;
use crate::storage::{postgres, sqlite};

pub(crate) enum ReadTransaction {
    Sqlite(sqlite::PooledConnection),
    Postgres(postgres::PooledConnection),
}

/// Expands a body for each database.
macro_rules! on_transaction {
    ($reading:expr, $transaction:ident => $body:expr) => {
        match $reading {
            ReadTransaction::Sqlite($transaction) => $body,
            ReadTransaction::Postgres($transaction) => $body,
        }
    };
}

/// `column IN` a list of any length, which is one parameter, `$1`.
macro_rules! on_listed {
    ($reading:expr, $list:expr, $sql:expr, $query:ident, $transaction:ident => $body:expr) => {
        match $reading {
            ReadTransaction::Sqlite($transaction) => {
                let sql = $sql("IN (SELECT value FROM json_each($1))");
                let $query = AssertSqlSafe(sql);
                let list = serde_json::to_string($list).map_err(StorageError::internal)?;
                let $query = sqlx::query_as($query).bind(list);
                $body
            }
            ReadTransaction::Postgres($transaction) => {
                let sql = $sql("= ANY($1)");
                let $query = AssertSqlSafe(sql);
                let $query = sqlx::query_as($query).bind($list.to_vec());
                $body
            }
        }
    };
}

/// Postings by segment and number of the range.
pub(crate) type Postings = HashMap<(i64, usize), Posting>;

/// The postings of a segment in a range.
#[derive(Default)]
pub(crate) struct Posting {
    /// The versions with a term of the range.
    pub versions: RoaringBitmap,
    /// The sets by term instead, of a range with [`TermRange::by_term`].
    pub terms: Vec<(Vec<u8>, RoaringBitmap)>,
}

impl ReadTransaction {
    /// Begins the transaction, whose statements stop at the deadline.
    pub async fn begin(readers: &Readers, deadline: &Deadline) -> Result<Self, StorageError> {
        match readers {
            Readers::Sqlite(readers) => {
                let mut reader = readers.acquire(deadline).await?;
                reader.begin_snapshot().await?;
                Ok(Self::Sqlite(reader))
            }
            Readers::Postgres(connections) => {
                let mut connection = connections.acquire(deadline).await?;
                connection.begin_snapshot().await?;
                Ok(Self::Postgres(connection))
            }
        }
    }

    /// The newest revision; `None` before the first.
    pub async fn snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let sql = "SELECT revision, last FROM revision ORDER BY revision DESC LIMIT 1";
        let row: Option<(i64, String)> =
            on_transaction!(self, transaction => sqlx::query_as(sql).fetch_optional(&mut **transaction).await)?;
        row.map(Snapshot::try_from).transpose()
    }

    /// Whether every version that the snapshot sees is still kept.
    pub async fn has_snapshot(&mut self, at: &Snapshot) -> Result<bool, StorageError> {
        let sql = "SELECT revision FROM revision WHERE revision = $1";
        let row: Option<i64> = on_transaction!(self, transaction => {
            sqlx::query_scalar(sql).bind(at.revision).fetch_optional(&mut **transaction).await
        })?;
        Ok(row.is_some())
    }

    /// The segments of a type that end after `after` and begin at most at `last`, in order.
    pub async fn segments(
        &mut self,
        resource_type: DirectoryType,
        after: u32,
        last: u32,
    ) -> Result<Vec<Segment>, StorageError> {
        let sql = "SELECT id, first, last, versions FROM segment \
            WHERE resource_type = $1 AND first <= $2 AND last > $3 ORDER BY first";
        let rows: Vec<(i64, i64, i64, i64)> = on_transaction!(self, transaction => {
            let query = sqlx::query_as(sql).bind(type_number(resource_type)).bind(i64::from(last));
            query.bind(i64::from(after)).fetch_all(&mut **transaction).await
        })?;
        Ok(rows.into_iter().map(Segment::from).collect())
    }

    /// The postings of neighbouring segments in each of these ranges.
    pub async fn postings(
        &mut self,
        resource_type: DirectoryType,
        segments: &[Segment],
        ranges: &[TermRange],
    ) -> Result<Postings, StorageError> {
        let mut postings = Postings::new();
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return Ok(postings) };
        let all = ranges;
        for (run, ranges) in all.chunks(MAX_RANGES).enumerate() {
            let wanted: Vec<_> = (0..ranges.len()).map(|n| format!("({n}, ${}, ${})", 2 * n + 4, 2 * n + 5)).collect();
            let sql = match self {
                // CROSS JOIN makes SQLite keep this order of loops.
                Self::Sqlite(_) => format!(
                    "WITH wanted (n, low, high) AS (VALUES {}) SELECT p.segment, w.n, p.term, p.sequences \
                     FROM segment s CROSS JOIN wanted w CROSS JOIN posting p \
                     WHERE s.resource_type = $1 AND s.first >= $2 AND s.first <= $3 \
                     AND p.segment = s.id AND p.term >= w.low AND p.term < w.high",
                    wanted.join(", "),
                ),
                // OFFSET 0 makes Postgres use the index for each range. It would otherwise read all postings of a
                // segment and compare each to all ranges.
                Self::Postgres(_) => format!(
                    "WITH wanted (n, low, high) AS (VALUES {}) \
                     SELECT s.id, CAST(w.n AS BIGINT), p.term, p.sequences FROM segment s CROSS JOIN wanted w \
                     CROSS JOIN LATERAL (SELECT term, sequences FROM posting \
                     WHERE segment = s.id AND term >= w.low AND term < w.high OFFSET 0) p \
                     WHERE s.resource_type = $1 AND s.first >= $2 AND s.first <= $3",
                    wanted.join(", "),
                ),
            };
            on_transaction!(self, transaction => {
                let query = sqlx::query_as(AssertSqlSafe(sql)).persistent(ranges.len() <= 8);
                let query = query.bind(type_number(resource_type)).bind(i64::from(first.first));
                let mut query = query.bind(i64::from(last.first));
                for range in ranges {
                    query = query.bind(range.from.clone()).bind(range.to.clone());
                }
                // Row by row: a range may have more rows than fit in memory.
                let mut rows = query.fetch(&mut **transaction);
                while let Some(row) = rows.try_next().await? {
                    let (segment, n, term, bytes): (i64, i64, Vec<u8>, Vec<u8>) = row;
                    let n = run * MAX_RANGES + usize::try_from(n).unwrap_or_default();
                    let posting = postings.entry((segment, n)).or_default();
                    let mut set = RoaringBitmap::new();
                    let by_term = all.get(n).is_some_and(|range| range.by_term);
                    let versions = if by_term { &mut set } else { &mut posting.versions };
                    sequences::add(&bytes, versions).map_err(StorageError::internal)?;
                    if by_term {
                        posting.terms.push((term, set));
                    }
                }
            });
        }
        Ok(postings)
    }

    /// All postings of a segment: terms and encoded sets.
    pub async fn segment_postings(&mut self, segment: i64) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StorageError> {
        let sql = "SELECT term, sequences FROM posting WHERE segment = $1";
        Ok(on_transaction!(self, transaction => {
            sqlx::query_as(sql).bind(segment).fetch_all(&mut **transaction).await
        })?)
    }

    pub async fn resource_count(&mut self, resource_type: DirectoryType) -> Result<u64, StorageError> {
        let sql = "SELECT COUNT(*) FROM resource WHERE resource_type = $1";
        let count: i64 = on_transaction!(self, transaction => {
            sqlx::query_scalar(sql).bind(type_number(resource_type)).fetch_one(&mut **transaction).await
        })?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The versions from `first` to `last` that a revision no longer sees.
    pub async fn closed(
        &mut self,
        resource_type: DirectoryType,
        (first, last): (u32, u32),
        revision: i64,
    ) -> Result<RoaringBitmap, StorageError> {
        let sql = "SELECT sequences FROM closing \
            WHERE resource_type = $1 AND bucket >= $2 AND bucket <= $3 AND revision <= $4";
        let rows: Vec<Vec<u8>> = on_transaction!(self, transaction => {
            let query = sqlx::query_scalar(sql).bind(type_number(resource_type));
            let query = query.bind(i64::from(first >> 16)).bind(i64::from(last >> 16)).bind(revision);
            query.fetch_all(&mut **transaction).await
        })?;
        union(rows)
    }

    /// Versions with their bodies, in order, without purged ones.
    pub async fn versions(
        &mut self,
        resource_type: DirectoryType,
        numbers: &[u32],
    ) -> Result<Vec<Stored>, StorageError> {
        let numbers: Vec<i64> = numbers.iter().map(|sequence| number_of(resource_type, *sequence)).collect();
        let sql = |list: &str| format!("SELECT number, id, body FROM version WHERE number {list} ORDER BY number");
        let rows: Vec<(i64, String, String)> =
            on_listed!(self, &numbers, sql, query, transaction => query.fetch_all(&mut **transaction).await)?;
        Ok(rows.into_iter().filter_map(stored).collect())
    }

    /// The ids of versions, in order.
    pub async fn ids(&mut self, resource_type: DirectoryType, numbers: &[u32]) -> Result<Vec<String>, StorageError> {
        let numbers: Vec<i64> = numbers.iter().map(|sequence| number_of(resource_type, *sequence)).collect();
        let sql = |list: &str| format!("SELECT id FROM version WHERE number {list} ORDER BY number");
        let rows: Vec<(String,)> =
            on_listed!(self, &numbers, sql, query, transaction => query.fetch_all(&mut **transaction).await)?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// The versions of ids that a revision sees, by id.
    pub async fn versions_of(
        &mut self,
        resource_type: DirectoryType,
        ids: &[String],
        revision: i64,
    ) -> Result<HashMap<String, u32>, StorageError> {
        let now = |list: &str| {
            format!("SELECT id, number FROM resource WHERE resource_type = $2 AND id {list} AND opened <= $3")
        };
        let before = |list: &str| {
            format!(
                "SELECT id, number FROM superseded \
                 WHERE resource_type = $2 AND id {list} AND opened <= $3 AND closed > $3"
            )
        };
        let mut rows: Vec<(String, i64)> = on_listed!(&mut *self, ids, now, query, transaction => {
            query.bind(type_number(resource_type)).bind(revision).fetch_all(&mut **transaction).await
        })?;
        if rows.len() < ids.len() {
            let older: Vec<(String, i64)> = on_listed!(self, ids, before, query, transaction => {
                query.bind(type_number(resource_type)).bind(revision).fetch_all(&mut **transaction).await
            })?;
            rows.extend(older);
        }
        Ok(rows.into_iter().map(|(id, number)| (id, parts_of(number).1)).collect())
    }

    /// A value written under a name.
    pub async fn read_metadata(&mut self, name: &str) -> Result<Option<String>, StorageError> {
        let sql = "SELECT value FROM note WHERE name = $1";
        Ok(on_transaction!(self, transaction => {
            sqlx::query_scalar(sql).bind(name).fetch_optional(&mut **transaction).await
        })?)
    }

    /// The rejected resources, newest first.
    pub async fn rejected(&mut self, limit: i64) -> Result<Vec<Rejected>, StorageError> {
        let sql = "SELECT at, resource_type, name, reason FROM set_aside ORDER BY number DESC LIMIT $1";
        let rows: Vec<(String, Option<i64>, String, String)> =
            on_transaction!(self, transaction => sqlx::query_as(sql).bind(limit).fetch_all(&mut **transaction).await)?;
        let rejected = |(at, resource_type, name, reason): (String, Option<i64>, String, String)| Rejected {
            resource_type: resource_type.and_then(type_of),
            name,
            reason,
            at,
        };
        Ok(rows.into_iter().map(rejected).collect())
    }

    /// The next ids and hashes of a type after an id, some thousand at a time.
    pub async fn hashes(
        &mut self,
        resource_type: DirectoryType,
        after: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        let sql = "SELECT id, hash FROM resource WHERE resource_type = $1 AND id > $2 ORDER BY id LIMIT 10000";
        Ok(on_transaction!(self, transaction => {
            sqlx::query_as(sql).bind(type_number(resource_type)).bind(after).fetch_all(&mut **transaction).await
        })?)
    }
}

/// Maximum ranges looked up by one statement: both databases accept tens of thousands of parameters, but take long to
/// plan them.
const MAX_RANGES: usize = 400;

impl From<(i64, i64, i64, i64)> for Segment {
    fn from((id, first, last, versions): (i64, i64, i64, i64)) -> Self {
        let versions = u64::try_from(versions).unwrap_or_default();
        Self { id, first: sequence(first), last: sequence(last), versions }
    }
}

fn stored((number, id, body): (i64, String, String)) -> Option<Stored> {
    let (resource_type, seq) = parts_of(number);
    Some(Stored { resource_type: resource_type?, seq, id, body })
}
