//! The text of a searchset: stored resources, or the part that is asked for, are spliced in as the text they are.
//!
//! Keys stand in the order of the national directory: type, id, total, entries, links.

use crate::annuaire::store::Stored;
use crate::fhir::operation_outcome::operation_outcome;
use crate::fhir::subset::Subset;
use crate::issue::{Issue, Language};

/// What an entry costs beside its resource: its place names a type and an id.
const ENTRY_OVERHEAD: usize = 128;

/// A bundle being written.
pub struct Searchset<'a> {
    text: String,
    base_url: &'a str,
    empty: bool,
}

impl<'a> Searchset<'a> {
    /// Begins a bundle of this id that will hold these resources.
    pub fn begin<'b>(
        base_url: &'a str,
        id: &str,
        total: Option<u64>,
        resources: impl Iterator<Item = &'b Stored>,
    ) -> Self {
        let capacity =
            resources.map(|stored| stored.body.len() + base_url.len() + ENTRY_OVERHEAD).sum::<usize>() + 2048;
        let mut text = String::with_capacity(capacity);
        text.push_str(r#"{"resourceType":"Bundle","type":"searchset","id":""#);
        text.push_str(id);
        text.push('"');
        if let Some(total) = total {
            text.push_str(r#","total":"#);
            text.push_str(&total.to_string());
        }
        Self { text, base_url, empty: true }
    }

    /// The part that is asked for of a resource, with how it came in: `match` or `include`.
    pub fn push(&mut self, mode: &str, stored: &Stored, subset: &Subset) {
        self.begin_entry(stored);
        subset.write(&mut self.text, stored.resource_type.as_str(), &stored.body);
        self.end_entry(mode);
    }

    /// What is to be said of this page.
    pub fn push_outcome(&mut self, issues: &[Issue], language: Language) {
        self.separate();
        self.text.push_str(r#"{"resource":"#);
        self.text.push_str(&operation_outcome(issues, language).to_string());
        self.end_entry("outcome");
    }

    /// Ends the bundle with its links.
    pub fn end(mut self, next_url: Option<&str>, own_url: &str) -> String {
        // A list without entries is not FHIR.
        self.text.push_str(if self.empty { r#","link":["# } else { r#"],"link":["# });
        if let Some(next_url) = next_url {
            self.push_link("next", next_url);
            self.text.push(',');
        }
        self.push_link("self", own_url);
        self.text.push_str("]}");
        // Of a part of each resource it is a small part of what was expected.
        self.text.shrink_to_fit();
        self.text
    }

    fn begin_entry(&mut self, stored: &Stored) {
        self.separate();
        // A base URL is made of plain letters, a logical id too.
        for part in [r#"{"fullUrl":""#, self.base_url, "/", stored.resource_type.as_str(), "/", &stored.id] {
            self.text.push_str(part);
        }
        self.text.push_str(r#"","resource":"#);
    }

    fn end_entry(&mut self, mode: &str) {
        for part in [r#","search":{"mode":""#, mode, r#""}}"#] {
            self.text.push_str(part);
        }
    }

    fn separate(&mut self) {
        self.text.push_str(if std::mem::take(&mut self.empty) { r#","entry":["# } else { "," });
    }

    fn push_link(&mut self, relation: &str, url: &str) {
        self.text.push_str(r#"{"relation":""#);
        self.text.push_str(relation);
        self.text.push_str(r#"","url":"#);
        self.text.push_str(&serde_json::Value::from(url).to_string());
        self.text.push('}');
    }
}
