//! Deletes what no walk can see any more.

use super::type_number;
use super::write::{WriteConnection, on_connection, on_listed};
use crate::fhir::directory_type::DirectoryType;
use crate::storage::error::StorageError;

impl WriteConnection {
    /// The newest revision that was committed before a time.
    pub async fn newest_revision_before(&mut self, committed_at: String) -> Result<Option<i64>, StorageError> {
        let sql = "SELECT MAX(revision) FROM revision WHERE committed_at < $1";
        Ok(on_connection!(self, connection => {
            sqlx::query_scalar(sql).bind(committed_at).fetch_one(&mut *connection).await
        })?)
    }

    pub async fn delete_revisions_before(&mut self, revision: i64) -> Result<(), StorageError> {
        on_connection!(self, connection => {
            let query = sqlx::query("DELETE FROM revision WHERE revision < $1").bind(revision);
            query.execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }

    /// Deletes all rejected resources but the newest `kept`.
    pub async fn trim_rejected(&mut self, kept: i64) -> Result<(), StorageError> {
        let sql = "DELETE FROM set_aside WHERE number <= (SELECT MAX(number) FROM set_aside) - $1";
        on_connection!(self, connection => {
            sqlx::query(sql).bind(kept).execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }

    /// Deletes at most `limit` of the versions closed up to a revision. Returns how many, 0 when none is left.
    pub async fn delete_superseded(&mut self, revision: i64, limit: i64) -> Result<usize, StorageError> {
        let sql = "SELECT number FROM superseded WHERE closed <= $1 LIMIT $2";
        let numbers: Vec<i64> = on_connection!(&mut *self, connection => {
            sqlx::query_scalar(sql).bind(revision).bind(limit).fetch_all(&mut *connection).await
        })?;
        for table in ["version", "superseded"] {
            let sql = |list: &str| format!("DELETE FROM {table} WHERE number {list}");
            on_listed!(&mut *self, query, &numbers, sql, query, connection => {
                query.execute(&mut *connection).await.map(|_| ())
            })?;
        }
        Ok(numbers.len())
    }

    /// Deletes the closings of a type up to a revision.
    pub async fn delete_closings(&mut self, resource_type: DirectoryType, revision: i64) -> Result<(), StorageError> {
        let sql = "DELETE FROM closing WHERE resource_type = $1 AND revision <= $2";
        on_connection!(self, connection => {
            let query = sqlx::query(sql).bind(type_number(resource_type)).bind(revision);
            query.execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }
}
