//! Logical ids of resources. <http://hl7.org/fhir/R4/datatypes.html#id>

use std::fmt;

/// A logical id: 1 to 64 of `A-Z a-z 0-9 - .`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(String);

impl Id {
    /// Parses an id; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        Self::is_legal(text).then(|| Self(text.to_owned()))
    }

    /// Whether the text is a well-formed id.
    pub(crate) fn is_legal(text: &str) -> bool {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        (1..=64).contains(&text.len()) && text.bytes().all(legal)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<uuid::Uuid> for Id {
    fn from(uuid: uuid::Uuid) -> Self {
        Self(uuid.hyphenated().to_string())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
