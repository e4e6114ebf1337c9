//! The rules of the catalogue: every issue cites one.

use super::Language;

/// The effect of a violation on the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The request is not FHIR R4: 400.
    NotFhir,
    /// The request is FHIR, but a profile or a SAS rule refuses it: 422.
    Refused,
    /// HTTP itself refuses the request, or the server failed. The error determines the status.
    Http,
    /// The request is accepted, but probably wrong.
    Warning,
    /// The request is accepted; the client may want to know.
    Information,
}

impl Level {
    /// The word that `sas-endpoint rules` prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFhir => "error-400",
            Self::Refused => "error-422",
            Self::Http => "error-http",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }
}

/// `OperationOutcome.issue.severity`: <http://hl7.org/fhir/R4/valueset-issue-severity.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The request is refused.
    Error,
    /// The request is accepted, but probably wrong.
    Warning,
    /// The request is accepted; the client may want to know.
    Information,
}

impl Severity {
    /// The FHIR code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }
}

/// `OperationOutcome.issue.code`: <http://hl7.org/fhir/R4/valueset-issue-type.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueType {
    /// The client is not authenticated.
    Login,
    /// The client has no right to the interaction.
    Forbidden,
    /// Content invalid against the specification or a profile.
    Invalid,
    /// A structural issue in the content.
    Structure,
    /// A required element is missing.
    Required,
    /// An element value is invalid.
    Value,
    /// An invariant is not met.
    Invariant,
    /// The code is not in its value set.
    CodeInvalid,
    /// A rule of the application refuses the content.
    BusinessRule,
    /// An attempt to create a duplicate.
    Duplicate,
    /// The interaction, parameter or format is not supported.
    NotSupported,
    /// The requested resource does not exist.
    NotFound,
    /// The content is too long.
    TooLong,
    /// Processing is too costly for the server.
    TooCostly,
    /// Several resources match.
    MultipleMatches,
    /// An edit conflict.
    Conflict,
    /// An unexpected internal error.
    Exception,
    /// A temporary error: the client may try again.
    Transient,
    /// A timeout.
    Timeout,
    /// The server is overloaded, or the client exceeds its rate.
    Throttled,
    /// Information only.
    Informational,
}

impl IssueType {
    /// The FHIR code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::Structure => "structure",
            Self::Required => "required",
            Self::Value => "value",
            Self::Invariant => "invariant",
            Self::CodeInvalid => "code-invalid",
            Self::BusinessRule => "business-rule",
            Self::Duplicate => "duplicate",
            Self::NotSupported => "not-supported",
            Self::NotFound => "not-found",
            Self::TooLong => "too-long",
            Self::TooCostly => "too-costly",
            Self::MultipleMatches => "multiple-matches",
            Self::Conflict => "conflict",
            Self::Exception => "exception",
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::Throttled => "throttled",
            Self::Informational => "informational",
        }
    }
}

/// A rule: its stable id, level, messages, repair and source.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable, as clients depend on it: `practitioner-telecom-email`.
    pub id: &'static str,
    /// The effect of a violation.
    pub level: Level,
    /// The FHIR issue type of a violation.
    pub code: IssueType,
    /// The French message: what was found, what is expected, what to do.
    pub french: &'static str,
    /// The English message.
    pub english: &'static str,
    /// What to change in the request. `None` where only the server can be repaired, or the request is to be sent again.
    pub repair: Option<Repair>,
    /// The page and section that require it.
    pub source: &'static str,
}

/// A sentence in the imperative: what to change in the body or the request. At most 200 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repair {
    pub french: &'static str,
    pub english: &'static str,
}

impl Repair {
    /// The sentence in this language.
    pub fn sentence(self, language: Language) -> &'static str {
        match language {
            Language::French => self.french,
            Language::English => self.english,
        }
    }
}

impl Rule {
    /// `OperationOutcome.issue.severity` of a violation.
    pub fn severity(&self) -> Severity {
        match self.level {
            Level::NotFhir | Level::Refused | Level::Http => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Information => Severity::Information,
        }
    }

    /// Whether a violation refuses the request.
    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }

    /// The message, with its placeholders.
    pub fn sentence(&self, language: Language) -> &'static str {
        match language {
            Language::French => self.french,
            Language::English => self.english,
        }
    }
}
