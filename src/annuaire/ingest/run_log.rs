//! The log of the last runs, stored in the mirror: what each of them changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::annuaire::store::{ChangeCounts, Mirror, Writer};
use crate::error::Error;

/// Name of the metadata that holds the log.
const METADATA_NAME: &str = "runs";

const MAX_RECORDS: usize = 20;

/// A run of a synchronisation or a load, in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    pub work: Work,
    /// Where the resources came from.
    pub source: String,
    pub began: Timestamp,
    /// When it ended, or last committed.
    pub last: Timestamp,
    /// The changes, by type and kind.
    pub parts: Vec<Part>,
    /// Bytes received, or read from files.
    pub bytes: u64,
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Whether deletions were suppressed.
    #[serde(default)]
    pub held_back: bool,
    /// How it ended; `None` while it runs, or if its process was killed.
    pub outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// `annuaire sync`, or the schedule.
    Sync,
    /// `annuaire load`
    Load,
}

/// The changes of a run to the resources of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub resource_type: String,
    /// `full`, `delta` or `load`.
    pub kind: String,
    pub count: ChangeCounts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub succeeded: bool,
    /// The outcome in one sentence.
    pub sentence: String,
}

impl RunRecord {
    pub fn new(work: Work, source: String, now: Timestamp) -> Self {
        let (parts, warnings) = (vec![], vec![]);
        Self { work, source, began: now, last: now, parts, bytes: 0, warnings, held_back: false, outcome: None }
    }

    /// The counts of a type so far.
    pub fn count(&mut self, resource_type: &str, kind: &str) -> &mut ChangeCounts {
        let same = |part: &Part| part.resource_type == resource_type && part.kind == kind;
        let index = self.parts.iter().position(same).unwrap_or(self.parts.len());
        if index == self.parts.len() {
            let (resource_type, kind) = (resource_type.to_owned(), kind.to_owned());
            self.parts.push(Part { resource_type, kind, count: ChangeCounts::default() });
        }
        &mut self.parts[index].count
    }

    /// The counts of all types together.
    pub fn total(&self) -> ChangeCounts {
        let mut total = ChangeCounts::default();
        self.parts.iter().for_each(|part| total.add(part.count));
        total
    }

    /// The changes in one sentence.
    pub fn summary(&self) -> String {
        let total = self.total();
        let mut summary = format!("{} new, {} changed, {} removed", total.new, total.changed, total.removed);
        if total.rejected > 0 {
            summary += ", ";
            summary += &total.rejected.to_string();
            summary += " rejected";
        }
        for warning in &self.warnings {
            summary += "; ";
            summary += warning;
        }
        summary
    }

    pub fn end(&mut self, succeeded: bool, sentence: String, now: Timestamp) {
        self.outcome = Some(Outcome { succeeded, sentence });
        self.last = now;
    }
}

/// The last runs, newest first.
pub async fn read_run_records(mirror: &Mirror) -> Result<Vec<RunRecord>, Error> {
    // A log that another version of the program wrote, and this one cannot parse, is dropped: only history is lost.
    Ok(mirror.read_metadata(METADATA_NAME).await?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// The records of earlier runs, while a run writes its own.
pub(in crate::annuaire) struct EarlierRuns(Vec<RunRecord>);

impl EarlierRuns {
    pub(in crate::annuaire) async fn read(mirror: &Mirror) -> Result<Self, Error> {
        let mut records = read_run_records(mirror).await?;
        records.truncate(MAX_RECORDS - 1);
        Ok(Self(records))
    }

    /// Writes the log with the next commit.
    pub(in crate::annuaire) async fn save(&self, writer: &mut Writer, current: &RunRecord) -> Result<(), Error> {
        let all: Vec<_> = std::iter::once(current).chain(&self.0).collect();
        let text = serde_json::to_string(&all).map_err(Error::internal)?;
        writer.write_metadata(METADATA_NAME, &text).await
    }
}
