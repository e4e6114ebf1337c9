//! A rule of the catalogue: what every issue cites.

use super::Language;

/// How a broken rule weighs on the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The request is not FHIR R4: 400.
    NotFhir,
    /// The request is FHIR, but a profile or a SAS rule refuses it: 422.
    Refused,
    /// A refusal of HTTP itself, or a fault of ours; the status is in the sentence.
    Http,
    /// Accepted, and worth a look.
    Warning,
    /// Accepted; good to know.
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
    /// The request failed because of this.
    Error,
    /// Accepted, and worth a look.
    Warning,
    /// Accepted; good to know.
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
    /// Who sends the request is not known.
    Login,
    /// Who sends the request may not.
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
    /// The thing asked for is unknown.
    NotFound,
    /// The content is too long.
    TooLong,
    /// The answer was cut to spare the server.
    TooCostly,
    /// Several resources match.
    MultipleMatches,
    /// An edit conflict.
    Conflict,
    /// An unexpected internal error.
    Exception,
    /// A passing fault: try again later.
    Transient,
    /// Something took longer than it may.
    Timeout,
    /// Too much is waiting: slow down.
    Throttled,
    /// A message that is only informative.
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

/// A rule: stable id, weight, sentences and the page it comes from.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable: clients may build on it (`practitioner-telecom-email`).
    pub id: &'static str,
    /// How a breach weighs.
    pub level: Level,
    /// The FHIR issue type of a breach.
    pub code: IssueType,
    /// One French sentence: what was found, what is expected.
    pub french: &'static str,
    /// The same in English.
    pub english: &'static str,
    /// The page and section it comes from.
    pub source: &'static str,
}

impl Rule {
    /// `OperationOutcome.issue.severity` of a breach.
    pub fn severity(&self) -> Severity {
        match self.level {
            Level::NotFhir | Level::Refused | Level::Http => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Information => Severity::Information,
        }
    }

    /// Whether a breach makes the request fail.
    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }

    /// The sentence with its placeholders.
    pub fn sentence(&self, language: Language) -> &'static str {
        match language {
            Language::French => self.french,
            Language::English => self.english,
        }
    }
}
