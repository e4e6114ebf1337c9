//! Bundles of the types `searchset` and `history`. <http://hl7.org/fhir/R4/bundle.html>
//!
//! The text of stored resources, or of the requested part, is inserted unchanged.

use serde::Serialize;
use serde_json::value::RawValue;

/// The usual size of an entry without its resource, in bytes, to allocate the text.
const ENTRY_OVERHEAD: usize = 384;

/// A bundle, ready to be written by [`Bundle::into_text`].
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    resource_type: &'static str,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    link: Vec<Link>,
    #[serde(skip)]
    entry: Vec<Entry>,
}

/// The part of an absolute URL that a client sends to the server: path and query.
pub fn request_target(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    &rest[rest.find('/').unwrap_or(rest.len())..]
}

/// `Bundle.type`
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The answer to a search.
    Searchset,
    /// The answer to a history.
    History,
}

#[derive(Serialize)]
struct Link {
    relation: &'static str,
    url: String,
}

/// `Bundle.entry`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The absolute URL of the resource, without its version; `None` if it has no id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_url: Option<String>,
    /// The resource, as stored.
    pub resource: Box<RawValue>,
    /// In a searchset: why it is in the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// In a history: the request that made this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// In a history: the response to that request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
}

/// `Bundle.entry.search`
#[derive(Serialize)]
pub struct Search {
    /// `match`: the resource matches the criteria; `outcome`: issues of the search. `_include` is not supported here.
    pub mode: &'static str,
}

/// `Bundle.entry.request`
#[derive(Serialize)]
pub struct Request {
    /// The HTTP method.
    pub method: &'static str,
    /// The URL, relative to the base.
    pub url: String,
}

/// `Bundle.entry.response`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The HTTP status.
    pub status: &'static str,
    /// The entity tag of the version.
    pub etag: String,
    /// `meta.lastUpdated` of the version.
    pub last_modified: String,
}

impl Bundle {
    /// A bundle with its `self` link and, where there is more, its `next` link.
    pub fn new(kind: Kind, total: Option<i64>, own_url: String, next_url: Option<String>, entry: Vec<Entry>) -> Self {
        let own = Link { relation: "self", url: own_url };
        let next = next_url.map(|url| Link { relation: "next", url });
        Self { resource_type: "Bundle", kind, total, link: std::iter::once(own).chain(next).collect(), entry }
    }

    /// Removes a `self` link that is longer than the server accepts; truncated, it would describe another search. Returns
    /// whether the `next` link is short enough: without it, the other pages could not be read.
    pub fn keep_links_within(&mut self, max_url: usize) -> bool {
        let is_within = |link: &Link| request_target(&link.url).len() <= max_url;
        self.link.retain(|link| is_within(link) || link.relation != "self");
        self.link.iter().all(is_within)
    }

    /// The bundle as JSON. Each resource is dropped once it is written: a page of some megabytes is not held twice.
    ///
    /// # Errors
    /// If serde fails.
    pub fn into_text(mut self) -> Result<Vec<u8>, serde_json::Error> {
        let entries = std::mem::take(&mut self.entry);
        let contents: usize = entries.iter().map(|entry| entry.resource.get().len() + ENTRY_OVERHEAD).sum();
        let mut text = serde_json::to_vec(&self)?;
        if entries.is_empty() {
            return Ok(text);
        }
        text.reserve_exact(contents);
        // The closing brace: more members follow.
        text.pop();
        for (index, entry) in entries.into_iter().enumerate() {
            text.extend_from_slice(if index == 0 { br#","entry":["# } else { b"," });
            serde_json::to_writer(&mut text, &entry)?;
        }
        text.extend_from_slice(b"]}");
        Ok(text)
    }
}
