//! JSON as FHIR wants it: no duplicate key, no stray `null`, nothing empty, not too deep.
//!
//! `serde_json` alone keeps the last of two equal keys in silence; here every defect is told,
//! with its place.
//!
//! <http://hl7.org/fhir/R4/json.html>

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::issue::Issue;
use crate::issue::catalogue::{
    JSON_CONTROL_CHARACTER, JSON_DEPTH, JSON_DUPLICATE_KEY, JSON_EMPTY, JSON_EMPTY_VALUE, JSON_ENCODING, JSON_NULL,
    JSON_ROOT, JSON_SYNTAX,
};

/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = 64;

/// More defects than this are not listed: a hostile body must not grow an answer without bound.
pub const MAX_ISSUES: usize = 100;

/// A place in the document, kept on the stack: it costs nothing until a defect needs it.
#[derive(Clone, Copy)]
pub enum Path<'a> {
    /// The document itself.
    Root,
    /// A member of an object.
    Key(&'a Path<'a>, &'a str),
    /// An item of an array.
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The place as FHIRPath below `root`, the resource type.
    pub fn expression(&self, root: &str) -> String {
        match self {
            Self::Root => root.to_owned(),
            Self::Key(parent, key) => format!("{}.{key}", parent.expression(root)),
            Self::Index(parent, index) => format!("{}[{index}]", parent.expression(root)),
        }
    }
}

/// A JSON object that could be read.
#[derive(Debug)]
pub struct Received {
    /// What it says: always an object.
    pub value: Value,
    /// Its members as they were written (order, escapes, number text), without insignificant white space.
    pub members: Members,
    /// What is wrong with it as FHIR's JSON: duplicate keys, `null`, what is empty, control characters.
    pub defects: Vec<Issue>,
}

/// Members of an object with the text of each value, in the order received.
pub type Members = Vec<(String, String)>;

/// Reads a body, or tells why it cannot be read. Expressions start at `root`, the resource type.
pub fn parse(body: &[u8], root: &str) -> Result<Received, Vec<Issue>> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|_| vec![Issue::new(&JSON_ENCODING, root)])?;
    if text.trim_ascii().is_empty() {
        return Err(vec![Issue::new(&JSON_EMPTY, root)]);
    }
    let issues = Issues { root, found: RefCell::default() };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Node { path: Path::Root, depth: 0, issues: &issues }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    let value = match parsed {
        Ok(value) => value,
        Err(error) => {
            let too_deep = issues.found.borrow().iter().any(|issue| *issue.rule == JSON_DEPTH);
            if !too_deep {
                let (line, column) = (error.line().to_string(), error.column().max(1).to_string());
                issues.tell(Issue::new(&JSON_SYNTAX, root).with("line", line).with("column", column));
            }
            return Err(issues.found.into_inner());
        }
    };
    let Value::Object(object) = &value else {
        return Err(vec![Issue::new(&JSON_ROOT, root)]);
    };
    judge_members(object, &Path::Root, &issues);
    Ok(Received { members: members(text), defects: issues.found.into_inner(), value })
}

/// The members of an object in JSON text; none where the text is no object.
pub fn members(text: &str) -> Members {
    struct Entries;
    impl<'de> Visitor<'de> for Entries {
        type Value = Members;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Members, A::Error> {
            let mut members = Members::new();
            while let Some((key, value)) = entries.next_entry::<String, &RawValue>()? {
                members.push((key, compact(value.get()).into_owned()));
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Entries).unwrap_or_default()
}

/// Legal JSON text without the white space between its tokens; not copied where it has none.
pub fn compact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut kept = String::new();
    let (mut at, mut kept_to) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at + 1),
            b' ' | b'\t' | b'\n' | b'\r' => {
                kept.push_str(&text[kept_to..at]);
                at += 1;
                kept_to = at;
            }
            _ => at += 1,
        }
    }
    if kept_to == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[kept_to..]);
    Cow::Owned(kept)
}

/// Just behind the quote that ends a string, whose first character is `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

struct Issues<'a> {
    root: &'a str,
    found: RefCell<Vec<Issue>>,
}

impl Issues<'_> {
    fn tell(&self, issue: Issue) {
        let mut found = self.found.borrow_mut();
        if found.len() < MAX_ISSUES {
            found.push(issue);
        }
    }

    fn tell_at(&self, rule: &'static crate::issue::Rule, path: &Path<'_>) {
        self.tell(Issue::new(rule, path.expression(self.root)));
    }
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
            let issue = Issue::new(&JSON_DEPTH, self.issues.root).with("expected", MAX_DEPTH.to_string());
            self.issues.tell(issue);
            return Err(E::custom("too deep"));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
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
        let Some(mut key) = members.next_key::<String>()? else {
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
                let issue = Issue::new(&JSON_DUPLICATE_KEY, path.expression(self.issues.root)).with("found", &key);
                self.issues.tell(issue);
            } else {
                object.insert(key, value);
            }
            match members.next_key()? {
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

fn judge_object(object: &Map<String, Value>, path: &Path<'_>, issues: &Issues<'_>) {
    if object.is_empty() {
        issues.tell_at(&JSON_EMPTY_VALUE, path);
    }
    judge_members(object, path, issues);
}

fn judge_members(object: &Map<String, Value>, path: &Path<'_>, issues: &Issues<'_>) {
    for (key, value) in object {
        let path = Path::Key(path, key);
        if key.is_empty() || key.contains(is_control) {
            issues.tell_at(&JSON_CONTROL_CHARACTER, &path);
        }
        match value {
            // `null` holds the place of a repetition that only its companion describes.
            Value::Array(items) => judge_array(items, object.contains_key(&companion(key)), &path, issues),
            value => judge(value, &path, issues),
        }
    }
}

fn judge_array(items: &[Value], may_hold_null: bool, path: &Path<'_>, issues: &Issues<'_>) {
    if items.is_empty() {
        issues.tell_at(&JSON_EMPTY_VALUE, path);
    }
    for (index, item) in items.iter().enumerate() {
        if !(may_hold_null && item.is_null()) {
            judge(item, &Path::Index(path, index), issues);
        }
    }
}

fn judge(value: &Value, path: &Path<'_>, issues: &Issues<'_>) {
    match value {
        Value::Null => issues.tell_at(&JSON_NULL, path),
        Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) if text.is_empty() => issues.tell_at(&JSON_EMPTY_VALUE, path),
        Value::String(text) if text.contains(is_control) => issues.tell_at(&JSON_CONTROL_CHARACTER, path),
        Value::String(_) => {}
        Value::Array(items) => judge_array(items, false, path, issues),
        Value::Object(object) => judge_object(object, path, issues),
    }
}

/// The member that carries `id` and `extension` of a primitive, and the other way round.
fn companion(key: &str) -> String {
    match key.strip_prefix('_') {
        Some(primitive) => primitive.to_owned(),
        None => format!("_{key}"),
    }
}

fn is_control(c: char) -> bool {
    c < ' ' && !matches!(c, '\t' | '\r' | '\n')
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
    fn key_order_number_text_and_escapes_survive_and_white_space_does_not() {
        let text =
            "{ \"b\" : 1.50,\n\"a\":[ 1E2, -0 ,123456789012345678901234.10],\t\"c\":{\"d\": \"x \\\\\\\" \\u00e9\"} }";
        let received = parse(text.as_bytes(), "Practitioner").expect("legal");
        let members: Vec<_> = received.members.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(members, ["b=1.50", "a=[1E2,-0,123456789012345678901234.10]", r#"c={"d":"x \\\" \u00e9"}"#]);
        assert_eq!(received.value["b"].to_string(), "1.50");
        assert_eq!(received.value["a"][1].to_string(), "-0");
    }

    #[test]
    fn every_defect_is_told_with_its_place() {
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
    fn null_is_legal_only_in_an_array_with_its_companion() {
        assert_eq!(defects(r#"{"given":[null,"A"],"_given":[{"id":"x"},null]}"#), [""; 0]);
        assert_eq!(defects(r#"{"given":[null,"A"]}"#), ["json-null Practitioner.given[0]"]);
        assert_eq!(defects(r#"{"family":null,"_family":{"id":"x"}}"#), ["json-null Practitioner.family"]);
    }

    #[test]
    fn sixty_four_levels_are_legal_and_sixty_five_are_not() {
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert_eq!(defects(&nested(64)), [""; 0]);
        assert_eq!(defects(&nested(65)), ["json-depth Practitioner"]);
        assert_eq!(defects(&nested(100_000)), ["json-depth Practitioner"]);
    }

    #[test]
    fn malformed_text_is_told_by_line_and_column() {
        let issues = parse(b"{\n  \"a\": }", "Practitioner").expect_err("malformed");
        assert_eq!(issues[0].text(crate::issue::Language::English), "The JSON is malformed at line 2, column 8.");
        assert_eq!(defects("{} x"), ["json-syntax Practitioner"]);
        assert_eq!(defects(r#""text""#), ["json-root Practitioner"]);
        assert_eq!(defects(r#"{"a":"\ud800"}"#), ["json-syntax Practitioner"]);
        assert_eq!(defects(" \n"), ["json-empty Practitioner"]);
        assert_eq!(defects("\u{FEFF}{\"a\":1}"), [""; 0]);
    }

    #[test]
    fn a_member_named_like_the_private_number_key_is_no_number() {
        assert_eq!(defects(r#"{"a":{"$serde_json::private::Number":"1"}}"#), ["json-syntax Practitioner"]);
    }

    #[test]
    fn control_characters_are_refused_but_for_white_space() {
        assert_eq!(defects(r#"{"a":"x\u0000"}"#), ["json-control-character Practitioner.a"]);
        assert_eq!(defects(r#"{"a":"x\t\r\ny"}"#), [""; 0]);
    }
}
