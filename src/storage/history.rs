//! Histories: the versions of one resource, of all of a type, or of all, newest first.
//!
//! A history over several resources is ordered by time, then by position: so `_since` and the end of `_at` are bounds of
//! the index that gives the order, and a page reads no version that is not on it, however long the log is. A position
//! alone would not do: a clock that was set back, or that of another instance, makes times descend along it.

use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::database::{Readers, Storage, Writer, on_reader};
use super::feed::Position;
use super::read::{StoredVersion, VersionRow, page};
use crate::fhir::date::instant;
use crate::fhir::id::Id;
use crate::fhir::query::date::Interval;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::storage::error::StorageError;

/// After every stored time.
const END_OF_TIME: &str = "9999-12-31T23:59:59.999Z";

/// A history over several resources is counted up to this number.
const MAX_TOTAL: i64 = 10_000;

/// Which versions a history lists.
#[derive(Clone, Copy, Debug, Default)]
pub struct HistoryFilter {
    /// `_since`: written at this instant or later.
    pub since: Option<Timestamp>,
    /// `_at`: current at some point of this period.
    pub at: Option<Interval>,
}

/// A page of the history of a resource.
#[derive(Debug)]
pub struct HistoryPage {
    /// The versions.
    pub versions: Vec<StoredVersion>,
    /// How many versions the whole history has.
    pub total: i64,
    /// Whether there are older ones.
    pub more: bool,
}

/// A page of the history of several resources.
#[derive(Debug)]
pub struct LogPage {
    /// The versions.
    pub versions: Vec<(ResourceType, StoredVersion)>,
    /// How many versions the whole history has; `None` where they are too many to be counted.
    pub total: Option<i64>,
    /// Where the next page continues, if there is one.
    pub next: Option<LogKey>,
}

/// Where a page of the history of several resources continues: with the versions before this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    /// When that version was written, as stored.
    pub last_updated: String,
    /// Its position.
    pub position: Position,
    /// The last position when the first page was read. Versions behind it are on no page.
    pub head: Position,
}

/// The condition that the version `v` was current after the instant of a placeholder, whose empty text means any. As a scalar
/// subquery, the next version is looked up by its key for each row; Postgres might read the whole table for a join.
macro_rules! current_after {
    ($at:literal) => {
        concat!(
            "(",
            $at,
            " = '' OR COALESCE((SELECT n.last_updated FROM resource_version n \
                 WHERE n.resource_type = v.resource_type AND n.id = v.id AND n.version = v.version + 1), \
                 '9999-12-31T23:59:59.999Z') > ",
            $at,
            ")"
        )
    };
}

impl HistoryFilter {
    /// The first instant at which a version may have been written; empty without one.
    fn since(&self) -> String {
        self.since.map(instant).unwrap_or_default()
    }

    /// The instant before which a version must have been written.
    fn end(&self) -> String {
        match self.at {
            // An empty period.
            Some(Interval { start: Some(start), end: Some(end) }) if start >= end => String::new(),
            Some(Interval { end: Some(end), .. }) => instant(end),
            _ => END_OF_TIME.to_owned(),
        }
    }

    /// The instant after which the next version must have been written; empty without one.
    fn at(&self) -> String {
        self.at.and_then(|at| at.start).map(instant).unwrap_or_default()
    }
}

impl Storage {
    /// Up to `count` versions of a resource that match the filter, older than `before`, newest first.
    /// `None` where the resource does not exist.
    pub async fn history(
        &self,
        resource_type: ResourceType,
        id: &Id,
        before: Option<Version>,
        filter: &HistoryFilter,
        count: usize,
    ) -> Result<Option<HistoryPage>, StorageError> {
        let total_sql = concat!(
            "SELECT COUNT(*), COUNT(CASE WHEN v.last_updated >= $3 AND v.last_updated < $4 AND ",
            current_after!("$5"),
            " THEN 1 END) FROM resource_version v WHERE v.resource_type = $1 AND v.id = $2"
        );
        let page_sql = concat!(
            "SELECT v.id, v.version, v.last_updated, v.interaction, v.content FROM resource_version v \
             WHERE v.resource_type = $1 AND v.id = $2 AND v.version < $6 \
                 AND v.last_updated >= $3 AND v.last_updated < $4 AND ",
            current_after!("$5"),
            " ORDER BY v.version DESC LIMIT $7"
        );
        let (all, total): (i64, i64) = on_reader!(self, lookups, reader => {
            let query = sqlx::query_as(total_sql).bind(resource_type.as_str()).bind(id.as_str());
            query.bind(filter.since()).bind(filter.end()).bind(filter.at()).fetch_one(reader).await
        })?;
        if all == 0 {
            return Ok(None);
        }
        let (versions, more) = on_reader!(self, lookups, reader => {
            let query = sqlx::query_as::<_, VersionRow>(page_sql).bind(resource_type.as_str()).bind(id.as_str());
            let query = query.bind(filter.since()).bind(filter.end()).bind(filter.at());
            let query = query.bind(before.unwrap_or(Version::MAX)).bind(limit(count));
            page(query.fetch(reader).map_ok(StoredVersion::from), count, StoredVersion::size).await
        })?;
        Ok(Some(HistoryPage { versions, total, more }))
    }

    /// Up to `count` versions of a type, or of all, that match the filter, before `key`, newest first; with a `count` of 0
    /// only their number, within a second ([`COUNT_TIMEOUT`](super::COUNT_TIMEOUT)).
    pub async fn log_history(
        &self,
        resource_type: Option<ResourceType>,
        key: Option<&LogKey>,
        filter: &HistoryFilter,
        count: usize,
    ) -> Result<LogPage, StorageError> {
        if count == 0 {
            let total = self.count_log(resource_type, Position::MAX, filter, None).await?;
            return Ok(LogPage { versions: vec![], total: Some(total), next: None });
        }
        let types = types(resource_type);
        // (end, 0) is before each version of that instant.
        let (before, position) = match key {
            Some(key) if key.last_updated < filter.end() => (key.last_updated.clone(), key.position),
            _ => (filter.end(), 0),
        };
        let head = key.map_or(Position::MAX, |key| key.head);
        macro_rules! page_by {
            ($lent:expr) => {{
                let query = sqlx::query_as::<_, LogRow>(AssertSqlSafe(self.log_sql(types.len())));
                let query = query.bind(filter.since()).bind(before).bind(filter.at()).bind(position).bind(head);
                let query = types.iter().fold(query.bind(limit(count)), |query, known| query.bind(known.as_str()));
                page(query.fetch(&mut *$lent), count, |row| row.5.len()).await
            }};
        }
        // `_at` may read many versions for a page: reads by id do not wait for that.
        let (rows, more) = match &self.readers.searches {
            Readers::Sqlite(readers) => {
                let mut lent = readers.acquire(&self.deadline).await?;
                page_by!(lent)?
            }
            Readers::Postgres(connections) => {
                let mut lent = connections.acquire(&self.deadline).await?;
                lent.begin_in_index_order().await?;
                page_by!(lent)?
            }
        };
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| LogKey { last_updated: row.3.clone(), position: row.6, head: row.7.min(head) });
        let total = match (key, &next) {
            (Some(_), _) => None,
            (None, None) => i64::try_from(rows.len()).ok(),
            (None, Some(next)) => match self.count_log(resource_type, next.head, filter, Some(MAX_TOTAL)).await {
                Ok(total) => Some(total).filter(|total| *total <= MAX_TOTAL),
                // A page is useful without the number.
                Err(StorageError::DeadlineExceeded) => None,
                Err(error) => return Err(error),
            },
        };
        let versions =
            rows.into_iter().filter_map(|(resource_type, id, version, last_updated, interaction, content, ..)| {
                let version = StoredVersion { id, version, last_updated, interaction, content };
                Some((ResourceType::parse(&resource_type)?, version))
            });
        Ok(LogPage { versions: versions.collect(), total, next })
    }

    /// The page of several types is merged of the versions of each, in the order of its index. SQLite sees the order of each
    /// by itself, Postgres is told.
    fn log_sql(&self, types: usize) -> String {
        let select = concat!(
            "SELECT v.resource_type, v.id, v.version, v.last_updated, v.interaction, v.content, v.position \
             FROM resource_version v \
             WHERE v.last_updated >= $1 AND (v.last_updated, v.position) < ($2, $4) AND v.position <= $5 AND ",
            current_after!("$3"),
        );
        let order = "ORDER BY last_updated DESC, position DESC LIMIT $6";
        let selects = by_type(select, 7, types);
        let merged = match self.writer {
            Writer::Sqlite(_) => selects.join(" UNION ALL "),
            Writer::Postgres(_) => {
                let ordered = selects.iter().map(|select| format!("({select} {order})"));
                ordered.collect::<Vec<_>>().join(" UNION ALL ")
            }
        };
        format!("SELECT versions.*, (SELECT MAX(position) FROM resource_version) FROM ({merged}) AS versions {order}")
    }

    /// How many versions up to a position match the filter; where they are more than `max`, any number above it.
    async fn count_log(
        &self,
        resource_type: Option<ResourceType>,
        head: Position,
        filter: &HistoryFilter,
        max: Option<i64>,
    ) -> Result<i64, StorageError> {
        let types = types(resource_type);
        let binds = [filter.since(), filter.end(), filter.at(), head.to_string()];
        let binds = binds.into_iter().chain(types.iter().map(|known| known.as_str().to_owned())).collect();
        self.count_rows(count_sql(types.len(), max), binds, max.is_some()).await
    }
}

/// A version with its type, its position, and the last position of all.
type LogRow = (String, String, i64, String, String, String, i64, i64);

/// The types of a history.
fn types(only: Option<ResourceType>) -> Vec<ResourceType> {
    ResourceType::ALL.into_iter().filter(|known| only.is_none_or(|only| only == *known)).collect()
}

/// One row more than asked for tells whether there is a next page.
fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1)
}

fn count_sql(types: usize, max: Option<i64>) -> String {
    let select = concat!(
        "SELECT 1 FROM resource_version v \
         WHERE v.last_updated >= $1 AND v.last_updated < $2 AND v.position <= CAST($4 AS BIGINT) AND ",
        current_after!("$3"),
    );
    let limit = max.map_or(String::new(), |max| format!(" LIMIT {}", max + 1));
    format!("SELECT COUNT(*) FROM ({}{limit}) AS found", by_type(select, 5, types).join(" UNION ALL "))
}

/// A statement for each type, whose placeholders are numbered from `first` on.
fn by_type(select: &str, first: usize, types: usize) -> Vec<String> {
    (first..first + types).map(|number| format!("{select} AND v.resource_type = ${number}")).collect()
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;

    #[tokio::test]
    async fn history_pages_on_sqlite_are_ranges_of_an_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/plan.db", folder.path().display());
        let storage = Storage::open(&url).await.expect("a database");
        let Writer::Sqlite(connections) = &storage.writer else { unreachable!() };
        let mut writer = connections.acquire(&storage.deadline).await.expect("a connection");
        for types in 1..=ResourceType::ALL.len() {
            let explain = format!("EXPLAIN QUERY PLAN {}", storage.log_sql(types));
            let plan = sqlx::query(AssertSqlSafe(explain)).fetch_all(&mut *writer).await.expect("a plan");
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            let range =
                "SEARCH v USING INDEX resource_version_time (resource_type=? AND last_updated>? AND last_updated<?)";
            assert_eq!(plan.iter().filter(|step| *step == range).count(), types, "{plan:#?}");
            assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE") || step.starts_with("SCAN")), "{plan:#?}");
        }
        drop(writer);
        storage.close().await;
    }

    #[tokio::test]
    async fn history_of_several_resources_takes_no_connection_of_reads_by_id() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/pools.db", folder.path().display());
        let storage = Storage::open(&url).await.expect("a database");
        storage.readers.lookups.close().await;
        let id = Id::parse("a").expect("an id");
        let filter = HistoryFilter::default();
        storage.history(ResourceType::Practitioner, &id, None, &filter, 1).await.expect_err("its pool is closed");
        for count in [0, 1] {
            let page = storage.log_history(None, None, &filter, count).await.expect("a page");
            assert_eq!((page.versions.len(), page.total), (0, Some(0)));
        }
        storage.close().await;
    }
}
