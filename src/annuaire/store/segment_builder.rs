//! Builds a segment: collects versions by term.

use std::collections::HashMap;

use jiff::Timestamp;
use roaring::RoaringBitmap;

use crate::annuaire::store::index_entry::IndexEntry;
use crate::annuaire::store::term::{self, GRAM};
use crate::storage::mirror::{SegmentContent, sequences};

/// Maximum versions of a segment. Larger ones take more memory to build; smaller ones make lookups slower, as each
/// lookup asks every segment.
pub const MAX_SEGMENT_VERSIONS: u64 = 1 << 16;

/// The terms of versions that are not in the index yet. Versions must be added in ascending order.
#[derive(Default)]
pub struct Builder {
    first: u32,
    last: u32,
    versions: u64,
    terms: HashMap<Vec<u8>, Vec<u32>>,
    grams: HashMap<(u8, [char; GRAM]), RoaringBitmap>,
}

impl Builder {
    pub fn add(&mut self, sequence: u32, values: &[IndexEntry], last_updated: Timestamp) {
        if self.versions == 0 {
            self.first = sequence;
        }
        self.last = sequence;
        self.versions += 1;
        term::terms(values, last_updated, |term| {
            let sequences = self.terms.entry(term).or_default();
            if sequences.last() != Some(&sequence) {
                sequences.push(sequence);
            }
        });
        term::grams(values, |group, piece| {
            self.grams.entry((group, piece)).or_default().insert(sequence);
        });
    }

    pub fn versions(&self) -> u64 {
        self.versions
    }

    /// Returns the segment, and empties the builder.
    pub fn finish(&mut self) -> SegmentContent {
        let Self { first, last, versions, terms, grams } = std::mem::take(self);
        let terms = terms.into_iter().map(|(term, sequences)| (term, sequences::encode_sorted(&sequences)));
        let grams = grams
            .into_iter()
            .map(|((group, piece), sequences)| (term::of_gram(group, piece), sequences::encode(&sequences)));
        let mut postings: Vec<_> = terms.chain(grams).collect();
        postings.sort_unstable();
        SegmentContent { first, last, versions, postings }
    }
}
