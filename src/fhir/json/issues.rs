//! The issues found in one document.

use std::cell::{Cell, RefCell};

use super::path::Path;
use crate::issue::catalogue::JSON_TOO_LARGE;
use crate::issue::{Issue, MAX_ISSUES, Rule};

/// Maximum values of a document, nested ones included. A real resource has some 200.
pub const MAX_VALUES: usize = 50_000;

/// Maximum length of a member's name, in characters. The longest name of FHIR R4 has some 40.
pub const MAX_NAME_LENGTH: usize = 128;

/// The issues found so far, and what counts towards the limits.
pub(super) struct Issues<'a> {
    pub(super) root: &'a str,
    pub(super) found: RefCell<Vec<Issue>>,
    /// Values read so far.
    pub(super) values: Cell<usize>,
    /// Whether a defect ends the parsing.
    pub(super) is_refused: Cell<bool>,
}

impl Issues<'_> {
    /// Lists a defect, if there is room: only then is its place made as text.
    pub(super) fn tell(&self, rule: &'static Rule, path: &Path<'_>, complete: impl FnOnce(Issue) -> Issue) {
        let mut found = self.found.borrow_mut();
        if found.len() < MAX_ISSUES {
            found.push(complete(Issue::new(rule, path.expression(self.root))));
        }
    }

    /// Lists what nothing can be read for.
    pub(super) fn refuse(&self, issue: Issue) {
        self.is_refused.set(true);
        self.found.borrow_mut().push(issue);
    }

    pub(super) fn refuse_size<E: serde::de::Error>(&self, path: &Path<'_>) -> E {
        let issue = Issue::new(&JSON_TOO_LARGE, path.expression(self.root)).with("values", MAX_VALUES.to_string());
        self.refuse(issue.with("characters", MAX_NAME_LENGTH.to_string()));
        E::custom("too large")
    }
}
