//! The failures of the domain and of storage. Those of HTTP itself are `http::http_error`'s.

pub(crate) mod chain;

use std::sync::Arc;

use chain::join_causes;

use crate::deadline::{DeadlineExceeded, Limited};
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::issue::catalogue::{
    ANNUAIRE_EMPTY, ANNUAIRE_GONE, DECISION_UNAVAILABLE, HTTP_DEADLINE, HTTP_ID_TAKEN, HTTP_INTERNAL,
    HTTP_MULTIPLE_MATCHES, HTTP_NOT_FOUND, HTTP_PRECONDITION, HTTP_UNAVAILABLE, TOO_BUSY_DIRECTORY, TOO_BUSY_READS,
    TOO_BUSY_SEARCHES, TOO_BUSY_VALIDATIONS, TOO_BUSY_WRITES,
};
use crate::issue::{Issue, Level, Rule};

/// The kinds of work. Each has its own permits, so that none takes another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Creates and updates, conditional or not.
    Writes,
    /// Reads by id, by version, and histories, of both APIs.
    Reads,
    /// Searches.
    Searches,
    /// `$validate`
    Validations,
    /// Searches of the directory.
    Directory,
}

impl Workload {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Writes, Self::Reads, Self::Searches, Self::Validations, Self::Directory];

    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writes => "writes",
            Self::Reads => "reads",
            Self::Searches => "searches",
            Self::Validations => "validations",
            Self::Directory => "directory",
        }
    }

    fn rule(self) -> &'static Rule {
        match self {
            Self::Writes => &TOO_BUSY_WRITES,
            Self::Reads => &TOO_BUSY_READS,
            Self::Searches => &TOO_BUSY_SEARCHES,
            Self::Validations => &TOO_BUSY_VALIDATIONS,
            Self::Directory => &TOO_BUSY_DIRECTORY,
        }
    }
}

/// Why an interaction failed. Nothing was changed; only if the connection to the database broke during a commit
/// ([`Error::Unavailable`]), or the deadline passed during one ([`Error::DeadlineExceeded`]), is that unknown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is not FHIR R4, or the query is malformed.
    #[error("not FHIR R4")]
    NotFhir(Vec<Issue>),
    /// It is FHIR, but a profile or a SAS rule refuses it.
    #[error("refused by a profile or a SAS rule")]
    Refused(Vec<Issue>),
    /// All permits for this kind of work are taken, and its queue is full.
    #[error("too busy: {}", .0.as_str())]
    TooBusy(Workload),
    /// The vendor's software, which is asked about the write, gives no decision.
    #[error("no decision of the vendor's software")]
    Undecided,
    /// The deadline passed, and the work was stopped.
    #[error("deadline exceeded")]
    DeadlineExceeded,
    /// The resource, or that version of it, does not exist.
    #[error("not found")]
    NotFound,
    /// The directory has no resource of this id.
    #[error("not found in the directory")]
    NotInDirectory { id: String },
    /// Nothing has been loaded into the directory mirror.
    #[error("the directory mirror is empty")]
    EmptyDirectory,
    /// `If-Match`, `If-None-Match` or `If-Unmodified-Since` does not hold.
    #[error("precondition failed")]
    PreconditionFailed {
        /// Which of them.
        header: &'static str,
        /// The current version, where there is one.
        current: Option<Version>,
    },
    /// The criterion designates several resources.
    #[error("multiple matches")]
    MultipleMatches {
        /// Where the criterion stands.
        criterion: &'static str,
    },
    /// The snapshot that the pages of a directory search belong to is no longer kept.
    #[error("the next link has expired")]
    Gone,
    /// The id in the body of a create belongs to another resource.
    #[error("the id is taken")]
    IdTaken {
        /// The type of both resources.
        resource_type: ResourceType,
    },
    /// The database is away or full. An interrupted write may be repeated as it is.
    #[error("the database is unavailable")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A fault of this program. The client does not learn the cause.
    #[error("internal error")]
    Internal(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// The failure of which these issues are the reasons: not FHIR R4 if any says so, refused otherwise.
    pub(crate) fn from_issues(issues: Vec<Issue>) -> Self {
        if issues.iter().any(|issue| issue.rule.level == Level::NotFhir) {
            Self::NotFhir(issues)
        } else {
            Self::Refused(issues)
        }
    }

    /// A fault of this program, with a sentence for the log.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(Arc::from(cause.into()))
    }

    /// What its causes say of themselves, for the log. Their debug form may hold values of a person.
    pub(crate) fn causes(&self) -> String {
        std::error::Error::source(self).map(join_causes).unwrap_or_default()
    }

    /// The issues of the OperationOutcome.
    pub fn issues(&self) -> Vec<Issue> {
        let issue = match self {
            Self::NotFhir(issues) | Self::Refused(issues) => return issues.clone(),
            Self::TooBusy(workload) => Issue::new(workload.rule(), "http.path"),
            Self::Undecided => Issue::new(&DECISION_UNAVAILABLE, "http.path"),
            Self::DeadlineExceeded => Issue::new(&HTTP_DEADLINE, "http.path"),
            Self::NotFound => Issue::new(&HTTP_NOT_FOUND, "http.path"),
            Self::NotInDirectory { id } => {
                Issue::new(&HTTP_NOT_FOUND, "http.path").diagnostics(format!("Resource not found with id: {id}"))
            }
            Self::EmptyDirectory => Issue::new(&ANNUAIRE_EMPTY, "http.path"),
            Self::PreconditionFailed { header, current } => {
                let current = current.map_or("∅".to_owned(), |version| version.to_string());
                Issue::new(&HTTP_PRECONDITION, format!("http.{header}")).with("found", current)
            }
            Self::MultipleMatches { criterion } => Issue::new(&HTTP_MULTIPLE_MATCHES, format!("http.{criterion}")),
            Self::Gone => Issue::new(&ANNUAIRE_GONE, "http._page"),
            Self::IdTaken { resource_type } => Issue::new(&HTTP_ID_TAKEN, format!("{resource_type}.id")),
            Self::Unavailable(_) => Issue::new(&HTTP_UNAVAILABLE, "http.path"),
            Self::Internal(_) => Issue::new(&HTTP_INTERNAL, "http.path"),
        };
        vec![issue]
    }
}

impl From<DeadlineExceeded> for Error {
    fn from(_: DeadlineExceeded) -> Self {
        Self::DeadlineExceeded
    }
}

impl Limited for Error {
    fn may_be_interruption(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_busy_cites_the_rule_of_its_kind() {
        for workload in Workload::ALL {
            let issues = Error::TooBusy(workload).issues();
            assert_eq!(issues[0].rule.id, format!("too-busy-{}", workload.as_str()));
        }
    }
}
