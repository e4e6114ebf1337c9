//! Reads a document in one pass: its value, its text without white space, and what FHIR refuses in well-formed JSON.

use std::ops::Range;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};
use serde_json::{Map, Value};

use super::path::Path;
use super::position::position;
use crate::issue::catalogue::{
    JSON_CONTROL_CHARACTER, JSON_DEPTH, JSON_DUPLICATE_KEY, JSON_EMPTY_VALUE, JSON_NULL, JSON_SYNTAX, JSON_TOO_LARGE,
};
use crate::issue::{Issue, MAX_ISSUES, Position, Rule};

/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = 64;

/// Maximum values of a document, nested ones included. A real resource has some 200.
pub const MAX_VALUES: usize = 50_000;

/// Maximum length of a member's name, in characters. The longest name of FHIR R4 has some 40.
pub const MAX_NAME_LENGTH: usize = 128;

/// The issue that ends the reading. Boxed, as a result passes through every level.
pub(super) struct Refusal(pub Box<Issue>);

/// A document, as far as it is read.
pub(super) struct Reader<'a> {
    json: Jiter<'a>,
    source: &'a str,
    /// The resource type, at which expressions start.
    root: &'a str,
    /// Values read so far.
    values: usize,
    /// The tokens read so far, without the white space between them.
    pub text: String,
    /// Where `text` holds the values of the outermost object's members.
    pub members: Vec<Range<usize>>,
    /// At most [`MAX_ISSUES`].
    pub defects: Vec<Issue>,
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a str, root: &'a str) -> Self {
        let (text, members) = (String::with_capacity(source.len()), Vec::with_capacity(16));
        Self { json: Jiter::new(source.as_bytes()), source, root, values: 0, text, members, defects: vec![] }
    }

    /// Reads the whole document.
    pub fn document(&mut self) -> Result<Value, Refusal> {
        let first = self.json.peek().map_err(|error| self.refuse_syntax(&error))?;
        let start = self.json.current_index();
        let value = self.value(first, &Path::Root, start, 0)?;
        self.json.finish().map_err(|error| self.refuse_syntax(&error))?;
        Ok(value)
    }

    /// Reads a value. The member or item that it is begins at `start`.
    fn value(&mut self, first: Peek, path: &Path<'_>, start: usize, depth: usize) -> Result<Value, Refusal> {
        // Before the value is built.
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.refuse_size(&Path::Root, start));
        }
        match first {
            Peek::Object => self.object(path, start, depth).map(Value::Object),
            Peek::Array => self.array(path, start, depth).map(Value::Array),
            Peek::String => self.string(path, start).map(Value::String),
            _ => self.literal(first),
        }
    }

    fn object(&mut self, path: &Path<'_>, object_start: usize, depth: usize) -> Result<Map<String, Value>, Refusal> {
        self.check_depth(depth)?;
        let mut object = Map::new();
        let mut has_null = false;
        self.text.push('{');
        let mut before_name = self.json.current_index();
        let mut name = self.json.known_object().map(|name| name.map(str::to_owned));
        while let Some(key) = name.map_err(|error| self.refuse_syntax(&error))? {
            if !object.is_empty() {
                self.text.push(',');
            }
            let start = self.name(&key, before_name, path)?;
            let path = Path::Key(path, &key);
            let first = self.json.peek().map_err(|error| self.refuse_syntax(&error))?;
            let value_start = self.text.len();
            let value = self.value(first, &path, start, depth + 1)?;
            if value.is_null() {
                self.add(&JSON_NULL, &path, start, |issue| issue);
            }
            has_null |= matches!(&value, Value::Array(items) if items.iter().any(Value::is_null));
            if object.contains_key(&key) {
                self.add(&JSON_DUPLICATE_KEY, &path, start, |issue| issue.with("found", &key));
            } else {
                if depth == 0 {
                    self.members.push(value_start..self.text.len());
                }
                object.insert(key, value);
            }
            before_name = self.json.current_index();
            name = self.json.next_key().map(|name| name.map(str::to_owned));
        }
        self.text.push('}');
        if object.is_empty() && depth > 0 {
            self.add(&JSON_EMPTY_VALUE, path, object_start, |issue| issue);
        }
        if has_null {
            self.check_placeholders(&object, path);
        }
        Ok(object)
    }

    /// Checks the name of a member of the object at `path`, and writes it as received. It was read from `from` on. Returns
    /// where it starts.
    fn name(&mut self, key: &str, from: usize, path: &Path<'_>) -> Result<usize, Refusal> {
        let read = &self.source[from..self.json.current_index()];
        // Without what separates it from the tokens before and after.
        let name = read.trim_start_matches(|c: char| c != '"');
        let start = from + read.len() - name.len();
        if key.len() > MAX_NAME_LENGTH && key.chars().nth(MAX_NAME_LENGTH).is_some() {
            return Err(self.refuse_size(path, start));
        }
        if key.is_empty() || key.contains(is_control) {
            self.add(&JSON_CONTROL_CHARACTER, &Path::Key(path, key), start, |issue| issue);
        }
        self.text.push_str(name.trim_end_matches(|c: char| c != '"'));
        self.text.push(':');
        Ok(start)
    }

    /// `null` is legal only as the placeholder of a repetition that the companion of the array describes.
    fn check_placeholders(&mut self, object: &Map<String, Value>, path: &Path<'_>) {
        for (key, value) in object {
            if let Value::Array(items) = value
                && !object.contains_key(&companion(key))
            {
                let path = Path::Key(path, key);
                for (index, _) in items.iter().enumerate().filter(|(_, item)| item.is_null()) {
                    let path = Path::Index(&path, index);
                    self.add_issue(|root| path.issue(&JSON_NULL, root));
                }
            }
        }
    }

    fn array(&mut self, path: &Path<'_>, array_start: usize, depth: usize) -> Result<Vec<Value>, Refusal> {
        self.check_depth(depth)?;
        let mut items = vec![];
        self.text.push('[');
        let mut first = self.json.known_array();
        while let Some(peek) = first.map_err(|error| self.refuse_syntax(&error))? {
            if !items.is_empty() {
                self.text.push(',');
            }
            let item = Path::Index(path, items.len());
            let start = self.json.current_index();
            let value = self.value(peek, &item, start, depth + 1)?;
            if value.is_null() && !matches!(path, Path::Key(..)) {
                self.add(&JSON_NULL, &item, start, |issue| issue);
            }
            items.push(value);
            first = self.json.array_step();
        }
        self.text.push(']');
        if items.is_empty() {
            self.add(&JSON_EMPTY_VALUE, path, array_start, |issue| issue);
        }
        Ok(items)
    }

    fn string(&mut self, path: &Path<'_>, string_start: usize) -> Result<String, Refusal> {
        let start = self.json.current_index();
        let string = self.json.known_str().map(str::to_owned).map_err(|error| self.refuse_syntax(&error))?;
        let token = &self.source[start..self.json.current_index()];
        self.text.push_str(token);
        if string.is_empty() {
            self.add(&JSON_EMPTY_VALUE, path, string_start, |issue| issue);
        }
        // Only an escape can stand for a control character.
        let has_escape = token.len() > string.len() + 2;
        if has_escape && string.contains(is_control) {
            self.add(&JSON_CONTROL_CHARACTER, path, string_start, |issue| issue);
        }
        Ok(string)
    }

    /// A number, `true`, `false` or `null`.
    fn literal(&mut self, first: Peek) -> Result<Value, Refusal> {
        let start = self.json.current_index();
        let read = match first {
            Peek::Null => self.json.known_null().map(|()| Value::Null),
            Peek::True | Peek::False => self.json.known_bool(first).map(Value::Bool),
            _ => self.json.known_number_bytes(first).map(|_| Value::Null),
        };
        let value = read.map_err(|error| self.refuse_syntax(&error))?;
        let token = &self.source[start..self.json.current_index()];
        self.text.push_str(token);
        match first {
            Peek::Null | Peek::True | Peek::False => Ok(value),
            _ => token.parse().map(Value::Number).map_err(|_| self.refuse_at(start)),
        }
    }

    fn check_depth(&self, depth: usize) -> Result<(), Refusal> {
        let issue = || Issue::new(&JSON_DEPTH, self.root).with("expected", MAX_DEPTH.to_string());
        let here = self.json.current_index();
        if depth < MAX_DEPTH { Ok(()) } else { Err(Refusal(Box::new(issue().at_offset(here)))) }
    }

    /// Adds the defect of a value, if the limit is not reached; only then is its expression built. The member or item that the
    /// value is begins at `start`: of duplicates, a pointer finds the first only.
    fn add(&mut self, rule: &'static Rule, path: &Path<'_>, start: usize, complete: impl FnOnce(Issue) -> Issue) {
        self.add_issue(|root| complete(Issue::new(rule, path.expression(root))).at_offset(start));
    }

    fn add_issue(&mut self, issue: impl FnOnce(&str) -> Issue) {
        if self.defects.len() < MAX_ISSUES {
            self.defects.push(issue(self.root));
        }
    }

    fn refuse_size(&self, path: &Path<'_>, offset: usize) -> Refusal {
        let issue = Issue::new(&JSON_TOO_LARGE, path.expression(self.root)).with("values", MAX_VALUES.to_string());
        Refusal(Box::new(issue.with("characters", MAX_NAME_LENGTH.to_string()).at_offset(offset)))
    }

    fn refuse_syntax(&self, error: &JiterError) -> Refusal {
        match error.error_type {
            // More than 4,300 digits before the decimal point.
            JiterErrorType::JsonError(JsonErrorType::NumberOutOfRange) => self.refuse_size(&Path::Root, error.index),
            _ => self.refuse_at(error.index),
        }
    }

    /// The JSON is malformed at this index of the source.
    fn refuse_at(&self, index: usize) -> Refusal {
        let Position { line, column } = position(self.source.as_bytes(), index);
        let issue = Issue::new(&JSON_SYNTAX, self.root).at_offset(index);
        Refusal(Box::new(issue.with("line", line.to_string()).with("column", column.to_string())))
    }
}

/// `_name` for `name`: the member with the `id` and `extension` of a primitive; and `name` for `_name`.
fn companion(key: &str) -> String {
    match key.strip_prefix('_') {
        Some(primitive) => primitive.to_owned(),
        None => format!("_{key}"),
    }
}

fn is_control(c: char) -> bool {
    c < ' ' && !matches!(c, '\t' | '\r' | '\n')
}
