//! Collects the issues of a check, and limits their number before they are built.

use std::ops::ControlFlow;

use super::{Issue, Rule};

/// Maximum errors listed of one check, and maximum others: a hostile body must not grow a response without bound.
pub const MAX_ISSUES: usize = 100;

/// Maximum errors that are not listed, as they repeat one or concern an element that is already reported. A check of a
/// refused request ends after so many.
const MAX_UNLISTED: usize = 1_000;

/// The issues that a check has found so far.
#[derive(Debug, Default)]
pub struct Findings {
    issues: Vec<Issue>,
    errors: usize,
    unlisted: usize,
    /// Whether the request is refused already.
    is_refused: bool,
}

impl Findings {
    /// Starts empty; earlier checks found these issues.
    pub fn after(earlier: &[Issue]) -> Self {
        Self { is_refused: earlier.iter().any(Issue::is_error), ..Self::default() }
    }

    /// Lists a violation of `rule`, once per rule and element. `issue` is called only if there is room, and may return
    /// `None`. Warnings do not count against the maximum of errors. Breaks if the check may end.
    pub(crate) fn offer(&mut self, rule: &Rule, issue: impl FnOnce() -> Option<Issue>) -> ControlFlow<()> {
        let listed = self.issues.len();
        if self.has_room(rule.is_error())
            && let Some(issue) = issue()
        {
            self.push(issue);
        }
        self.unlisted += usize::from(rule.is_error() && self.issues.len() == listed);
        let is_refused = self.is_refused || self.errors > 0;
        match self.errors == MAX_ISSUES || (is_refused && self.unlisted >= MAX_UNLISTED) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// The listed issues, in the order in which they were offered.
    pub(crate) fn into_issues(self) -> Vec<Issue> {
        self.issues
    }

    fn has_room(&self, is_error: bool) -> bool {
        let listed = if is_error { self.errors } else { self.issues.len() - self.errors };
        listed < MAX_ISSUES
    }

    fn push(&mut self, issue: Issue) {
        let same = |other: &Issue| std::ptr::eq(other.rule, issue.rule) && other.expression == issue.expression;
        if self.has_room(issue.is_error()) && !self.issues.iter().any(same) {
            self.errors += usize::from(issue.is_error());
            self.issues.push(issue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::catalogue::{ANNUAIRE_UNKNOWN, JSON_NULL};

    fn offer(findings: &mut Findings, rule: &'static Rule, place: usize) -> bool {
        findings.offer(rule, || Some(Issue::new(rule, place.to_string()))).is_continue()
    }

    #[test]
    fn findings_beyond_the_limit_are_not_built() {
        let mut findings = Findings::default();
        let mut made = 0;
        for place in 0..10_000 {
            let _ = findings.offer(&JSON_NULL, || {
                made += 1;
                Some(Issue::new(&JSON_NULL, place.to_string()))
            });
        }
        assert_eq!((made, findings.into_issues().len()), (MAX_ISSUES, MAX_ISSUES));
    }

    #[test]
    fn findings_of_a_hundred_errors_end_the_check() {
        let mut findings = Findings::default();
        let taken = (0..10_000).take_while(|place| offer(&mut findings, &JSON_NULL, *place)).count();
        assert_eq!(taken, MAX_ISSUES - 1);
    }

    #[test]
    fn findings_that_are_warnings_hide_no_error() {
        let mut findings = Findings::default();
        assert!((0..100_000).all(|place| offer(&mut findings, &ANNUAIRE_UNKNOWN, place)));
        assert!((0..3).all(|place| offer(&mut findings, &JSON_NULL, place)));
        let issues = findings.into_issues();
        assert_eq!(issues.iter().filter(|issue| issue.is_error()).count(), 3);
        assert_eq!(issues.len(), MAX_ISSUES + 3);
    }

    #[test]
    fn findings_that_repeat_an_error_end_the_check() {
        let mut findings = Findings::default();
        let taken = (0..10_000).take_while(|_| offer(&mut findings, &JSON_NULL, 0)).count();
        assert_eq!((taken, findings.into_issues().len()), (MAX_UNLISTED, 1));
    }

    #[test]
    fn findings_of_an_already_refused_request_end_the_check() {
        let mut findings = Findings::after(&[Issue::new(&JSON_NULL, "0")]);
        let taken = (0..10_000).take_while(|_| findings.offer(&JSON_NULL, || None).is_continue()).count();
        assert_eq!(taken, MAX_UNLISTED - 1);
    }
}
