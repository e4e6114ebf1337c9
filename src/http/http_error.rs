//! Why a request gets no answer from an interaction, with the status and the issue of each reason.
//!
//! <http://hl7.org/fhir/R4/http.html#2.21.0.4>

use std::time::Duration;

use axum::http::StatusCode;

use crate::access::principal::{AuthFailure, Denied};
use crate::error::Error;
use crate::fault::FaultKind;
use crate::issue::Issue;
use crate::issue::catalogue::{
    ANNUAIRE_TYPE, EVENT_STREAMS, EVENTS_GONE, FAULT_INJECTED, FOREIGN_HOST, HTTP_ACCEPT, HTTP_AUTHORIZATION,
    HTTP_BODY_CHUNKS, HTTP_BODY_SIZE, HTTP_CALLER_UNKNOWN, HTTP_CERTIFICATE, HTTP_CONTENT_ENCODING, HTTP_CONTENT_TYPE,
    HTTP_FORBIDDEN, HTTP_HEADER_SIZE, HTTP_HOST, HTTP_LOGIN, HTTP_METHOD, HTTP_ORIGIN, HTTP_PATH, HTTP_RATE,
    HTTP_TIMEOUT, HTTP_TOKEN, HTTP_TRANSFER_CODING, HTTP_URL_SIZE, RESPONSES_UNREAD,
};
use crate::tls::rejection::CertificateRejection;

/// The message of the national directory, on which its clients may rely.
const UNKNOWN_DIRECTORY_TYPE: &str = "Can't process the request. Resource type not supported. Server knows how to handle: \
    [Device, HealthcareService, Organization, Practitioner, PractitionerRole]";

/// A failure of a request: of HTTP itself, or of the interaction.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The interaction failed.
    #[error(transparent)]
    Interaction(#[from] Error),
    /// The sender is not allowed to do it.
    #[error("denied")]
    Denied(Denied),
    /// A page of another site sends the request.
    #[error("page of another site")]
    ForeignPage,
    /// The request is sent to a host that is not this server, and no callers are configured.
    #[error("foreign host")]
    ForeignHost,
    /// `Host` is missing, repeated or malformed.
    #[error("no valid host")]
    InvalidHost,
    /// The body has another transfer coding than `chunked`.
    #[error("unsupported transfer coding")]
    UnsupportedTransferCoding,
    /// The URL exceeds `limit` bytes.
    #[error("URL too long")]
    UrlTooLong { limit: usize },
    /// The headers exceed `size` bytes in total, or `count` in number.
    #[error("headers too large")]
    HeadersTooLarge { size: usize, count: usize },
    /// The caller exceeds its rate; the next request is accepted after this time.
    #[error("too many requests of one caller")]
    TooManyRequests { retry_after: Duration },
    /// Clients have yet to read too many bytes of answers.
    #[error("too many unread answers")]
    ResponsesUnread,
    /// Too many requests wait for events: in total, or of one client.
    #[error("too many event streams")]
    TooManyEventStreams { limit: usize, per_client: usize },
    /// The position, or the log, that a reader of events names does not exist.
    #[error("no such position in the log")]
    EventsGone { log: String, head: i64 },
    /// Nothing is served at this path.
    #[error("unknown path")]
    UnknownPath,
    /// The path exists, but not for this method; `allowed` is the value of the header `Allow`.
    #[error("method not allowed")]
    MethodNotAllowed { method: String, allowed: String },
    /// The directory has no resources of a type of this name.
    #[error("unknown resource type of the directory")]
    UnknownDirectoryType { found: String },
    /// The client accepts no format that is served.
    #[error("not acceptable")]
    NotAcceptable,
    /// The body has another media type than the one expected.
    #[error("unsupported media type")]
    UnsupportedMediaType { found: String, expected: &'static str },
    /// The body is compressed.
    #[error("unsupported content encoding")]
    UnsupportedContentEncoding,
    /// The body exceeds `limit` bytes.
    #[error("body too large")]
    BodyTooLarge { limit: usize },
    /// The body comes in more than `limit` parts.
    #[error("body in too many parts")]
    BodyTooFragmented { limit: usize },
    /// The head or the body of the request did not arrive within the time allowed.
    #[error("too slow")]
    TooSlow { allowed: Duration },
    /// An armed fault is answered.
    #[error("injected fault: {}", kind.as_str())]
    Injected { kind: FaultKind, status: u16, retry_after: Option<u32> },
}

impl From<Denied> for HttpError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl HttpError {
    /// The failure of which these issues are the reasons.
    pub fn from_issues(issues: Vec<Issue>) -> Self {
        Error::from_issues(issues).into()
    }

    /// A fault of this program, with a sentence for the log.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Error::internal(cause).into()
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Interaction(error) => interaction_status(error),
            Self::Denied(Denied::Unauthenticated(
                AuthFailure::NoCredentials | AuthFailure::Malformed | AuthFailure::UnknownToken,
            )) => StatusCode::UNAUTHORIZED,
            Self::Denied(_) | Self::ForeignPage => StatusCode::FORBIDDEN,
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::BodyTooFragmented { .. } | Self::InvalidHost => StatusCode::BAD_REQUEST,
            Self::UnsupportedTransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::UrlTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::ResponsesUnread | Self::TooManyEventStreams { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::EventsGone { .. } => StatusCode::GONE,
            Self::UnknownPath | Self::UnknownDirectoryType { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::UnsupportedMediaType { .. } | Self::UnsupportedContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Injected { status, .. } => injected_status(*status),
        }
    }

    /// The issues of the OperationOutcome.
    pub fn issues(&self) -> Vec<Issue> {
        let issue = match self {
            Self::Interaction(error) => return error.issues(),
            Self::Denied(denied) => denied_issue(denied),
            Self::ForeignPage => Issue::new(&HTTP_ORIGIN, "http.Origin"),
            Self::ForeignHost => Issue::new(&FOREIGN_HOST, "http.Host"),
            Self::InvalidHost => Issue::new(&HTTP_HOST, "http.Host"),
            Self::UnsupportedTransferCoding => Issue::new(&HTTP_TRANSFER_CODING, "http.Transfer-Encoding"),
            Self::UrlTooLong { limit } => Issue::new(&HTTP_URL_SIZE, "http.path").with("expected", limit.to_string()),
            Self::HeadersTooLarge { size, count } => {
                Issue::new(&HTTP_HEADER_SIZE, "http").with("expected", format!("{size} B, {count}"))
            }
            Self::TooManyRequests { .. } => Issue::new(&HTTP_RATE, "http"),
            Self::ResponsesUnread => Issue::new(&RESPONSES_UNREAD, "http"),
            Self::TooManyEventStreams { limit, per_client } => {
                Issue::new(&EVENT_STREAMS, "http.path").with("expected", format!("{limit}, {per_client}"))
            }
            Self::EventsGone { log, head } => {
                Issue::new(&EVENTS_GONE, "http.after").with("log", log).with("head", head.to_string())
            }
            Self::UnknownPath => Issue::new(&HTTP_PATH, "http.path"),
            Self::MethodNotAllowed { method, allowed } => {
                Issue::new(&HTTP_METHOD, "http.method").with("found", method).with("expected", allowed)
            }
            Self::UnknownDirectoryType { found } => {
                Issue::new(&ANNUAIRE_TYPE, "http.path").with("found", found).diagnostics(UNKNOWN_DIRECTORY_TYPE)
            }
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
            Self::Injected { kind, .. } => Issue::new(&FAULT_INJECTED, "http").with("found", kind.as_str()),
        };
        vec![issue]
    }
}

/// The status of an injected failure, which may be one that no standard names.
fn injected_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

fn interaction_status(error: &Error) -> StatusCode {
    match error {
        Error::NotFhir(_) => StatusCode::BAD_REQUEST,
        Error::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::NotFound | Error::NotInDirectory { .. } => StatusCode::NOT_FOUND,
        Error::PreconditionFailed { .. } | Error::MultipleMatches { .. } => StatusCode::PRECONDITION_FAILED,
        Error::IdTaken { .. } => StatusCode::CONFLICT,
        Error::Gone => StatusCode::GONE,
        Error::TooBusy(_)
        | Error::Undecided
        | Error::DeadlineExceeded
        | Error::EmptyDirectory
        | Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn denied_issue(denied: &Denied) -> Issue {
    match denied {
        Denied::Forbidden { missing } => Issue::new(&HTTP_FORBIDDEN, "http.path").with("expected", missing),
        Denied::Unauthenticated(failure) => match failure {
            AuthFailure::NoCredentials => Issue::new(&HTTP_LOGIN, "http.Authorization"),
            AuthFailure::Malformed => Issue::new(&HTTP_AUTHORIZATION, "http.Authorization"),
            AuthFailure::UnknownToken => Issue::new(&HTTP_TOKEN, "http.Authorization"),
            AuthFailure::UnknownCertificate => Issue::new(&HTTP_CALLER_UNKNOWN, "http"),
            AuthFailure::UntrustedCertificate(rejection) => {
                Issue::new(&HTTP_CERTIFICATE, "http").with("found", reason_code(*rejection))
            }
        },
    }
}

/// The reason in the issue, the same in every language.
fn reason_code(rejection: CertificateRejection) -> &'static str {
    match rejection {
        CertificateRejection::Malformed => "malformed",
        CertificateRejection::UnknownIssuer => "unknown-issuer",
        CertificateRejection::NotYetValid => "not-yet-valid",
        CertificateRejection::Expired => "expired",
        CertificateRejection::Revoked => "revoked",
        CertificateRejection::RevocationUnknown => "revocation-unknown",
        CertificateRejection::RevocationListExpired => "revocation-list-expired",
        CertificateRejection::NotForClients => "not-for-clients",
        CertificateRejection::UnusableKey => "unusable-key",
    }
}
