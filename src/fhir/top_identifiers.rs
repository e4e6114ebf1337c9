//! Reads the identifiers of a resource without judging it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::identifier::Identifier;

/// Maximum identifiers that are kept.
const MAX_IDENTIFIERS: usize = 64;

/// The first identifiers at the top of a body. None, where it is no JSON, or where one is malformed. Of the rest of the body,
/// nothing is kept.
pub(crate) fn top_identifiers(body: &[u8]) -> Vec<Identifier> {
    let resource: Resource = serde_json::from_slice(body).unwrap_or_default();
    let parts = resource.identifier.0.into_iter().map(|element| element.system.zip(element.value));
    parts.flatten().map(|(system, value)| Identifier::new(&system, &value)).collect()
}

#[derive(Default, Deserialize)]
struct Resource {
    #[serde(default)]
    identifier: Elements,
}

#[derive(Deserialize)]
struct Element {
    system: Option<String>,
    value: Option<String>,
}

#[derive(Default)]
struct Elements(Vec<Element>);

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;

        impl<'de> Visitor<'de> for First {
            type Value = Elements;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Elements, A::Error> {
                let mut elements = vec![];
                while elements.len() < MAX_IDENTIFIERS
                    && let Some(element) = array.next_element()?
                {
                    elements.push(element);
                }
                while array.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Elements(elements))
            }
        }

        deserializer.deserialize_seq(First)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_at_the_top_are_read_leniently_and_bounded() {
        let many: String = (0..100).map(|n| format!(r#"{{"system":"s","value":"{n}"}},"#)).collect();
        for (body, expected) in [
            (r#"{"identifier": [{"system": "s", "value": "1", "use": 3}, {"value": "2"}], "active": [}"#, 0),
            (r#"{"identifier": [{"system": "s", "value": "1", "use": 3}, {"value": "2"}], "active": [{}]}"#, 1),
            (r#"{"contained": [{"identifier": [{"system": "s", "value": "1"}]}]}"#, 0),
            (r#"{"identifier": {"system": "s", "value": "1"}}"#, 0),
            (r#"{"identifier": [1]}"#, 0),
            ("[]", 0),
            ("", 0),
            (&format!(r#"{{"identifier": [{many}{{}}]}}"#), 64),
        ] {
            assert_eq!(top_identifiers(body.as_bytes()).len(), expected, "{body}");
        }
        let found = top_identifiers(br#"{"identifier": [{"system": " s", "value": "1 "}]}"#);
        assert_eq!(found, [Identifier::new("s", "1")]);
    }
}
