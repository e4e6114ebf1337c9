//! The rules that a response cites, for the log, the audit log and the journal.

use crate::issue::catalogue::{FOREIGN_HOST, HTTP_HOST, HTTP_ORIGIN};
use crate::issue::{Issue, IssueType};

/// The rules that a response cites: an extension of the response.
#[derive(Clone, Default)]
pub struct CitedRules(Vec<(&'static str, &'static str)>);

impl CitedRules {
    /// The ids and issue codes of these issues, each once.
    pub fn new(issues: &[Issue]) -> Self {
        let mut cited: Vec<_> = issues.iter().map(|issue| (issue.rule.id, issue.rule.code.code())).collect();
        cited.sort_unstable();
        cited.dedup();
        Self(cited)
    }

    pub fn rules(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(rule, _)| *rule)
    }

    /// Whether a page of another site sends the request.
    pub fn is_of_foreign_page(&self) -> bool {
        self.rules().any(|rule| [HTTP_ORIGIN.id, FOREIGN_HOST.id, HTTP_HOST.id].contains(&rule))
    }

    /// Whether the server is overloaded.
    pub fn is_overload(&self) -> bool {
        self.0.iter().any(|(_, code)| *code == IssueType::Throttled.code())
    }

    /// `rule:code` of each, in one line.
    pub fn list(&self) -> String {
        self.0.iter().map(|(rule, code)| format!("{rule}:{code}")).collect::<Vec<_>>().join(" ")
    }
}
