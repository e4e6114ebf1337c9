//! Business identifiers and the search tokens that designate them.
//!
//! <http://hl7.org/fhir/R4/datatypes.html#Identifier>, <http://hl7.org/fhir/R4/search.html#token>

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::query::value::split_token;

/// Assigning authority of national ids of persons (IDNPS).
pub(crate) const IDNPS: &str = "urn:oid:1.2.250.1.71.4.2.1";
/// Assigning authority of SAS technical ids (INTRN); also the value of `meta.source`.
pub const INTRN: &str = "urn:oid:1.2.250.1.213.3.6";
/// The prefix of the systems of patients' national ids (identité nationale de santé). A further arc tells NIR, NIA and test
/// ids apart. <https://esante.gouv.fr/produits-services/referentiel-ins>
pub(crate) const INS: &str = "urn:oid:1.2.250.1.213.1.4.";

/// A business identifier, normalised for comparison: without surrounding white space, and in lower case if it is an INTRN, which
/// is a UUID. The stored resource keeps the text as received.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// The assigning authority, a URI.
    pub system: String,
    /// The value under that authority.
    pub value: String,
}

impl Identifier {
    /// Normalises `system|value`.
    pub fn new(system: &str, value: &str) -> Self {
        let system = system.trim_ascii();
        let value = value.trim_ascii();
        let value = if system == INTRN { value.to_ascii_lowercase() } else { value.to_owned() };
        Self { system: system.to_owned(), value }
    }

    /// Parses an `Identifier` element; `None` if it lacks a part.
    pub(crate) fn from_element(element: &Value) -> Option<Self> {
        let part = |name| element.get(name).and_then(Value::as_str);
        Some(Self::new(part("system")?, part("value")?))
    }

    /// Whether this is a SAS technical id, which designates one person for ever.
    pub(crate) fn is_intrn(&self) -> bool {
        self.system == INTRN
    }

    /// Whether this designates a regulator account.
    pub fn is_account_key(&self) -> bool {
        self.system == INTRN || self.system == IDNPS
    }
}

/// The criterion `identifier=…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// `system|value`
    Exact(Identifier),
    /// `value`: this value, in any system.
    Value(String),
    /// `|value`: this value without a system. Matches nothing, as stored identifiers have a system.
    NoSystem(String),
    /// `system|`: any value of that system.
    System(String),
}

impl Token {
    /// Parses a token, with the escapes of <http://hl7.org/fhir/R4/search.html#escaping>;
    /// `None` if it is empty or has more than one unescaped `|`.
    pub fn parse(text: &str) -> Option<Self> {
        let (system, value) = split_token(text)?;
        Some(match system {
            None => Self::Value(value),
            Some(system) if system.is_empty() => Self::NoSystem(value),
            Some(system) if value.is_empty() => Self::System(system),
            Some(system) => Self::Exact(Identifier::new(&system, &value)),
        })
    }

    /// Whether this token matches the identifier.
    pub fn matches(&self, identifier: &Identifier) -> bool {
        match self {
            Self::Exact(exact) => exact == identifier,
            // A normalised INTRN is in lower case: normalise the value for the same system.
            Self::Value(value) => Identifier::new(&identifier.system, value) == *identifier,
            Self::NoSystem(_) => false,
            Self::System(system) => *system == identifier.system,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_has_four_forms() {
        assert_eq!(Token::parse("a|b"), Some(Token::Exact(Identifier::new("a", "b"))));
        assert_eq!(Token::parse("b"), Some(Token::Value("b".into())));
        assert_eq!(Token::parse("|b"), Some(Token::NoSystem("b".into())));
        assert_eq!(Token::parse("a|"), Some(Token::System("a".into())));
        for malformed in ["", "|", "a|b|c", " ", &"|".repeat(1 << 20)] {
            assert_eq!(Token::parse(malformed), None, "{malformed:.20}");
        }
    }

    #[test]
    fn token_backslash_escapes_the_next_character() {
        assert_eq!(Token::parse(r"a|b\|c\,\$\\"), Some(Token::Exact(Identifier::new("a", r"b|c,$\"))));
    }

    #[test]
    fn identifier_technical_id_only_is_compared_without_case() {
        assert_eq!(Identifier::new(INTRN, " AbC "), Identifier::new(INTRN, "abc"));
        assert_ne!(Identifier::new(IDNPS, "3A/b"), Identifier::new(IDNPS, "3A/B"));
        assert!(Token::Value("ABC".into()).matches(&Identifier::new(INTRN, "abc")));
    }
}
