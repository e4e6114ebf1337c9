//! A page of a walk: a searchset.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A parsed searchset. The resources stay text: they are parsed later, on another thread.
#[derive(Debug)]
pub struct SearchsetPage {
    /// The matches, of any type.
    pub resources: Vec<Box<RawValue>>,
    /// The included resources, which `total` does not count.
    pub included: Vec<Box<RawValue>>,
    /// The link `next`; `None` on the last page.
    pub next: Option<String>,
    /// The number of matches, where the server states it.
    pub total: Option<u64>,
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(rename = "type", default)]
    bundle_type: Option<String>,
    #[serde(default)]
    total: Option<u64>,
    #[serde(default)]
    link: Option<Vec<Link>>,
    #[serde(default)]
    entry: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Link {
    relation: String,
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    resource: Option<Box<RawValue>>,
    #[serde(default)]
    search: Option<EntrySearch>,
}

#[derive(Deserialize)]
struct EntrySearch {
    #[serde(default)]
    mode: Option<String>,
}

impl SearchsetPage {
    /// Parses a searchset, or returns the reason why the body is none.
    pub fn parse(body: &Bytes) -> Result<Self, String> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err("it is empty".to_owned());
        }
        let bundle: Bundle = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
        match (bundle.resource_type.as_str(), bundle.bundle_type.as_deref()) {
            ("Bundle", Some("searchset")) => {}
            ("Bundle", _) => return Err("it is a Bundle, but not a searchset".to_owned()),
            _ => return Err("it is a resource, but not a Bundle".to_owned()),
        }
        let next = bundle.link.into_iter().flatten().find(|link| link.relation == "next").map(|link| link.url);
        // An entry of mode `outcome` is about the search itself.
        let entries = bundle.entry.into_iter().flatten().filter(|entry| entry.mode() != Some("outcome"));
        let (included, matches): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.mode() == Some("include"));
        let resources = |entries: Vec<Entry>| entries.into_iter().map(Entry::resource).collect();
        Ok(Self { resources: resources(matches), included: resources(included), next, total: bundle.total })
    }
}

/// The position of the error. The message of the parser could quote personal data.
fn malformed(error: &serde_json::Error) -> String {
    format!("it is not a Bundle: malformed at line {}, column {}", error.line(), error.column())
}

impl Entry {
    /// The search mode; the national directory does not state it.
    fn mode(&self) -> Option<&str> {
        self.search.as_ref().and_then(|search| search.mode.as_deref())
    }

    /// An entry without a resource becomes `null`, which is rejected later.
    fn resource(self) -> Box<RawValue> {
        self.resource.unwrap_or_else(|| RawValue::NULL.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SearchsetPage, String> {
        SearchsetPage::parse(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn searchset_page_has_resources_as_text_and_next() {
        let page = read(
            r#"{"resourceType":"Bundle","type":"searchset","total":3,"entry":[
                {"fullUrl":"u","resource":{"id":"a", "meta":{"versionId":2}}},
                {"resource":{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}},
                {"resource":{"id":"b"},"search":{"mode":"include"}}, {}],
                "link":[{"relation":"self","url":"s"},{"relation":"next","url":"n"}]}"#,
        )
        .expect("a page");
        let texts =
            |resources: &[Box<RawValue>]| resources.iter().map(|text| text.get().to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(&page.resources), [r#"{"id":"a", "meta":{"versionId":2}}"#, "null"]);
        assert_eq!(texts(&page.included), [r#"{"id":"b"}"#]);
        assert_eq!((page.next.as_deref(), page.total), (Some("n"), Some(3)));
        let empty = read(r#"{"resourceType":"Bundle","type":"searchset"}"#).expect("a page");
        assert_eq!((empty.resources.len(), empty.next), (0, None));
    }

    #[test]
    fn searchset_page_of_other_content_is_refused() {
        for text in [
            "",
            " \n",
            "<html>",
            r#"{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"id":"#,
            r#"{"resourceType":"Bundle","type":"batch"}"#,
            r#"{"resourceType":"Bundle"}"#,
            r#"{"resourceType":"OperationOutcome"}"#,
            "[]",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
