//! The content of a resource: the received text, plus the elements that the server sets.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::date::instant;
use super::id::Id;
use super::json::{Members, Received, push_name};
use super::version::Version;

/// A received resource as text, with gaps for the elements that the server sets when it writes: `id`, `meta.versionId`
/// and `meta.lastUpdated`.
///
/// Key order and number text are those received. An `id` or a `meta` keeps its position; a missing one is inserted after
/// `resourceType`.
#[derive(Clone, Debug)]
pub struct Content {
    pieces: Vec<Piece>,
    length: usize,
    hash: String,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Id,
    Version,
    LastUpdated,
}

impl Content {
    /// From a resource that [`super::json::parse`] returned.
    pub fn new(received: &Received) -> Self {
        let resource = &received.value;
        let mut writer = Writer::default();
        writer.text.push('{');
        if resource.get("resourceType").is_none() {
            writer.server_elements(resource);
        }
        for (key, text) in received.members() {
            match key {
                "id" => writer.id(),
                "meta" => writer.meta(text),
                _ => writer.member(key, text),
            }
            if key == "resourceType" {
                writer.server_elements(resource);
            }
        }
        writer.text.push('}');
        writer.flush();
        let length = writer.pieces.iter().map(Piece::len).sum();
        Self { pieces: writer.pieces, length, hash: canonical_hash(resource) }
    }

    /// Fills the gaps: the text that is stored and returned.
    pub fn stamp(&self, id: &Id, version: Version, last_updated: Timestamp) -> String {
        let mut text = String::with_capacity(self.length);
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Id => text.push_str(id.as_str()),
                Piece::Version => text.push_str(&version.to_string()),
                Piece::LastUpdated => text.push_str(&instant(last_updated)),
            }
        }
        text
    }

    /// The bytes of the text, about.
    pub fn size(&self) -> usize {
        self.length
    }

    /// A hash that is equal for equal JSON, whatever the key order and white space. `id`, `meta.versionId` and
    /// `meta.lastUpdated` are ignored, as the server sets them.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Id => 36,
            Self::Version => 4,
            Self::LastUpdated => 24,
        }
    }
}

#[derive(Default)]
struct Writer {
    pieces: Vec<Piece>,
    text: String,
}

impl Writer {
    fn flush(&mut self) {
        self.pieces.push(Piece::Text(std::mem::take(&mut self.text)));
    }

    fn gap(&mut self, piece: Piece) {
        self.text.push('"');
        self.flush();
        self.pieces.push(piece);
        self.text.push('"');
    }

    fn key(&mut self, key: &str) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        push_name(&mut self.text, key);
    }

    fn member(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push_str(value);
    }

    fn id(&mut self) {
        self.key("id");
        self.gap(Piece::Id);
    }

    /// `received` is the text of the received element; an empty one if there was none.
    fn meta(&mut self, received: &str) {
        let Members(received) = serde_json::from_str(received).unwrap_or_default();
        self.key("meta");
        self.text.push('{');
        self.key("versionId");
        self.gap(Piece::Version);
        self.key("lastUpdated");
        self.gap(Piece::LastUpdated);
        for (key, value) in received {
            if !is_server_meta(&key) {
                self.member(&key, value);
            }
        }
        self.text.push('}');
    }

    fn server_elements(&mut self, resource: &Value) {
        if resource.get("id").is_none() {
            self.id();
        }
        if resource.get("meta").is_none() {
            self.meta("{}");
        }
    }
}

fn is_server_meta(key: &str) -> bool {
    matches!(key, "versionId" | "lastUpdated" | "_versionId" | "_lastUpdated")
}

fn canonical_hash(resource: &Value) -> String {
    let mut text = Vec::with_capacity(4096);
    if let Value::Object(resource) = resource {
        canonical_object(resource, &mut text, &|key, value| match (key, value) {
            ("id", _) => true,
            ("meta", Value::Object(meta)) => meta.keys().all(|key| is_server_meta(key)),
            _ => false,
        });
    }
    hash(text)
}

/// The SHA-256 of a text, as 64 hexadecimal digits.
pub fn hash(text: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

/// Writes an object with its keys in order, without the members for which `omitted` holds.
fn canonical_object(object: &Map<String, Value>, text: &mut Vec<u8>, omitted: &dyn Fn(&str, &Value) -> bool) {
    let mut members: Vec<_> = object.iter().filter(|(key, value)| !omitted(key, value)).collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    text.push(b'{');
    for (key, value) in members {
        scalar(key, text);
        text.push(b':');
        match value {
            Value::Object(meta) if key == "meta" => canonical_object(meta, text, &|key, _| is_server_meta(key)),
            value => canonical(value, text),
        }
        text.push(b',');
    }
    text.push(b'}');
}

fn canonical(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Object(object) => canonical_object(object, text, &|_, _| false),
        Value::Array(items) => {
            text.push(b'[');
            for item in items {
                canonical(item, text);
                text.push(b',');
            }
            text.push(b']');
        }
        value => scalar(value, text),
    }
}

fn scalar(value: &(impl Serialize + ?Sized), text: &mut Vec<u8>) {
    // Neither a scalar nor a vector in memory can fail.
    let _ = serde_json::to_writer(text, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::parse;

    fn content(text: &str) -> Content {
        Content::new(&parse(text.as_bytes(), "Practitioner").expect("legal"))
    }

    fn stamped(text: &str) -> String {
        let id = Id::parse("a1").expect("an id");
        content(text).stamp(&id, 7, "2026-03-04T05:06:07.8Z".parse().expect("an instant"))
    }

    #[test]
    fn content_server_elements_follow_the_resource_type_if_absent() {
        assert_eq!(
            stamped(r#"{"resourceType":"Practitioner","active":true}"#),
            r#"{"resourceType":"Practitioner","id":"a1","meta":{"versionId":"7","lastUpdated":"2026-03-04T05:06:07.800Z"},"active":true}"#
        );
    }

    #[test]
    fn content_order_and_numbers_are_kept_and_server_elements_replaced() {
        assert_eq!(
            stamped(
                r#"{"x":1.50e2, "meta":{"source":"s","versionId":"1"},"resourceType":"Practitioner","id":"mine","é":"\u00e9\""}"#
            ),
            r#"{"x":1.50e2,"meta":{"versionId":"7","lastUpdated":"2026-03-04T05:06:07.800Z","source":"s"},"resourceType":"Practitioner","id":"a1","é":"\u00e9\""}"#
        );
    }

    #[test]
    fn content_hash_of_equal_json_is_equal() {
        let hash = |text| content(text).hash;
        let one = hash(r#"{"a":[{"b":1,"c":"é"}],"d":true}"#);
        assert_eq!(one, hash(r#"{ "d":true, "id":"x", "meta":{"versionId":"3"}, "a":[ {"c":"\u00e9","b":1} ]}"#));
        assert_ne!(one, hash(r#"{"a":[{"b":1.0,"c":"é"}],"d":true}"#));
        assert_ne!(one, hash(r#"{"a":[{"b":1,"c":"é"}],"d":true,"meta":{"source":"s"}}"#));
        assert_ne!(hash(r#"{"a":["1","2"]}"#), hash(r#"{"a":["1,","2"]}"#));
    }
}
