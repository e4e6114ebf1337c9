//! Signed requests to one URL.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Client, RequestBuilder, Url};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};

use super::secret::{Secret, Secrets};
use crate::error::chain::join_causes;

/// Many servers close a connection that is idle for five seconds: a request that meets that fails.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// What signs requests and sends them.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    url: Url,
    secrets: Vec<Secret>,
}

impl Sender {
    /// Reads the secrets and the authorities.
    ///
    /// # Errors
    /// A sentence that says what to correct.
    pub fn new(url: Url, secrets: &Secrets, ca: Option<&Path>) -> Result<Self, String> {
        let secrets = secrets.read()?;
        // Redirects are reported, not followed; a proxy of the environment is for other requests.
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("sas-endpoint/", env!("CARGO_PKG_VERSION")));
        let unusable = |error: String| match ca {
            Some(file) => format!("its ca {} cannot be used: {error}", file.display()),
            None => format!("the HTTP client cannot be created: {error}"),
        };
        if let Some(file) = ca {
            let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
            let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(join_causes(&error)))?;
            if authorities.is_empty() {
                return Err(unusable("it has no certificate".to_owned()));
            }
            builder = builder.tls_certs_merge(authorities);
        }
        let client = builder.build().map_err(|error| unusable(join_causes(&error)))?;
        Ok(Self { client, url, secrets })
    }

    /// A `POST` of this body, signed as of now.
    pub fn post(&self, id: &str, body: Vec<u8>, now: Timestamp) -> RequestBuilder {
        let timestamp = now.as_second();
        let signatures: Vec<_> = self.secrets.iter().filter_map(|secret| secret.sign(id, timestamp, &body)).collect();
        self.client
            .post(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(HEADER_WEBHOOK_ID, id)
            .header(HEADER_WEBHOOK_TIMESTAMP, timestamp)
            .header(HEADER_WEBHOOK_SIGNATURE, signatures.join(" "))
            .body(body)
    }
}
