//! The tables of the mirror of the national directory: versions, index, and metadata.
//!
//! This room has the statements only, one per function. `annuaire` decides what a term means, when segments are merged
//! and which resources are removed.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the mask leaves 32 bits")]

mod bulk_insert;
mod cell;
mod database;
mod mark;
mod purge;
mod read;
pub(crate) mod sequences;
mod write;

use roaring::RoaringBitmap;

use crate::fhir::directory_type::DirectoryType;
use crate::storage::error::StorageError;

pub(crate) use database::{MirrorDatabase, OpenedMirror, Purpose};
pub use mark::Marks;
pub(crate) use read::{Postings, ReadTransaction};
pub(crate) use write::{NewVersion, WriteConnection};

/// A state of the mirror; all pages of a search see the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last revision that it sees.
    pub revision: i64,
    /// The last sequence of each type of [`DirectoryType::ALL`].
    pub last: [u32; 5],
}

impl TryFrom<(i64, String)> for Snapshot {
    type Error = StorageError;

    fn try_from((revision, last): (i64, String)) -> Result<Self, StorageError> {
        Ok(Self { revision, last: serde_json::from_str(&last).map_err(StorageError::internal)? })
    }
}

/// A stored version of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub resource_type: DirectoryType,
    /// The sequence, in whose order pages are.
    pub seq: u32,
    pub id: String,
    /// The resource, as it is served.
    pub body: String,
}

/// A resource that cannot be read, recorded so that the others are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The type, where it could be parsed.
    pub resource_type: Option<DirectoryType>,
    /// The id, or its place in the source.
    pub name: String,
    pub reason: String,
    /// Fixed-width UTC text, by the clock of the writer.
    pub at: String,
}

/// A part of the index: the versions from `first` to `last`.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub id: i64,
    pub first: u32,
    pub last: u32,
    /// The number of versions it has.
    pub versions: u64,
}

/// A segment as it is written.
pub(crate) struct SegmentContent {
    pub first: u32,
    pub last: u32,
    pub versions: u64,
    /// Terms with encoded sets ([`sequences::encode`]), in the order of terms.
    pub postings: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Terms from `from` up to, but without, `to`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TermRange {
    pub from: Vec<u8>,
    pub to: Vec<u8>,
    /// Whether the lookup returns the set of each term, instead of their union.
    pub by_term: bool,
}

/// The number of a type in the database. None is ever reused.
fn type_number(resource_type: DirectoryType) -> i64 {
    match resource_type {
        DirectoryType::Organization => 1,
        DirectoryType::Practitioner => 2,
        DirectoryType::PractitionerRole => 3,
        DirectoryType::HealthcareService => 4,
        DirectoryType::Device => 5,
    }
}

/// The type of a number in the database.
fn type_of(number: i64) -> Option<DirectoryType> {
    DirectoryType::ALL.into_iter().find(|resource_type| type_number(*resource_type) == number)
}

/// The number of a version in the database: its type and its sequence within it.
fn number_of(resource_type: DirectoryType, sequence: u32) -> i64 {
    type_number(resource_type) << 32 | i64::from(sequence)
}

/// The type and the sequence of a number in the database.
fn parts_of(number: i64) -> (Option<DirectoryType>, u32) {
    (type_of(number >> 32), (number & i64::from(u32::MAX)) as u32)
}

/// A sequence from its column; an illegal one becomes the maximum.
fn sequence(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The union of encoded sets.
fn union(rows: Vec<Vec<u8>>) -> Result<RoaringBitmap, StorageError> {
    let mut union = RoaringBitmap::new();
    for bytes in rows {
        sequences::add(&bytes, &mut union).map_err(StorageError::internal)?;
    }
    Ok(union)
}
