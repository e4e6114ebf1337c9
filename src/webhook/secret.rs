//! The secrets that sign events.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The start of each secret.
const PREFIX: &str = "whsec_";

/// Bytes of a key that the standard allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Bytes of a generated key.
const GENERATED_BYTES: usize = 32;

/// A key that signs and verifies; never shown.
#[derive(Clone)]
pub struct Secret(Arc<standardwebhooks::Webhook>);

impl Secret {
    /// Parses `whsec_` and the base64 of 24 to 64 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let key = STANDARD.decode(text.trim().strip_prefix(PREFIX)?).ok()?;
        if !KEY_BYTES.contains(&key.len()) {
            return None;
        }
        standardwebhooks::Webhook::from_bytes(key).ok().map(|key| Self(Arc::new(key)))
    }

    /// The text of a new secret.
    ///
    /// # Errors
    /// If the operating system provides no random numbers.
    pub fn generate() -> Result<String, getrandom::Error> {
        let mut key = [0; GENERATED_BYTES];
        getrandom::fill(&mut key)?;
        Ok(format!("{PREFIX}{}", STANDARD.encode(key)))
    }

    /// The signature of a message, as in the header `webhook-signature`; `None` if the body is not UTF-8.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
        self.0.sign(id, timestamp, body).ok()
    }

    /// Whether it has signed this body and the headers, not longer than five minutes ago.
    pub fn has_signed(&self, body: &[u8], headers: &reqwest::header::HeaderMap) -> bool {
        self.0.verify(body, headers).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where the secrets are. The first signs first, and all sign.
#[derive(Clone)]
pub enum Secrets {
    Given(Vec<Secret>),
    File(PathBuf),
}

impl Secrets {
    /// The secrets, in their order.
    ///
    /// # Errors
    /// A sentence that names the file which cannot be used.
    pub fn read(&self) -> Result<Vec<Secret>, String> {
        match self {
            Self::Given(secrets) => Ok(secrets.clone()),
            Self::File(file) => read_secrets(file),
        }
    }
}

/// Reads the secrets of a file, one a line.
///
/// # Errors
/// A sentence that names the file, and shows nothing of it.
pub fn read_secrets(file: &Path) -> Result<Vec<Secret>, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("the secret file {} cannot be read: {error}", file.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let secrets: Option<Vec<_>> = lines.map(Secret::parse).collect();
    secrets
        .filter(|secrets| !secrets.is_empty())
        .ok_or_else(|| format!("each line of {} must be `whsec_` and the base64 of 24 to 64 bytes", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhook_secret_is_prefix_and_base64_of_24_to_64_bytes_and_never_shown() {
        let of_length = |length| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for right in [of_length(24), of_length(64), Secret::generate().expect("random"), format!("{}\n", of_length(32))]
        {
            let secret = Secret::parse(&right).expect("a secret");
            assert_eq!(format!("{secret:?}"), "Secret(…)");
        }
        for wrong in [String::new(), of_length(23), of_length(65), of_length(32)[6..].to_owned(), "whsec_é".to_owned()]
        {
            assert!(Secret::parse(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn webhook_signature_is_that_of_the_standards_example() {
        let secret = Secret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").expect("a secret");
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let signature = secret.sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(signature.as_deref(), Some("v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="));
    }

    #[test]
    fn webhook_secret_file_has_one_secret_a_line_and_its_error_shows_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secrets");
        let (one, other) = (Secret::generate().expect("random"), Secret::generate().expect("random"));
        std::fs::write(&file, format!("{one}\n\n {other}\n")).expect("written");
        assert_eq!(read_secrets(&file).expect("secrets").len(), 2);
        for text in ["", "\n", "s3cret", &format!("{one}\ns3cret")] {
            std::fs::write(&file, text).expect("written");
            let error = read_secrets(&file).expect_err("wrong");
            assert!(error.contains("secrets must be `whsec_`") && !error.contains("s3cret"), "{error}");
        }
        assert!(read_secrets(&folder.path().join("none")).expect_err("missing").contains("none cannot be read"));
    }
}
