//! Parses the resources of the directory.

use jiff::Timestamp;
use serde_json::error::Category;
use sha2::{Digest, Sha256};

use crate::annuaire::store::extraction;
use crate::annuaire::store::index_entry::IndexEntry;
use crate::annuaire::store::lenient_json::{OrDefault, Resource, Text};
use crate::fhir::date::parse_instant;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::id::Id;
use crate::fhir::json::compact;

/// A resource, ready to be stored.
#[derive(Clone, Debug)]
pub struct ParsedResource {
    pub resource_type: DirectoryType,
    /// `[A-Za-z0-9.-]{1,64}`
    pub id: String,
    /// `meta.lastUpdated`
    pub last_updated: Timestamp,
    /// Equal for equal content: the first 16 bytes of the SHA-256 of `body`.
    pub hash: [u8; 16],
    /// The resource as it is served: compact, `meta.versionId` always a string, otherwise as received.
    pub body: String,
    /// Without duplicates.
    pub indexed: Vec<IndexEntry>,
}

/// The part of a resource that searches verify.
#[derive(Clone, Debug)]
pub(crate) struct SearchableResource {
    pub resource_type: DirectoryType,
    pub id: String,
    /// `meta.lastUpdated`
    pub last_updated: Timestamp,
    /// Without duplicates.
    pub indexed: Vec<IndexEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreadable {
    /// The type, where it could be parsed.
    pub resource_type: Option<DirectoryType>,
    /// The id, where it could be parsed.
    pub id: Option<String>,
    /// The reason, without any content of the resource.
    pub reason: String,
}

/// How the reason begins where the text is no JSON.
const MALFORMED: &str = "the JSON";

impl Unreadable {
    /// Whether the text is no JSON.
    pub(crate) fn is_malformed(&self) -> bool {
        self.reason.starts_with(MALFORMED)
    }
}

impl ParsedResource {
    /// Parses the text of a resource: a line of a file, or an entry of a page.
    ///
    /// It must be JSON with a type of the directory, an id and `meta.lastUpdated`. All other elements may have any
    /// form.
    pub fn parse(json: &str) -> Result<Self, Unreadable> {
        let json = json.strip_prefix('\u{FEFF}').unwrap_or(json);
        let (searchable, version) = parse(json)?;
        let SearchableResource { resource_type, id, last_updated, indexed } = searchable;
        let body = body(json, version);
        Ok(Self { resource_type, id, last_updated, hash: hash(&body), body, indexed })
    }
}

impl SearchableResource {
    /// Parses a stored resource, without hash and body.
    pub fn parse(json: &str) -> Result<Self, Unreadable> {
        Ok(parse(json)?.0)
    }
}

/// The searchable part, and the text of `meta.versionId`.
fn parse(json: &str) -> Result<(SearchableResource, Option<&str>), Unreadable> {
    let resource = match serde_json::from_str::<OrDefault<Resource<'_>>>(json) {
        Ok(OrDefault(resource)) => resource,
        Err(error) => return Err(Unreadable { resource_type: None, id: None, reason: malformed(&error) }),
    };
    let resource_type = resource.resource_type.as_deref().and_then(DirectoryType::parse);
    let id = resource.id.as_deref().filter(|id| Id::is_legal(id));
    let last_updated = resource.meta.last_updated.as_deref().and_then(parse_instant);
    let (Some(resource_type), Some(id), Some(last_updated)) = (resource_type, id, last_updated) else {
        let reason = missing(&resource, resource_type, id);
        return Err(Unreadable { resource_type, id: id.map(str::to_owned), reason: reason.to_owned() });
    };
    let (id, indexed) = (id.to_owned(), extraction::indexed(resource_type, &resource));
    let version = resource.meta.version_id.map(serde_json::value::RawValue::get);
    Ok((SearchableResource { resource_type, id, last_updated, indexed }, version))
}

/// Why a text is no JSON. The message of the parser could quote it.
fn malformed(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Eof => format!("{MALFORMED} ends too early, at line {line}, column {column}"),
        _ => format!("{MALFORMED} is malformed at line {line}, column {column}"),
    }
}

/// Why a text is no resource of the directory.
fn missing(resource: &Resource<'_>, resource_type: Option<DirectoryType>, id: Option<&str>) -> &'static str {
    let is_present = |text: &Text<'_>| text.is_some();
    match (resource_type, id) {
        (None, _) if is_present(&resource.resource_type) => "its resourceType is not one of the directory",
        (None, _) => "it is not a JSON object with a resourceType",
        (_, None) if is_present(&resource.id) => "its id does not have the form of one",
        (_, None) => "it has no id",
        _ if is_present(&resource.meta.last_updated) => "its meta.lastUpdated is not an instant",
        _ => "it has no meta.lastUpdated",
    }
}

/// The text that is served. National servers wrote `meta.versionId` as a number; FHIR wants a string.
fn body(json: &str, version: Option<&str>) -> String {
    let is_number = |text: &&str| text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let corrected = version.filter(is_number).and_then(|version| quoted(json, version));
    match corrected {
        Some(corrected) => compact(&corrected).into_owned(),
        None => compact(json).into_owned(),
    }
}

/// `text` with quotes around `part`, a slice of it.
fn quoted(text: &str, part: &str) -> Option<String> {
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    Some(format!("{}\"{part}\"{}", text.get(..start)?, text.get(start + part.len()..)?))
}

fn hash(body: &str) -> [u8; 16] {
    let digest = Sha256::digest(body);
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

#[cfg(test)]
pub(in crate::annuaire) mod tests;
