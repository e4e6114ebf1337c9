//! What was done to the mirror, kept in it: the last runs, with what each of them changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::annuaire::store::{ChangeCounts, Mirror, Writer};
use crate::error::Error;

/// The note that holds the records.
const METADATA_NAME: &str = "runs";

/// How many are kept.
const MAX_RECORDS: usize = 20;

/// A run: a synchronisation or a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which of the two.
    pub work: Work,
    /// Where the resources came from.
    pub source: String,
    /// When it began.
    pub began: Timestamp,
    /// When it ended, or when it last wrote.
    pub last: Timestamp,
    /// What it did, a type and a kind each.
    pub parts: Vec<Part>,
    /// Bytes received, or read.
    pub bytes: u64,
    /// What somebody should look at.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Whether something was not removed because it seemed too much.
    #[serde(default)]
    pub held_back: bool,
    /// How it ended; `None` while it runs, and for ever if it was killed.
    pub outcome: Option<Outcome>,
}

/// What kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// `annuaire sync`, or the schedule.
    Sync,
    /// `annuaire load`
    Load,
}

/// What a run did to the resources of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The type.
    pub resource_type: String,
    /// `full`, `delta` or `load`.
    pub kind: String,
    /// What became of them.
    pub count: ChangeCounts,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether it did what it was to do.
    pub succeeded: bool,
    /// In a sentence.
    pub sentence: String,
}

impl Record {
    /// A run that begins.
    pub fn new(work: Work, source: String, now: Timestamp) -> Self {
        let (parts, warnings) = (vec![], vec![]);
        Self { work, source, began: now, last: now, parts, bytes: 0, warnings, held_back: false, outcome: None }
    }

    /// What it did so far to a type.
    pub fn count(&mut self, resource_type: &str, kind: &str) -> &mut ChangeCounts {
        let same = |part: &Part| part.resource_type == resource_type && part.kind == kind;
        let index = self.parts.iter().position(same).unwrap_or(self.parts.len());
        if index == self.parts.len() {
            let (resource_type, kind) = (resource_type.to_owned(), kind.to_owned());
            self.parts.push(Part { resource_type, kind, count: ChangeCounts::default() });
        }
        &mut self.parts[index].count
    }

    /// What it did to everything.
    pub fn total(&self) -> ChangeCounts {
        let mut total = ChangeCounts::default();
        self.parts.iter().for_each(|part| total.add(part.count));
        total
    }

    /// What it did, in a sentence.
    pub fn summary(&self) -> String {
        let total = self.total();
        let mut summary = format!("{} new, {} changed, {} removed", total.new, total.changed, total.removed);
        if total.rejected > 0 {
            summary += &format!(", {} rejected", total.rejected);
        }
        for warning in &self.warnings {
            summary += "; ";
            summary += warning;
        }
        summary
    }

    /// Ends it.
    pub fn end(&mut self, succeeded: bool, sentence: String, now: Timestamp) {
        self.outcome = Some(Outcome { succeeded, sentence });
        self.last = now;
    }
}

/// The last runs, newest first.
pub async fn records(mirror: &Mirror) -> Result<Vec<Record>, Error> {
    // What an earlier version of the program noted and this one cannot read is forgotten: no more than
    // a history is lost.
    Ok(mirror.read_metadata(METADATA_NAME).await?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// The records while a run adds to its own.
pub(in crate::annuaire) struct Records(Vec<Record>);

impl Records {
    /// Those there are, before a run begins.
    pub(in crate::annuaire) async fn before_run(mirror: &Mirror) -> Result<Self, Error> {
        let mut records = records(mirror).await?;
        records.truncate(MAX_RECORDS - 1);
        Ok(Self(records))
    }

    /// Notes them with what is committed next.
    pub(in crate::annuaire) async fn save(&self, writer: &mut Writer, current: &Record) -> Result<(), Error> {
        let all: Vec<_> = std::iter::once(current).chain(&self.0).collect();
        let text = serde_json::to_string(&all).map_err(Error::internal)?;
        writer.write_metadata(METADATA_NAME, &text).await
    }
}
