//! Reads exchanges, newest first.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::{JournalDatabase, OverRows};

use crate::audit::LookupKey;
use crate::storage::database::Readers;
use crate::storage::error::StorageError;

/// What a list shows of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalRow {
    pub id: i64,
    pub request_id: String,
    pub at: String,
    pub method: String,
    pub target: String,
    pub status: i64,
    pub interaction: String,
    pub resource_type: Option<String>,
    pub resource_id: Option<String>,
    pub caller: Option<String>,
    /// Each between two spaces.
    pub rules: String,
    pub duration_us: i64,
    /// Of the whole exchange, about, in bytes.
    pub size: i64,
}

/// A row as the database has it.
type Row = (
    i64,
    String,
    String,
    String,
    String,
    i64,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    String,
    i64,
    i64,
);

impl From<Row> for JournalRow {
    fn from(
        (
            id,
            request_id,
            at,
            method,
            target,
            status,
            interaction,
            resource_type,
            resource_id,
            caller,
            rules,
            time,
            size,
        ): Row,
    ) -> Self {
        let duration_us = time;
        Self {
            id,
            request_id,
            at,
            method,
            target,
            status,
            interaction,
            resource_type,
            resource_id,
            caller,
            rules,
            duration_us,
            size,
        }
    }
}

/// Which exchanges to list: all conditions that are set.
#[derive(Clone, Debug, Default)]
pub struct JournalFilter {
    /// Before this id: where the last page ended.
    pub before: Option<i64>,
    /// Behind this id.
    pub after: Option<i64>,
    /// From this time on, as stored.
    pub since: Option<String>,
    /// Before this time, as stored.
    pub until: Option<String>,
    /// The lowest and the highest status.
    pub status: Option<(i64, i64)>,
    pub interaction: Option<String>,
    pub resource_type: Option<String>,
    pub caller: Option<String>,
    pub rule: Option<String>,
    /// About any of these identifiers and resources; empty: all.
    pub keys: Vec<LookupKey>,
}

impl JournalFilter {
    /// Whether the list must read exchanges that do not match, as no index finds those that do.
    pub fn is_scan(&self) -> bool {
        let Self { since, until, status, interaction, resource_type, caller, rule, keys, .. } = self;
        let texts = [since, until, interaction, resource_type, caller, rule];
        keys.is_empty()
            && (status.is_some_and(|status| status != ANY_REFUSED) || texts.iter().any(|text| text.is_some()))
    }

    /// Whether an exchange matches all conditions but those of ids and keys.
    pub fn matches(&self, row: &JournalRow) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        is(&self.interaction, Some(&row.interaction))
            && is(&self.resource_type, row.resource_type.as_deref())
            && is(&self.caller, row.caller.as_deref())
            && self.since.as_ref().is_none_or(|since| row.at >= *since)
            && self.until.as_ref().is_none_or(|until| row.at < *until)
            && self.status.is_none_or(|(lowest, highest)| (lowest..=highest).contains(&row.status))
            && self.rule.as_ref().is_none_or(|rule| row.rules.contains(&format!(" {rule} ")))
    }
}

const COLUMNS: &str = "id, request_id, at, method, target, status, interaction, resource_type, resource_id, caller, rules, \
     duration_us, size";

/// From this status on, exchanges have an index of their own.
const REFUSED: i64 = 400;

/// All that this index has.
const ANY_REFUSED: (i64, i64) = (REFUSED, 599);

const ANY_STATUS: (i64, i64) = (0, i64::MAX);

/// Exchanges that one statement is asked about.
const MAX_IDS: usize = 1024;

/// Exchanges of a list, `?`: a JSON array of their ids.
const AMONG: OverRows = OverRows {
    sqlite: " AND id IN (SELECT value FROM json_each(?))",
    postgres: " AND id IN (SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(? AS json)) AS ids (value))",
};

/// The contents of the exchanges whose ids are the rows of `$1`.
const CONTENTS: OverRows = OverRows {
    sqlite: "SELECT exchange, content FROM exchange_content WHERE exchange IN (SELECT value FROM json_each($1))",
    postgres: "SELECT exchange, content FROM exchange_content \
               WHERE exchange IN (SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST($1 AS json)) AS ids (value))",
};

/// Expands the body once for each database, with a connection that reads as `$reader`.
macro_rules! on_reader {
    ($journal:expr, $reader:ident => $body:expr) => {
        match &$journal.readers {
            Readers::Sqlite(readers) => {
                let mut lent = readers.acquire(&$journal.deadline).await?;
                let $reader = &mut *lent;
                $body
            }
            Readers::Postgres(connections) => {
                let mut lent = connections.acquire(&$journal.deadline).await?;
                let $reader = &mut *lent;
                $body
            }
        }
    };
}

impl JournalDatabase {
    /// The newest exchanges that match, at most `limit`.
    pub async fn list(&self, filter: &JournalFilter, limit: usize) -> Result<Vec<JournalRow>, StorageError> {
        if filter.keys.is_empty() {
            return self.list_among(filter, None, limit).await;
        }
        let is_in =
            |id: &i64| filter.before.is_none_or(|before| *id < before) && filter.after.is_none_or(|after| *id > after);
        let ids: Vec<_> = self.find(&filter.keys).await?.into_iter().rev().filter(is_in).collect();
        let mut found = vec![];
        for ids in ids.chunks(MAX_IDS) {
            found.extend(self.list_among(filter, Some(ids), limit - found.len()).await?);
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }

    /// The newest exchanges that match, whatever the filter's keys, of all or of these.
    async fn list_among(
        &self,
        filter: &JournalFilter,
        ids: Option<&[i64]>,
        limit: usize,
    ) -> Result<Vec<JournalRow>, StorageError> {
        let (sql, texts) = self.list_sql(filter, ids);
        let (lowest, highest) = filter.status.unwrap_or(ANY_STATUS);
        let (before, after) = (filter.before.unwrap_or(i64::MAX), filter.after.unwrap_or(0));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        on_reader!(self, reader => {
            let query = sqlx::query_as(AssertSqlSafe(sql)).bind(before).bind(after).bind(lowest).bind(highest).bind(limit);
            let query = texts.into_iter().fold(query, sqlx::query::QueryAs::bind);
            let rows: Vec<Row> = query.fetch_all(reader).await?;
            Ok(rows.into_iter().map(JournalRow::from).collect())
        })
    }

    /// The statement of a list, and its parameters from `$6` on. Before them are the ids and the statuses between which it reads,
    /// and the limit.
    fn list_sql(&self, filter: &JournalFilter, ids: Option<&[i64]>) -> (String, Vec<String>) {
        let JournalFilter { since, until, status, interaction, resource_type, caller, rule, .. } = filter;
        // Conditions that are not set are left out: each text is prepared once, and there are few in use.
        let mut sql = format!("SELECT {COLUMNS} FROM exchange WHERE id < $1 AND id > $2");
        let mut texts = vec![];
        let mut add = |condition: &str, value: &Option<String>| {
            if let Some(value) = value {
                texts.push(value.clone());
                sql.push_str(&condition.replace('?', &format!("${}", texts.len() + 5)));
            }
        };
        add(" AND at >= ?", since);
        add(" AND at < ?", until);
        add(" AND interaction = ?", interaction);
        add(" AND resource_type = ?", resource_type);
        add(" AND caller = ?", caller);
        let rule = rule.as_ref().map(|rule| format!("% {} %", escape_like(rule)));
        add(" AND rules LIKE ? ESCAPE '\\'", &rule);
        add(self.text(AMONG), &ids.map(json));
        let (lowest, _) = status.unwrap_or(ANY_STATUS);
        if lowest >= REFUSED {
            // Literally, as in the index.
            sql.push_str(" AND status >= 400");
        }
        sql.push_str(" AND status >= $3 AND status <= $4 ORDER BY id DESC LIMIT $5");
        (sql, texts)
    }

    /// The exchanges under any of these keys before and behind this one.
    pub async fn neighbours(&self, keys: &[LookupKey], id: i64) -> Result<[Option<JournalRow>; 2], StorageError> {
        let about = self.find(keys).await?;
        let (before, behind) = (about.range(..id).next_back(), about.range(id.saturating_add(1)..).next());
        let ids: Vec<_> = before.into_iter().chain(behind).copied().collect();
        let rows = self.list_among(&JournalFilter::default(), Some(&ids), ids.len()).await?;
        Ok([before, behind].map(|wanted| rows.iter().find(|row| Some(&row.id) == wanted).cloned()))
    }

    /// The ids of the exchanges under any of these keys, run by run.
    async fn find(&self, keys: &[LookupKey]) -> Result<BTreeSet<i64>, StorageError> {
        let sql = "WITH RECURSIVE run(number) AS ( \
                 SELECT MIN(run) FROM exchange_subject \
                 UNION ALL \
                 SELECT number + 1 FROM run WHERE number < (SELECT MAX(run) FROM exchange_subject) \
             ) \
             SELECT s.exchange FROM run CROSS JOIN exchange_subject s WHERE s.run = run.number AND s.subject = $1";
        let mut found = BTreeSet::new();
        for key in keys {
            let ids: Vec<i64> =
                on_reader!(self, reader => sqlx::query_scalar(sql).bind(key.0).fetch_all(reader).await)?;
            found.extend(ids);
        }
        Ok(found)
    }

    /// The exchanges with this request id, newest first, at most `limit`.
    pub async fn with_request_id(&self, request_id: &str, limit: usize) -> Result<Vec<JournalRow>, StorageError> {
        let sql = format!("SELECT {COLUMNS} FROM exchange WHERE request_id = $1 ORDER BY id DESC LIMIT $2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        on_reader!(self, reader => {
            let query = sqlx::query_as(AssertSqlSafe(sql)).bind(request_id).bind(limit);
            let rows: Vec<Row> = query.fetch_all(reader).await?;
            Ok(rows.into_iter().map(JournalRow::from).collect())
        })
    }

    /// The content of an exchange; `None` where it is no longer kept.
    pub async fn content(&self, id: i64) -> Result<Option<Vec<u8>>, StorageError> {
        let sql = "SELECT content FROM exchange_content WHERE exchange = $1";
        Ok(on_reader!(self, reader => sqlx::query_scalar(sql).bind(id).fetch_optional(reader).await)?)
    }

    /// The contents of these exchanges, as far as they are kept.
    pub async fn contents(&self, ids: &[i64]) -> Result<Vec<(i64, Vec<u8>)>, StorageError> {
        let sql = self.text(CONTENTS);
        Ok(on_reader!(self, reader => sqlx::query_as(sql).bind(json(ids)).fetch_all(reader).await)?)
    }

    /// The text of a statement for this database.
    fn text(&self, statement: OverRows) -> &'static str {
        match &self.readers {
            Readers::Sqlite(_) => statement.sqlite,
            Readers::Postgres(_) => statement.postgres,
        }
    }

    /// How much is kept, in bytes: of everything, and of successful reads and searches.
    pub async fn sizes(&self) -> Result<(i64, i64), StorageError> {
        let sql = "SELECT size, read_size FROM total";
        Ok(on_reader!(self, reader => sqlx::query_as(sql).fetch_one(reader).await)?)
    }
}

fn json(ids: &[i64]) -> String {
    serde_json::Value::from(ids).to_string()
}

/// The pattern of `LIKE` for a text as it is.
fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;

    #[test]
    fn journal_filter_is_a_scan_unless_a_key_or_nothing_is_wanted() {
        let text = || Some("x".to_owned());
        let none = JournalFilter::default;
        for (filter, expected) in [
            (none(), false),
            (JournalFilter { before: Some(9), after: Some(1), ..none() }, false),
            (JournalFilter { since: text(), ..none() }, true),
            (JournalFilter { until: text(), ..none() }, true),
            (JournalFilter { status: Some((200, 299)), ..none() }, true),
            (JournalFilter { status: Some((400, 499)), ..none() }, true),
            (JournalFilter { status: Some((400, 599)), ..none() }, false),
            (JournalFilter { status: Some((400, 599)), rule: text(), ..none() }, true),
            (JournalFilter { interaction: text(), ..none() }, true),
            (JournalFilter { resource_type: text(), ..none() }, true),
            (JournalFilter { caller: text(), ..none() }, true),
            (JournalFilter { rule: text(), ..none() }, true),
            (JournalFilter { rule: text(), keys: vec![LookupKey(1)], ..none() }, false),
        ] {
            assert_eq!(filter.is_scan(), expected, "{filter:?}");
        }
    }

    #[tokio::test]
    async fn journal_list_of_refusals_uses_their_index_on_sqlite() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let journal = JournalDatabase::open(&url).await.expect("a journal");
        for (status, expected) in
            [(Some((400, 599)), true), (Some((422, 422)), true), (Some((200, 499)), false), (None, false)]
        {
            let (sql, _) = journal.list_sql(&JournalFilter { status, ..JournalFilter::default() }, None);
            let Readers::Sqlite(readers) = &journal.readers else { unreachable!("it is SQLite") };
            let mut reader = readers.acquire(&journal.deadline).await.expect("a connection");
            let explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
            let plan = explain.fetch_all(&mut *reader).await.expect("a plan");
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            assert_eq!(plan.iter().any(|step| step.contains("exchange_refused")), expected, "{plan:?}");
        }
    }
}
