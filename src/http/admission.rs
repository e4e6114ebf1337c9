//! What every request is held to before it is carried out: rights, size, rate, permits.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::bounds::{self, Bounds};
use super::bulkhead::Bulkheads;
use super::http_error::HttpError;
use super::origin::Origin;
use super::origin::browser::BrowserCheck;
use super::origin::host::has_valid_host;
use super::outcome;
use crate::access::Access;
use crate::access::right::Requirement;
use crate::deadline::Deadline;
use crate::error::{Error, Workload};
use crate::fhir::rest_security::Authentication;

/// Who may do what, and how much of it.
pub struct Admission {
    access: Access,
    /// The bounds of each request.
    pub bounds: Bounds,
    bulkheads: Bulkheads,
    rates: Option<Rates>,
}

impl Admission {
    /// Admission of those who have access, within these bounds.
    pub fn new(access: Access, bounds: Bounds) -> Self {
        let bulkheads = Bulkheads::new(&bounds);
        let rates = NonZeroU32::new(bounds.rate).map(Rates::new);
        Self { access, bounds, bulkheads, rates }
    }

    /// Whether the sender of a request may have what is needed.
    ///
    /// # Errors
    /// What the sender lacks.
    pub fn authorise(&self, extensions: &Extensions, needed: Requirement) -> Result<(), HttpError> {
        Ok(self.access.authorise(&Origin::of(extensions)?.principal, needed)?)
    }

    /// What clients are recognised by, as the CapabilityStatements say it.
    pub fn authentication(&self) -> Authentication {
        match &self.access.callers {
            None => Authentication::None,
            Some(callers) => {
                Authentication::Callers { certificates: callers.has_certificates(), tokens: callers.has_tokens() }
            }
        }
    }

    /// A deadline that holds a permit for this kind of work. To be asked for when the body has been read, so that a
    /// slow client holds none.
    ///
    /// # Errors
    /// [`Error::TooBusy`] where no permit is free soon enough.
    pub async fn permit(&self, workload: Workload) -> Result<Deadline, Error> {
        self.bulkheads.permit(workload).await
    }

    fn within_bounds(&self, parts: &Parts) -> Result<(), HttpError> {
        let Bounds { max_url, max_headers, max_header_count, .. } = self.bounds;
        let origin = Origin::of(&parts.extensions)?;
        if let Some(rates) = &self.rates {
            rates.count(origin)?;
        }
        if !has_valid_host(parts) {
            return Err(HttpError::InvalidHost);
        }
        if has_other_coding(&parts.headers) {
            return Err(HttpError::UnsupportedTransferCoding);
        }
        let browser = parts.extensions.get::<BrowserCheck>();
        let browser = browser.ok_or_else(|| HttpError::internal("a request whose Host and Origin were not checked"))?;
        if browser.is_foreign_host {
            return Err(HttpError::ForeignHost);
        }
        if browser.is_foreign_page {
            return Err(HttpError::ForeignPage);
        }
        if length(parts) > max_url {
            return Err(HttpError::UrlTooLong { limit: max_url });
        }
        if parts.headers.len() > max_header_count || size(&parts.headers) > max_headers {
            return Err(HttpError::HeadersTooLarge { size: max_headers, count: max_header_count });
        }
        Ok(())
    }
}

/// Refuses what is too large, or comes too fast.
pub async fn admit(State(admission): State<Arc<Admission>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match admission.within_bounds(&parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(error) => outcome::refused(&error, &parts, body, &admission.bounds).await,
    }
}

/// The answer to a request that no route serves.
pub async fn respond_unrouted(error: HttpError, request: Request, admission: &Admission) -> Response {
    let (parts, body) = request.into_parts();
    // Which paths exist is told to callers only.
    let error = admission.authorise(&parts.extensions, Requirement::Authenticated).err().unwrap_or(error);
    outcome::refused(&error, &parts, body, &admission.bounds).await
}

/// Whether the body has a transfer coding beside `chunked`: hyper undoes that one only, and what it hands over would
/// still be encoded.
fn has_other_coding(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::TRANSFER_ENCODING).iter().map(axum::http::HeaderValue::as_bytes);
    let mut codings = values.flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    codings.any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"chunked"))
}

/// The length of the URL as it was sent.
fn length(parts: &Parts) -> usize {
    let uri = &parts.uri;
    let before = match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => scheme.len() + "://".len() + authority.as_str().len(),
        _ => 0,
    };
    before + uri.path_and_query().map_or(0, |path| path.as_str().len())
}

/// What the headers take, as lines.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + ": \r\n".len() + value.len()).sum()
}

/// How many requests a second each client sends.
struct Rates {
    limiter: DefaultKeyedRateLimiter<Client>,
    counted: AtomicU32,
}

/// Whom requests are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    Caller(String),
    Address(IpAddr),
}

impl Client {
    pub(super) fn of(origin: &Origin) -> Self {
        match origin.caller() {
            Some(name) => Self::Caller(name.to_owned()),
            None => Self::Address(bounds::rate_limit_key(origin.peer)),
        }
    }
}

impl Rates {
    /// Clients who have not been seen for a while are forgotten each time so many requests were counted.
    const UNTIL_FORGOTTEN: u32 = 4096;

    /// As much may come at once.
    fn new(rate: NonZeroU32) -> Self {
        Self { limiter: RateLimiter::keyed(Quota::per_second(rate)), counted: AtomicU32::new(0) }
    }

    fn count(&self, origin: &Origin) -> Result<(), HttpError> {
        if self.counted.fetch_add(1, Ordering::Relaxed) % Self::UNTIL_FORGOTTEN == Self::UNTIL_FORGOTTEN - 1 {
            self.limiter.retain_recent();
        }
        let counted = self.limiter.check_key(&Client::of(origin));
        counted.map_err(|until| HttpError::TooManyRequests {
            retry_after: until.wait_time_from(DefaultClock::default().now()),
        })
    }
}
