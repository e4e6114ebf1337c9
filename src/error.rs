//! Every way in which a request can fail, in the words of the domain; HTTP is
//! [`crate::http::outcome`]'s business.

pub mod chain;

use std::sync::Arc;
use std::time::Duration;

use chain::join_causes;

use crate::deadline::{DeadlineExceeded, Limited};
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::issue::catalogue::{
    ANNUAIRE_EMPTY, ANNUAIRE_GONE, ANNUAIRE_TYPE, FOREIGN_HOST, HTTP_ACCEPT, HTTP_AUTHORIZATION, HTTP_BODY_CHUNKS,
    HTTP_BODY_SIZE, HTTP_CALLER_UNKNOWN, HTTP_CERTIFICATE, HTTP_CONTENT_ENCODING, HTTP_CONTENT_TYPE, HTTP_DEADLINE,
    HTTP_FORBIDDEN, HTTP_HEADER_SIZE, HTTP_HOST, HTTP_ID_TAKEN, HTTP_INTERNAL, HTTP_LOGIN, HTTP_METHOD,
    HTTP_MULTIPLE_MATCHES, HTTP_NOT_FOUND, HTTP_ORIGIN, HTTP_PATH, HTTP_PRECONDITION, HTTP_RATE, HTTP_TIMEOUT,
    HTTP_TOKEN, HTTP_TRANSFER_CODING, HTTP_UNAVAILABLE, HTTP_URL_SIZE, RESPONSES_UNREAD, TOO_BUSY_DIRECTORY,
    TOO_BUSY_READS, TOO_BUSY_SEARCHES, TOO_BUSY_VALIDATIONS, TOO_BUSY_WRITES,
};
use crate::issue::{Issue, Level, Rule};

/// The national directory's own words, which its clients may look for.
const UNKNOWN_DIRECTORY_TYPE: &str = "Can't process the request. Resource type not supported. Server knows how to handle: \
    [Device, HealthcareService, Organization, Practitioner, PractitionerRole]";

/// The kinds of work of which each has permits of its own, so that none takes another's.
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

/// Why a request was not carried out. Nothing was changed; only where the database broke away during
/// a commit ([`Error::Unavailable`]), or the time was over during one ([`Error::DeadlineExceeded`]), is that unknown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was sent is not FHIR R4, or the query is malformed.
    #[error("not FHIR R4")]
    NotFhir(Vec<Issue>),
    /// It is FHIR, but a profile or a SAS rule refuses it.
    #[error("refused by a profile or a SAS rule")]
    Refused(Vec<Issue>),
    /// Who sends the request has to say so, with a certificate or a token.
    #[error("no credentials")]
    LoginRequired,
    /// The header `Authorization` is not one bearer token.
    #[error("malformed authorization")]
    AuthorizationMalformed,
    /// The bearer token is nobody's.
    #[error("unknown token")]
    UnknownToken,
    /// The holder of the certificate is none of the callers.
    #[error("unknown caller")]
    UnknownCaller,
    /// The client's certificate is not believed.
    #[error("certificate refused: {reason}")]
    CertificateRefused {
        /// Why, in one word that is the same in every language.
        reason: &'static str,
    },
    /// The caller has no right to this.
    #[error("forbidden")]
    Forbidden {
        /// The rights of which one is needed.
        missing: String,
    },
    /// The page of another site sends the request.
    #[error("request from a page of another site")]
    ForeignPage,
    /// The request does not name one host, or names it in no legal form.
    #[error("no valid host")]
    InvalidHost,
    /// The body has another transfer coding than `chunked`.
    #[error("unsupported transfer coding")]
    UnsupportedTransferCoding,
    /// The URL is longer than allowed.
    #[error("URL too long")]
    UrlTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The headers are larger, or more, than allowed.
    #[error("headers too large")]
    HeadersTooLarge {
        /// The limit of their size together, in bytes.
        size: usize,
        /// The limit of their number.
        count: usize,
    },
    /// The caller sends more requests a second than it may.
    #[error("too many requests of one caller")]
    TooFast {
        /// When the next one is taken.
        retry_after: Duration,
    },
    /// As many requests of this kind are being worked on, and wait, as may.
    #[error("too busy: {}", .0.as_str())]
    TooBusy(Workload),
    /// The request was not answered in the time that it may take, and was stopped.
    #[error("deadline exceeded")]
    DeadlineExceeded,
    /// Clients have yet to read too many bytes of answers.
    #[error("too many unread answers")]
    ResponsesUnread,
    /// Nothing is served at this path.
    #[error("unknown path")]
    UnknownPath,
    /// The path exists, but not for this method.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// The method that was used.
        method: String,
        /// The methods that the path serves, as in the header `Allow`.
        allowed: String,
    },
    /// The resource, or that version of it, does not exist.
    #[error("not found")]
    NotFound,
    /// The directory has no resources of a type of this name.
    #[error("unknown resource type of the directory")]
    UnknownDirectoryType {
        /// The name that stands in the path.
        found: String,
    },
    /// The directory has no resource of this id.
    #[error("not found in the directory")]
    NotInDirectory {
        /// The id that was asked for.
        id: String,
    },
    /// Nothing was loaded into the copy of the directory yet.
    #[error("the directory mirror is empty")]
    EmptyDirectory,
    /// No format that the client accepts is served.
    #[error("not acceptable")]
    NotAcceptable,
    /// The body has a media type that is not read here.
    #[error("unsupported media type")]
    UnsupportedMediaType {
        /// The media type of the body.
        found: String,
        /// The one expected.
        expected: &'static str,
    },
    /// The body is compressed.
    #[error("unsupported content encoding")]
    UnsupportedContentEncoding,
    /// The body is larger than allowed.
    #[error("body too large")]
    BodyTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body comes in more parts than are read.
    #[error("body in too many parts")]
    BodyTooFragmented {
        /// The limit of their number.
        limit: usize,
    },
    /// The head or the body of the request took longer than allowed to arrive.
    #[error("timeout")]
    TooSlow {
        /// The time allowed.
        allowed: Duration,
    },
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
    /// The versions that a walk over the directory began with are no longer kept.
    #[error("the next link has expired")]
    Gone,
    /// The id that a create brings along belongs to another resource.
    #[error("the id is taken")]
    IdTaken {
        /// The type of both resources.
        resource_type: ResourceType,
    },
    /// The database is away or full. An interrupted write may be repeated as it is.
    #[error("the database is unavailable")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A fault of ours. The client learns nothing of the cause.
    #[error("internal error")]
    Internal(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The request is sent to a host that is not this server, and no callers are configured.
    #[error("foreign host")]
    ForeignHost,
}

impl Error {
    /// The failure that errors among these issues make: not FHIR R4 if any says so, refused otherwise.
    pub fn of(issues: Vec<Issue>) -> Self {
        if issues.iter().any(|issue| issue.rule.level == Level::NotFhir) {
            Self::NotFhir(issues)
        } else {
            Self::Refused(issues)
        }
    }

    /// A fault of ours, told by a sentence for the log.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(Arc::from(cause.into()))
    }

    /// What its causes say of themselves, for the log. Their debug form may hold values of a person.
    pub fn causes(&self) -> String {
        std::error::Error::source(self).map(join_causes).unwrap_or_default()
    }

    /// What the client is told.
    pub fn issues(&self) -> Vec<Issue> {
        let issue = match self {
            Self::NotFhir(issues) | Self::Refused(issues) => return issues.clone(),
            Self::LoginRequired => Issue::new(&HTTP_LOGIN, "http.Authorization"),
            Self::AuthorizationMalformed => Issue::new(&HTTP_AUTHORIZATION, "http.Authorization"),
            Self::UnknownToken => Issue::new(&HTTP_TOKEN, "http.Authorization"),
            Self::UnknownCaller => Issue::new(&HTTP_CALLER_UNKNOWN, "http"),
            Self::CertificateRefused { reason } => Issue::new(&HTTP_CERTIFICATE, "http").with("found", reason),
            Self::Forbidden { missing } => Issue::new(&HTTP_FORBIDDEN, "http.path").with("expected", missing),
            Self::ForeignPage => Issue::new(&HTTP_ORIGIN, "http.Origin"),
            Self::InvalidHost => Issue::new(&HTTP_HOST, "http.Host"),
            Self::UnsupportedTransferCoding => Issue::new(&HTTP_TRANSFER_CODING, "http.Transfer-Encoding"),
            Self::UrlTooLong { limit } => Issue::new(&HTTP_URL_SIZE, "http.path").with("expected", limit.to_string()),
            Self::HeadersTooLarge { size, count } => {
                Issue::new(&HTTP_HEADER_SIZE, "http").with("expected", format!("{size} B, {count}"))
            }
            Self::TooFast { .. } => Issue::new(&HTTP_RATE, "http"),
            Self::TooBusy(workload) => Issue::new(workload.rule(), "http.path"),
            Self::DeadlineExceeded => Issue::new(&HTTP_DEADLINE, "http.path"),
            Self::ResponsesUnread => Issue::new(&RESPONSES_UNREAD, "http"),
            Self::UnknownPath => Issue::new(&HTTP_PATH, "http.path"),
            Self::MethodNotAllowed { method, allowed } => {
                Issue::new(&HTTP_METHOD, "http.method").with("found", method).with("expected", allowed)
            }
            Self::NotFound => Issue::new(&HTTP_NOT_FOUND, "http.path"),
            Self::UnknownDirectoryType { found } => {
                Issue::new(&ANNUAIRE_TYPE, "http.path").with("found", found).diagnostics(UNKNOWN_DIRECTORY_TYPE)
            }
            Self::NotInDirectory { id } => {
                Issue::new(&HTTP_NOT_FOUND, "http.path").diagnostics(format!("Resource not found with id: {id}"))
            }
            Self::EmptyDirectory => Issue::new(&ANNUAIRE_EMPTY, "http.path"),
            Self::NotAcceptable => Issue::new(&HTTP_ACCEPT, "http.Accept"),
            Self::UnsupportedMediaType { found, expected } => {
                Issue::new(&HTTP_CONTENT_TYPE, "http.Content-Type").with("found", found).with("expected", expected)
            }
            Self::UnsupportedContentEncoding => Issue::new(&HTTP_CONTENT_ENCODING, "http.Content-Encoding"),
            Self::BodyTooLarge { limit } => {
                Issue::new(&HTTP_BODY_SIZE, "http.Content-Length").with("expected", limit.to_string())
            }
            Self::BodyTooFragmented { limit } => {
                Issue::new(&HTTP_BODY_CHUNKS, "http.body").with("expected", limit.to_string())
            }
            Self::TooSlow { allowed } => {
                Issue::new(&HTTP_TIMEOUT, "http").with("expected", allowed.as_secs_f64().to_string())
            }
            Self::PreconditionFailed { header, current } => {
                let current = current.map_or("∅".to_owned(), |version| version.to_string());
                Issue::new(&HTTP_PRECONDITION, format!("http.{header}")).with("found", current)
            }
            Self::MultipleMatches { criterion } => Issue::new(&HTTP_MULTIPLE_MATCHES, format!("http.{criterion}")),
            Self::Gone => Issue::new(&ANNUAIRE_GONE, "http._page"),
            Self::IdTaken { resource_type } => Issue::new(&HTTP_ID_TAKEN, format!("{resource_type}.id")),
            Self::Unavailable(_) => Issue::new(&HTTP_UNAVAILABLE, "http.path"),
            Self::Internal(_) => Issue::new(&HTTP_INTERNAL, "http.path"),
            Self::ForeignHost => Issue::new(&FOREIGN_HOST, "http.Host"),
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
