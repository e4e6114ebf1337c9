//! The receiver of a webhook: one signed `POST`, and its answer.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Response, Url};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};

use super::answer::Answer;
use super::message::Message;
use super::secret::Secret;
use super::settings::Webhook;
use crate::clock::http_date::parse_retry_after;
use crate::error::chain::join_causes;

/// Maximum bytes of an answer that are read. A connection with more is closed.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Many servers close a connection that is idle for five seconds: a request that meets that fails.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Where events of one webhook go.
pub struct Receiver {
    client: Client,
    url: Url,
    secrets: Vec<Secret>,
    timeout: Duration,
}

impl Receiver {
    /// Reads the secrets and the authorities of the webhook.
    ///
    /// # Errors
    /// A sentence that names the webhook and what to correct.
    pub fn new(webhook: &Webhook) -> Result<Self, String> {
        let failed = |error: String| format!("webhook “{}”: {error}", webhook.name);
        let secrets = webhook.secrets().map_err(failed)?;
        // Redirects are reported, not followed; a proxy of the environment is for other requests.
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(webhook.timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("sas-endpoint/", env!("CARGO_PKG_VERSION")));
        let unusable = |error: String| match &webhook.ca {
            Some(file) => failed(format!("its ca {} cannot be used: {error}", file.display())),
            None => failed(format!("the HTTP client cannot be created: {error}")),
        };
        if let Some(file) = &webhook.ca {
            let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
            let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(join_causes(&error)))?;
            if authorities.is_empty() {
                return Err(unusable("it has no certificate".to_owned()));
            }
            builder = builder.tls_certs_merge(authorities);
        }
        let client = builder.build().map_err(|error| unusable(join_causes(&error)))?;
        Ok(Self { client, url: webhook.url.clone(), secrets, timeout: webhook.timeout })
    }

    /// Posts a message, signed as of now. Nothing of the answer's body is kept: it may name persons.
    pub async fn post(&self, message: &Message, now: Timestamp) -> Answer {
        let Message { id, body } = message;
        let timestamp = now.as_second();
        let signatures: Vec<_> = self.secrets.iter().filter_map(|secret| secret.sign(id, timestamp, body)).collect();
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(HEADER_WEBHOOK_ID, id)
            .header(HEADER_WEBHOOK_TIMESTAMP, timestamp)
            .header(HEADER_WEBHOOK_SIGNATURE, signatures.join(" "))
            .body(body.clone());
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = retry_after.and_then(|text| parse_retry_after(text, now));
                discard_body(response).await;
                Answer::of_status(status, retry_after)
            }
            Err(error) if error.is_timeout() => Answer::none(format!("it does not answer within {:?}", self.timeout)),
            Err(error) => Answer::none(format!("it does not answer: {}", join_causes(&error.without_url()))),
        }
    }
}

/// Reads the body, so that the connection can be used again. The status has been sent: what happens to the rest does not matter.
async fn discard_body(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > MAX_ANSWER_BYTES {
            return;
        }
    }
}
