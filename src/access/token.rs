//! Bearer tokens, of which only the SHA-256 is kept. <https://www.rfc-editor.org/rfc/rfc6750>

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a token. It is what is looked up, so that the time that takes tells nothing of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// The hash that these 64 hexadecimal digits say.
    pub fn parse(hex: &str) -> Option<Self> {
        let mut hash = [0; 32];
        let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
        (digits.len() == 2 * hash.len()).then_some(())?;
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Some(Self(hash))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// As good as unguessable, but nothing to be read in a log.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A new token: 256 random bits, in 43 characters that stand in a header as they are.
///
/// # Errors
/// Where the operating system has no random numbers.
pub fn random() -> Result<String, getrandom::Error> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        // The first example of FIPS 180-2, appendix B.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenHash::of("abc").to_string(), abc);
        assert_eq!(TokenHash::parse(abc), Some(TokenHash::of("abc")));
        assert_eq!(TokenHash::parse(&abc.to_uppercase()), Some(TokenHash::of("abc")));
        for wrong in ["", "ba", &abc[1..], &format!("{abc}00"), &abc.replace('f', "g"), &"é".repeat(32)] {
            assert_eq!(TokenHash::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (one, other) = (random().expect("random bits"), random().expect("random bits"));
        assert_eq!(one.len(), 43);
        assert_ne!(one, other);
    }
}
