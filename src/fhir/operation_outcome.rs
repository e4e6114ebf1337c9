//! Formats issues as an `OperationOutcome`. <http://hl7.org/fhir/R4/operationoutcome.html>

use serde_json::{Value, json};

use crate::issue::catalogue::ALL_GOOD;
use crate::issue::{Issue, Language, MAX_ISSUES_RETURNED, Position};

/// The code system of rule ids, in `issue.details.coding`.
pub(crate) const RULE_SYSTEM: &str = "urn:sas-endpoint:rule";

/// The line of an issue in the body: <https://hl7.org/fhir/extensions/StructureDefinition-operationoutcome-issue-line.html>
const LINE: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line";

/// Its column: <https://hl7.org/fhir/extensions/StructureDefinition-operationoutcome-issue-col.html>
const COLUMN: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col";

/// Formats issues as an OperationOutcome. `issues` must not be empty.
pub fn operation_outcome(issues: &[Issue], language: Language) -> Value {
    let nothing = [Issue::new(&ALL_GOOD, "OperationOutcome")];
    let issues = if issues.is_empty() { &nothing } else { issues };
    json!({
        "resourceType": "OperationOutcome",
        "language": language.tag(),
        "issue": issues.iter().take(MAX_ISSUES_RETURNED).map(|issue| format_issue(issue, language)).collect::<Vec<_>>(),
    })
}

/// Some clients show only `diagnostics`, so it begins with the message.
fn format_issue(issue: &Issue, language: Language) -> Value {
    let text = issue.text(language);
    let diagnostics = issue.diagnostics.clone().unwrap_or_else(|| format!("{text} ({})", issue.rule.source));
    let mut formatted = json!({
        "severity": issue.rule.severity().code(),
        "code": issue.rule.code.code(),
        "details": {
            "coding": [{ "system": RULE_SYSTEM, "code": issue.rule.id }],
            "text": text,
        },
        "diagnostics": diagnostics,
        "expression": [issue.expression],
    });
    if let Some(Position { line, column }) = issue.position() {
        let extension = |url, value| json!({ "url": url, "valueInteger": value });
        formatted["extension"] = json!([extension(LINE, line), extension(COLUMN, column)]);
    }
    formatted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::catalogue::ANNUAIRE_REPEATED;

    #[test]
    fn diagnostics_begin_with_the_sentence_unless_a_text_is_given() {
        let issue = Issue::new(&ANNUAIRE_REPEATED, "http._count").with("found", "_count");
        for language in [Language::French, Language::English] {
            let formatted = format_issue(&issue, language);
            let text = formatted["details"]["text"].as_str().expect("a text");
            assert_eq!(text, issue.text(language));
            assert_eq!(formatted["diagnostics"], format!("{text} ({})", ANNUAIRE_REPEATED.source));
        }
        let formatted = |issue: &Issue| format_issue(issue, Language::English)["diagnostics"].clone();
        assert_eq!(formatted(&issue.clone().diagnostics("Bad")), "Bad");
        let long = formatted(&issue.diagnostics("é".repeat(1000)));
        assert_eq!(long.as_str().map(|text| text.chars().count()), Some(401));
    }
}
