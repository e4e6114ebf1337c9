//! What can go wrong with a directory, in sentences.

use std::time::Duration;

use serde_json::Value;

/// Maximum length of a quotation of a response.
const MAX_DIAGNOSTICS_CHARS: usize = 300;

/// How the national server says, with status 500, that the address of a page has expired.
const EXPIRED: &str = "too old or corrupted";

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The setting is no address.
    #[error("SAS_ANNUAIRE_URL: “{0}” is not the base of a FHIR API: expected http://host/path or https://host/path")]
    Address(String),
    /// The key cannot be a header.
    #[error("SAS_ANNUAIRE_API_KEY: the key is empty, or contains characters that are not allowed in a header")]
    KeyForm,
    /// No client can be made: no certificates, for instance.
    #[error("the HTTP client cannot be created: {0}")]
    Setup(String),
    /// 401 or 403.
    #[error(
        "{base} {} (status {status})",
        if *sent { "refuses the key: check SAS_ANNUAIRE_API_KEY" } else { "requires a key: set SAS_ANNUAIRE_API_KEY" }
    )]
    Key {
        /// Who says so.
        base: String,
        /// The status.
        status: u16,
        /// Whether a key was sent.
        sent: bool,
    },
    /// Any other status than 200.
    #[error("{base} answers {status}{}", said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    Status {
        /// Who says so.
        base: String,
        /// The status.
        status: u16,
        /// In its words, where it has some.
        said: Option<String>,
        retry_after: Option<Duration>,
    },
    /// No answer, or half of one.
    #[error("{base} does not answer: {cause}")]
    Unreachable {
        /// Who does not.
        base: String,
        /// What the network says.
        cause: String,
    },
    /// An answer that is no page of a search.
    #[error("{base} did not return a page of a search: {reason}")]
    NotAPage {
        /// Who answered.
        base: String,
        /// Why it is none.
        reason: String,
    },
    /// A page beyond all bounds.
    #[error("a page of {base} is larger than {limit} bytes: reduce the number of resources per page (--count)")]
    TooLarge {
        /// Who answered.
        base: String,
        /// The bound.
        limit: usize,
    },
    /// A walk that came to its end before all that was announced had come.
    #[error(
        "{base} announced {total} resources for {walk} and sent {received}. Nothing is deleted, and \
        the date of the mirror does not change"
    )]
    CutShort {
        /// Who answered.
        base: String,
        /// What was walked over.
        walk: String,
        /// How many came, each counted once.
        received: u64,
        /// How many there were to be.
        total: u64,
    },
    /// A walk over changes that may have been cut short: nobody can tell.
    #[error(
        "{base} sent no total for {walk}, and the last page was empty: resources may be missing. The date of the mirror \
        does not change"
    )]
    MaybeCutShort {
        /// Who answered.
        base: String,
        /// What was walked over.
        walk: String,
    },
    /// The next page is somewhere else, where the key must not go.
    #[error(
        "{base} links to its next page at {place}, which is not requested: the API key is sent to one scheme, host \
        and port only. If that is the public address of the directory, set SAS_ANNUAIRE_URL to it"
    )]
    ForeignNextLink {
        /// Who says so.
        base: String,
        /// Where that is; never the whole address.
        place: String,
    },
}

impl UpstreamError {
    /// Whether it may be over in a moment. A 500 may be, unless it says that the page has expired: a walk
    /// of an hour must not begin again because a server was away for ten seconds.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Status { status: 500, said: Some(said), .. } => !said.contains(EXPIRED),
            Self::Status { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::Unreachable { .. } | Self::NotAPage { .. } => true,
            _ => false,
        }
    }

    /// Whether, said of a `next` page, it may be over in a moment: a 404 without an OperationOutcome is a gateway's,
    /// which has lost its way to the directory.
    pub(super) fn is_temporary_on_next(&self) -> bool {
        self.is_temporary() || matches!(self, Self::Status { status: 404, said: None, .. })
    }

    /// Whether a walk came to its end too early.
    pub(crate) fn is_incomplete(&self) -> bool {
        matches!(self, Self::CutShort { .. } | Self::MaybeCutShort { .. })
    }

    /// Whether, said of a `next` page, it means that the walk must begin again.
    pub(crate) fn is_expired(&self) -> bool {
        matches!(self, Self::Status { status: 400 | 404 | 410 | 500, .. })
    }

    /// How long it asks to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// The words of an OperationOutcome. Any other body is left unsaid: a gateway's page of HTML helps nobody.
pub(super) fn diagnostics(body: &[u8]) -> Option<String> {
    let outcome: Value = serde_json::from_slice(body).ok()?;
    let said = outcome["issue"][0]["diagnostics"].as_str()?;
    Some(said.chars().filter(|letter| !letter.is_control()).take(MAX_DIAGNOSTICS_CHARS).collect())
}
