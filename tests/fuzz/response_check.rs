//! Checks that hold for every response.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use crate::inputs::SECRET;
use crate::log;
use crate::service::Answer;

/// Maximum sizes of a refusal and of a page, in bytes.
const MAX_REFUSAL: usize = 512 << 10;
const MAX_PAGE: usize = 12 << 20;

/// No 5xx, FHIR in JSON, of bounded size, without personal data.
pub fn check_response(method: &str, answer: &Answer) -> Result<(), TestCaseError> {
    let text = &answer.text;
    prop_assert!(answer.status < 500, "{}: {}", answer.status, text);
    let id = answer.header("x-request-id");
    prop_assert!(!id.is_empty() && id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", id);
    let reported = log::logged_secrets();
    prop_assert!(reported.is_empty(), "logged: {:?}", reported);
    if text.is_empty() {
        let preferred = answer.header("preference-applied") == "return=minimal";
        prop_assert!(method == "HEAD" || answer.status == 304 || preferred, "{} is empty", answer.status);
        return Ok(());
    }
    prop_assert_eq!(answer.header("content-type"), "application/fhir+json; charset=utf-8");
    let resource: Result<Value, _> = serde_json::from_str(text);
    prop_assert!(resource.is_ok(), "no JSON: {}", text);
    let resource = resource.unwrap_or_default();
    prop_assert!(text.len() <= MAX_PAGE, "{} bytes", text.len());
    if answer.status >= 400 {
        prop_assert_eq!(&resource["resourceType"], "OperationOutcome");
        prop_assert!(text.len() <= MAX_REFUSAL, "{} bytes", text.len());
    }
    if resource["resourceType"] == "OperationOutcome" {
        prop_assert!(!text.to_lowercase().contains(SECRET), "echoed: {}", text);
        let issues = resource["issue"].as_array().map_or(&[][..], Vec::as_slice);
        prop_assert!(!issues.is_empty(), "without issues: {}", text);
        for issue in issues {
            for pointer in ["/severity", "/code", "/details/coding/0/code", "/details/text", "/diagnostics"] {
                let reported =
                    issue.pointer(pointer).and_then(Value::as_str).is_some_and(|reported| !reported.is_empty());
                prop_assert!(reported, "{}: {}", pointer, issue);
            }
        }
    }
    Ok(())
}
