//! The key of the hashes in audit events.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::fhir::identifier::{Identifier, Token};

/// Minimum length of a secret, in characters.
const MIN_SECRET_CHARS: usize = 32;

/// A secret of the settings; its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret, trimmed. An empty one, as of a variable that is set to nothing, counts as not set.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Whether the secret is not set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The key by which identifiers of persons are hashed: HMAC-SHA-256, cut to 128 bits.
///
/// National identifiers are short: without a key, anyone with a hash could find its identifier by trying all. A key
/// **in the database** protects hashes outside it: the output of `sas-endpoint exchanges`, or a copy of these tables
/// alone. A **configured** key (`SAS_EXCHANGES_KEY`) also protects them from a reader of the whole database, or of a
/// backup, who does not have the settings. Nothing protects them from a reader of both. With another key, older events
/// are no longer found by identifier, but still by resource if the server assigned its id.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The key of a secret; `None` if it is too short.
    pub(crate) fn from_secret(secret: &Secret) -> Option<Self> {
        (secret.0.chars().count() >= MIN_SECRET_CHARS).then(|| Self::from_bytes(secret.0.as_bytes()))
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // HMAC accepts keys of any length: this cannot fail.
        Self(Hmac::new_from_slice(bytes).unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default())))
    }

    /// A new key as text: 32 random bytes in hexadecimal.
    pub fn random() -> Result<String, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(HEXLOWER.encode(&bytes))
    }

    /// The hash of an identifier, in hexadecimal: equal for identifiers that compare equal.
    pub fn identifier(&self, identifier: &Identifier) -> String {
        self.hash(&identifier.system, &identifier.value)
    }

    /// The hash of a criterion; `None` if it has no value. A value without a system is hashed in lower case, as some
    /// systems compare it.
    pub fn token(&self, token: &Token) -> Option<String> {
        match token {
            Token::Exact(identifier) => Some(self.identifier(identifier)),
            Token::Value(value) | Token::NoSystem(value) => Some(self.hash("", &value.to_lowercase())),
            Token::System(_) => None,
        }
    }

    /// The hash of the id of a resource, in hexadecimal.
    pub fn resource(&self, resource_type: &str, id: &str) -> String {
        self.hash("resource", &format!("{resource_type}/{id}"))
    }

    /// The hash of the name and the mail address of an account, in hexadecimal, whatever their case.
    pub(super) fn person(&self, name: &str, mail: &str) -> String {
        self.hash("person", &format!("{}|{}", name.to_lowercase(), mail.to_lowercase()))
    }

    /// A request id as it is logged and audited: itself if it is a UUID or 16 to 64 hexadecimal digits, as
    /// tracing systems make them; otherwise its hash, in hexadecimal.
    pub fn request_id(&self, request_id: &str) -> String {
        let is_hexadecimal = request_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_random = is_hexadecimal && (16..=64).contains(&request_id.len()) || is_uuid(request_id);
        if is_random { request_id.to_owned() } else { self.hash("request", request_id) }
    }

    /// The fingerprint of the key: it identifies the key and reveals no hash made with it.
    pub(crate) fn fingerprint(&self) -> String {
        self.hash("sas-endpoint", "check")
    }

    fn hash(&self, system: &str, value: &str) -> String {
        let mut mac = self.0.clone();
        for part in [system.as_bytes(), b"|", value.as_bytes()] {
            mac.update(part);
        }
        let digest = mac.finalize().into_bytes();
        HEXLOWER.encode(&digest[..16])
    }
}

/// Whether the text is a UUID as it is usually written: groups of hexadecimal digits with hyphens between.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::identifier::{IDNPS, INTRN};

    #[test]
    fn a_secret_is_never_shown_and_is_long_enough() {
        let secret = Secret::new(" 0123456789-0123456789-0123456789\n");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(format!("{:?}", Key::from_secret(&secret)), "Some(Key(…))");
        assert!(Key::from_secret(&Secret::new("0123456789-0123456789-012345678")).is_none());
        assert!(Secret::new(" ").is_empty());
    }

    #[test]
    fn what_compares_equal_hashes_alike() {
        let key = Key::from_bytes(b"k");
        let hash = |system, value| key.identifier(&Identifier::new(system, value));
        assert_eq!(hash(INTRN, "0B9C"), hash(INTRN, " 0b9c "));
        assert_ne!(hash(IDNPS, "3A/b"), hash(IDNPS, "3A/B"));
        assert_ne!(hash(IDNPS, "1"), hash(INTRN, "1"));
        assert_ne!(hash(IDNPS, "1"), Key::from_bytes(b"l").identifier(&Identifier::new(IDNPS, "1")));
        assert_eq!(hash(IDNPS, "1").len(), 32);
        let token = |text| key.token(&Token::parse(text).expect("a token"));
        assert_eq!(token("s|v"), Some(hash("s", "v")));
        assert_eq!((token("V"), token("|v")), (token("v"), token("v")));
        assert_eq!(token("s|"), None);
    }

    #[test]
    fn request_id_is_kept_only_where_it_is_a_uuid_or_hexadecimal() {
        let key = Key::from_bytes(b"k");
        let digits = "0123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789ab";
        for kept in [
            "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11",
            "0B9C2A54-7F0E-4C1B-9D55-6F2F6D0E8A11",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            &digits[..16],
            &digits[..64],
        ] {
            assert_eq!(key.request_id(kept), kept);
        }
        for foreign in [
            "nadia.aubert@example.org",
            "810002909371",
            "req-42",
            "",
            &digits[..15],
            &digits[..65],
            "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a1g",
            "0b9c2a547f0e4c1b9d556f2f6d0e8a11-aub",
            "{0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11}",
            "urn:uuid:0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11",
        ] {
            let hash = key.request_id(foreign);
            assert_eq!((hash.len(), hash.contains(foreign) && !foreign.is_empty()), (32, false), "{foreign}");
            assert_eq!(key.request_id(&hash), hash, "what an operator reads in the log finds the record as well");
            assert_ne!(hash, Key::from_bytes(b"l").request_id(foreign));
        }
    }

    /// `printf 's|v' | openssl dgst -sha256 -hmac k`
    #[test]
    fn the_hash_is_the_one_that_others_compute() {
        let hash = Key::from_bytes(b"k").identifier(&Identifier::new("s", "v"));
        assert_eq!(hash, "9c5ba3d1c9272cf96ed4495760e4d43e");
    }
}
