//! One signed question about a write, and its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Response;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::answer::{Verdict, verdict};
use super::settings::{OnFailure, Settings};
use crate::clock::new_uuid;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::error::chain::join_causes;
use crate::fhir::date::instant;
use crate::fhir::version::Version;
use crate::issue::Issue;
use crate::issue::catalogue::DECISION_REFUSED;
use crate::webhook::Sender;

/// Maximum questions at a time. Others wait for their turn.
const MAX_QUESTIONS: usize = 32;

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
    /// Whether the last question failed: the log has one line when that begins, and one when it ends.
    is_failing: Arc<AtomicBool>,
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
        let turns = Arc::new(Semaphore::new(MAX_QUESTIONS));
        let (timeout, on_failure) = (settings.timeout, settings.on_failure);
        Ok(Self { sender, timeout, on_failure, turns, is_failing: Arc::default() })
    }

    /// Asks about a write, once.
    ///
    /// # Errors
    /// [`Error::Refused`] with the message of the software, or [`Error::Undecided`] where there is no answer and the settings
    /// refuse the write then.
    pub(crate) async fn ask(&self, deadline: &Deadline, proposal: &Proposal<'_>, now: Timestamp) -> Result<(), Error> {
        let timeout = self.timeout;
        let question = Question { r#type: REQUESTED, timestamp: instant(now), data: proposal };
        let body = serde_json::to_vec(&question).map_err(Error::internal)?;
        let asked = async {
            let _turn = self.turns.acquire().await.map_err(Error::internal)?;
            Ok::<_, Error>(self.post(body, now).await)
        };
        let until = deadline.at_most(timeout).instant().unwrap_or_else(|| Instant::now() + timeout);
        let verdict = match timeout_at(until, asked).await {
            Ok(verdict) => verdict?,
            Err(_) => Verdict::Failed(format!("it does not answer within {timeout:?}")),
        };
        self.report(&verdict);
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
            Ok(response) => {
                let status = response.status();
                verdict(status, &read_body(response).await)
            }
            Err(error) => Verdict::Failed(format!("it does not answer: {}", join_causes(&error.without_url()))),
        }
    }

    /// Counts the verdict, and logs when failures begin and end.
    fn report(&self, verdict: &Verdict) {
        let (outcome, failure) = match verdict {
            Verdict::Accepted => ("accepted", None),
            Verdict::Refused(_) => ("refused", None),
            Verdict::Failed(cause) => ("failed", Some(cause)),
        };
        metrics::counter!("sas_decisions_total", "outcome" => outcome).increment(1);
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(cause) if !was_failing => {
                let on_failure = match self.on_failure {
                    OnFailure::Accept => "accepted",
                    OnFailure::Refuse => "refused with 503",
                };
                tracing::warn!(
                    cause,
                    "the software of [decision] gives no decision: writes are {on_failure} meanwhile"
                );
            }
            None if was_failing => tracing::info!("the software of [decision] decides again"),
            _ => {}
        }
    }
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
