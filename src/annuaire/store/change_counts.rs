//! Counts of changes: of an addition, a sweep or a whole run.

use serde::{Deserialize, Serialize};

/// What became of resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeCounts {
    /// Resources that were not in the mirror.
    pub new: u64,
    /// Resources with other content than in the mirror.
    pub changed: u64,
    /// Resources with the same content as in the mirror.
    pub unchanged: u64,
    /// Resources older than in the mirror, which were not stored.
    pub older: u64,
    /// Resources that the directory no longer has.
    pub removed: u64,
    /// Resources that cannot be read.
    #[serde(rename = "set_aside")]
    pub rejected: u64,
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// How many resources of the type were in the mirror.
    pub of: u64,
    /// How many of them had not been seen.
    pub unseen: u64,
    /// Whether those were removed.
    pub removed: bool,
}

impl ChangeCounts {
    pub(crate) fn add_swept(&mut self, swept: Swept) {
        if swept.removed {
            self.removed += swept.unseen;
        }
    }

    pub fn add(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.older += other.older;
        self.removed += other.removed;
        self.rejected += other.rejected;
    }

    /// The number of received resources.
    pub fn received(&self) -> u64 {
        self.new + self.changed + self.unchanged + self.older + self.rejected
    }
}
