//! An example of each rule: a body that breaks it and one that keeps it, a command that is refused by it, or the situation in
//! which it is cited. They stand in `examples/rules.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::fhir::resource_type::ResourceType;
use crate::issue::Language;

/// By the ids of the rules. A test reads them all.
static EXAMPLES: LazyLock<BTreeMap<String, Example>> =
    LazyLock::new(|| toml::from_str(include_str!("examples/rules.toml")).unwrap_or_default());

/// Maximum lines shown of what differs between two bodies.
const MAX_LINES: usize = 16;

/// Lines shown before and after those that differ.
const CONTEXT: usize = 2;

/// The example of this rule.
pub fn find(rule: &str) -> Option<&'static Example> {
    EXAMPLES.get(rule)
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Example {
    /// Of a rule about a body.
    Bodies(Bodies),
    /// Of a rule about a request.
    Command(Command),
    /// Of a rule about state, time or connections.
    Situation(Sentence),
}

/// Two bodies, each as changes of the same valid one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bodies {
    #[serde(default)]
    base: Base,
    breaks: Changes,
    #[serde(default)]
    keeps: Changes,
}

/// JSON Pointers with JSON texts, and texts with what replaces them, as `rules.toml` explains.
type Changes = BTreeMap<String, String>;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Base {
    #[default]
    Account,
    Appointment,
    Sos,
}

/// A command for POSIX sh that gets an answer with the rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    curl: String,
    /// On which servers, if not on all.
    #[serde(rename = "where")]
    pub condition: Option<Sentence>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sentence {
    fr: String,
    en: String,
}

/// The part of a body that differs from another one, by lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    pub lines: Vec<ExcerptLine>,
    /// Whether further lines differ.
    pub is_cut: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct ExcerptLine {
    /// From 1.
    pub number: usize,
    pub text: String,
    /// Whether the other body does not have it.
    pub differs: bool,
}

impl Sentence {
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::French => &self.fr,
            Language::English => &self.en,
        }
    }
}

impl Command {
    /// The command for the FHIR API at this origin, such as `https://sas.example.org`.
    pub fn text(&self, origin: &str) -> String {
        self.curl.trim().replace("{origin}", origin)
    }
}

impl Bodies {
    /// The type as which the bodies are validated.
    pub fn resource_type(&self) -> ResourceType {
        match self.base {
            Base::Account => ResourceType::Practitioner,
            Base::Appointment | Base::Sos => ResourceType::Appointment,
        }
    }

    /// The body that breaks the rule.
    pub fn breaking(&self) -> String {
        self.changed(&self.breaks)
    }

    /// The body that keeps it.
    pub fn keeping(&self) -> String {
        self.changed(&self.keeps)
    }

    /// Where the two differ: of the one that breaks the rule, and of the other.
    pub fn excerpts(&self) -> [Excerpt; 2] {
        let (breaking, keeping) = (self.breaking(), self.keeping());
        [excerpt(&breaking, &keeping), excerpt(&keeping, &breaking)]
    }

    fn changed(&self, changes: &Changes) -> String {
        let base = match self.base {
            Base::Account => include_str!("examples/account.json"),
            Base::Appointment => include_str!("examples/appointment.json"),
            Base::Sos => include_str!("examples/sos.json"),
        };
        let mut resource: Value = serde_json::from_str(base).unwrap_or_default();
        let (pointers, texts): (Vec<_>, Vec<_>) = changes.iter().partition(|(name, _)| name.starts_with('/'));
        for (pointer, value) in pointers {
            set(&mut resource, pointer, value);
        }
        texts.into_iter().fold(format!("{resource:#}\n"), |text, (found, value)| match found.as_str() {
            "" => value.clone(),
            found => text.replacen(found, value, 1),
        })
    }
}

/// Puts a value at this pointer, or removes what is there. A pointer without a parent changes nothing, which a test finds.
fn set(resource: &mut Value, pointer: &str, value: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    let (count, value) = match value.split_once(" × ") {
        Some((count, value)) => (count.parse().unwrap_or(1), value),
        None => (1, value),
    };
    let value: Option<Value> = serde_json::from_str(value).ok();
    match (resource.pointer_mut(parent), value) {
        (Some(Value::Object(members)), Some(value)) => drop(members.insert(name.to_owned(), value)),
        (Some(Value::Object(members)), None) => drop(members.shift_remove(name)),
        (Some(Value::Array(items)), Some(value)) => {
            match name.parse().ok().and_then(|index: usize| items.get_mut(index)) {
                Some(item) => *item = value,
                None => items.extend(std::iter::repeat_n(value, count)),
            }
        }
        _ => {}
    }
}

/// The lines of a text between its common beginning and end with another one, with some lines around.
fn excerpt(text: &str, other: &str) -> Excerpt {
    let (lines, others): (Vec<_>, Vec<_>) = (text.lines().collect(), other.lines().collect());
    let start = lines.iter().zip(&others).take_while(|(line, other)| line == other).count();
    let tail = lines[start..].iter().rev().zip(others[start..].iter().rev());
    let end = lines.len() - tail.take_while(|(line, other)| line == other).count();
    let shown_end = end.min(start + MAX_LINES);
    let context_end = if shown_end < end { shown_end } else { (end + CONTEXT).min(lines.len()) };
    let numbered = (1..).zip(&lines).take(context_end).skip(start.saturating_sub(CONTEXT));
    let line = |(number, text): (usize, &&str)| ExcerptLine {
        number,
        text: (*text).to_owned(),
        differs: (start + 1..=shown_end).contains(&number),
    };
    Excerpt { lines: numbered.map(line).collect(), is_cut: shown_end < end }
}

#[cfg(test)]
mod tests;
