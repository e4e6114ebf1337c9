//! The writer: adds resources as versions, and commits them with their part of the index.

use std::collections::{BTreeMap, HashMap};

use roaring::RoaringBitmap;

use super::change_counts::ChangeCounts;
use super::index;
use crate::annuaire::store::resource::ParsedResource;
use crate::annuaire::store::segment_builder::{Builder, MAX_SEGMENT_VERSIONS};
use crate::clock::Clock;
use crate::error::Error;
use crate::fhir::date::instant;
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::{Marks, NewVersion, Rejected, Snapshot, WriteConnection};

/// The one writer of a mirror. [`Writer::commit`] makes all additions visible and durable at once; a writer that is
/// dropped before leaves nothing.
pub struct Writer {
    pub(super) connection: WriteConnection,
    /// The revision of the next commit.
    revision: i64,
    /// The last sequence of each type.
    pub(super) last: [u32; 5],
    builders: [Builder; 5],
    in_transaction: bool,
    /// Whether the next commit changes what snapshots see.
    changed: bool,
    pub(super) closed: BTreeMap<(DirectoryType, u32), RoaringBitmap>,
    /// Marks since the last commit.
    pub(super) seen: BTreeMap<(DirectoryType, Marks, u32), RoaringBitmap>,
    pub(super) marks: Marks,
    /// Dates revisions. The purge must use the same clock.
    clock: Clock,
}

/// Versions superseded by one statement.
const SUPERSEDE_BATCH: usize = 1_000;

impl Writer {
    pub(super) async fn new(connection: WriteConnection) -> Result<Self, Error> {
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
        match writer.connection.snapshot().await? {
            Some(newest) => {
                writer.revision = newest.revision + 1;
                writer.last = newest.last;
            }
            None => writer.changed = true,
        }
        Ok(writer)
    }

    /// The same writer with another clock, which must be that of the times given to [`Writer::purge`].
    #[must_use]
    pub(crate) fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Adds resources. Of two with the same id, the one updated later wins, or else the last. `mark_seen` marks them
    /// for [`Writer::sweep`].
    pub async fn add(&mut self, resources: Vec<ParsedResource>, mark_seen: bool) -> Result<ChangeCounts, Error> {
        self.begin().await?;
        let mut counts = ChangeCounts::default();
        let mut by_type: BTreeMap<DirectoryType, Vec<ParsedResource>> = BTreeMap::new();
        for resource in resources {
            by_type.entry(resource.resource_type).or_default().push(resource);
        }
        for (resource_type, resources) in by_type {
            self.add_of(resource_type, resources, mark_seen, &mut counts).await?;
        }
        Ok(counts)
    }

    async fn add_of(
        &mut self,
        resource_type: DirectoryType,
        resources: Vec<ParsedResource>,
        mark_seen: bool,
        counts: &mut ChangeCounts,
    ) -> Result<(), Error> {
        let resources = newest_of_each(resources, counts);
        let ids: Vec<_> = resources.iter().map(|resource| resource.id.clone()).collect();
        let known = self.connection.known(resource_type, &ids).await?;
        let (mut added, mut closed) = (vec![], vec![]);
        for resource in resources {
            let milliseconds = resource.last_updated.as_millisecond();
            match known.get(&resource.id) {
                Some(known) if known.hash == resource.hash => counts.unchanged += 1,
                Some(known) if known.last_updated > milliseconds => counts.older += 1,
                Some(known) => {
                    counts.changed += 1;
                    closed.push(known.sequence);
                }
                None => counts.new += 1,
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
                    let ParsedResource { id, body, hash, .. } = resource;
                    added.push(NewVersion { sequence, id, body, last_updated: milliseconds, hash });
                    sequence
                }
            };
            if mark_seen {
                self.mark(resource_type, sequence);
            }
        }
        self.changed |= !added.is_empty();
        self.close(resource_type, closed).await?;
        self.connection.insert_versions(resource_type, self.revision, added).await?;
        if self.builders[index(resource_type)].versions() >= MAX_SEGMENT_VERSIONS {
            self.write_segment(resource_type).await?;
        }
        Ok(())
    }

    /// The next sequence of a type.
    fn next(&mut self, resource_type: DirectoryType) -> Result<u32, Error> {
        let last = &mut self.last[index(resource_type)];
        *last = last.checked_add(1).ok_or_else(|| Error::internal("the mirror has no sequence numbers left"))?;
        Ok(*last)
    }

    /// Supersedes versions: the next revision does not see them.
    pub(super) async fn close(&mut self, resource_type: DirectoryType, sequences: Vec<u32>) -> Result<(), Error> {
        for sequences in sequences.chunks(SUPERSEDE_BATCH) {
            self.connection.supersede(resource_type, sequences, self.revision).await?;
            for sequence in sequences {
                self.closed.entry((resource_type, sequence >> 16)).or_default().insert(*sequence);
            }
            self.changed = true;
        }
        Ok(())
    }

    /// Records a resource that cannot be read.
    pub(crate) async fn reject(&mut self, what: Rejected) -> Result<(), Error> {
        self.begin().await?;
        let at = instant(self.clock.now());
        Ok(self.connection.insert_rejected(Rejected { at, ..what }).await?)
    }

    /// Writes a value under a name, with the next commit.
    pub async fn write_metadata(&mut self, name: &str, value: &str) -> Result<(), Error> {
        self.begin().await?;
        Ok(self.connection.upsert_metadata(name, value).await?)
    }

    /// Makes everything since the last commit visible and durable at once.
    pub async fn commit(&mut self) -> Result<(), Error> {
        if !self.in_transaction && !self.changed {
            return Ok(());
        }
        self.begin().await?;
        for resource_type in DirectoryType::ALL {
            self.write_segment(resource_type).await?;
        }
        self.connection.insert_closings(self.revision, std::mem::take(&mut self.closed)).await?;
        self.write_seen().await?;
        if self.changed {
            let snapshot = Snapshot { revision: self.revision, last: self.last };
            self.connection.insert_revision(&snapshot, instant(self.clock.now())).await?;
            self.revision += 1;
        }
        self.connection.commit().await?;
        (self.in_transaction, self.changed) = (false, false);
        self.merge().await
    }

    /// Writes the segment of the added versions of a type, if there are any.
    async fn write_segment(&mut self, resource_type: DirectoryType) -> Result<(), Error> {
        let builder = &mut self.builders[index(resource_type)];
        if builder.versions() == 0 {
            return Ok(());
        }
        let segment = builder.finish();
        Ok(self.connection.insert_segment(resource_type, segment).await?)
    }

    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        if !self.in_transaction {
            self.connection.begin().await?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Ends a transaction that makes no revision.
    pub(super) async fn end(&mut self) -> Result<(), Error> {
        self.connection.commit().await?;
        self.in_transaction = false;
        Ok(())
    }
}

/// Of resources with the same id, the one updated last; the others count as unchanged.
fn newest_of_each(resources: Vec<ParsedResource>, counts: &mut ChangeCounts) -> Vec<ParsedResource> {
    let mut newest: Vec<ParsedResource> = Vec::with_capacity(resources.len());
    let mut places: HashMap<String, usize> = HashMap::with_capacity(resources.len());
    for resource in resources {
        match places.get(&resource.id) {
            Some(place) => {
                counts.unchanged += 1;
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
