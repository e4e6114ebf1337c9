//! An [`Issue`] is one violation of a [`Rule`] by a request, at one element.
//!
//! <http://hl7.org/fhir/R4/operationoutcome.html>

pub mod catalogue;
mod findings;
mod position;
mod rule;

pub use findings::{Findings, MAX_ISSUES};
pub(crate) use position::Locator;
pub use position::Position;
pub use rule::{IssueType, Level, Repair, Rule, Severity};

/// The languages of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// French, the language of the SAS pages.
    #[default]
    French,
    /// English, when `Accept-Language` prefers it.
    English,
}

impl Language {
    /// The BCP 47 tag, as in `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }
}

/// A violation of a rule: where, and the parameters of the rule's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub rule: &'static Rule,
    /// The element: a FHIRPath with indexes (`Practitioner.telecom[0].system`), or `http.` and the name
    /// of a query parameter or header, as in <http://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.location>.
    pub expression: String,
    /// The values of the placeholders `{name}` in the message. Never personal data.
    pub parameters: Vec<(&'static str, String)>,
    /// A text that other servers use too, and clients may know; by default the message and the rule's source.
    pub diagnostics: Option<String>,
    /// Where it is in the body.
    pub(crate) locator: Locator,
}

/// Maximum issues in one response: it must not grow with a hostile body.
pub(crate) const MAX_ISSUES_RETURNED: usize = 200;

/// Maximum length of an expression, in characters.
const MAX_EXPRESSION: usize = 400;

/// Truncates `text` after `max` characters.
fn truncate(text: String, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Issue {
    /// A violation of `rule` at `expression`, which is truncated at 400 characters.
    pub fn new(rule: &'static Rule, expression: impl Into<String>) -> Self {
        let expression = truncate(expression.into(), MAX_EXPRESSION);
        Self { rule, expression, parameters: Vec::new(), diagnostics: None, locator: Locator::default() }
    }

    /// Sets the value of the placeholder `{name}`. `found` is truncated at 80 characters, others at 400.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        let max = if name == "found" { 80 } else { MAX_EXPRESSION };
        self.parameters.push((name, truncate(value.as_ref().to_owned(), max)));
        self
    }

    /// Replaces the default diagnostics by this text, truncated at 400 characters.
    #[must_use]
    pub fn diagnostics(mut self, text: impl Into<String>) -> Self {
        self.diagnostics = Some(truncate(text.into(), MAX_EXPRESSION));
        self
    }

    /// Its place in the body is the member or item of this JSON Pointer.
    #[must_use]
    pub(crate) fn at_pointer(self, pointer: String) -> Self {
        Self { locator: Locator::Pointer(pointer), ..self }
    }

    /// Its place in the body is the byte at this index, not counting a byte order mark.
    #[must_use]
    pub(crate) fn at_offset(self, offset: usize) -> Self {
        Self { locator: Locator::Offset(offset), ..self }
    }

    /// Where it is in the body, if it is about the body, and the body was searched for it.
    pub fn position(&self) -> Option<Position> {
        match self.locator {
            Locator::Position(position) => Some(position),
            Locator::Expression | Locator::Pointer(_) | Locator::Offset(_) => None,
        }
    }

    /// The message of the rule in `language`, with its placeholders replaced.
    pub fn text(&self, language: Language) -> String {
        self.parameters.iter().fold(self.rule.sentence(language).to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    }

    /// Whether this issue refuses the request.
    pub fn is_error(&self) -> bool {
        self.rule.is_error()
    }
}
