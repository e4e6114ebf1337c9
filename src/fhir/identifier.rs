//! Business identifiers and the search tokens that designate them.
//!
//! <http://hl7.org/fhir/R4/datatypes.html#Identifier>, <http://hl7.org/fhir/R4/search.html#token>

use serde_json::Value;

use super::query::value::split_token;

/// Assigning authority of national ids of persons (IDNPS).
pub const IDNPS: &str = "urn:oid:1.2.250.1.71.4.2.1";
/// Assigning authority of SAS technical ids (INTRN); also the value of `meta.source`.
pub const INTRN: &str = "urn:oid:1.2.250.1.213.3.6";
/// What the systems of national ids of patients begin with (identité nationale de santé): one more arc says whether it is
/// a NIR, a NIA, or a test. <https://esante.gouv.fr/produits-services/referentiel-ins>
pub const INS: &str = "urn:oid:1.2.250.1.213.1.4.";

/// A business identifier in the form in which two of them are compared.
///
/// Surrounding white space does not count, and neither does the case of an INTRN, a UUID;
/// the stored resource keeps its own text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// The assigning authority, a URI.
    pub system: String,
    /// The value under that authority.
    pub value: String,
}

impl Identifier {
    /// The comparable form of `system|value`.
    pub fn new(system: &str, value: &str) -> Self {
        let system = system.trim_ascii();
        let value = value.trim_ascii();
        let value = if system == INTRN { value.to_ascii_lowercase() } else { value.to_owned() };
        Self { system: system.to_owned(), value }
    }

    /// Reads an `Identifier` element; `None` without both parts.
    pub fn from_element(element: &Value) -> Option<Self> {
        let part = |name| element.get(name).and_then(Value::as_str);
        Some(Self::new(part("system")?, part("value")?))
    }

    /// Whether this is a SAS technical id, which designates one person for ever.
    pub fn is_intrn(&self) -> bool {
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
    /// `value`: that value, whatever the system.
    Value(String),
    /// `|value`: that value without any system; identifiers here always have one.
    NoSystem(String),
    /// `system|`: any value of that system.
    System(String),
}

impl Token {
    /// Reads one token, with the escapes of <http://hl7.org/fhir/R4/search.html#escaping>;
    /// `None` where it is empty or has more than one unescaped `|`.
    pub fn parse(text: &str) -> Option<Self> {
        let (system, value) = split_token(text)?;
        Some(match system {
            None => Self::Value(value),
            Some(system) if system.is_empty() => Self::NoSystem(value),
            Some(system) if value.is_empty() => Self::System(system),
            Some(system) => Self::Exact(Identifier::new(&system, &value)),
        })
    }

    /// Whether the identifier is one that this token designates.
    pub fn matches(&self, identifier: &Identifier) -> bool {
        match self {
            Self::Exact(exact) => exact == identifier,
            // The comparable form of an INTRN is lower case: compare as that system would.
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
