//! The errors of requests to the upstream directory, and which of them are temporary.

use std::time::Duration;

use serde_json::Value;

/// Maximum characters of `diagnostics` that a message quotes.
const MAX_DIAGNOSTICS_CHARS: usize = 300;

/// The words of the national server for an expired `next` link, which it answers with status 500.
const EXPIRED: &str = "too old or corrupted";

/// Why the upstream directory gave no page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// `SAS_ANNUAIRE_URL` is not a base URL.
    #[error("SAS_ANNUAIRE_URL: “{0}” is not the base of a FHIR API: expected http://host/path or https://host/path")]
    Address(String),
    /// The key cannot be the value of a header.
    #[error("SAS_ANNUAIRE_API_KEY: the key is empty, or contains characters that are not allowed in a header")]
    KeyForm,
    /// The HTTP client cannot be created: the system has no root certificates, for instance.
    #[error("the HTTP client cannot be created: {0}")]
    Setup(String),
    /// The directory refuses the key, or requires one: 401 or 403.
    #[error(
        "{base} {} (status {status})",
        if *sent { "refuses the key: check SAS_ANNUAIRE_API_KEY" } else { "requires a key: set SAS_ANNUAIRE_API_KEY" }
    )]
    Key {
        base: String,
        status: u16,
        /// Whether a key was sent.
        sent: bool,
    },
    /// Another status than 200.
    #[error("{base} answers {status}{}", diagnostics.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Status {
        base: String,
        status: u16,
        /// The diagnostics of its OperationOutcome.
        diagnostics: Option<String>,
        retry_after: Option<Duration>,
    },
    /// No complete response was received.
    #[error("{base} does not answer: {cause}")]
    Unreachable { base: String, cause: String },
    /// The response is not a page of a search.
    #[error("{base} did not return a page of a search: {reason}")]
    NotAPage { base: String, reason: String },
    /// The page exceeds the maximum size.
    #[error("a page of {base} is larger than {limit} bytes: reduce the number of resources per page (--count)")]
    TooLarge { base: String, limit: usize },
    /// The last page was received before as many resources as the directory announced.
    #[error(
        "{base} announced {total} resources for {walk} and sent {received}. Nothing is deleted, and \
        the date of the mirror does not change"
    )]
    CutShort {
        base: String,
        /// The resources that were requested.
        walk: String,
        /// Number of distinct resources received.
        received: u64,
        /// Number of resources announced.
        total: u64,
    },
    /// A delta without a total ended with an empty page: it may be incomplete.
    #[error(
        "{base} sent no total for {walk}, and the last page was empty: resources may be missing. The date of the mirror \
        does not change"
    )]
    MaybeCutShort {
        base: String,
        /// The resources that were requested.
        walk: String,
    },
    /// The `next` link names another origin, to which the key must not be sent.
    #[error(
        "{base} links to its next page at {place}, which is not requested: the API key is sent to one scheme, host \
        and port only. If that is the public address of the directory, set SAS_ANNUAIRE_URL to it"
    )]
    ForeignNextLink {
        base: String,
        /// The origin of the link, without path and query.
        place: String,
    },
}

impl UpstreamError {
    /// Whether a retry may succeed. A 500 is temporary unless it says that the page has expired: a run of an hour must not
    /// start again because a server was unavailable for ten seconds.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Status { status: 500, diagnostics: Some(text), .. } => !text.contains(EXPIRED),
            Self::Status { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::Unreachable { .. } | Self::NotAPage { .. } => true,
            _ => false,
        }
    }

    /// Whether a retry of a `next` link may succeed: a 404 without an OperationOutcome comes from a gateway that cannot
    /// reach the directory.
    pub(super) fn is_temporary_on_next(&self) -> bool {
        self.is_temporary() || matches!(self, Self::Status { status: 404, diagnostics: None, .. })
    }

    /// Whether the directory sent, or may have sent, fewer resources than it has.
    pub(crate) fn is_incomplete(&self) -> bool {
        matches!(self, Self::CutShort { .. } | Self::MaybeCutShort { .. })
    }

    /// Whether a `next` link has expired, so that the run must start again.
    pub(crate) fn is_expired(&self) -> bool {
        matches!(self, Self::Status { status: 400 | 404 | 410 | 500, .. })
    }

    /// The wait that the response requests (`Retry-After`).
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// The diagnostics of an OperationOutcome. Other bodies, such as the HTML of a gateway, are not quoted.
pub(super) fn diagnostics(body: &[u8]) -> Option<String> {
    let outcome: Value = serde_json::from_slice(body).ok()?;
    let text = outcome["issue"][0]["diagnostics"].as_str()?;
    Some(text.chars().filter(|letter| !letter.is_control()).take(MAX_DIAGNOSTICS_CHARS).collect())
}
