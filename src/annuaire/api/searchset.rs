//! Writes the text of a searchset. Stored resources, or their requested subsets, are inserted as text, without parsing.
//!
//! The keys have the order of the national directory: type, id, total, entries, links.

use crate::annuaire::store::Stored;
use crate::fhir::operation_outcome::operation_outcome;
use crate::fhir::subset::Subset;
use crate::issue::{Issue, Language};

/// Approximate bytes of an entry without its resource.
const ENTRY_OVERHEAD: usize = 128;

pub struct Searchset<'a> {
    text: String,
    base_url: &'a str,
    empty: bool,
}

impl<'a> Searchset<'a> {
    /// Begins a bundle with this id. `resources` determine the capacity.
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

    /// Adds the subset of a resource. `mode` is `match` or `include`.
    pub fn push(&mut self, mode: &str, stored: &Stored, subset: &Subset) {
        self.begin_entry(stored);
        subset.write(&mut self.text, stored.resource_type.as_str(), &stored.body);
        self.end_entry(mode);
    }

    /// Adds an OperationOutcome about this page.
    pub fn push_outcome(&mut self, issues: &[Issue], language: Language) {
        self.separate();
        self.text.push_str(r#"{"resource":"#);
        self.text.push_str(&operation_outcome(issues, language).to_string());
        self.end_entry("outcome");
    }

    pub fn end(mut self, next_url: Option<&str>, own_url: &str) -> String {
        // FHIR has no empty arrays.
        self.text.push_str(if self.empty { r#","link":["# } else { r#"],"link":["# });
        if let Some(next_url) = next_url {
            self.push_link("next", next_url);
            self.text.push(',');
        }
        self.push_link("self", own_url);
        self.text.push_str("]}");
        // With subsets, the text is much shorter than the capacity.
        self.text.shrink_to_fit();
        self.text
    }

    fn begin_entry(&mut self, stored: &Stored) {
        self.separate();
        // Neither a base URL nor a logical id has a character that JSON escapes.
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
