//! The state of the mirror, for `annuaire status`.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::annuaire::ingest::run_log::{RunRecord, read_run_records};
use crate::annuaire::ingest::sync_state::SyncState;
use crate::annuaire::search::Counts;
use crate::annuaire::store::{Mirror, Rejected};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;

/// Maximum rejected resources that are counted; the report then says “at least”.
pub(crate) const MAX_COUNTED: usize = 1_000;

/// Maximum rejected resources that are shown.
const MAX_SHOWN: usize = 10;

#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The database, without a password.
    pub database: String,
    /// In the order of [`DirectoryType::ALL`].
    pub types: Vec<TypeStatus>,
    /// At most [`MAX_COUNTED`].
    #[serde(rename = "set_aside_count")]
    pub rejected_count: usize,
    /// The newest rejected resources, at most `MAX_SHOWN`.
    #[serde(rename = "set_aside")]
    pub rejected: Vec<RejectedResource>,
    /// Newest first.
    pub runs: Vec<RunRecord>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TypeStatus {
    #[serde(serialize_with = "by_name")]
    pub resource_type: DirectoryType,
    pub active: u64,
    pub inactive: u64,
    /// Time since the mark.
    pub age_seconds: Option<i64>,
    #[serde(flatten)]
    pub state: SyncState,
    /// A hash of all resources; equal for equal mirrors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// A resource that cannot be read.
#[derive(Clone, Debug, Serialize)]
pub struct RejectedResource {
    /// The type, where it could be parsed.
    pub resource_type: Option<&'static str>,
    /// The id, or its place in the source.
    pub name: String,
    pub reason: String,
    pub at: String,
}

/// Reads the state of the mirror. The hashes take a read of every resource's hash.
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
        database: mirror.description().to_string(),
        types,
        rejected_count: rejected.len(),
        rejected: rejected.into_iter().take(MAX_SHOWN).map(RejectedResource::from).collect(),
        runs: read_run_records(mirror).await?,
    })
}

/// How old the mirror is, of one type.
#[derive(Clone, Debug)]
pub(crate) struct TypeMark {
    pub resource_type: DirectoryType,
    /// The mirror has everything that the directory had at this instant.
    pub mark: Option<Timestamp>,
}

/// The ages of the mirror, in the order of [`DirectoryType::ALL`]. Counts nothing, so that it costs the same however many
/// resources there are.
pub(crate) async fn marks(mirror: &Mirror) -> Result<Vec<TypeMark>, Error> {
    let mut marks = vec![];
    for resource_type in DirectoryType::ALL {
        let state = SyncState::load(mirror, resource_type).await?;
        marks.push(TypeMark { resource_type, mark: state.and_then(|state| state.high_water_mark) });
    }
    Ok(marks)
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn by_name<S: Serializer>(resource_type: &DirectoryType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(resource_type.as_str())
}
