//! The versions of all resources in the order of their commits.

#![expect(clippy::cast_possible_wrap, reason = "a page has some thousand versions at most")]

use std::ops::ControlFlow;
use std::pin::pin;

use data_encoding::HEXLOWER;
use futures_util::TryStreamExt;

use super::database::{Storage, Writer, on_reader};
use super::read::page;
use super::write_transaction::in_write_transaction;
use crate::fhir::id::Id;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::storage::error::StorageError;

/// The place of a version in the order of commits, from 1. A reader that has seen a position has seen every lower one.
pub type Position = i64;

/// A version as the change feed reads it.
#[derive(Clone, Debug)]
pub struct LoggedVersion {
    pub position: Position,
    pub resource_type: ResourceType,
    pub id: String,
    pub version: Version,
    /// When it was written: UTC text of fixed width.
    pub last_updated: String,
    /// What the write changed, as [`NewVersion::change`](super::NewVersion::change); `None` where a former release wrote it.
    pub change: Option<String>,
    /// The resource as JSON text.
    pub content: String,
    /// The version before.
    pub previous: Option<String>,
}

type Row = (i64, String, String, i64, String, Option<String>, String, Option<String>);

/// Of one resource: position, version, time, change, content.
type OwnRow = (i64, i64, String, Option<String>, String);

const SELECT_LOG: &str = "\
    SELECT v.position, v.resource_type, v.id, v.version, v.last_updated, v.change, v.content, p.content \
    FROM resource_version v \
    LEFT JOIN resource_version p ON p.resource_type = v.resource_type AND p.id = v.id AND p.version = v.version - 1 \
    WHERE v.position > $1 ORDER BY v.position LIMIT $2";

const SELECT_LOG_OF_RESOURCE: &str = "\
    SELECT position, version, last_updated, change, content FROM resource_version \
    WHERE resource_type = $1 AND id = $2 AND version < $3 ORDER BY version DESC LIMIT $4";

const SELECT_LOG_ID: &str = "SELECT value FROM note WHERE name = 'log-id'";

/// What tells one Postgres database from a restored copy of it. A standby that takes over has the same.
const SELECT_ORIGIN: &str = "\
    SELECT system_identifier::text || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())::text \
           || '/' || 'resource_version'::regclass::oid::text \
    FROM pg_control_system()";

impl Storage {
    /// Passes the versions after this position, at most `count`, to `visit`, in order, until it breaks. Returns the last position
    /// that was passed, or `after`.
    pub async fn visit_log(
        &self,
        after: Position,
        count: usize,
        mut visit: impl FnMut(LoggedVersion) -> ControlFlow<()>,
    ) -> Result<Position, StorageError> {
        let mut last = after;
        on_reader!(self, feed, reader => {
            let rows = sqlx::query_as::<_, Row>(SELECT_LOG).bind(after).bind(count as i64).fetch(reader);
            let mut rows = pin!(rows);
            while let Some(row) = rows.try_next().await? {
                let (position, resource_type, id, version, last_updated, change, content, previous) = row;
                last = position;
                // A later release may store other types.
                let Some(resource_type) = ResourceType::parse(&resource_type) else { continue };
                let version =
                    LoggedVersion { position, resource_type, id, version, last_updated, change, content, previous };
                if visit(version).is_break() {
                    break;
                }
            }
        });
        Ok(last)
    }

    /// The versions of a resource before this one, newest first, at most `count` and as many as fit on a page, and whether
    /// there are older ones. The version before is missing, too, where its content has no room.
    pub async fn log_of_resource(
        &self,
        resource_type: ResourceType,
        id: &Id,
        before: Option<Version>,
        count: usize,
    ) -> Result<(Vec<LoggedVersion>, bool), StorageError> {
        // One more, which is the version before the last.
        let (mut rows, is_cut) = on_reader!(self, lookups, reader => {
            let query = sqlx::query_as::<_, OwnRow>(SELECT_LOG_OF_RESOURCE).bind(resource_type.as_str()).bind(id.as_str());
            let query = query.bind(before.unwrap_or(Version::MAX)).bind(count as i64 + 1);
            page(query.fetch(reader), count + 1, |row| row.4.len()).await?
        });
        let has_older = is_cut || rows.len() > count;
        let mut previous = if has_older && rows.len() > 1 { rows.pop().map(|row| row.4) } else { None };
        let mut versions = vec![];
        for (position, version, last_updated, change, content) in rows.into_iter().rev() {
            let previous = previous.replace(content.clone());
            let id = id.as_str().to_owned();
            versions.push(LoggedVersion {
                position,
                resource_type,
                id,
                version,
                last_updated,
                change,
                content,
                previous,
            });
        }
        versions.reverse();
        Ok((versions, has_older))
    }

    /// The position of the last version; 0 if there is none.
    pub async fn head(&self) -> Result<Position, StorageError> {
        let sql = "SELECT COALESCE(MAX(position), 0) FROM resource_version";
        // Those who wait for a commit do not wait for those who read.
        Ok(on_reader!(self, probe, reader => sqlx::query_scalar(sql).fetch_one(reader).await)?)
    }

    /// The last position that a version has had, also one that has been deleted since; 0 if there is none.
    pub async fn last_position(&self) -> Result<Position, StorageError> {
        let sql = match &self.writer {
            Writer::Sqlite(_) => "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'resource_version'",
            Writer::Postgres(_) => {
                "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM resource_version_position_seq"
            }
        };
        Ok(on_reader!(self, probe, reader => sqlx::query_scalar(sql).fetch_one(reader).await)?)
    }

    /// The id of the log: positions of another log mean other events. `None` before the first start of `serve`.
    pub async fn log_id(&self) -> Result<Option<String>, StorageError> {
        Ok(on_reader!(self, feed, reader => sqlx::query_scalar(SELECT_LOG_ID).fetch_optional(reader).await)?)
    }

    /// The id of the log, which is made with the database, and again for a restored copy.
    pub async fn open_log(&self) -> Result<String, StorageError> {
        let origin = match &self.writer {
            // `backup` removes the id from the copy.
            Writer::Sqlite(_) => String::new(),
            Writer::Postgres(connections) => {
                let mut connection = connections.acquire(&self.deadline).await?;
                sqlx::query_scalar(SELECT_ORIGIN).fetch_one(&mut *connection).await?
            }
        };
        let mut id = [0_u8; 8];
        getrandom::fill(&mut id).map_err(StorageError::internal)?;
        let remove = "DELETE FROM note WHERE name IN ('log-id', 'log-origin') \
            AND NOT EXISTS (SELECT 1 FROM note WHERE name = 'log-origin' AND value = $1)";
        let insert =
            "INSERT INTO note (name, value) VALUES ('log-id', $1), ('log-origin', $2) ON CONFLICT (name) DO NOTHING";
        Ok(in_write_transaction!(self, transaction => {
            sqlx::query(remove).bind(&origin).execute(&mut *transaction).await?;
            // Another instance may be first.
            sqlx::query(insert).bind(HEXLOWER.encode(&id)).bind(&origin).execute(&mut *transaction).await?;
            sqlx::query_scalar(SELECT_LOG_ID).fetch_one(&mut *transaction).await?
        }))
    }
}
