//! Inserts many rows: a few statements of many rows on SQLite, binary `COPY` on Postgres.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4>

#![expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a row has a few columns")]

use sqlx::AssertSqlSafe;

use super::cell::Cell;
use super::write::WriteConnection;
use crate::storage::error::StorageError;
use crate::storage::sql::{placeholders, runs};

/// Bytes sent to Postgres at once.
const CHUNK_BYTES: usize = 1 << 18;

impl WriteConnection {
    pub(super) async fn insert<const N: usize>(
        &mut self,
        table: &str,
        columns: [&str; N],
        rows: Vec<[Cell; N]>,
    ) -> Result<(), StorageError> {
        let columns = columns.join(", ");
        match self {
            Self::Sqlite { connection, .. } => {
                let mut lengths: Vec<_> = runs(&rows).map(<[_]>::len).collect();
                lengths.reverse();
                let mut rows = rows.into_iter();
                while let Some(length) = lengths.pop() {
                    let sql = format!("INSERT INTO {table} ({columns}) VALUES {}", placeholders(1, length, N));
                    let mut query = sqlx::query(AssertSqlSafe(sql));
                    for cell in rows.by_ref().take(length).flatten() {
                        query = match cell {
                            Cell::Integer(number) => query.bind(number),
                            Cell::Text(text) => query.bind(text),
                            Cell::Bytes(bytes) => query.bind(bytes),
                        };
                    }
                    query.execute(&mut *connection).await?;
                }
            }
            Self::Postgres { connection } => {
                if rows.is_empty() {
                    return Ok(());
                }
                let sql = format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)");
                let mut copy = connection.copy_in_raw(&sql).await?;
                let mut chunk = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
                for row in rows {
                    chunk.extend((N as i16).to_be_bytes());
                    for cell in row {
                        cell.encode(&mut chunk);
                    }
                    if chunk.len() > CHUNK_BYTES {
                        copy.send(std::mem::take(&mut chunk)).await?;
                    }
                }
                chunk.extend((-1_i16).to_be_bytes());
                copy.send(chunk).await?;
                copy.finish().await?;
            }
        }
        Ok(())
    }
}
