//! The record of exchanges: who asked what, of whom, with which outcome, in words that name nobody.
//!
//! A [`Trace`] goes with a request and gathers what becomes known of it; its [`Record`] is what is kept.
//! Identifiers of persons are in it as hashes by a [`Key`] only.

mod key;
mod settings;
mod subject;
mod trace;

use serde::{Deserialize, Serialize};

use crate::fhir::version::Version;

pub use key::{Key, Secret};
pub use settings::{Settings, before};
pub use subject::{Named, Subject};
pub use trace::{Caller, Decided, Trace};

/// What is kept of one exchange, for ever unchanged until its retention ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When the request came in: UTC text of fixed width.
    pub at: String,
    /// `X-Request-Id`, the client's or ours.
    pub request_id: String,
    /// Who asked.
    #[serde(flatten)]
    pub caller: Caller,
    /// The name of the interaction, as in logs; `none` where nothing is served.
    pub interaction: String,
    /// The type of the resource that it was about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource_type: Option<String>,
    /// The id of that resource.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// Its version before the exchange; where nothing was written, the same as after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Version>,
    /// Its version after the exchange.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Version>,
    /// The HTTP status that was answered. Where the database breaks away in the middle of a commit, two records
    /// may be of one exchange: of a write, what was done, and the 503 that was answered. Likewise where the client
    /// goes away during a commit: what was done, and 499.
    pub status: u16,
    /// The ids of the rules cited.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rules: Vec<String>,
    /// The identifiers that the request named: in its criterion, in its body, as operator of an appointment.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub identifiers: Vec<Named>,
    /// From the request to the answer, in milliseconds; of a write, to its decision.
    pub duration_ms: f64,
}

impl Record {
    /// What this record is found by.
    pub fn subjects(&self) -> Vec<Subject> {
        let resource = self.resource_type.as_deref().zip(self.id.as_deref());
        let resource = resource.map(|(resource_type, id)| Subject::of_resource(resource_type, id));
        let mut subjects: Vec<_> = self.identifiers.iter().filter_map(Named::subject).chain(resource).collect();
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }
}
