//! `OperationOutcome`: what is told of a request. <http://hl7.org/fhir/R4/operationoutcome.html>

use serde_json::{Value, json};

use crate::issue::catalogue::ALL_GOOD;
use crate::issue::{Issue, Language, MOST_TOLD};

/// The code system of our rule ids, in `issue.details.coding`.
pub const RULE_SYSTEM: &str = "urn:sas-endpoint:rule";

/// The issues as an OperationOutcome; it always has at least one.
pub fn operation_outcome(issues: &[Issue], language: Language) -> Value {
    let nothing = [Issue::new(&ALL_GOOD, "OperationOutcome")];
    let issues = if issues.is_empty() { &nothing } else { issues };
    json!({
        "resourceType": "OperationOutcome",
        "language": language.tag(),
        "issue": issues.iter().take(MOST_TOLD).map(|issue| one(issue, language)).collect::<Vec<_>>(),
    })
}

fn one(issue: &Issue, language: Language) -> Value {
    json!({
        "severity": issue.rule.severity().code(),
        "code": issue.rule.code.code(),
        "details": {
            "coding": [{ "system": RULE_SYSTEM, "code": issue.rule.id }],
            "text": issue.text(language),
        },
        "diagnostics": issue.diagnostics.as_deref().unwrap_or(issue.rule.source),
        "expression": [issue.expression],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::catalogue::ANNUAIRE_REPEATED;

    #[test]
    fn diagnostics_are_the_source_of_the_rule_unless_another_text_is_known() {
        let issue = Issue::new(&ANNUAIRE_REPEATED, "http._count").with("found", "_count");
        let told = |issue: &Issue| one(issue, Language::English)["diagnostics"].clone();
        assert_eq!(told(&issue), ANNUAIRE_REPEATED.source);
        assert_eq!(told(&issue.clone().diagnostics("Bad")), "Bad");
        let long = told(&issue.diagnostics("é".repeat(1000)));
        assert_eq!(long.as_str().map(|text| text.chars().count()), Some(401));
    }
}
