//! Versions of a resource and the entity tags that carry them.
//!
//! <http://hl7.org/fhir/R4/http.html#versioning>, <https://www.rfc-editor.org/rfc/rfc9110#name-etag>

/// `meta.versionId`: 1 for the created version, then one more for each change.
pub(crate) type Version = i64;

/// The weak entity tag of a version: `W/"3"`.
pub fn entity_tag(version: Version) -> String {
    format!("W/\"{version}\"")
}

/// Maximum entity tags in a list; a longer list is malformed.
pub(crate) const MAX_ENTITY_TAGS: usize = 256;

/// The value of `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: any current version.
    Any,
    /// These versions. Tags that this server did not issue match no version and are left out.
    Versions(Vec<Version>),
}

impl EntityTags {
    /// Parses a list of entity tags, weak or strong; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        if text.split(',').nth(MAX_ENTITY_TAGS).is_some() {
            return None;
        }
        let tags = text.split(',').map(|tag| {
            let tag = tag.trim();
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            let inner = opaque.strip_prefix('"')?.strip_suffix('"')?;
            (!inner.contains('"')).then(|| inner.parse::<Version>().ok())
        });
        tags.collect::<Option<Vec<_>>>().map(|versions| Self::Versions(versions.into_iter().flatten().collect()))
    }

    /// Whether the current version, if there is one, is in the list.
    pub fn names(&self, current: Option<Version>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Versions(versions), Some(current)) => versions.contains(&current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_weak_strong_and_lists_are_parsed() {
        assert_eq!(EntityTags::parse("W/\"3\""), Some(EntityTags::Versions(vec![3])));
        assert_eq!(EntityTags::parse("\"3\", W/\"4\""), Some(EntityTags::Versions(vec![3, 4])));
        assert_eq!(EntityTags::parse(" * "), Some(EntityTags::Any));
        assert_eq!(EntityTags::parse("\"of another server\""), Some(EntityTags::Versions(vec![])));
        for malformed in ["", "3", "W/3", "\"3", "W/\"3\",", "\"3\"\""] {
            assert_eq!(EntityTags::parse(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn entity_tags_list_is_bounded() {
        let list = |tags: usize| vec!["W/\"1\""; tags].join(",");
        let parsed = |tags| EntityTags::parse(&list(tags));
        assert_eq!(parsed(MAX_ENTITY_TAGS), Some(EntityTags::Versions(vec![1; MAX_ENTITY_TAGS])));
        assert_eq!((parsed(MAX_ENTITY_TAGS + 1), parsed(100_000)), (None, None));
        assert_eq!(EntityTags::parse(&",".repeat(100_000)), None);
    }

    #[test]
    fn entity_tags_never_match_a_missing_resource() {
        assert!(!EntityTags::Any.names(None));
        assert!(EntityTags::Any.names(Some(1)));
        assert!(!EntityTags::Versions(vec![1]).names(Some(2)));
    }
}
