//! Checks the national ids that received resources cite against the mirror of the national directory.
//!
//! The check neither fails nor delays a write: without an answer of the mirror, the ids stay unchecked, even where the settings
//! refuse unknown ids.

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

/// How long a write waits for the mirror.
const DIRECTORY_TIMEOUT: Duration = Duration::from_millis(250);

/// How long the circuit stays open: writes do not ask a mirror that failed, and the log has one line.
const CIRCUIT_OPEN_FOR: Duration = Duration::from_secs(30);

/// Looks up the national ids that received resources cite, behind a circuit breaker.
#[derive(Clone)]
pub struct DirectoryCheck {
    mirror: Mirror,
    check: Check,
    timeout: Duration,
    open_until: Arc<Mutex<Option<Instant>>>,
}

impl DirectoryCheck {
    /// A check against this mirror; `None` where the check is off.
    pub fn new(mirror: Mirror, check: Check) -> Option<Self> {
        let open_until = Arc::default();
        (check != Check::Off).then_some(Self { mirror, check, timeout: DIRECTORY_TIMEOUT, open_until })
    }

    /// The same check with another timeout.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The issues of the ids that a resource cites; none where the mirror does not answer.
    pub async fn check(
        &self,
        deadline: &Deadline,
        resource_type: ResourceType,
        resource: &Value,
        now: impl FnOnce() -> Timestamp,
    ) -> Vec<Issue> {
        let cited = cited_identifiers(resource_type, resource);
        if cited.is_empty() || self.is_open() {
            return vec![];
        }
        let ids: BTreeSet<_> = cited.iter().map(|(id, _)| id.as_str()).collect();
        let report = async {
            // `timeout` polls the lookup first, however short the timeout is.
            if self.timeout.is_zero() {
                std::future::pending::<()>().await;
            }
            report_status(&self.mirror.for_lookups(&deadline.at_most(self.timeout)), &ids).await
        };
        match tokio::time::timeout(self.timeout, report).await {
            Ok(Ok(Some(report))) => self.issues(&cited, &report, now()),
            Ok(Ok(None)) => vec![],
            Ok(Err(error)) => self.trip(&join_causes(&error)),
            Err(_) => self.trip("it took too long"),
        }
    }

    fn issues(&self, cited: &[(String, String)], report: &StatusReport, now: Timestamp) -> Vec<Issue> {
        let days = now.duration_since(report.as_of).as_hours().max(0) / 24;
        let date = report.as_of.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string();
        let issue = |(id, expression): &(String, String)| {
            let rule = match report.status(id) {
                PractitionerStatus::Active => return None,
                PractitionerStatus::Inactive => INACTIVE,
                PractitionerStatus::Unknown => UNKNOWN,
            };
            Some(rule.at(expression, self.check).with("date", &date).with("days", days.to_string()))
        };
        cited.iter().filter_map(issue).collect()
    }

    /// Whether the circuit is open: the mirror is not asked.
    fn is_open(&self) -> bool {
        let until = self.open_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Opens the circuit. Of concurrent writes that meet the same failure, only the first logs it.
    fn trip(&self, cause: &str) -> Vec<Issue> {
        let mut until = self.open_until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if until.is_none_or(|until| until <= now) {
            *until = now.checked_add(CIRCUIT_OPEN_FOR);
            tracing::warn!(
                cause,
                "the directory mirror did not answer: identifiers are accepted unchecked for {CIRCUIT_OPEN_FOR:?}"
            );
        }
        vec![]
    }
}
