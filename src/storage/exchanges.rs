//! The record of exchanges: added with the changes it describes, found by whom and what it is about.

use std::collections::BTreeSet;

use super::database::{Storage, Writer, on_reader};
use super::write::in_write_transaction;
use crate::audit::{Key, Record, Subject};
use crate::error::Error;
use crate::fhir::identifier::Identifier;

/// The records of which the subjects are sorted together.
pub(super) const RUN: i64 = 128;

/// How many records one transaction removes: writes wait for it.
const PURGED_TOGETHER: i64 = 500;
/// Among so many of the first numbers they are looked for. Those that came late, or were told a wrong time by a
/// clock that was ahead, stand before older ones and must not hide them.
const LOOKED_THROUGH: i64 = 20_000;
/// How many runs of subjects go with them: more than these records fill.
const RUNS_PURGED_TOGETHER: i64 = 8;
/// How many records are read at once.
const PAGE: i64 = 500;
/// Records are numbered as they are committed: one that waited, while the database was away, stands after later
/// ones. This is more than ever wait together.
const MOST_LATE: usize = 4096;

const SELECT_KEY: &str = "SELECT value FROM note WHERE name = 'exchanges-key'";

/// Adds records within a write transaction, in which nobody else numbers any: they follow the last one. A
/// whole batch is one value of each statement: on SQLite a statement costs as much as many rows.
macro_rules! add_records {
    ($storage:expr, $transaction:ident, $records:expr) => {
        let batch = $crate::storage::exchanges::Batch::of($records)?;
        if batch.length > 0 {
            let [records, subjects] = $crate::storage::exchanges::insertions($storage);
            sqlx::query(records).bind(batch.records).execute(&mut *$transaction).await?;
            let run = $crate::storage::exchanges::RUN;
            let query = sqlx::query(subjects).bind(batch.subjects).bind(batch.length).bind(run);
            query.execute(&mut *$transaction).await?;
        }
    };
}
pub(super) use add_records;

/// Records as they are added: as arrays in JSON.
pub(super) struct Batch {
    pub length: i64,
    /// One object each.
    pub records: String,
    /// One array of subjects each.
    pub subjects: String,
}

impl Batch {
    pub(super) fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, sqlx::Error> {
        let records: Vec<_> = records.into_iter().collect();
        let subjects: Vec<Vec<i64>> =
            records.iter().map(|record| record.subjects().into_iter().map(|subject| subject.0).collect()).collect();
        let text = |json: serde_json::Result<String>| json.map_err(|error| sqlx::Error::Encode(error.into()));
        Ok(Self {
            length: records.len() as i64,
            subjects: text(serde_json::to_string(&subjects))?,
            records: text(serde_json::to_string(&records))?,
        })
    }
}

/// The statements that add a [`Batch`]: its records after the last one, then what these are found by.
///
/// Where every record was removed, numbers begin anew, and may meet subjects that are yet to be removed.
pub(super) fn insertions(storage: &Storage) -> [&'static str; 2] {
    match storage.writer {
        // SQLite numbers from the largest on, in the order of the rows. Asked for the largest number, it would read
        // the whole table for each batch.
        Writer::Sqlite { .. } => [
            "INSERT INTO exchange (at, record) SELECT value ->> 'at', value FROM json_each($1)",
            "INSERT INTO exchange_subject (run, subject, exchange) \
             SELECT (last_insert_rowid() - $2 + 1 + record.key) / $3, subject.value, last_insert_rowid() - $2 + 1 + record.key \
             FROM json_each($1) AS record CROSS JOIN json_each(record.value) AS subject \
             WHERE true ON CONFLICT DO NOTHING",
        ],
        Writer::Postgres(_) => [
            "INSERT INTO exchange (id, at, record) SELECT last.id + new.position, new.record ->> 'at', new.record::text \
             FROM (SELECT COALESCE(MAX(id), 0) AS id FROM exchange) AS last \
             CROSS JOIN json_array_elements($1::json) WITH ORDINALITY AS new (record, position)",
            "INSERT INTO exchange_subject (run, subject, exchange) \
             SELECT (last.id - $2 + record.position) / $3, subject.value::bigint, last.id - $2 + record.position \
             FROM (SELECT MAX(id) AS id FROM exchange) AS last \
             CROSS JOIN json_array_elements($1::json) WITH ORDINALITY AS record (subjects, position) \
             CROSS JOIN json_array_elements_text(record.subjects) AS subject (value) \
             ON CONFLICT DO NOTHING",
        ],
    }
}

/// Which records are wanted.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Those about any of these; empty: about whatever.
    pub subjects: Vec<Subject>,
    /// From this time on, as stored.
    pub since: Option<String>,
    /// Before this time, as stored.
    pub until: Option<String>,
    /// The most that are given.
    pub limit: usize,
}

impl Asked {
    fn is_within(&self, record: &Record) -> bool {
        self.since.as_ref().is_none_or(|since| record.at >= *since)
            && self.until.as_ref().is_none_or(|until| record.at < *until)
    }
}

impl Storage {
    /// Adds records that describe no change.
    pub async fn record(&self, records: &[Record]) -> Result<(), sqlx::Error> {
        in_write_transaction!(self, transaction => { add_records!(self, transaction, records); });
        Ok(())
    }

    /// Writes a few bytes, to see whether anything can be written.
    pub async fn try_writing(&self, now: &str) -> Result<(), sqlx::Error> {
        let sql = "INSERT INTO note (name, value) VALUES ('written', $1) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        in_write_transaction!(self, transaction => {
            sqlx::query(sql).bind(now).execute(&mut *transaction).await?;
        });
        Ok(())
    }

    /// The key that hashes are made with where none is set: made at random once, and kept in the database.
    pub async fn exchanges_key(&self) -> Result<Key, Error> {
        if let Some(kept) = self.kept_exchanges_key().await? {
            return Ok(kept);
        }
        let new = Key::random().map_err(Error::internal)?;
        let insert = "INSERT INTO note (name, value) VALUES ('exchanges-key', $1) ON CONFLICT (name) DO NOTHING";
        // Another instance may be first.
        let kept: String = in_write_transaction!(self, transaction => {
            sqlx::query(insert).bind(new).execute(&mut *transaction).await?;
            sqlx::query_scalar(SELECT_KEY).fetch_one(&mut *transaction).await?
        });
        Ok(Key::of_bytes(kept.as_bytes()))
    }

    /// The same, where it was made.
    pub async fn kept_exchanges_key(&self) -> Result<Option<Key>, Error> {
        let kept: Option<String> =
            on_reader!(self, searches, reader => sqlx::query_scalar(SELECT_KEY).fetch_optional(reader).await)?;
        Ok(kept.map(|kept| Key::of_bytes(kept.as_bytes())))
    }

    /// Whether this key is the one that was noted last; `None` where none was.
    pub async fn is_noted_key(&self, key: &Key) -> Result<Option<bool>, Error> {
        let select = "SELECT value FROM note WHERE name = 'exchanges-key-check'";
        let noted: Option<String> =
            on_reader!(self, searches, pool => sqlx::query_scalar(select).fetch_optional(pool).await)?;
        Ok(noted.map(|noted| noted == key.check()))
    }

    /// Notes by what the key is known again that hashes are made with from now on.
    pub async fn note_key(&self, key: &Key) -> Result<(), Error> {
        let upsert = "INSERT INTO note (name, value) VALUES ('exchanges-key-check', $1) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        in_write_transaction!(self, transaction => {
            sqlx::query(upsert).bind(key.check()).execute(&mut *transaction).await?;
        });
        Ok(())
    }

    /// The newest records that are wanted and that `keep` keeps, oldest first.
    pub async fn exchanges(&self, asked: &Asked, keep: impl Fn(&Record) -> bool) -> Result<Vec<Record>, Error> {
        let mut found = vec![];
        if asked.subjects.is_empty() {
            let sql = "SELECT id, at, record FROM exchange WHERE id < $1 ORDER BY id DESC LIMIT $2";
            let (mut before, mut older) = (i64::MAX, 0);
            while found.len() < asked.limit && older < MOST_LATE {
                let page: Vec<(i64, String, String)> = on_reader!(self, searches, reader => sqlx::query_as(sql).bind(before).bind(PAGE).fetch_all(reader).await)?;
                let Some((last, ..)) = page.last() else { break };
                before = *last;
                for (_, at, text) in page {
                    let is_older = asked.since.as_ref().is_some_and(|since| at < *since);
                    older = if is_older { older + 1 } else { 0 };
                    let record = parsed(&text).filter(|record| asked.is_within(record) && keep(record));
                    found.extend(record.filter(|_| found.len() < asked.limit));
                }
            }
            found.sort_by(|one: &Record, other| other.at.cmp(&one.at));
        } else {
            for id in self.about(&asked.subjects).await?.into_iter().rev() {
                if found.len() == asked.limit {
                    break;
                }
                let sql = "SELECT record FROM exchange WHERE id = $1";
                let text: Option<String> = on_reader!(self, searches, reader => sqlx::query_scalar(sql).bind(id).fetch_optional(reader).await)?;
                let record = text.as_deref().and_then(parsed);
                found.extend(record.filter(|record| asked.is_within(record) && keep(record)));
            }
        }
        found.reverse();
        Ok(found)
    }

    /// The numbers of the records about any of these, run by run.
    async fn about(&self, subjects: &[Subject]) -> Result<BTreeSet<i64>, Error> {
        let sql = "WITH RECURSIVE run(number) AS ( \
                 SELECT MIN(run) FROM exchange_subject \
                 UNION ALL \
                 SELECT number + 1 FROM run WHERE number < (SELECT MAX(run) FROM exchange_subject) \
             ) \
             SELECT s.exchange FROM run CROSS JOIN exchange_subject s WHERE s.run = run.number AND s.subject = $1";
        let mut found = BTreeSet::new();
        for subject in subjects {
            let ids: Vec<i64> =
                on_reader!(self, searches, reader => sqlx::query_scalar(sql).bind(subject.0).fetch_all(reader).await)?;
            found.extend(ids);
        }
        Ok(found)
    }

    /// The resources that hold this identifier, or held it: type and id.
    pub async fn holders(&self, identifier: &Identifier) -> Result<Vec<(String, String)>, Error> {
        let sql = "SELECT resource_type, resource_id FROM identifier \
             WHERE value = $1 AND system = $2 AND hold IN ('held', 'released')";
        let Identifier { system, value } = identifier;
        Ok(on_reader!(self, searches, reader => sqlx::query_as(sql).bind(value).bind(system).fetch_all(reader).await)?)
    }

    /// Removes some of the records that are older than this, and what they were found by: how many. Zero when
    /// none is left.
    pub async fn purge_exchanges(&self, before: &str) -> Result<u64, Error> {
        let purge = "DELETE FROM exchange WHERE id IN ( \
                 SELECT id FROM (SELECT id, at FROM exchange ORDER BY id LIMIT $2) AS first WHERE at < $1 LIMIT $3)";
        let subjects = "DELETE FROM exchange_subject WHERE run IN ( \
                 SELECT DISTINCT run FROM exchange_subject \
                 WHERE run < COALESCE((SELECT MIN(id) FROM exchange), $1) / $2 ORDER BY run LIMIT $3)";
        Ok(in_write_transaction!(self, transaction => {
            let query = sqlx::query(purge).bind(before).bind(LOOKED_THROUGH).bind(PURGED_TOGETHER);
            let purged = query.execute(&mut *transaction).await?.rows_affected();
            let query = sqlx::query(subjects).bind(i64::MAX).bind(RUN).bind(RUNS_PURGED_TOGETHER);
            query.execute(&mut *transaction).await?;
            purged
        }))
    }
}

/// The record of this text; what a later release may have written is passed over.
fn parsed(text: &str) -> Option<Record> {
    serde_json::from_str(text).ok()
}
