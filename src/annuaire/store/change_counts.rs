//! What became of resources: the counts of an addition, of a sweep and of a whole run.

use serde::{Deserialize, Serialize};

use super::Swept;

/// What became of resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeCounts {
    /// They were not in the mirror.
    pub new: u64,
    /// They were, with another content.
    pub changed: u64,
    /// They were, with the same content.
    pub unchanged: u64,
    /// The mirror had a later state; it was kept.
    pub older: u64,
    /// They were in the mirror, and no longer in the directory.
    pub removed: u64,
    /// They could not be read.
    #[serde(rename = "set_aside")]
    pub rejected: u64,
}

impl ChangeCounts {
    /// Counts what a sweep did.
    pub fn add_swept(&mut self, swept: Swept) {
        if swept.removed {
            self.removed += swept.unseen;
        }
    }

    /// Counts together.
    pub fn add(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.older += other.older;
        self.removed += other.removed;
        self.rejected += other.rejected;
    }

    /// How many resources came.
    pub fn received(&self) -> u64 {
        self.new + self.changed + self.unchanged + self.older + self.rejected
    }
}
