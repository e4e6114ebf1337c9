//! An event as readers get it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::change::{Change, Moved};
use super::event_type::EventType;
use crate::fhir::identifier::Identifier;
use crate::fhir::json::Members;
use crate::fhir::version::Version;
use crate::storage::feed::{LoggedVersion, Position};

/// Whether events contain the resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Only what designates it.
    #[default]
    Reference,
    /// The version as stored.
    Full,
}

impl Content {
    /// The value with this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "reference" => Some(Self::Reference),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// A new version of a resource, and what it changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its place in the log.
    pub position: Position,
    /// When the version was written: `meta.lastUpdated`.
    pub time: String,
    /// What happened, one at least.
    pub types: Vec<EventType>,
    /// The type of the resource.
    pub resource_type: &'static str,
    /// The id of the resource.
    pub id: String,
    /// The number of the version: `meta.versionId`.
    pub version: Version,
    /// Where the version can be read, an absolute URL.
    pub url: String,
    /// The top-level elements whose text differs from the version before, without `id` and `meta`; of a new resource all.
    pub changed: Vec<String>,
    /// The identifiers that designate the resource since this version.
    pub identifiers: Vec<Identifier>,
    /// The national ids that it took over from other accounts.
    pub moved: Vec<Moved>,
    /// The version, with [`Content::Full`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<RawValue>>,
}

/// What the write of this version changed.
pub fn change_of(version: &LoggedVersion) -> Result<Change, serde_json::Error> {
    // What cannot be read is told from the contents: it must not keep readers from all that follows.
    if let Some(change) = version.change.as_deref().and_then(|change| serde_json::from_str(change).ok()) {
        return Ok(change);
    }
    let before = version.previous.as_deref().map(serde_json::from_str).transpose()?;
    Ok(Change::of_contents(version.resource_type, before.as_ref(), &serde_json::from_str(&version.content)?))
}

impl Event {
    /// The event of a version with this change.
    pub fn new(
        version: LoggedVersion,
        change: Change,
        content: Content,
        base_url: &str,
    ) -> Result<Self, serde_json::Error> {
        let changed = changed_elements(version.previous.as_deref(), &version.content)?;
        let Change { types, identifiers, moved } = change;
        let LoggedVersion { position, resource_type, id, version, last_updated, content: text, .. } = version;
        let resource = match content {
            Content::Reference => None,
            Content::Full => Some(RawValue::from_string(text)?),
        };
        Ok(Self {
            position,
            time: last_updated,
            types,
            resource_type: resource_type.as_str(),
            url: format!("{base_url}/{resource_type}/{id}/_history/{version}"),
            id,
            version,
            changed,
            identifiers,
            moved,
            resource,
        })
    }
}

/// The elements whose text differs, without `id` and `meta`. The sibling of a primitive, such as `_birthDate`, counts as its element.
pub(crate) fn changed_elements(before: Option<&str>, after: &str) -> Result<Vec<String>, serde_json::Error> {
    let Members(before) = before.map(serde_json::from_str).transpose()?.unwrap_or_default();
    let Members(after) = serde_json::from_str(after)?;
    let differing = |these: &[(_, &str)], those: &[(_, &str)]| -> Vec<String> {
        let missing = these.iter().filter(|member| !those.contains(member));
        missing.map(|(name, _): &(std::borrow::Cow<'_, str>, _)| name.trim_start_matches('_').to_owned()).collect()
    };
    let mut changed = differing(&after, &before);
    for name in differing(&before, &after) {
        if !changed.contains(&name) {
            changed.push(name);
        }
    }
    changed.retain(|name| !["id", "meta", "resourceType"].contains(&name.as_str()));
    changed.sort_unstable();
    changed.dedup();
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_changed_names_each_element_whose_text_differs_once() {
        let before = r#"{"resourceType":"Practitioner","id":"1","meta":{"versionId":"1"},"active":true,"name":[{"family":"A"}],"birthDate":"1990"}"#;
        for (after, expected) in [
            (before, &[][..]),
            (
                r#"{"resourceType":"Practitioner","id":"1","meta":{"versionId":"2"},"active":false,"name":[{"family":"A"}],"birthDate":"1990"}"#,
                &["active"],
            ),
            (
                r#"{"resourceType":"Practitioner","name":[{"family":"B"}],"active":true,"_birthDate":{"id":"x"}}"#,
                &["birthDate", "name"],
            ),
            (
                r#"{"resourceType":"Practitioner","active":true,"name":[{"family":"A"}],"birthDate":"1990","telecom":[]}"#,
                &["telecom"],
            ),
        ] {
            assert_eq!(changed_elements(Some(before), after).expect("JSON"), expected, "{after}");
        }
        assert_eq!(changed_elements(None, before).expect("JSON"), ["active", "birthDate", "name"]);
    }
}
