//! What is said about a request: an [`Issue`] is one broken (or bent) [`Rule`] at one place.
//!
//! <http://hl7.org/fhir/R4/operationoutcome.html>

pub mod catalogue;
mod findings;
mod rule;

pub use findings::{Findings, MAX_ISSUES};
pub use rule::{IssueType, Level, Rule, Severity};

/// The two languages in which people read our sentences.
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

/// One rule that a request breaks, at one place, with what its sentence needs to be complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The rule, with its level, code, sentences and source.
    pub rule: &'static Rule,
    /// Where: a FHIRPath with indexes (`Practitioner.telecom[0].system`), or `http.` and the name
    /// of a query parameter or header, as in <http://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.location>.
    pub expression: String,
    /// Fills the `{name}` placeholders of the sentence. Never a value of a person.
    pub parameters: Vec<(&'static str, String)>,
    /// What other servers say of the same, where clients may know that text; else the sentence and the rule's source.
    pub diagnostics: Option<String>,
}

/// More issues than this are not told of one request: an answer must not grow with a hostile body.
pub const MOST_TOLD: usize = 200;

/// The longest expression that is told, in characters.
const LONGEST_EXPRESSION: usize = 400;

/// `text`, cut after `longest` characters.
fn cut(text: String, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Issue {
    /// `rule` is broken at `expression`.
    pub fn new(rule: &'static Rule, expression: impl Into<String>) -> Self {
        let expression = cut(expression.into(), LONGEST_EXPRESSION);
        Self { rule, expression, parameters: Vec::new(), diagnostics: None }
    }

    /// Fills the placeholder `{name}` of the sentence; what was `found` is cut at 80 characters,
    /// anything else at 400.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        let longest = if name == "found" { 80 } else { LONGEST_EXPRESSION };
        self.parameters.push((name, cut(value.as_ref().to_owned(), longest)));
        self
    }

    /// Tells this text instead of the sentence and the rule's source; it is cut at 400 characters.
    #[must_use]
    pub fn diagnostics(mut self, text: impl Into<String>) -> Self {
        self.diagnostics = Some(cut(text.into(), LONGEST_EXPRESSION));
        self
    }

    /// The sentence of the rule in `language`, complete.
    pub fn text(&self, language: Language) -> String {
        self.parameters.iter().fold(self.rule.sentence(language).to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    }

    /// Whether this issue alone makes the request fail.
    pub fn is_error(&self) -> bool {
        self.rule.is_error()
    }
}
