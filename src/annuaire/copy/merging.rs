//! Keeping the index small: segments that many commits left are merged, what nobody can see is dropped.

use std::collections::BTreeMap;

use jiff::Timestamp;
use roaring::RoaringBitmap;

use super::database::{on_connection, on_listed};
use super::rows::Cell;
use super::segment::{Finished, MOST_VERSIONS};
use super::sequences;
use super::writer::Writer;
use crate::annuaire::resource::DirectoryType;
use crate::error::Error;
use crate::fhir::date::instant;

/// So many neighbouring segments of one size are merged into one of the next.
const NEIGHBOURS: usize = 8;

/// The sizes below which segments are merged, in versions.
const SIZES: [u64; 2] = [MOST_VERSIONS / 32, MOST_VERSIONS / 4];

/// Versions that one statement drops.
const MANY: i64 = 5_000;

/// What was set aside is kept up to this number.
const MOST_SET_ASIDE: i64 = 1_000;

impl Writer {
    /// Merges small segments, where there are enough of them side by side.
    pub(super) async fn merge(&mut self) -> Result<(), Error> {
        for resource_type in DirectoryType::ALL {
            while let Some(ids) = mergeable(&self.segments(resource_type).await?) {
                self.rewrite(resource_type, &ids, &RoaringBitmap::new()).await?;
            }
        }
        Ok(())
    }

    /// Replaces neighbouring segments by one, without the versions in `dropped`.
    async fn rewrite(
        &mut self,
        resource_type: DirectoryType,
        ids: &[i64],
        dropped: &RoaringBitmap,
    ) -> Result<(), Error> {
        self.begin().await?;
        let segments: Vec<_> = self.segments(resource_type).await?;
        let segments: Vec<_> = segments.into_iter().filter(|(id, ..)| ids.contains(id)).collect();
        let (Some((_, first, ..)), Some((_, _, last, _))) = (segments.first(), segments.last()) else {
            return self.end().await;
        };
        let mut postings: BTreeMap<Vec<u8>, RoaringBitmap> = BTreeMap::new();
        for id in ids {
            let rows: Vec<(Vec<u8>, Vec<u8>)> = on_connection!(self.connection, connection => {
                let query = sqlx::query_as("SELECT term, sequences FROM posting WHERE segment = $1").bind(id);
                query.fetch_all(&mut *connection).await
            })?;
            for (term, bytes) in rows {
                sequences::add(&bytes, postings.entry(term).or_default()).map_err(Error::internal)?;
            }
        }
        let mut range = RoaringBitmap::from_iter(*first..=*last);
        range -= dropped;
        let postings = postings.into_iter().map(|(term, set)| (term, set - dropped)).filter(|(_, set)| !set.is_empty());
        let merged = Finished {
            first: *first,
            last: *last,
            versions: range.len(),
            postings: postings.map(|(term, set)| (term, sequences::encode(&set))).collect(),
        };
        for (table, column) in [("posting", "segment"), ("segment", "id")] {
            let sql = |list: &str| format!("DELETE FROM {table} WHERE {column} {list}");
            on_listed!(self.connection, query, ids, sql, query, connection => {
                query.execute(&mut *connection).await.map(|_| ())
            })?;
        }
        self.insert_segment(resource_type, merged).await?;
        self.end().await
    }

    /// Drops versions that were superseded before `before`, and the snapshots that saw them: how many versions.
    pub async fn purge(&mut self, before: Timestamp) -> Result<usize, Error> {
        self.commit().await?;
        let sql = "SELECT MAX(revision) FROM revision WHERE committed_at < $1";
        let oldest: Option<i64> = on_connection!(self.connection, connection => {
            sqlx::query_scalar(sql).bind(instant(before)).fetch_one(&mut *connection).await
        })?;
        let Some(oldest) = oldest else { return Ok(0) };
        // First the snapshots: no walk may go on that could miss what is dropped next.
        self.begin().await?;
        on_connection!(self.connection, connection => {
            let query = sqlx::query("DELETE FROM revision WHERE revision < $1").bind(oldest);
            query.execute(&mut *connection).await?;
            let sql = "DELETE FROM set_aside WHERE number <= (SELECT MAX(number) FROM set_aside) - $1";
            sqlx::query(sql).bind(MOST_SET_ASIDE).execute(&mut *connection).await.map(|_| ())
        })?;
        self.end().await?;
        let mut dropped = 0;
        loop {
            match self.drop_some(oldest).await? {
                0 => break,
                some => dropped += some,
            }
        }
        for resource_type in DirectoryType::ALL {
            self.tidy(resource_type, oldest).await?;
        }
        Ok(dropped)
    }

    /// Drops some of the versions closed up to a revision: how many; none when none is left.
    async fn drop_some(&mut self, oldest: i64) -> Result<usize, Error> {
        self.begin().await?;
        let sql = "SELECT number FROM superseded WHERE closed <= $1 LIMIT $2";
        let numbers: Vec<i64> = on_connection!(self.connection, connection => {
            sqlx::query_scalar(sql).bind(oldest).bind(MANY).fetch_all(&mut *connection).await
        })?;
        for table in ["version", "superseded"] {
            let sql = |list: &str| format!("DELETE FROM {table} WHERE number {list}");
            on_listed!(self.connection, query, &numbers, sql, query, connection => {
                query.execute(&mut *connection).await.map(|_| ())
            })?;
        }
        self.end().await?;
        Ok(numbers.len())
    }

    /// Joins the closings up to a revision, and rewrites segments of which half is dropped.
    async fn tidy(&mut self, resource_type: DirectoryType, oldest: i64) -> Result<(), Error> {
        let dropped = self.closings(resource_type, oldest).await?;
        if dropped.is_empty() {
            return Ok(());
        }
        self.join_closings(resource_type, oldest, &dropped).await?;
        for (id, first, last, versions) in self.segments(resource_type).await? {
            let range = RoaringBitmap::from_iter(first..=last);
            let width = range.len();
            // What was dropped by an earlier rewriting is dropped for good.
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
        let mut buckets: BTreeMap<u32, RoaringBitmap> = BTreeMap::new();
        for sequence in closed {
            buckets.entry(sequence >> 16).or_default().insert(sequence);
        }
        self.begin().await?;
        let number = super::type_number(resource_type);
        let sql = "DELETE FROM closing WHERE resource_type = $1 AND revision <= $2";
        on_connection!(self.connection, connection => {
            sqlx::query(sql).bind(number).bind(oldest).execute(&mut *connection).await.map(|_| ())
        })?;
        let rows = buckets.into_iter().map(|(bucket, set)| {
            let (number, bucket) = (Cell::Integer(number), Cell::Integer(bucket.into()));
            [number, bucket, Cell::Integer(oldest), Cell::Bytes(sequences::encode(&set))]
        });
        let rows = rows.collect();
        self.connection.insert("closing", ["resource_type", "bucket", "revision", "sequences"], rows).await?;
        self.end().await
    }
}

/// Neighbours that are to be merged: enough of one size, and together not too large.
fn mergeable(segments: &[(i64, u32, u32, u64)]) -> Option<Vec<i64>> {
    for size in SIZES {
        let mut run: Vec<(i64, u64)> = vec![];
        for (id, _, _, versions) in segments {
            if *versions >= size {
                run.clear();
                continue;
            }
            run.push((*id, *versions));
            if run.len() == NEIGHBOURS {
                return Some(run.into_iter().map(|(id, _)| id).collect());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(versions: &[u64]) -> Vec<(i64, u32, u32, u64)> {
        versions.iter().enumerate().map(|(at, versions)| (at as i64, 0, 0, *versions)).collect()
    }

    #[test]
    fn eight_small_neighbours_are_merged() {
        assert_eq!(mergeable(&segments(&[5; 7])), None);
        assert_eq!(mergeable(&segments(&[5; 8])), Some((0..8).collect()));
        assert_eq!(mergeable(&segments(&[5, 5, 5, 60_000, 5, 5, 5, 5, 5, 5, 5])), None);
        let mixed = segments(&[65_536, 8_192, 8_192, 8_192, 8_192, 8_192, 8_192, 8_192, 100]);
        assert_eq!(mergeable(&mixed), Some((1..9).collect()));
    }
}
