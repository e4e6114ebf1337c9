//! Keeps the journal within its age and its size: the oldest first, and successful reads and searches before all else.

use super::write::RUN;
use super::{JournalDatabase, OverRows, Writer, in_transaction, over_rows};
use crate::storage::error::StorageError;

/// Maximum exchanges that one transaction removes.
const MAX_PURGED: usize = 256;

/// Successful reads and searches may use this part of the whole.
const PART_OF_READS: i64 = 4;

const DELETE_EXCHANGES: OverRows =
    over_rows!("DELETE FROM exchange WHERE id IN (SELECT CAST(value ->> 0 AS BIGINT) FROM", ")");
const DELETE_CONTENTS: OverRows =
    over_rows!("DELETE FROM exchange_content WHERE exchange IN (SELECT CAST(value ->> 0 AS BIGINT) FROM", ")");

const DELETE_SUBJECTS: OverRows = OverRows {
    sqlite: "DELETE FROM exchange_subject WHERE run IN (SELECT CAST(value ->> 0 AS BIGINT) / $2 FROM json_each($1)) \
             AND exchange IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each($1))",
    postgres: "DELETE FROM exchange_subject \
               WHERE run IN (SELECT CAST(value ->> 0 AS BIGINT) / $2 FROM json_array_elements(CAST($1 AS json))) \
               AND exchange IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_array_elements(CAST($1 AS json)))",
};

/// An exchange: id, size, whether it is a read, when it came in.
type Candidate = (i64, i64, i64, String);

impl JournalDatabase {
    /// Removes some of the exchanges before this time, as stored, or beyond this size in bytes. Returns their number: 0 if
    /// none is left. It waits for another instance that is adding or removing some.
    pub async fn purge(&self, before: &str, max_size: u64) -> Result<usize, StorageError> {
        let max_size = i64::try_from(max_size).unwrap_or(i64::MAX);
        Ok(in_transaction!(self, transaction, text => {
            // With a lock: several instances would choose the same exchanges.
            let (size, read_size): (i64, i64) =
                sqlx::query_as(text(SELECT_SIZES)).fetch_one(&mut *transaction).await?;
            let beyond = Beyond { total: size - max_size, reads: read_size - max_size / PART_OF_READS };
            let reads_first = beyond.reads > 0 || (beyond.total > 0 && read_size > 0);
            let select = if reads_first { OLDEST_READS } else { OLDEST };
            let limit = i64::try_from(MAX_PURGED).unwrap_or(i64::MAX);
            let candidates: Vec<Candidate> =
                sqlx::query_as(select).bind(limit).fetch_all(&mut *transaction).await?;
            let purged = chosen(candidates, before, beyond);
            if !purged.is_empty() {
                let ids = serde_json::to_string(&purged.iter().map(|(id, ..)| [id]).collect::<Vec<_>>());
                let ids = ids.map_err(StorageError::internal)?;
                sqlx::query(text(DELETE_EXCHANGES)).bind(&ids).execute(&mut *transaction).await?;
                sqlx::query(text(DELETE_CONTENTS)).bind(&ids).execute(&mut *transaction).await?;
                sqlx::query(text(DELETE_SUBJECTS)).bind(&ids).bind(RUN).execute(&mut *transaction).await?;
                let size: i64 = purged.iter().map(|(_, size, ..)| size).sum();
                let read_size: i64 = purged.iter().filter(|(_, _, is_read, _)| *is_read == 1).map(|(_, size, ..)| size).sum();
                let sql = "UPDATE total SET size = size - $1, read_size = read_size - $2";
                sqlx::query(sql).bind(size).bind(read_size).execute(&mut *transaction).await?;
            }
            purged.len()
        }))
    }

    /// Removes every exchange, and returns their number. Ids go on. A SQLite file is as small afterwards as a new one, unless a
    /// server is reading it.
    pub async fn clear(&self) -> Result<u64, StorageError> {
        let cleared = in_transaction!(self, transaction, _text => {
            sqlx::query("UPDATE total SET size = 0, read_size = 0").execute(&mut *transaction).await?;
            for table in ["DELETE FROM exchange_subject", "DELETE FROM exchange_content"] {
                sqlx::query(table).execute(&mut *transaction).await?;
            }
            sqlx::query("DELETE FROM exchange").execute(&mut *transaction).await?.rows_affected()
        });
        if let Writer::Sqlite(connections) = &self.writer {
            let mut connection = connections.acquire(&self.deadline).await?;
            for statement in ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"] {
                // The deleted pages are overwritten already; only their room stays taken.
                let _ = sqlx::query(statement).execute(&mut *connection).await;
            }
        }
        Ok(cleared)
    }
}

/// With the lock of the row, on Postgres; on SQLite the transaction has that of the file.
const SELECT_SIZES: OverRows =
    OverRows { sqlite: "SELECT size, read_size FROM total", postgres: "SELECT size, read_size FROM total FOR UPDATE" };

const OLDEST: &str = "SELECT id, size, is_read, at FROM exchange ORDER BY id LIMIT $1";
const OLDEST_READS: &str = "SELECT id, size, is_read, at FROM exchange WHERE is_read = 1 ORDER BY id LIMIT $1";

/// By how many bytes what is kept exceeds what may be.
struct Beyond {
    total: i64,
    reads: i64,
}

/// Of the oldest exchanges, those to remove: the ones that are too old, and as many others as are beyond the size.
fn chosen(candidates: Vec<Candidate>, before: &str, mut beyond: Beyond) -> Vec<Candidate> {
    let mut is_chosen = |(_, size, is_read, at): &Candidate| {
        let is_chosen = beyond.total > 0 || (*is_read == 1 && beyond.reads > 0) || at.as_str() < before;
        if is_chosen {
            beyond.total -= size;
            beyond.reads -= size * is_read;
        }
        is_chosen
    };
    candidates.into_iter().filter(|candidate| is_chosen(candidate)).collect()
}
