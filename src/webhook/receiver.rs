//! The receiver of a webhook: one signed `POST`, and its answer.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Response;
use reqwest::header::RETRY_AFTER;

use super::answer::Answer;
use super::message::Message;
use super::sender::Sender;
use super::settings::Webhook;
use crate::clock::http_date::parse_retry_after;
use crate::error::chain::join_causes;

/// Maximum bytes of an answer that are read. A connection with more is closed.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Where events of one webhook go.
pub struct Receiver {
    sender: Sender,
    timeout: Duration,
}

impl Receiver {
    /// Reads the secrets and the authorities of the webhook.
    ///
    /// # Errors
    /// A sentence that names the webhook and what to correct.
    pub fn new(webhook: &Webhook) -> Result<Self, String> {
        let sender = Sender::new(webhook.url.clone(), &webhook.secrets, webhook.ca.as_deref());
        let sender = sender.map_err(|error| format!("webhook “{}”: {error}", webhook.name))?;
        Ok(Self { sender, timeout: webhook.timeout })
    }

    /// Posts a message, signed as of now. Nothing of the answer's body is kept: it may name persons.
    pub async fn post(&self, message: &Message, now: Timestamp) -> Answer {
        let Message { id, body } = message;
        match self.sender.post(id, body.clone(), now).timeout(self.timeout).send().await {
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
