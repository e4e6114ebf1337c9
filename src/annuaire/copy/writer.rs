//! Writing: resources are added as versions, and committed with their part of the index.

use std::collections::{BTreeMap, HashMap};

use roaring::RoaringBitmap;

use super::database::{Connection, on_connection, on_listed};
use super::rows::Cell;
use super::seen::Marks;
use super::segment::{Builder, Finished, MOST_VERSIONS};
use super::{index, number_of, parts_of, sequences, type_number};
use crate::annuaire::resource::{DirectoryType, Prepared};
use crate::clock::Clock;
use crate::error::Error;
use crate::fhir::date::instant;

/// The right to write. What is added becomes visible, and lasting, with [`Writer::commit`], all at once;
/// dropped before, nothing of it remains.
pub struct Writer {
    pub(super) connection: Connection,
    /// The revision in the making.
    revision: i64,
    last: [u32; 5],
    builders: [Builder; 5],
    in_transaction: bool,
    /// Whether something that snapshots see was changed.
    changed: bool,
    pub(super) closed: BTreeMap<(DirectoryType, u32), RoaringBitmap>,
    /// What was marked since the last commit.
    pub(super) seen: BTreeMap<(DirectoryType, Marks, u32), RoaringBitmap>,
    pub(super) marks: Marks,
    /// Dates revisions; they are purged by the same clock.
    clock: Clock,
}

/// What became of resources that were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They were not in the copy.
    pub new: u64,
    /// They were, with another content.
    pub changed: u64,
    /// They were, with the same content.
    pub unchanged: u64,
    /// The copy has a later `meta.lastUpdated`; they were not taken.
    pub older: u64,
}

/// A resource that could not be read, put aside so that the others go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its type, where that could be read.
    pub resource_type: Option<DirectoryType>,
    /// Its id, or else a line number, for people.
    pub name: String,
    /// Why it cannot be read.
    pub reason: String,
    /// When: fixed-width UTC text, by the clock of the writer.
    pub at: String,
}

/// The version that a resource has now.
pub(super) struct Known {
    pub(super) sequence: u32,
    last_updated: i64,
    hash: Vec<u8>,
}

/// Versions closed or removed by one statement.
const MANY: usize = 1_000;

impl Writer {
    pub(super) async fn new(connection: Connection) -> Result<Self, Error> {
        let mut writer = Self {
            connection,
            revision: 1,
            last: [0; 5],
            builders: Default::default(),
            in_transaction: false,
            changed: false,
            closed: BTreeMap::new(),
            seen: BTreeMap::new(),
            marks: Marks::default(),
            clock: Clock::system(),
        };
        let sql = "SELECT revision, last FROM revision ORDER BY revision DESC LIMIT 1";
        let newest: Option<(i64, String)> = on_connection!(writer.connection, connection => {
            sqlx::query_as(sql).fetch_optional(&mut *connection).await
        })?;
        match newest {
            Some((revision, last)) => {
                writer.revision = revision + 1;
                writer.last = serde_json::from_str(&last).map_err(Error::internal)?;
            }
            None => writer.changed = true,
        }
        Ok(writer)
    }

    /// The same writer with another clock than the system's: the one that [`Writer::purge`] is told times of.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Adds resources; of two with the same id, the one updated later wins, or else the last. `mark_seen`
    /// records those in the copy for [`Writer::sweep`].
    pub async fn add(&mut self, resources: Vec<Prepared>, mark_seen: bool) -> Result<Tally, Error> {
        self.begin().await?;
        let mut tally = Tally::default();
        let mut by_type: BTreeMap<DirectoryType, Vec<Prepared>> = BTreeMap::new();
        for resource in resources {
            by_type.entry(resource.resource_type).or_default().push(resource);
        }
        for (resource_type, resources) in by_type {
            self.add_of(resource_type, resources, mark_seen, &mut tally).await?;
        }
        Ok(tally)
    }

    async fn add_of(
        &mut self,
        resource_type: DirectoryType,
        resources: Vec<Prepared>,
        mark_seen: bool,
        tally: &mut Tally,
    ) -> Result<(), Error> {
        let resources = newest_of_each(resources, tally);
        let ids: Vec<_> = resources.iter().map(|resource| resource.id.clone()).collect();
        let known = self.known(resource_type, &ids).await?;
        let (mut versions, mut current, mut closed) = (vec![], vec![], vec![]);
        for resource in resources {
            let milliseconds = resource.last_updated.as_millisecond();
            match known.get(&resource.id) {
                Some(known) if known.hash == resource.hash => tally.unchanged += 1,
                Some(known) if known.last_updated > milliseconds => tally.older += 1,
                Some(known) => {
                    tally.changed += 1;
                    closed.push((known.sequence, resource.id.clone()));
                }
                None => tally.new += 1,
            }
            let kept = known
                .get(&resource.id)
                .filter(|known| known.hash == resource.hash || known.last_updated > milliseconds);
            let sequence = match kept {
                Some(known) => known.sequence,
                None => {
                    let sequence = self.next(resource_type)?;
                    let builder = &mut self.builders[index(resource_type)];
                    builder.add(sequence, &resource.indexed, resource.last_updated);
                    let number = Cell::Integer(number_of(resource_type, sequence));
                    let (opened, updated) = (Cell::Integer(self.revision), Cell::Integer(milliseconds));
                    let id = Cell::Text(resource.id);
                    current.push([
                        Cell::Integer(type_number(resource_type)),
                        id.clone(),
                        number.clone(),
                        opened.clone(),
                        updated,
                        Cell::Bytes(resource.hash.to_vec()),
                    ]);
                    versions.push([number, opened, id, Cell::Text(resource.body)]);
                    sequence
                }
            };
            if mark_seen {
                self.mark(resource_type, sequence);
            }
        }
        self.changed |= !versions.is_empty();
        self.close(resource_type, closed.iter().map(|(sequence, _)| *sequence)).await?;
        self.connection.insert("version", ["number", "opened", "id", "body"], versions).await?;
        let columns = ["resource_type", "id", "number", "opened", "last_updated", "hash"];
        self.connection.insert("resource", columns, current).await?;
        if self.builders[index(resource_type)].versions() >= MOST_VERSIONS {
            self.write_segment(resource_type).await?;
        }
        Ok(())
    }

    /// The next sequence of a type.
    fn next(&mut self, resource_type: DirectoryType) -> Result<u32, Error> {
        let last = &mut self.last[index(resource_type)];
        *last = last.checked_add(1).ok_or_else(|| Error::internal("the copy has no numbers left"))?;
        Ok(*last)
    }

    /// What the copy has of these ids.
    pub(super) async fn known(
        &mut self,
        resource_type: DirectoryType,
        ids: &[String],
    ) -> Result<HashMap<String, Known>, Error> {
        let sql = |list: &str| {
            format!("SELECT id, number, last_updated, hash FROM resource WHERE resource_type = $2 AND id {list}")
        };
        let rows: Vec<(String, i64, i64, Vec<u8>)> = on_listed!(self.connection, query_as, ids, sql, query, connection => {
            query.bind(type_number(resource_type)).fetch_all(&mut *connection).await
        })?;
        let known = rows
            .into_iter()
            .map(|(id, number, last_updated, hash)| (id, Known { sequence: parts_of(number).1, last_updated, hash }));
        Ok(known.collect())
    }

    /// Supersedes versions: the revision in the making no longer sees them.
    pub(super) async fn close(
        &mut self,
        resource_type: DirectoryType,
        sequences: impl Iterator<Item = u32>,
    ) -> Result<(), Error> {
        let sequences: Vec<_> = sequences.collect();
        for sequences in sequences.chunks(MANY) {
            let numbers: Vec<_> = sequences.iter().map(|sequence| number_of(resource_type, *sequence)).collect();
            let keep = |list: &str| {
                format!(
                    "INSERT INTO superseded (number, resource_type, id, opened, closed) \
                     SELECT number, $2, id, opened, $3 FROM version WHERE number {list}"
                )
            };
            let remove = |list: &str| {
                format!(
                    "DELETE FROM resource WHERE resource_type = $2 AND id IN \
                     (SELECT id FROM version WHERE number {list})"
                )
            };
            on_listed!(self.connection, query, &numbers, keep, query, connection => {
                query.bind(type_number(resource_type)).bind(self.revision).execute(&mut *connection).await.map(|_| ())
            })?;
            on_listed!(self.connection, query, &numbers, remove, query, connection => {
                query.bind(type_number(resource_type)).execute(&mut *connection).await.map(|_| ())
            })?;
            for sequence in sequences {
                self.closed.entry((resource_type, sequence >> 16)).or_default().insert(*sequence);
            }
            self.changed = true;
        }
        Ok(())
    }

    /// Puts aside a resource that cannot be read, now.
    pub async fn put_aside(&mut self, what: SetAside) -> Result<(), Error> {
        self.begin().await?;
        let sql = "INSERT INTO set_aside (number, at, resource_type, name, reason) \
            VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM set_aside), $1, $2, $3, $4)";
        let at = instant(self.clock.now());
        on_connection!(self.connection, connection => {
            let query = sqlx::query(sql).bind(at).bind(what.resource_type.map(type_number));
            query.bind(what.name).bind(what.reason).execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }

    /// Notes a value under a name, with what is committed next.
    pub async fn note(&mut self, name: &str, value: &str) -> Result<(), Error> {
        self.begin().await?;
        let sql =
            "INSERT INTO note (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        on_connection!(self.connection, connection => {
            sqlx::query(sql).bind(name).bind(value).execute(&mut *connection).await.map(|_| ())
        })?;
        Ok(())
    }

    /// The segments of a type in order: id, first, last, versions.
    pub(super) async fn segments(&mut self, resource_type: DirectoryType) -> Result<Vec<(i64, u32, u32, u64)>, Error> {
        let sql = "SELECT id, first, last, versions FROM segment WHERE resource_type = $1 ORDER BY first";
        let rows: Vec<(i64, i64, i64, i64)> = on_connection!(self.connection, connection => {
            sqlx::query_as(sql).bind(type_number(resource_type)).fetch_all(&mut *connection).await
        })?;
        let segments =
            rows.into_iter().map(|(id, first, last, versions)| (id, first as u32, last as u32, versions as u64));
        Ok(segments.collect())
    }

    /// Makes everything since the last commit visible and lasting, all at once.
    pub async fn commit(&mut self) -> Result<(), Error> {
        if !self.in_transaction && !self.changed {
            return Ok(());
        }
        self.begin().await?;
        for resource_type in DirectoryType::ALL {
            self.write_segment(resource_type).await?;
        }
        let closed = std::mem::take(&mut self.closed).into_iter().map(|((resource_type, bucket), set)| {
            [
                Cell::Integer(type_number(resource_type)),
                Cell::Integer(bucket.into()),
                Cell::Integer(self.revision),
                Cell::Bytes(sequences::encode(&set)),
            ]
        });
        let closed = closed.collect();
        self.connection.insert("closing", ["resource_type", "bucket", "revision", "sequences"], closed).await?;
        self.write_seen().await?;
        if self.changed {
            let row = [
                Cell::Integer(self.revision),
                Cell::Text(instant(self.clock.now())),
                Cell::Text(serde_json::to_string(&self.last).map_err(Error::internal)?),
            ];
            self.connection.insert("revision", ["revision", "committed_at", "last"], vec![row]).await?;
            self.revision += 1;
        }
        self.execute("COMMIT").await?;
        (self.in_transaction, self.changed) = (false, false);
        self.merge().await
    }

    /// Writes the segment of what was added of a type, if anything was.
    async fn write_segment(&mut self, resource_type: DirectoryType) -> Result<(), Error> {
        let builder = &mut self.builders[index(resource_type)];
        if builder.versions() == 0 {
            return Ok(());
        }
        let segment = builder.finish();
        self.insert_segment(resource_type, segment).await
    }

    /// Adds a segment to the index.
    pub(super) async fn insert_segment(
        &mut self,
        resource_type: DirectoryType,
        segment: Finished,
    ) -> Result<(), Error> {
        let newest = "SELECT COALESCE(MAX(id), 0) FROM segment";
        let id: i64 = on_connection!(self.connection, connection => {
            sqlx::query_scalar(newest).fetch_one(&mut *connection).await
        })?;
        let id = id + 1;
        let row = [
            Cell::Integer(id),
            Cell::Integer(type_number(resource_type)),
            Cell::Integer(segment.first.into()),
            Cell::Integer(segment.last.into()),
            Cell::Integer(i64::try_from(segment.versions).unwrap_or(i64::MAX)),
        ];
        self.connection.insert("segment", ["id", "resource_type", "first", "last", "versions"], vec![row]).await?;
        let postings = segment.postings.into_iter();
        let postings = postings.map(|(term, set)| [Cell::Integer(id), Cell::Bytes(term), Cell::Bytes(set)]).collect();
        self.connection.insert("posting", ["segment", "term", "sequences"], postings).await?;
        Ok(())
    }

    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        if !self.in_transaction {
            let begin = match self.connection {
                Connection::Sqlite { .. } => "BEGIN IMMEDIATE",
                Connection::Postgres { .. } => "BEGIN",
            };
            self.execute(begin).await?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Ends a transaction that changes nothing snapshots see.
    pub(super) async fn end(&mut self) -> Result<(), Error> {
        self.execute("COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    pub(super) async fn execute(&mut self, sql: &'static str) -> Result<(), Error> {
        on_connection!(self.connection, connection => sqlx::raw_sql(sql).execute(&mut *connection).await.map(|_| ()))?;
        Ok(())
    }
}

/// Of several with the same id the one updated last; the others are counted as unchanged.
fn newest_of_each(resources: Vec<Prepared>, tally: &mut Tally) -> Vec<Prepared> {
    let mut newest: Vec<Prepared> = Vec::with_capacity(resources.len());
    let mut places: HashMap<String, usize> = HashMap::with_capacity(resources.len());
    for resource in resources {
        match places.get(&resource.id) {
            Some(place) => {
                tally.unchanged += 1;
                if newest[*place].last_updated <= resource.last_updated {
                    newest[*place] = resource;
                }
            }
            None => {
                places.insert(resource.id.clone(), newest.len());
                newest.push(resource);
            }
        }
    }
    newest
}
