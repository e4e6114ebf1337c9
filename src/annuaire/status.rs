//! What there is to say of the mirror.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::annuaire::ingest::run_log::{Record, records};
use crate::annuaire::ingest::sync_state::SyncState;
use crate::annuaire::search::Counts;
use crate::annuaire::store::{Mirror, Rejected};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;

/// How many rejected resources are counted: beyond that there are “at least” so many.
pub const MAX_COUNTED: usize = 1_000;

/// How many of them are shown.
const MAX_SHOWN: usize = 10;

/// The state of a mirror.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Where it is kept; never a password.
    pub database: String,
    /// Each type, in the order of [`DirectoryType::ALL`].
    pub types: Vec<TypeStatus>,
    /// How many resources were rejected, up to [`MAX_COUNTED`].
    #[serde(rename = "set_aside_count")]
    pub rejected_count: usize,
    /// The newest of them.
    #[serde(rename = "set_aside")]
    pub rejected: Vec<RejectedResource>,
    /// The last runs, newest first.
    pub runs: Vec<Record>,
}

/// The state of a type.
#[derive(Clone, Debug, Serialize)]
pub struct TypeStatus {
    /// Its name.
    #[serde(serialize_with = "by_name")]
    pub resource_type: DirectoryType,
    /// Resources in use.
    pub active: u64,
    /// Resources out of use.
    pub inactive: u64,
    /// How long ago its mark was, in seconds.
    pub age_seconds: Option<i64>,
    /// How far it is.
    #[serde(flatten)]
    pub state: SyncState,
    /// A hash of all its content; equal for equal mirrors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// A resource that cannot be read.
#[derive(Clone, Debug, Serialize)]
pub struct RejectedResource {
    /// Its type, where that could be read.
    pub resource_type: Option<&'static str>,
    /// Its id, or where it stood.
    pub name: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// Asks the mirror; for the hashes, it reads all there is.
pub async fn status(mirror: &Mirror, with_hashes: bool, now: Timestamp) -> Result<Status, Error> {
    let counts = mirror.counts().await?;
    let mut hashes = if with_hashes { mirror.content_hashes().await?.map(Some) } else { Default::default() };
    let mut types = vec![];
    for (index, resource_type) in DirectoryType::ALL.into_iter().enumerate() {
        let state = SyncState::load(mirror, resource_type).await?.unwrap_or_default();
        types.push(type_status(resource_type, counts[index], state, hashes[index].take(), now));
    }
    let rejected = mirror.rejected(MAX_COUNTED).await?;
    Ok(Status {
        database: mirror.description().to_owned(),
        types,
        rejected_count: rejected.len(),
        rejected: rejected.into_iter().take(MAX_SHOWN).map(RejectedResource::from).collect(),
        runs: records(mirror).await?,
    })
}

fn type_status(
    resource_type: DirectoryType,
    counts: Counts,
    state: SyncState,
    hash: Option<String>,
    now: Timestamp,
) -> TypeStatus {
    let age_seconds = state.high_water_mark.map(|mark| now.duration_since(mark).as_secs());
    let Counts { active, inactive } = counts;
    TypeStatus { resource_type, active, inactive, age_seconds, state, hash }
}

impl From<Rejected> for RejectedResource {
    fn from(rejected: Rejected) -> Self {
        let Rejected { resource_type, name, reason, at } = rejected;
        Self { resource_type: resource_type.map(DirectoryType::as_str), name, reason, at }
    }
}

fn by_name<S: Serializer>(resource_type: &DirectoryType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(resource_type.as_str())
}
