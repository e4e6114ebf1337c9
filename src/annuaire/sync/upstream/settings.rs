//! Where a directory is, with which key and how patiently it is asked.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderValue;

use crate::annuaire::sync::upstream::UpstreamError;

/// A key of the national API; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key, without the white space that pasting leaves around it.
    pub fn new(key: &str) -> Self {
        Self(key.trim().to_owned())
    }

    /// As it is sent.
    pub(super) fn header(&self) -> Result<HeaderValue, UpstreamError> {
        let mut value = HeaderValue::from_str(&self.0).map_err(|_| UpstreamError::KeyForm)?;
        if value.is_empty() {
            return Err(UpstreamError::KeyForm);
        }
        // Whoever prints the headers of a request must not print it.
        value.set_sensitive(true);
        Ok(value)
    }

    /// Whether there is nothing in it, as where a variable is set to nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// Where the directory is, and how it is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its base: `https://gateway.api.esante.gouv.fr/fhir/v2`
    pub url: String,
    /// The key, if it asks for one.
    pub key: Option<ApiKey>,
    /// The most requests a second; 0 for no limit.
    pub rate: u32,
    /// How long it is asked again.
    pub retry_policy: RetryPolicy,
}

/// How often, and after how long, a page is asked again.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// How often a page is asked again before the run ends.
    pub retries: usize,
    /// The wait before the second try; each following one is twice as long, and longer by up to as
    /// much again, at random.
    pub first: Duration,
    /// The longest such wait, without its random part.
    pub longest: Duration,
    /// The longest wait that `Retry-After` may ask for.
    pub retry_after: Duration,
    /// How long an answer may take, to its last byte.
    pub timeout: Duration,
}

impl Default for RetryPolicy {
    /// Eight tries over two to four minutes; the national API cuts its own answers off after 30 s.
    fn default() -> Self {
        Self {
            retries: 7,
            first: Duration::from_secs(1),
            longest: Duration::from_mins(1),
            retry_after: Duration::from_mins(5),
            timeout: Duration::from_mins(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = ApiKey::new(" 0123-secret\n");
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
        assert!(!format!("{:?}", key.header().expect("a header")).contains("secret"));
        assert!(matches!(ApiKey::new("é\u{7}").header(), Err(UpstreamError::KeyForm)));
        assert!(matches!(ApiKey::new(" ").header(), Err(UpstreamError::KeyForm)));
    }
}
