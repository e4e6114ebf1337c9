//! What the mirror keeps: versions of resources, and the index that finds them.
//!
//! Every version of a resource is written once and has a number that grows with time, and each commit makes a revision:
//! a [`Snapshot`] is a revision, and sees the versions opened up to it and not closed by it. The index is made of
//! segments, each over a run of numbers, each written once: a sorted list of terms with the set of versions that have it
//! (see `store/term.rs`). So a bulk load only appends, and a search intersects small sets and stops where its page is
//! full.

mod change_counts;
mod compaction;
pub(crate) mod extraction;
pub mod index_entry;
mod lenient_json;
mod mark_and_sweep;
mod mirror;
mod reindex;
pub mod resource;
mod segment_builder;
pub(super) mod term;
pub(crate) mod text_folding;
mod verify;
mod writer;

pub use crate::storage::mirror::{Marks, Rejected, Snapshot, Stored};
pub use change_counts::{ChangeCounts, Swept};
pub use mirror::Mirror;
pub use verify::{Extent, IndexCheck};
pub use writer::Writer;

use crate::fhir::directory_type::DirectoryType;

/// The position of a type in [`DirectoryType::ALL`].
pub(super) fn index(resource_type: DirectoryType) -> usize {
    DirectoryType::ALL.iter().position(|other| *other == resource_type).unwrap_or_default()
}
