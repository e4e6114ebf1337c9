//! Bearer tokens, of which only the SHA-256 is stored. <https://www.rfc-editor.org/rfc/rfc6750>

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a token. Callers are looked up by it, so that the time of a lookup reveals nothing about a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes a token.
    pub fn from_token(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Parses 64 hexadecimal digits, in either case.
    pub fn parse(hex: &str) -> Option<Self> {
        HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Prints no digit: a hash does not belong in the log.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// Generates a token: 256 random bits as base64url without padding, 43 characters.
///
/// # Errors
/// If the operating system provides no random numbers.
pub(crate) fn generate() -> Result<String, getrandom::Error> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_hash_displayed_is_parsed_back() {
        // The first example of FIPS 180-2, appendix B.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenHash::from_token("abc").to_string(), abc);
        assert_eq!(TokenHash::parse(abc), Some(TokenHash::from_token("abc")));
        assert_eq!(TokenHash::parse(&abc.to_uppercase()), Some(TokenHash::from_token("abc")));
        for wrong in ["", "ba", &abc[1..], &format!("{abc}00"), &abc.replace('f', "g"), &"é".repeat(32)] {
            assert_eq!(TokenHash::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn token_generated_has_43_characters_and_is_unique() {
        let (one, other) = (generate().expect("random bits"), generate().expect("random bits"));
        assert_eq!(one.len(), 43);
        assert_ne!(one, other);
    }
}
