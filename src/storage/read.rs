//! Reads: one version, the current version, and pages of versions.

use std::pin::pin;

use futures_util::{Stream, TryStreamExt};

use super::database::{Storage, on_reader};
use super::registry::Claim;
use crate::fhir::id::Id;
use crate::fhir::identifier::Identifier;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::storage::error::StorageError;

/// A version as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// The id of the resource.
    pub id: String,
    /// The number of this version.
    pub version: Version,
    /// When it was written: UTC text of fixed width.
    pub last_updated: String,
    /// The interaction that wrote it: `create` or `update`.
    pub interaction: String,
    /// The resource as JSON text.
    pub content: String,
}

/// An identifier of a resource, in its comparable form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIdentifier {
    pub identifier: Identifier,
    /// How the resource relates to it.
    pub claim: Claim,
    /// The id of the resource that holds it now, if one does.
    pub holder: Option<String>,
}

/// The columns of a version.
pub(super) type VersionRow = (String, i64, String, String, String);

impl From<VersionRow> for StoredVersion {
    fn from((id, version, last_updated, interaction, content): VersionRow) -> Self {
        Self { id, version, last_updated, interaction, content }
    }
}

impl StoredVersion {
    /// Its share of a page, in bytes.
    pub(super) fn size(&self) -> usize {
        self.content.len()
    }
}

/// One version of a resource.
const VERSION: &str = "\
    SELECT id, version, last_updated, interaction, content FROM resource_version \
    WHERE resource_type = $1 AND id = $2 AND version = $3";

/// A page ends after the entry with which its contents exceed this, in bytes.
pub(crate) const MAX_PAGE_BYTES: usize = 8 << 20;

/// Up to `count` of the rows, whose contents have these sizes, and whether there are more.
pub(super) async fn page<R>(
    rows: impl Stream<Item = Result<R, sqlx::Error>>,
    count: usize,
    size: impl Fn(&R) -> usize,
) -> Result<(Vec<R>, bool), sqlx::Error> {
    let mut rows = pin!(rows);
    let (mut page, mut total) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await? {
        if page.len() == count || total >= MAX_PAGE_BYTES {
            return Ok((page, true));
        }
        total += size(&row);
        page.push(row);
    }
    Ok((page, false))
}

impl Storage {
    /// The current version of a resource.
    pub async fn read(&self, resource_type: ResourceType, id: &Id) -> Result<Option<StoredVersion>, StorageError> {
        let sql = "\
            SELECT v.id, v.version, v.last_updated, v.interaction, v.content \
            FROM resource r \
            JOIN resource_version v \
                ON v.resource_type = r.resource_type AND v.id = r.id AND v.version = r.version \
            WHERE r.resource_type = $1 AND r.id = $2";
        let row: Option<VersionRow> = on_reader!(self, lookups, reader => {
            sqlx::query_as(sql).bind(resource_type.as_str()).bind(id.as_str()).fetch_optional(reader).await
        })?;
        Ok(row.map(Into::into))
    }

    /// The version that a write left unchanged. It does not wait for reads.
    pub async fn read_unchanged(
        &self,
        resource_type: ResourceType,
        id: &Id,
        version: Version,
    ) -> Result<Option<StoredVersion>, StorageError> {
        let row: Option<VersionRow> = on_reader!(self, unchanged, reader => {
            let query = sqlx::query_as(VERSION).bind(resource_type.as_str()).bind(id.as_str());
            query.bind(version).fetch_optional(reader).await
        })?;
        Ok(row.map(Into::into))
    }

    /// One version of a resource.
    pub async fn read_version(
        &self,
        resource_type: ResourceType,
        id: &Id,
        version: Version,
    ) -> Result<Option<StoredVersion>, StorageError> {
        let row: Option<VersionRow> = on_reader!(self, lookups, reader => {
            sqlx::query_as(VERSION).bind(resource_type.as_str()).bind(id.as_str()).bind(version).fetch_optional(reader).await
        })?;
        Ok(row.map(Into::into))
    }

    /// The identifiers that a resource holds, mentions, and has released, at most `limit`.
    pub async fn identifiers(
        &self,
        resource_type: ResourceType,
        id: &Id,
        limit: u32,
    ) -> Result<Vec<StoredIdentifier>, StorageError> {
        let sql = "\
            SELECT i.system, i.value, i.hold, h.resource_id \
            FROM identifier i \
            LEFT JOIN identifier h \
                ON h.resource_type = i.resource_type AND h.system = i.system AND h.value = i.value AND h.hold = 'held' \
            WHERE i.resource_type = $1 AND i.resource_id = $2 \
            ORDER BY i.hold, i.system, i.value LIMIT $3";
        let rows: Vec<(String, String, String, Option<String>)> = on_reader!(self, lookups, reader => {
            let query = sqlx::query_as(sql).bind(resource_type.as_str()).bind(id.as_str());
            query.bind(i64::from(limit)).fetch_all(reader).await
        })?;
        let known = rows.into_iter().filter_map(|(system, value, hold, holder)| {
            Some(StoredIdentifier { identifier: Identifier { system, value }, claim: Claim::parse(&hold)?, holder })
        });
        Ok(known.collect())
    }
}
