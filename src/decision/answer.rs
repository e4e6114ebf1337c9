//! What an answer means for the write.

use reqwest::StatusCode;
use serde_json::Value;

use crate::fhir::primitive::is_visible;

/// Maximum length of the message that the platform gets, in characters.
const MAX_MESSAGE: usize = 500;

/// What the vendor's software says of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// With the message for the platform.
    Refused(String),
    /// There is no answer to go by; why, as the end of a sentence about the software.
    Failed(String),
}

/// The verdict of an answer. Only a client error with a message is a refusal: what a wrong URL, a wrong secret or a proxy
/// answers is none.
pub fn verdict(status: StatusCode, body: &[u8]) -> Verdict {
    let answers = |remark: &str| Verdict::Failed(format!("it answers {}{remark}", status.as_u16()));
    match status.as_u16() {
        200..=299 => Verdict::Accepted,
        401 | 403 | 404 => answers(""),
        400..=499 => message(body).map_or_else(|| answers(" without a readable message"), Verdict::Refused),
        300..=399 => answers(": redirects are not followed"),
        _ => answers(""),
    }
}

/// The message of an OperationOutcome, or of `{"message": …}`.
fn message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = match body.get("issue").and_then(Value::as_array) {
        Some(issues) if body.get("resourceType").and_then(Value::as_str) == Some("OperationOutcome") => {
            let texts = issues.iter().filter_map(|issue| {
                issue.pointer("/details/text").or_else(|| issue.get("diagnostics")).and_then(Value::as_str)
            });
            texts.collect::<Vec<_>>().join(" ")
        }
        _ => body.get("message")?.as_str()?.to_owned(),
    };
    let words = text.split_whitespace().map(|word| word.chars().filter(|character| is_visible(*character)));
    let words: Vec<String> = words.map(Iterator::collect).filter(|word: &String| !word.is_empty()).collect();
    let message: String = words.join(" ").chars().take(MAX_MESSAGE).collect();
    (!message.is_empty()).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Verdict {
        verdict(StatusCode::from_u16(status).expect("a status"), body.as_bytes())
    }

    #[test]
    fn decision_status_accepts_refuses_or_fails() {
        let message = r#"{"message": "no"}"#;
        for (statuses, expected) in [
            (&[200, 201, 202, 204, 299][..], Verdict::Accepted),
            (&[400, 402, 405, 408, 409, 410, 413, 422, 425, 429, 499], Verdict::Refused("no".to_owned())),
        ] {
            for status in statuses {
                assert_eq!(of(*status, message), expected, "{status}");
            }
        }
        for status in [100, 300, 301, 302, 304, 307, 308, 401, 403, 404, 500, 501, 502, 503, 504, 599, 999] {
            assert!(matches!(of(status, message), Verdict::Failed(_)), "{status}");
        }
    }

    #[test]
    fn decision_message_is_that_of_an_outcome_or_of_an_object() {
        for (body, expected) in [
            (r#"{"message": "unknown structure"}"#, Some("unknown structure")),
            (r#"{"message": " a\n b\u0000\u001b[31m \u202ec\u2066\u200f ", "x": 1}"#, Some("a b[31m c")),
            (
                r#"{"resourceType": "OperationOutcome", "issue": [{"details": {"text": "é"}, "diagnostics": "x"}]}"#,
                Some("é"),
            ),
            (
                r#"{"resourceType": "OperationOutcome", "issue": [{"diagnostics": "one"}, {"code": "x"}, {"details": {"text": "two"}}]}"#,
                Some("one two"),
            ),
            (r#"{"resourceType": "OperationOutcome", "issue": [{"code": "invalid"}], "message": "x"}"#, None),
            (r#"{"resourceType": "OperationOutcome", "issue": [], "message": "x"}"#, None),
            (r#"{"message": ""}"#, None),
            (r#"{"message": "\u0007\u202e "}"#, None),
            (r#"{"message": 1}"#, None),
            (r#"{"error": "no"}"#, None),
            (r#""no""#, None),
            ("no", None),
            ("", None),
        ] {
            let expected = expected.map_or_else(
                || Verdict::Failed("it answers 422 without a readable message".to_owned()),
                |message| Verdict::Refused(message.to_owned()),
            );
            assert_eq!(of(422, body), expected, "{body}");
        }
        let Verdict::Refused(long) = of(422, &format!("{{\"message\": \"{}\"}}", "é".repeat(900))) else {
            panic!("a refusal")
        };
        assert_eq!(long, "é".repeat(500));
    }
}
