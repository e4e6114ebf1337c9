//! Parses JSON by the rules of FHIR: no duplicate keys, no stray `null`, nothing empty, limited depth.
//!
//! `serde_json` alone silently keeps the last of two equal keys; this parser reports every defect with its path.
//!
//! <http://hl7.org/fhir/R4/json.html>

mod defects;
mod issues;
mod members;
mod path;

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::issue::Issue;
use crate::issue::catalogue::{JSON_DEPTH, JSON_DUPLICATE_KEY, JSON_EMPTY, JSON_ENCODING, JSON_ROOT, JSON_SYNTAX};

use issues::Issues;

pub use issues::{MAX_NAME_LENGTH, MAX_VALUES};
pub use members::{Members, compact, members};
pub use path::Path;

/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = 64;

/// A parsed JSON object.
#[derive(Debug)]
pub struct Received {
    /// Always an object.
    pub value: Value,
    /// Its members as received (order, escapes, number text), without insignificant white space.
    pub members: Members,
    /// Violations of FHIR's rules for JSON: duplicate keys, `null`, empty values, control characters.
    pub defects: Vec<Issue>,
}

/// Parses a body. Expressions of issues start at `root`, the resource type.
///
/// # Errors
/// The issues, if the body is not JSON or exceeds a limit.
pub fn parse(body: &[u8], root: &str) -> Result<Received, Vec<Issue>> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|_| vec![Issue::new(&JSON_ENCODING, root)])?;
    if text.trim_ascii().is_empty() {
        return Err(vec![Issue::new(&JSON_EMPTY, root)]);
    }
    let issues = Issues { root, found: RefCell::default(), values: Cell::new(0), is_refused: Cell::new(false) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Node { path: Path::Root, depth: 0, issues: &issues }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    let value = match parsed {
        Ok(value) => value,
        Err(error) => {
            if !issues.is_refused.get() {
                let (line, column) = (error.line().to_string(), error.column().max(1).to_string());
                issues.refuse(Issue::new(&JSON_SYNTAX, root).with("line", line).with("column", column));
            }
            return Err(issues.found.into_inner());
        }
    };
    let Value::Object(object) = &value else {
        return Err(vec![Issue::new(&JSON_ROOT, root)]);
    };
    defects::check_members(object, &Path::Root, &issues);
    Ok(Received { members: members(text), defects: issues.found.into_inner(), value })
}

/// One value of the document, on its way to becoming a [`Value`].
struct Node<'a> {
    path: Path<'a>,
    depth: usize,
    issues: &'a Issues<'a>,
}

impl Node<'_> {
    fn deeper<E: serde::de::Error>(&self) -> Result<usize, E> {
        if self.depth == MAX_DEPTH {
            self.issues.refuse(Issue::new(&JSON_DEPTH, self.issues.root).with("expected", MAX_DEPTH.to_string()));
            return Err(E::custom("too deep"));
        }
        Ok(self.depth + 1)
    }

    /// The name of a member; fails if it is longer than [`MAX_NAME_LENGTH`].
    fn name<'de, A: MapAccess<'de>>(&self, members: &mut A) -> Result<Option<String>, A::Error> {
        let name = members.next_key::<String>()?;
        let is_long = |name: &String| name.len() > MAX_NAME_LENGTH && name.chars().nth(MAX_NAME_LENGTH).is_some();
        match name.as_ref().is_some_and(is_long) {
            true => Err(self.issues.refuse_size(&self.path)),
            false => Ok(name),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        // Before anything is built from it.
        let values = self.issues.values.get() + 1;
        self.issues.values.set(values);
        if values > MAX_VALUES {
            return Err(self.issues.refuse_size(&Path::Root));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) =
            items.next_element_seed(Node { path: Path::Index(&self.path, array.len()), depth, issues: self.issues })?
        {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let Some(mut key) = self.name(&mut members)? else {
            self.deeper::<A::Error>()?;
            return Ok(Value::Object(object));
        };
        if key == NUMBER {
            return members.next_value_seed(NumberText);
        }
        let depth = self.deeper()?;
        loop {
            let path = Path::Key(&self.path, &key);
            let value = members.next_value_seed(Node { path, depth, issues: self.issues })?;
            if object.contains_key(&key) {
                self.issues.tell(&JSON_DUPLICATE_KEY, &path, |issue| issue.with("found", &key));
            } else {
                object.insert(key, value);
            }
            match self.name(&mut members)? {
                Some(next) => key = next,
                None => return Ok(Value::Object(object)),
            }
        }
    }
}

/// How `serde_json` hands over a number whose text is kept (feature `arbitrary_precision`):
/// a map of this one key.
const NUMBER: &str = "$serde_json::private::Number";

/// The text of a number. `serde_json` gives it as an owned string; a member of that name in the
/// document itself is given as a borrowed one, and refused.
struct NumberText;

impl<'de> DeserializeSeed<'de> for NumberText {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for NumberText {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        text.parse::<Number>().map(Value::Number).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Value, E> {
        Err(E::custom("not a number"))
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
        let members: Vec<_> = received.members.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(members, ["b=1.50", "a=[1E2,-0,123456789012345678901234.10]", r#"c={"d":"x \\\" \u00e9"}"#]);
        assert_eq!(received.value["b"].to_string(), "1.50");
        assert_eq!(received.value["a"][1].to_string(), "-0");
    }

    #[test]
    fn json_defects_are_reported_with_their_expression() {
        assert_eq!(
            defects(r#"{"a":1,"b":[{"c":null}],"a":2,"d":"","e":[],"f":{}}"#),
            [
                "json-duplicate-key Practitioner.a",
                "json-null Practitioner.b[0].c",
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
    fn json_member_named_like_the_private_number_key_is_not_a_number() {
        assert_eq!(defects(r#"{"a":{"$serde_json::private::Number":"1"}}"#), ["json-syntax Practitioner"]);
    }

    #[test]
    fn json_control_characters_are_refused_except_white_space() {
        assert_eq!(defects(r#"{"a":"x\u0000"}"#), ["json-control-character Practitioner.a"]);
        assert_eq!(defects(r#"{"a":"x\t\r\ny"}"#), [""; 0]);
    }
}
