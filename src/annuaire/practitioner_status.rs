//! Whether professionals are in the directory, and active there.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use crate::annuaire::ingest::run_log::{RunRecord, Work, read_run_records};
use crate::annuaire::ingest::sync_state::SyncState;
use crate::annuaire::search::{Criterion, Token};
use crate::annuaire::store::Mirror;
use crate::annuaire::store::index_entry::Field;
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::identifier::{IDNPS, Identifier};

/// Maximum practitioners per national id, on average. There should be one.
const MAX_HOLDERS_PER_ID: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PractitionerStatus {
    Active,
    Inactive,
    Unknown,
}

/// The status of some professionals, of which at least one is not active.
#[derive(Clone, Debug)]
pub struct StatusReport {
    /// The mirror has everything that the directory had at this instant.
    pub as_of: Timestamp,
    in_use: HashMap<String, bool>,
}

impl StatusReport {
    pub fn status(&self, national_id: &str) -> PractitionerStatus {
        match self.in_use.get(national_id) {
            Some(true) => PractitionerStatus::Active,
            Some(false) => PractitionerStatus::Inactive,
            None => PractitionerStatus::Unknown,
        }
    }
}

/// Looks up the status of these national ids, in one search. `None` where all are active, or where the mirror is empty
/// or was never complete: a missing id then proves nothing.
pub async fn report_status(mirror: &Mirror, national_ids: &BTreeSet<&str>) -> Result<Option<StatusReport>, Error> {
    let Some(at) = mirror.snapshot().await? else { return Ok(None) };
    let token = |id: &&str| Token::Both { system: IDNPS.to_owned(), code: (*id).to_owned() };
    let values = national_ids.iter().map(token).collect();
    let criteria = [Criterion::Token { field: Field::Identifier, values, not: false }];
    let limit = national_ids.len() * MAX_HOLDERS_PER_ID;
    let page = mirror.page(DirectoryType::Practitioner, &criteria, &at, 0, limit).await?;
    let mut in_use = HashMap::new();
    for stored in &page.matches {
        let professional: Value = serde_json::from_str(&stored.body).map_err(Error::internal)?;
        let active = professional["active"] != false;
        for own in professional["identifier"].as_array().into_iter().flatten().filter_map(Identifier::from_element) {
            if own.system == IDNPS {
                *in_use.entry(own.value).or_insert(false) |= active;
            }
        }
    }
    if page.more || national_ids.iter().all(|id| in_use.get(*id) == Some(&true)) {
        return Ok(None);
    }
    Ok(as_of(mirror).await?.map(|as_of| StatusReport { as_of, in_use }))
}

/// The instant whose professionals are all in the mirror: the mark of the synchronisation, or else the begin of the
/// last successful load. `None` without either: most professionals may be missing.
async fn as_of(mirror: &Mirror) -> Result<Option<Timestamp>, Error> {
    let state = SyncState::load(mirror, DirectoryType::Practitioner).await?.unwrap_or_default();
    if state.high_water_mark.is_some() {
        return Ok(state.high_water_mark);
    }
    Ok(read_run_records(mirror)
        .await?
        .iter()
        .find(|record| is_load_of_professionals(record))
        .map(|record| record.began))
}

fn is_load_of_professionals(record: &RunRecord) -> bool {
    let has_professionals = record.parts.iter().any(|part| part.resource_type == DirectoryType::Practitioner.as_str());
    let succeeded = record.outcome.as_ref().is_some_and(|outcome| outcome.succeeded);
    record.work == Work::Load && has_professionals && succeeded
}
