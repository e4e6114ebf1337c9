//! What a mirror knows of its upstream, a note for each type: how far it is, and the walk under way.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::annuaire::store::{Marks, Mirror, Swept, Writer};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;

/// How far a delta reaches back before the mark: clocks and zones differ, and what is asked for is
/// whole days.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// The largest part of a type that is removed unless deletions are allowed: more looks like a fault of the directory.
pub const MAX_REMOVED: f64 = 0.15;

/// How far the mirror of a type is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncState {
    /// The base of the directory that all this is about.
    pub upstream: String,
    /// Everything that the directory knew at that instant is here: when the last walk that came to its
    /// end began, by the directory's clock.
    #[serde(rename = "mark")]
    pub high_water_mark: Option<Timestamp>,
    /// Nothing that had been removed from the directory at that instant is here: when the last full walk
    /// began that came to its end and held nothing back.
    #[serde(rename = "whole")]
    pub last_full_sync: Option<Timestamp>,
    /// A walk that has not come to its end.
    #[serde(rename = "walk")]
    pub cursor: Option<SyncCursor>,
    /// What the last full walk did not remove, because it seemed too much.
    pub held_back: Option<DeletionsSuppressed>,
}

/// A sweep that would have removed too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionsSuppressed {
    /// How many resources the directory no longer had.
    pub unseen: u64,
    /// Of how many in the mirror.
    pub of: u64,
    /// When.
    pub at: Timestamp,
}

/// A walk over a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncCursor {
    /// Over what.
    #[serde(rename = "stage")]
    pub phase: SyncPhase,
    /// When it began, by the directory's clock; `None` before the first page.
    pub began: Option<Timestamp>,
    /// Where the next page is; `None` before the first page.
    pub next: Option<String>,
    /// How many resources came so far.
    pub received: u64,
    /// How many there are, where the directory told.
    pub total: Option<u64>,
    /// Of those that came, how many no mark of the mirror tells of: they could not be read.
    #[serde(default)]
    pub unmarked: u64,
    /// Whether the next page was the last one when it was asked for before, and the walk cut short.
    #[serde(default)]
    pub cut_short: bool,
}

/// What a walk goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    /// Everything. What changes meanwhile comes after, as [`SyncPhase::Delta`].
    #[serde(rename = "whole")]
    Full,
    /// What changed since.
    #[serde(rename = "changes")]
    Delta {
        /// The first day asked for.
        since: Date,
        /// When the walk over everything began that this one completes. What neither of the two saw is
        /// then removed.
        completes: Option<Timestamp>,
    },
}

impl SyncPhase {
    /// The changes since a mark.
    pub fn changes_since(mark: Timestamp, completes: Option<Timestamp>) -> Self {
        let since = mark.checked_sub(OVERLAP).unwrap_or(mark).to_zoned(TimeZone::UTC).date();
        Self::Delta { since, completes }
    }

    /// Whether what is not seen is removed in the end.
    pub fn is_full(self) -> bool {
        !matches!(self, Self::Delta { completes: None, .. })
    }

    /// `full` or `delta`
    pub fn kind(self) -> &'static str {
        if self.is_full() { "full" } else { "delta" }
    }

    /// Who marks the resources that come.
    pub fn marks(self) -> Marks {
        match self {
            Self::Full => Marks::Full,
            Self::Delta { .. } => Marks::Delta,
        }
    }

    /// The first day asked for.
    pub fn since(self) -> Option<Date> {
        match self {
            Self::Full => None,
            Self::Delta { since, .. } => Some(since),
        }
    }
}

impl SyncCursor {
    /// A walk that is to begin.
    pub fn over(stage: SyncPhase) -> Self {
        Self { phase: stage, began: None, next: None, received: 0, total: None, unmarked: 0, cut_short: false }
    }
}

impl DeletionsSuppressed {
    /// What a sweep held back, if it did.
    pub fn by(swept: Swept, now: Timestamp) -> Option<Self> {
        let Swept { of, unseen, removed } = swept;
        (!removed && unseen > 0).then_some(Self { unseen, of, at: now })
    }

    /// What is to be known of it.
    pub fn sentence(&self, resource_type: DirectoryType) -> String {
        let Self { unseen, of, .. } = self;
        format!(
            "{unseen} of {of} resources of type {resource_type} are no longer in the directory: that is suspiciously \
            many, and they were kept"
        )
    }

    /// How a synchronisation removes it after all.
    pub fn remedy(resource_type: DirectoryType) -> String {
        format!("`annuaire sync --allow-deletions --type {resource_type}` walks over them again and removes them")
    }
}

impl SyncState {
    /// Takes note of a delta that came to its end. One that does not reach back to the mark leaves a gap
    /// behind it: then the mark stays.
    pub(in crate::annuaire) fn advance_mark(&mut self, since: Date, began: Timestamp) {
        // Without a mark the mirror may hold anything: only a full walk makes it whole.
        let reaches_back = self.high_water_mark.is_some_and(|mark| since <= mark.to_zoned(TimeZone::UTC).date());
        if reaches_back {
            self.high_water_mark = Some(began);
        }
    }

    /// Of nothing yet, from this directory.
    pub fn empty(upstream: &str) -> Self {
        Self { upstream: upstream.to_owned(), ..Self::default() }
    }

    /// What is noted of a type, whatever the directory.
    pub async fn load(mirror: &Mirror, resource_type: DirectoryType) -> Result<Option<Self>, Error> {
        // What cannot be read is as good as nothing: a full walk follows.
        Ok(mirror.read_metadata(&metadata_name(resource_type)).await?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// What is known of a type from this directory; what was known from another says nothing of it.
    pub(in crate::annuaire) async fn load_for(
        mirror: &Mirror,
        resource_type: DirectoryType,
        upstream: &str,
    ) -> Result<Self, Error> {
        let state = Self::load(mirror, resource_type).await?.filter(|state| state.upstream == upstream);
        Ok(state.unwrap_or_else(|| Self::empty(upstream)))
    }

    /// Notes it with what is committed next.
    pub(in crate::annuaire) async fn save(
        &self,
        writer: &mut Writer,
        resource_type: DirectoryType,
    ) -> Result<(), Error> {
        let text = serde_json::to_string(self).map_err(Error::internal)?;
        writer.write_metadata(&metadata_name(resource_type), &text).await
    }
}

/// The note of a type.
fn metadata_name(resource_type: DirectoryType) -> String {
    format!("sync.{resource_type}")
}
