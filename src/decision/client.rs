//! One signed question about a write, and its answer.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Response;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::answer::{Verdict, verdict};
use super::failure_log::FailureLog;
use super::settings::{OnFailure, Settings};
use crate::clock::new_uuid;
use crate::deadline::Deadline;
use crate::error::chain::join_causes;
use crate::error::{Error, Workload};
use crate::fhir::date::instant;
use crate::fhir::version::Version;
use crate::issue::Issue;
use crate::issue::catalogue::DECISION_REFUSED;
use crate::webhook::Sender;

/// Maximum questions at a time. Others wait for their turn.
const MAX_QUESTIONS: usize = 32;

/// Maximum questions that wait for their turn: the request has its body in memory meanwhile.
const MAX_WAITING: usize = 256;

/// What is left of the deadline for the commit.
const COMMIT_RESERVE: Duration = Duration::from_secs(1);

/// Maximum bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// The type of a question in its body.
const REQUESTED: &str = "decision.requested";

/// The vendor's software that is asked.
#[derive(Clone)]
pub struct Decision {
    sender: Sender,
    timeout: Duration,
    on_failure: OnFailure,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    failure_log: Arc<FailureLog>,
}

/// A write that would change something, as it is asked about.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proposal<'a> {
    pub effect: ProposedEffect,
    pub resource_type: &'static str,
    /// The resource that is updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its version before the write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// As received.
    pub resource: &'a Value,
}

/// What the write would do, as the state stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProposedEffect {
    Create,
    Update,
}

/// The body of the standard.
#[derive(Serialize)]
struct Question<'a> {
    r#type: &'static str,
    timestamp: String,
    data: &'a Proposal<'a>,
}

impl Decision {
    /// Reads the secrets and the authorities.
    ///
    /// # Errors
    /// A sentence that says what to correct.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let sender = Sender::new(settings.url.clone(), &settings.secrets, settings.ca.as_deref());
        let sender = sender.map_err(|error| format!("[decision]: {error}"))?;
        let (timeout, on_failure) = (settings.timeout, settings.on_failure);
        let [turns, waiting] = [MAX_QUESTIONS, MAX_WAITING].map(|permits| Arc::new(Semaphore::new(permits)));
        Ok(Self { sender, timeout, on_failure, turns, waiting, failure_log: Arc::default() })
    }

    /// Whether a write is refused about which the software did not decide.
    pub(crate) fn refuses_undecided(&self) -> bool {
        self.on_failure == OnFailure::Refuse
    }

    /// Asks about a write, once.
    ///
    /// # Errors
    /// [`Error::Refused`] with the message of the software; [`Error::Undecided`] where there is no answer and the settings
    /// refuse the write then; [`Error::TooBusy`] where it could not be asked in time.
    pub(crate) async fn ask(&self, deadline: &Deadline, proposal: &Proposal<'_>, now: Timestamp) -> Result<(), Error> {
        let timeout = self.timeout;
        let latest = deadline.instant().and_then(|at| at.checked_sub(COMMIT_RESERVE));
        // Whatever is to be done on failure, what was not asked is not decided.
        let waiting = self.waiting.try_acquire().map_err(|_| Error::TooBusy(Workload::Writes))?;
        let turn = timeout_at(before(latest, timeout), self.turns.acquire()).await;
        let _turn = turn.map_err(|_| Error::TooBusy(Workload::Writes))?.map_err(Error::internal)?;
        drop(waiting);
        let question = Question { r#type: REQUESTED, timestamp: instant(now), data: proposal };
        let body = serde_json::to_vec(&question).map_err(Error::internal)?;
        let verdict = timeout_at(before(latest, timeout), self.post(body, now)).await;
        let verdict = verdict.unwrap_or_else(|_| Verdict::Failed(format!("it does not answer within {timeout:?}")));
        self.report(&verdict, now);
        match verdict {
            Verdict::Accepted => Ok(()),
            Verdict::Refused(message) => {
                // Longer than other parameters may be.
                let issue = Issue::new(&DECISION_REFUSED, proposal.resource_type);
                Err(Error::from_issues(vec![Issue { parameters: vec![("message", message)], ..issue }]))
            }
            Verdict::Failed(_) if self.on_failure == OnFailure::Accept => Ok(()),
            Verdict::Failed(_) => Err(Error::Undecided),
        }
    }

    async fn post(&self, body: Vec<u8>, now: Timestamp) -> Verdict {
        let id = format!("decision-{}", new_uuid());
        match self.sender.post(&id, body, now).send().await {
            // Only a refusal has something to read.
            Ok(response) if response.status().is_client_error() => {
                let status = response.status();
                verdict(status, &read_body(response).await)
            }
            Ok(response) => {
                let status = response.status();
                verdict(status, &[])
            }
            Err(error) => Verdict::Failed(format!("it does not answer: {}", join_causes(&error.without_url()))),
        }
    }

    /// Counts the verdict, and logs when failures begin and end.
    fn report(&self, verdict: &Verdict, now: Timestamp) {
        let (outcome, failure) = match verdict {
            Verdict::Accepted => ("accepted", None),
            Verdict::Refused(_) => ("refused", None),
            Verdict::Failed(cause) => ("failed", Some(cause)),
        };
        metrics::counter!("sas_decisions_total", "outcome" => outcome).increment(1);
        let Some(left_out) = self.failure_log.next_line(failure.is_some(), now) else { return };
        match failure {
            Some(cause) => {
                let on_failure = match self.on_failure {
                    OnFailure::Accept => "accepted",
                    OnFailure::Refuse => "refused with 503",
                };
                tracing::warn!(
                    cause,
                    left_out,
                    "the software of [decision] gives no decision: writes are {on_failure} meanwhile"
                );
            }
            None => tracing::info!(left_out, "the software of [decision] decides again"),
        }
    }
}

/// So long from now, or `latest`, whichever is earlier.
fn before(latest: Option<Instant>, timeout: Duration) -> Instant {
    let until = Instant::now() + timeout;
    latest.map_or(until, |latest| latest.min(until))
}

/// The body, if it is not too long: nothing else is looked for in it than a message.
async fn read_body(mut response: Response) -> Vec<u8> {
    let mut body = vec![];
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return vec![];
        }
    }
    body
}
