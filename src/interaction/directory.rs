//! What is received, held against the copy of the national directory: a help, which neither fails nor
//! delays a write. A copy that does not answer leaves what is received unchecked, even where
//! doubtful ids are refused.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::annuaire::practitioner_status::{PractitionerStatus, StatusReport, report_status};
use crate::annuaire::store::Mirror;
use crate::deadline::Deadline;
use crate::error::chain::join_causes;
use crate::fhir::resource_type::ResourceType;
use crate::issue::Issue;
use crate::sas::directory::{Check, INACTIVE, UNKNOWN, cited_identifiers};

/// A copy that has not answered by then is not waited for.
const PATIENCE: Duration = Duration::from_millis(250);

/// A copy that failed is left alone for so long: no write waits for it, and the log tells of it once.
const REST: Duration = Duration::from_secs(30);

/// Looks up the national ids that received resources cite.
#[derive(Clone)]
pub struct DirectoryCheck {
    copy: Mirror,
    check: Check,
    patience: Duration,
    resting_until: Arc<Mutex<Option<Instant>>>,
}

impl DirectoryCheck {
    /// A check against this copy; `None` where it is off.
    pub fn new(copy: Mirror, check: Check) -> Option<Self> {
        let resting_until = Arc::default();
        (check != Check::Off).then_some(Self { copy, check, patience: PATIENCE, resting_until })
    }

    /// The same, with another patience than a quarter of a second.
    #[must_use]
    pub fn waiting(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The doubts about the ids that a resource cites; none where the copy does not answer.
    pub async fn issues(
        &self,
        deadline: &Deadline,
        resource_type: ResourceType,
        resource: &Value,
        now: impl FnOnce() -> Timestamp,
    ) -> Vec<Issue> {
        let cited = cited_identifiers(resource_type, resource);
        if cited.is_empty() || self.rests() {
            return vec![];
        }
        let ids: BTreeSet<_> = cited.iter().map(|(id, _)| id.as_str()).collect();
        let asking = async {
            // A time-out looks at the answer first, however short it is.
            match self.patience.is_zero() {
                true => std::future::pending().await,
                false => report_status(&self.copy.for_lookups(&deadline.at_most(self.patience)), &ids).await,
            }
        };
        match tokio::time::timeout(self.patience, asking).await {
            Ok(Ok(Some(standings))) => self.doubts(&cited, &standings, now()),
            Ok(Ok(None)) => vec![],
            Ok(Err(error)) => self.rest(&join_causes(&error)),
            Err(_) => self.rest("it took too long"),
        }
    }

    fn doubts(&self, cited: &[(String, String)], standings: &StatusReport, now: Timestamp) -> Vec<Issue> {
        let days = now.duration_since(standings.as_of).as_hours().max(0) / 24;
        let date = standings.as_of.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string();
        let doubt = |(id, place): &(String, String)| {
            let doubt = match standings.of(id) {
                PractitionerStatus::Active => return None,
                PractitionerStatus::Inactive => INACTIVE,
                PractitionerStatus::Unknown => UNKNOWN,
            };
            Some(doubt.at(place, self.check).with("date", &date).with("days", days.to_string()))
        };
        cited.iter().filter_map(doubt).collect()
    }

    /// Whether the copy is left alone.
    fn rests(&self) -> bool {
        let until = self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Leaves the copy alone for a while, and says so; of those who meet the same failure, only the first.
    fn rest(&self, cause: &str) -> Vec<Issue> {
        let mut until = self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if until.is_none_or(|until| until <= now) {
            *until = now.checked_add(REST);
            tracing::warn!(
                cause,
                "the directory mirror did not answer: identifiers are accepted unchecked for {REST:?}"
            );
        }
        vec![]
    }
}
