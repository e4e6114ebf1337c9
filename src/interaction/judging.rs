//! Judging a body is work for a processor: that of a large one is done apart from the threads that serve everybody.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{Endpoint, Exchange};
use crate::audit::Trace;
use crate::error::{Error, Workload};
use crate::fhir::content::Content;
use crate::fhir::json::Received;
use crate::fhir::resource_type::ResourceType;
use crate::issue::Issue;
use crate::sas::identity;
use crate::sas::validation::ValidationResult;

/// Bodies of more bytes are judged on a blocking thread. A smaller one takes some milliseconds at worst.
const MAX_INLINE_BODY: usize = 32 << 10;

/// Large bodies of writes that are judged at the same time: as many as there are processors. Others wait until their
/// deadline.
static WRITES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(processors())));

/// The same of `$validate`, which leaves a processor to writes where there are two.
static VALIDATIONS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new((processors() - 1).max(1))));

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A body that was judged.
pub(super) struct ValidatedBody {
    pub judged: ValidationResult,
    /// What is stored, where nothing in the body makes the request fail.
    pub content: Option<Content>,
}

impl ValidatedBody {
    /// The body, unless it or what was found elsewhere in the request is refused.
    pub fn accepted(self, mut issues: Vec<Issue>) -> Result<(Received, Content, Vec<Issue>), Error> {
        issues.extend(self.judged.issues);
        match (self.judged.received, self.content) {
            (Some(received), Some(content)) if !issues.iter().any(Issue::is_error) => Ok((received, content, issues)),
            _ => Err(Error::of(issues)),
        }
    }
}

impl Endpoint {
    /// The body, judged; whom it names is recorded, accepted or not.
    pub(super) async fn validate_body(
        &self,
        exchange: &Exchange,
        resource_type: ResourceType,
        body: Bytes,
    ) -> Result<ValidatedBody, Error> {
        let (validator, trace) = (self.validator.clone(), exchange.trace.clone());
        run(exchange, Workload::Writes, body.len(), move || {
            let judged = validator.validate(resource_type, &body);
            if let Some(received) = &judged.received {
                note_identifiers(&trace, &received.value);
            }
            let accepted = judged.received.as_ref().filter(|_| judged.is_accepted());
            let content = accepted.map(Content::new);
            ValidatedBody { judged, content }
        })
        .await
    }
}

/// Notes for the record whom a body names: first the operator, whom an appointment names deep inside.
pub(super) fn note_identifiers(trace: &Trace, body: &Value) {
    if let Some((operator, _)) = identity::operator(body) {
        trace.names_identifier(&operator);
    }
    trace.holds(body);
}

/// Does this work, which takes time in proportion to the size of a body: at once for a small one, on a blocking
/// thread for a large one. The request's permit is held until it has ended, even if nobody waits any more.
pub(super) async fn run<T: Send + 'static>(
    exchange: &Exchange,
    workload: Workload,
    size: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    if size <= MAX_INLINE_BODY {
        return Ok(work());
    }
    let permits = if workload == Workload::Writes { &WRITES } else { &VALIDATIONS };
    let permit = Arc::clone(permits).acquire_owned().await.map_err(Error::internal)?;
    let deadline = exchange.deadline.clone();
    let work = move || {
        let _held = (permit, deadline);
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
