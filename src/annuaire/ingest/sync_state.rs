//! The state of synchronisation of each type, stored as metadata: marks, and the walk in progress.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::annuaire::store::{Marks, Mirror, Swept, Writer};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;

/// How far a delta reaches back before the mark: clocks and zones differ, and a delta asks for whole days.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// Maximum share of a type that is removed unless deletions are allowed: more looks like a fault of the directory.
pub(crate) const MAX_REMOVED: f64 = 0.15;

/// The state of synchronisation of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncState {
    /// The base URL of the directory that this state is about.
    pub upstream: String,
    /// The mirror has everything that the directory had at this instant: the begin of the last completed walk, by the
    /// directory's clock.
    #[serde(rename = "mark")]
    pub high_water_mark: Option<Timestamp>,
    /// The mirror has nothing that the directory had removed at this instant: the begin of the last completed full walk
    /// without suppressed deletions.
    #[serde(rename = "whole")]
    pub last_full_sync: Option<Timestamp>,
    /// The walk in progress.
    #[serde(rename = "walk")]
    pub cursor: Option<SyncCursor>,
    /// The deletions that the last full walk suppressed.
    pub held_back: Option<DeletionsSuppressed>,
}

/// A sweep that would have removed more than [`MAX_REMOVED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionsSuppressed {
    /// How many resources the walk did not see.
    pub unseen: u64,
    /// How many resources the mirror had.
    pub of: u64,
    pub at: Timestamp,
}

/// A walk over a type, and its position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncCursor {
    #[serde(rename = "stage")]
    pub phase: SyncPhase,
    /// Begin, by the directory's clock; `None` before the first page.
    pub began: Option<Timestamp>,
    /// URL of the next page; `None` before the first page.
    pub next: Option<String>,
    /// Resources received so far.
    pub received: u64,
    /// Resources that the directory announced, where it did.
    pub total: Option<u64>,
    /// Received resources that no mark counts: they were rejected, and are not in the mirror.
    #[serde(default)]
    pub unmarked: u64,
    /// Whether the next page was already received as the last one, and the walk was cut short.
    #[serde(default)]
    pub cut_short: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    /// All resources. A [`SyncPhase::Delta`] follows for what changes meanwhile.
    #[serde(rename = "whole")]
    Full,
    #[serde(rename = "changes")]
    Delta {
        since: Date,
        /// The begin of the full walk that this delta completes. What neither of the two saw is then removed.
        completes: Option<Timestamp>,
    },
}

impl SyncPhase {
    /// The changes since a mark.
    pub(crate) fn changes_since(mark: Timestamp, completes: Option<Timestamp>) -> Self {
        let since = mark.checked_sub(OVERLAP).unwrap_or(mark).to_zoned(TimeZone::UTC).date();
        Self::Delta { since, completes }
    }

    /// Whether the end of the walk removes what it did not see.
    pub(crate) fn is_full(self) -> bool {
        !matches!(self, Self::Delta { completes: None, .. })
    }

    /// `full` or `delta`
    pub fn kind(self) -> &'static str {
        if self.is_full() { "full" } else { "delta" }
    }

    /// Which marks the walk leaves.
    pub fn marks(self) -> Marks {
        match self {
            Self::Full => Marks::Full,
            Self::Delta { .. } => Marks::Delta,
        }
    }

    pub fn since(self) -> Option<Date> {
        match self {
            Self::Full => None,
            Self::Delta { since, .. } => Some(since),
        }
    }
}

impl SyncCursor {
    pub fn over(stage: SyncPhase) -> Self {
        Self { phase: stage, began: None, next: None, received: 0, total: None, unmarked: 0, cut_short: false }
    }
}

impl DeletionsSuppressed {
    /// The deletions that a sweep suppressed, if it did.
    pub fn by(swept: Swept, now: Timestamp) -> Option<Self> {
        let Swept { of, unseen, removed } = swept;
        (!removed && unseen > 0).then_some(Self { unseen, of, at: now })
    }

    pub fn sentence(&self, resource_type: DirectoryType) -> String {
        let Self { unseen, of, .. } = self;
        format!(
            "{unseen} of {of} resources of type {resource_type} are no longer in the directory, which is more than \
            {} %: deletions suppressed",
            (MAX_REMOVED * 100.0).round()
        )
    }

    /// The command that removes the resources after all.
    pub(crate) fn remedy(resource_type: DirectoryType) -> String {
        format!("`annuaire sync --allow-deletions --type {resource_type}` fetches the type again and deletes them")
    }
}

impl SyncState {
    /// Advances the mark after a completed delta. A delta that does not reach back to the mark leaves a gap: then the
    /// mark stays.
    pub(in crate::annuaire) fn advance_mark(&mut self, since: Date, began: Timestamp) {
        // Without a mark, only a full walk makes the mirror complete.
        let reaches_back = self.high_water_mark.is_some_and(|mark| since <= mark.to_zoned(TimeZone::UTC).date());
        if reaches_back {
            self.high_water_mark = Some(began);
        }
    }

    /// The state before the first walk over this directory.
    pub fn empty(upstream: &str) -> Self {
        Self { upstream: upstream.to_owned(), ..Self::default() }
    }

    /// Loads the state of a type, of whichever directory.
    pub async fn load(mirror: &Mirror, resource_type: DirectoryType) -> Result<Option<Self>, Error> {
        // A state that cannot be parsed counts as none: a full walk follows.
        Ok(mirror.read_metadata(&metadata_name(resource_type)).await?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Loads the state of a type; a state of another directory than `upstream` counts as none.
    pub(in crate::annuaire) async fn load_for(
        mirror: &Mirror,
        resource_type: DirectoryType,
        upstream: &str,
    ) -> Result<Self, Error> {
        let state = Self::load(mirror, resource_type).await?.filter(|state| state.upstream == upstream);
        Ok(state.unwrap_or_else(|| Self::empty(upstream)))
    }

    /// Writes the state with the next commit.
    pub(in crate::annuaire) async fn save(
        &self,
        writer: &mut Writer,
        resource_type: DirectoryType,
    ) -> Result<(), Error> {
        let text = serde_json::to_string(self).map_err(Error::internal)?;
        writer.write_metadata(&metadata_name(resource_type), &text).await
    }
}

fn metadata_name(resource_type: DirectoryType) -> String {
    format!("sync.{resource_type}")
}
