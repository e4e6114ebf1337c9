//! Parses JSON by the rules of FHIR: no duplicate keys, no stray `null`, nothing empty, limited depth.
//!
//! `serde_json` alone silently keeps the last of two equal keys; this parser reports every defect with its path.
//!
//! <http://hl7.org/fhir/R4/json.html>

mod compact;
mod locate;
mod members;
mod offset;
mod path;
mod position;
mod reader;

use std::ops::Range;

use serde_json::Value;

use crate::issue::Issue;
use crate::issue::catalogue::{JSON_EMPTY, JSON_ENCODING, JSON_ROOT};

use position::without_byte_order_mark;
use reader::{Reader, Refusal};

pub(crate) use compact::compact;
pub(crate) use locate::locate;
pub(crate) use members::{Members, push_name};
pub(crate) use path::Path;
pub use reader::MAX_VALUES;

/// A parsed JSON object.
#[derive(Debug)]
pub struct Received {
    /// Always an object.
    pub value: Value,
    /// As received (order, escapes, number text), without insignificant white space.
    text: String,
    /// Where `text` holds the values of the members, in their order.
    members: Vec<Range<usize>>,
    /// Violations of FHIR's rules for JSON: duplicate keys, `null`, empty values, control characters.
    pub defects: Vec<Issue>,
}

impl Received {
    /// The members in the order received, with the text of their values. Of duplicates the first.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.value.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str));
        names.zip(self.members.iter().map(|range| &self.text[range.clone()]))
    }
}

/// Parses a body. Expressions of issues start at `root`, the resource type.
///
/// # Errors
/// The issues, if the body is not JSON or exceeds a limit.
pub fn parse(body: &[u8], root: &str) -> Result<Received, Vec<Issue>> {
    let body = without_byte_order_mark(body);
    let source =
        str::from_utf8(body).map_err(|error| vec![Issue::new(&JSON_ENCODING, root).at_offset(error.valid_up_to())])?;
    let start = source.len() - source.trim_ascii_start().len();
    if start == source.len() {
        return Err(vec![Issue::new(&JSON_EMPTY, root).at_offset(start)]);
    }
    let mut reader = Reader::new(source, root);
    let read = reader.document();
    let Reader { text, members, mut defects, .. } = reader;
    match read {
        Ok(value) if value.is_object() => Ok(Received { value, text, members, defects }),
        Ok(_) => Err(vec![Issue::new(&JSON_ROOT, root).at_offset(start)]),
        Err(Refusal(issue)) => {
            defects.push(*issue);
            Err(defects)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defects(text: &str) -> Vec<String> {
        let issues = match parse(text.as_bytes(), "Practitioner") {
            Ok(received) => received.defects,
            Err(issues) => issues,
        };
        issues.iter().map(|issue| format!("{} {}", issue.rule.id, issue.expression)).collect()
    }

    #[test]
    fn json_key_order_numbers_and_escapes_are_kept_and_white_space_is_not() {
        let text =
            "{ \"b\" : 1.50,\n\"a\":[ 1E2, -0 ,123456789012345678901234.10],\t\"c\":{\"d\": \"x \\\\\\\" \\u00e9\"} }";
        let received = parse(text.as_bytes(), "Practitioner").expect("legal");
        let members: Vec<_> = received.members().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(members, ["b=1.50", "a=[1E2,-0,123456789012345678901234.10]", r#"c={"d":"x \\\" \u00e9"}"#]);
        assert_eq!(received.value["b"].to_string(), "1.50");
        assert_eq!(received.value["a"][1].to_string(), "-0");
    }

    #[test]
    fn json_defects_are_reported_with_their_expression() {
        assert_eq!(
            defects(r#"{ "a":1 , "b":[{"c":null}],"a" :2,"d":"","e":[],"f":{}}"#),
            [
                "json-null Practitioner.b[0].c",
                "json-duplicate-key Practitioner.a",
                "json-empty-value Practitioner.d",
                "json-empty-value Practitioner.e",
                "json-empty-value Practitioner.f",
            ]
        );
    }

    #[test]
    fn json_null_is_legal_only_in_an_array_with_its_companion() {
        assert_eq!(defects(r#"{"given":[null,"A"],"_given":[{"id":"x"},null]}"#), [""; 0]);
        assert_eq!(defects(r#"{"given":[null,"A"]}"#), ["json-null Practitioner.given[0]"]);
        assert_eq!(defects(r#"{"family":null,"_family":{"id":"x"}}"#), ["json-null Practitioner.family"]);
    }

    #[test]
    fn json_depth_is_limited_to_64() {
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert_eq!(defects(&nested(64)), [""; 0]);
        assert_eq!(defects(&nested(65)), ["json-depth Practitioner"]);
        assert_eq!(defects(&nested(100_000)), ["json-depth Practitioner"]);
    }

    #[test]
    fn json_syntax_error_has_line_and_column() {
        let issues = parse(b"{\n  \"a\": }", "Practitioner").expect_err("malformed");
        assert_eq!(issues[0].text(crate::issue::Language::English), "The JSON is malformed at line 2, column 8.");
        assert_eq!(defects("{} x"), ["json-syntax Practitioner"]);
        assert_eq!(defects(r#""text""#), ["json-root Practitioner"]);
        assert_eq!(defects(r#"{"a":"\ud800"}"#), ["json-syntax Practitioner"]);
        assert_eq!(defects(" \n"), ["json-empty Practitioner"]);
        assert_eq!(defects("\u{FEFF}{\"a\":1}"), [""; 0]);
    }

    #[test]
    fn json_numbers_are_those_of_the_grammar_with_at_most_4300_digits_before_the_point() {
        for number in ["0", "-0", "1E400", "-1.5e-7", &"9".repeat(4300)] {
            assert_eq!(defects(&format!("{{\"a\":{number}}}")), [""; 0], "{number}");
        }
        for number in ["-", "01", "1.", ".5", "1e", "+1", "NaN", "-Infinity", "0x1"] {
            assert_eq!(defects(&format!("{{\"a\":{number}}}")), ["json-syntax Practitioner"], "{number}");
        }
        assert_eq!(defects(&format!("{{\"a\":{}}}", "9".repeat(4301))), ["json-too-large Practitioner"]);
    }

    #[test]
    fn json_misspelt_null_is_a_syntax_error_only() {
        assert_eq!(defects(r#"{"a":nope}"#), ["json-syntax Practitioner"]);
        assert_eq!(defects(r#"{"a":[nul]}"#), ["json-syntax Practitioner"]);
    }

    #[test]
    fn json_column_counts_characters() {
        let issues = parse("{\n \"é\": \"\u{1F600}\" x}".as_bytes(), "Practitioner").expect_err("malformed");
        assert_eq!(issues[0].text(crate::issue::Language::English), "The JSON is malformed at line 2, column 11.");
    }

    #[test]
    fn json_control_characters_are_refused_except_white_space() {
        assert_eq!(defects(r#"{"a":"x\u0000"}"#), ["json-control-character Practitioner.a"]);
        assert_eq!(defects(r#"{"a":"x\t\r\ny"}"#), [""; 0]);
        assert_eq!(defects(r#"{"\u0001":1,"":1}"#), ["json-control-character Practitioner"; 2]);
    }
}
