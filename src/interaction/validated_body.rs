//! Validates the body of a request. Large bodies are validated on blocking threads, apart from the threads that serve
//! every request.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::endpoint::{Endpoint, RequestContext};
use crate::audit::AuditDraft;
use crate::error::{Error, Workload};
use crate::fhir::content::Content;
use crate::fhir::json::{Received, locate};
use crate::fhir::resource_type::ResourceType;
use crate::issue::Issue;
use crate::sas::identity;
use crate::sas::validation::ValidationResult;

/// Bodies of more bytes are validated on a blocking thread. A smaller one takes some milliseconds at worst.
const MAX_INLINE_BODY: usize = 32 << 10;

/// Large bodies of writes that are validated at the same time: as many as there are processors. Others wait until
/// their deadline.
static WRITES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(processors())));

/// The same of `$validate`, which leaves a processor to writes where there are two.
static VALIDATIONS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new((processors() - 1).max(1))));

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A validated body.
pub(super) struct ValidatedBody {
    /// As sent.
    bytes: Bytes,
    pub result: ValidationResult,
    /// What is stored, if nothing in the body is refused.
    content: Option<Content>,
}

/// A body without errors.
pub(super) struct AcceptedBody {
    /// As sent.
    pub bytes: Bytes,
    pub received: Received,
    /// What is stored.
    pub content: Content,
    /// Warnings and information.
    pub issues: Vec<Issue>,
}

impl ValidatedBody {
    /// The body, unless it or what was found elsewhere in the request is refused.
    pub async fn accepted(self, context: &RequestContext, mut issues: Vec<Issue>) -> Result<AcceptedBody, Error> {
        let Self { bytes, result, content } = self;
        issues.extend(result.issues);
        match (result.received, content) {
            (Some(received), Some(content)) if !issues.iter().any(Issue::is_error) => {
                Ok(AcceptedBody { bytes, received, content, issues })
            }
            _ => Err(refusal(context, &bytes, issues).await),
        }
    }
}

impl Endpoint {
    /// Validates the body of a write. Its identifiers are in the audit event, accepted or not.
    pub(super) async fn validate_body(
        &self,
        context: &RequestContext,
        audit: &mut AuditDraft,
        resource_type: ResourceType,
        body: Bytes,
    ) -> Result<ValidatedBody, Error> {
        let (validator, own_audit, body_len) = (self.validator.clone(), audit.clone(), body.len());
        let work = move || {
            let result = validator.validate(resource_type, &body);
            let mut audit = own_audit;
            if let Some(received) = &result.received {
                add_identifiers(&mut audit, &received.value);
            }
            let accepted = result.received.as_ref().filter(|_| result.is_accepted());
            let content = accepted.map(Content::new);
            (ValidatedBody { bytes: body, result, content }, audit)
        };
        let (validated, validated_audit) = run(context, Workload::Writes, body_len, work).await?;
        *audit = validated_audit;
        Ok(validated)
    }

    /// Adds the doubts of the national directory about the identifiers that an otherwise acceptable resource cites.
    pub(super) async fn check_directory(
        &self,
        context: &RequestContext,
        resource_type: ResourceType,
        resource: &Value,
        issues: &mut Vec<Issue>,
    ) {
        if let Some(directory) = &self.directory
            && !issues.iter().any(Issue::is_error)
        {
            issues.extend(directory.check(&context.deadline, resource_type, resource, || self.clock.now()).await);
        }
    }
}

/// Adds the identifiers of a body: first the operator, whom an appointment names deep inside.
pub(super) fn add_identifiers(audit: &mut AuditDraft, body: &Value) {
    if let Some((operator, _)) = identity::operator(body) {
        audit.add_identifier(&operator);
    }
    audit.add_body(body);
}

/// The refusal of a write for these issues, with the positions of those that are about its body.
pub(super) async fn refusal(context: &RequestContext, body: &Bytes, issues: Vec<Issue>) -> Error {
    located(context, Workload::Writes, body, String::new(), issues).await.map_or_else(|error| error, Error::from_issues)
}

/// Adds their positions to issues found after the validation. `root` is the JSON Pointer of the resource in the body.
pub(super) async fn located(
    context: &RequestContext,
    workload: Workload,
    body: &Bytes,
    root: String,
    mut issues: Vec<Issue>,
) -> Result<Vec<Issue>, Error> {
    if issues.iter().all(|issue| issue.position().is_some()) {
        return Ok(issues);
    }
    let (body, size) = (body.clone(), body.len());
    let work = move || {
        locate(&body, &root, &mut issues);
        issues
    };
    run(context, workload, size, work).await
}

/// The same for the issues of a write that is on disk, whose answer waits for nothing more: in a large body, those that the
/// validation did not find have no position.
pub(super) fn locate_if_small(body: &Bytes, issues: &mut [Issue]) {
    if body.len() <= MAX_INLINE_BODY {
        locate(body, "", issues);
    }
}

/// Does this work, which takes time in proportion to the size of a body: at once for a small one, on a blocking
/// thread for a large one. The request's permit is held until it has ended, even if nobody waits any more.
pub(super) async fn run<T: Send + 'static>(
    context: &RequestContext,
    workload: Workload,
    size: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    if size <= MAX_INLINE_BODY {
        return Ok(work());
    }
    let permits = if workload == Workload::Writes { &WRITES } else { &VALIDATIONS };
    let permit = Arc::clone(permits).acquire_owned().await.map_err(Error::internal)?;
    let deadline = context.deadline.clone();
    let work = move || {
        let _held = (permit, deadline);
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
