//! Whom and what a record is about, as it is kept and as it is looked up.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An identifier that an exchange named: its system, and a hash instead of its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Named {
    /// The assigning authority, where one was named and it is a URI that can hold no value of a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system: Option<String>,
    /// HMAC-SHA-256 of the comparable `system|value`, or of `|value` where no system was named, cut to 128
    /// bits, in hexadecimal. Absent where only a system was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hash: Option<String>,
}

impl Named {
    /// What it is found by.
    pub fn subject(&self) -> Option<Subject> {
        Subject::of_hash(self.hash.as_deref()?)
    }
}

/// What records are found by: 64 bits of a hash, of an identifier or of `Type/id`. Two may coincide:
/// whoever finds a record looks into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(pub i64);

impl Subject {
    /// The subject of an identifier's hash.
    pub fn of_hash(hexadecimal: &str) -> Option<Self> {
        u64::from_str_radix(hexadecimal.get(..16)?, 16).ok().map(|bits| Self(bits.cast_signed()))
    }

    /// The subject of a resource. Without a key: an id says nothing of a person, and is found under any key.
    pub fn of_resource(resource_type: &str, id: &str) -> Self {
        let digest = Sha256::digest(format!("{resource_type}/{id}"));
        let bits = digest.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        Self(bits.cast_signed())
    }
}

/// A system as it may be shown. What stands there is the client's: one who has put the value, an address or a
/// name in its place is not to leave it in the record.
pub fn presentable(system: &str) -> Option<String> {
    let oid = system.strip_prefix("urn:oid:").is_some_and(|oid| oid.bytes().all(|byte| b"0123456789.".contains(&byte)));
    let rest = system.strip_prefix("https://").or_else(|| system.strip_prefix("http://"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte);
    let url = rest.is_some_and(|rest| rest.contains(['.', '/']) && rest.bytes().all(is_plain));
    ((oid || url) && system.len() <= 255).then(|| system.to_owned())
}

/// Lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_the_beginning_of_a_hash() {
        assert_eq!(Subject::of_hash("ffffffffffffffff0000000000000000"), Some(Subject(-1)));
        assert_eq!(Subject::of_hash("short"), None);
        assert_eq!(hexadecimal(&[0, 0xa5, 0xff]), "00a5ff");
        // printf 'Practitioner/1' | sha256sum
        assert_eq!(Subject::of_resource("Practitioner", "1"), Subject(8857242042538056637));
    }

    #[test]
    fn only_a_system_is_shown_as_one() {
        for system in ["urn:oid:1.2.250.1.71.4.2.1", "https://agenda.example.org/rdv", "http://agenda/rdv"] {
            assert_eq!(presentable(system).as_deref(), Some(system));
        }
        for other in [
            "810002909371",
            "urn:oid:3620100057/48211AB",
            "nadia@example.org",
            "https://a.org/?name=x",
            "https://x@a.org",
            "AUBERT",
        ] {
            assert_eq!(presentable(other), None, "{other}");
        }
    }
}
