//! The directory that a mirror is taken from: the national one, or another instance of this program.
//!
//! What goes wrong for a moment is tried again here, so that a caller has a page or a [`UpstreamError`] that
//! waiting does not help. The key goes to the scheme, host and port of the setting, and nowhere else.

mod base;
mod query;
mod rate_limit;
mod settings;
mod upstream_error;

use std::io::Read;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};

use crate::annuaire::ingest::searchset_page::SearchsetPage;
use crate::clock::http_date::{parse_http_date, parse_retry_after};
use crate::error::chain::join_causes;
use base::Base;
pub use query::Query;
use rate_limit::RateLimit;
pub use settings::{ApiKey, RetryPolicy, Settings};
pub use upstream_error::UpstreamError;

/// The header that carries the key.
pub(crate) const KEY_HEADER: &str = "ESANTE-API-KEY";

/// The largest page that is read, in bytes: some hundred times one of 200 resources.
const MAX_PAGE_BYTES: usize = 64 << 20;

/// A page, received.
#[derive(Debug)]
pub struct Page {
    /// What it says.
    pub content: SearchsetPage,
    /// The header `Date`, if there is one.
    pub date: Option<Timestamp>,
    /// How many bytes were received.
    pub bytes: u64,
}

/// A directory, ready to be asked.
pub struct Upstream {
    client: reqwest::Client,
    base: Base,
    key: Option<HeaderValue>,
    rate_limit: RateLimit,
    retry_policy: RetryPolicy,
}

impl Upstream {
    /// Fails where the address or the key cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, UpstreamError> {
        let base = Base::parse(&settings.url)?;
        let key = settings.key.as_ref().map(ApiKey::header).transpose()?;
        if key.is_some() && base.is_in_clear() {
            tracing::warn!(upstream = base.as_str(), "the API key is sent unencrypted: SAS_ANNUAIRE_URL is not https");
        }
        // Redirects are reported, not followed: the API key must not go elsewhere.
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(settings.retry_policy.timeout)
            .user_agent(concat!("sas-endpoint/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| UpstreamError::Setup(join_causes(&error)))?;
        Ok(Self { client, base, key, rate_limit: RateLimit::new(settings.rate), retry_policy: settings.retry_policy })
    }

    /// The base URL.
    pub fn base(&self) -> &str {
        self.base.as_str()
    }

    /// The first page of a walk.
    pub async fn first(&self, query: &Query) -> Result<Page, UpstreamError> {
        self.page(self.base.search(query), UpstreamError::is_temporary).await
    }

    /// The page at an address of [`SearchsetPage::next`].
    pub async fn following(&self, next: &str) -> Result<Page, UpstreamError> {
        let url = self.base.resolve_same_origin(next)?;
        self.page(url, UpstreamError::is_temporary_on_next).await
    }

    /// What is said of a page whose next page came before.
    pub(crate) fn endless(&self) -> UpstreamError {
        let reason = "its next link leads to a page already read".to_owned();
        UpstreamError::NotAPage { base: self.base().to_owned(), reason }
    }

    /// Asks until there is a page, or no hope.
    async fn page(&self, url: Url, is_temporary: fn(&UpstreamError) -> bool) -> Result<Page, UpstreamError> {
        let RetryPolicy { retries, first, longest, retry_after, .. } = self.retry_policy;
        let backoff = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(longest)
            .with_max_times(retries)
            .with_jitter();
        (|| self.attempt(url.clone()))
            .retry(backoff)
            .when(is_temporary)
            // `None` says that the tries are used up: that stays so.
            .adjust(|trouble, wait| Some(trouble.retry_after().map_or(wait?, |asked| asked.min(retry_after))))
            .notify(|trouble, wait| tracing::warn!(?wait, "{trouble}; retrying"))
            .await
    }

    /// Asks once.
    async fn attempt(&self, url: Url) -> Result<Page, UpstreamError> {
        self.rate_limit.wait().await;
        let mut request = self
            .client
            .get(url.clone())
            .header(ACCEPT, HeaderValue::from_static("application/fhir+json"))
            .header(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Some(key) = self.key.as_ref().filter(|_| self.base.is_same_origin(&url)) {
            request = request.header(KEY_HEADER, key.clone());
        }
        let unreachable = |error: reqwest::Error| UpstreamError::Unreachable {
            base: self.base().to_owned(),
            cause: join_causes(&error.without_url()),
        };
        let response = request.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(response, unreachable).await?;
        if status != StatusCode::OK {
            return Err(self.refused(status, &headers, &body));
        }
        let received = body.len() as u64;
        let page = Self::decoded(&headers, body)
            .and_then(|text| SearchsetPage::parse(&text))
            .map_err(|reason| UpstreamError::NotAPage { base: self.base().to_owned(), reason })?;
        Ok(Page { content: page, date: date(&headers), bytes: received })
    }

    /// The body, as far as it is bounded.
    async fn body(
        &self,
        mut response: Response,
        unreachable: impl Fn(reqwest::Error) -> UpstreamError,
    ) -> Result<Bytes, UpstreamError> {
        let mut body = vec![];
        while let Some(chunk) = response.chunk().await.map_err(&unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_PAGE_BYTES {
                return Err(UpstreamError::TooLarge { base: self.base().to_owned(), limit: MAX_PAGE_BYTES });
            }
        }
        Ok(body.into())
    }

    /// The text of the body; decompressed here because that takes three lines, and a layer of
    /// middleware otherwise.
    fn decoded(headers: &HeaderMap, body: Bytes) -> Result<Bytes, String> {
        let compressed = headers.get(CONTENT_ENCODING).is_some_and(|coding| coding.as_bytes() == b"gzip");
        if !compressed || body.is_empty() {
            return Ok(body);
        }
        let mut text = vec![];
        let bounded = MultiGzDecoder::new(body.as_ref()).take(MAX_PAGE_BYTES as u64 + 1).read_to_end(&mut text);
        match bounded {
            Ok(length) if length > MAX_PAGE_BYTES => Err(format!("it is larger than {MAX_PAGE_BYTES} bytes")),
            Ok(_) => Ok(text.into()),
            Err(error) => Err(format!("its compression is broken: {error}")),
        }
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> UpstreamError {
        let base = self.base().to_owned();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                UpstreamError::Key { base, status: status.as_u16(), sent: self.key.is_some() }
            }
            status => UpstreamError::Status {
                base,
                status: status.as_u16(),
                diagnostics: upstream_error::diagnostics(body),
                retry_after: headers
                    .get(RETRY_AFTER)
                    .and_then(|value| parse_retry_after(value.to_str().ok()?, crate::clock::system_time())),
            },
        }
    }
}

/// The server's own time.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    parse_http_date(headers.get(DATE)?.to_str().ok()?)
}
