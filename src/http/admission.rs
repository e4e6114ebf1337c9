//! Limits and rights of every request: rate, sizes, host, rights, permits.

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
use super::bulkhead::Permits;
use super::http_error::HttpError;
use super::origin::Origin;
use super::origin::browser::BrowserCheck;
use super::origin::host::has_valid_host;
use super::outcome;
use crate::access::Access;
use crate::access::right::Requirement;
use crate::deadline::Deadline;
use crate::error::{Error, Workload};
use crate::fault::Faults;
use crate::fhir::rest_security::Authentication;

/// The access policy, the limits and the permits.
pub struct Admission {
    access: Access,
    /// The limits of each request.
    pub bounds: Bounds,
    permits: Permits,
    rates: Option<Rates>,
    /// The faults that testers arm.
    pub faults: Faults,
}

impl Admission {
    /// Admission by this access policy, within these limits, with these permits, and with these faults.
    pub fn new(access: Access, bounds: Bounds, permits: Permits, faults: Faults) -> Self {
        let rates = NonZeroU32::new(bounds.rate).map(Rates::new);
        Self { access, bounds, permits, rates, faults }
    }

    /// Checks that the sender of a request meets the requirement.
    ///
    /// # Errors
    /// [`HttpError::Denied`] with the reason.
    pub fn authorise(&self, extensions: &Extensions, requirement: Requirement) -> Result<(), HttpError> {
        Ok(self.access.authorise(&Origin::of(extensions)?.principal, requirement)?)
    }

    /// The methods of authentication, for the CapabilityStatements.
    pub fn authentication(&self) -> Authentication {
        match &self.access.callers {
            None => Authentication::None,
            Some(callers) => {
                Authentication::Callers { certificates: callers.has_certificates(), tokens: callers.has_tokens() }
            }
        }
    }

    /// A deadline that holds a permit for this kind of work. Acquire it after the body has been read, so that a slow
    /// client holds none.
    ///
    /// # Errors
    /// [`Error::TooBusy`] if no permit becomes free within a second.
    pub async fn permit(&self, workload: Workload) -> Result<Deadline, Error> {
        self.permits.permit(workload).await
    }

    /// The same for a request that has a deadline already, as it gave its permit back.
    pub async fn permit_until(&self, workload: Workload, deadline: Deadline) -> Result<Deadline, Error> {
        self.permits.permit_until(workload, deadline).await
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

/// Middleware: refuses requests that exceed the limits.
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
    // Only callers may find out which paths exist.
    let error = admission.authorise(&parts.extensions, Requirement::Authenticated).err().unwrap_or(error);
    outcome::refused(&error, &parts, body, &admission.bounds).await
}

/// Whether the body has another transfer coding than `chunked`. hyper decodes `chunked` only, and would hand over the body
/// still encoded.
fn has_other_coding(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::TRANSFER_ENCODING).iter().map(axum::http::HeaderValue::as_bytes);
    let mut codings = values.flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    codings.any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"chunked"))
}

/// The length of the URL as sent, in bytes.
fn length(parts: &Parts) -> usize {
    let uri = &parts.uri;
    let before = match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => scheme.len() + "://".len() + authority.as_str().len(),
        _ => 0,
    };
    before + uri.path_and_query().map_or(0, |path| path.as_str().len())
}

/// The size of the headers as lines, in bytes.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + ": \r\n".len() + value.len()).sum()
}

/// The rate limit per client.
struct Rates {
    limiter: DefaultKeyedRateLimiter<Client>,
    counted: AtomicU32,
}

/// The client that a request counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    Caller(String),
    Address(IpAddr),
}

impl Client {
    pub(super) fn from_origin(origin: &Origin) -> Self {
        match origin.caller() {
            Some(name) => Self::Caller(name.to_owned()),
            None => Self::Address(bounds::rate_limit_key(origin.peer)),
        }
    }
}

impl Rates {
    /// Requests between two removals of idle clients.
    const CLEANUP_INTERVAL: u32 = 4096;

    /// A client may send `rate` requests at once.
    fn new(rate: NonZeroU32) -> Self {
        Self { limiter: RateLimiter::keyed(Quota::per_second(rate)), counted: AtomicU32::new(0) }
    }

    fn count(&self, origin: &Origin) -> Result<(), HttpError> {
        if self.counted.fetch_add(1, Ordering::Relaxed) % Self::CLEANUP_INTERVAL == Self::CLEANUP_INTERVAL - 1 {
            self.limiter.retain_recent();
        }
        let counted = self.limiter.check_key(&Client::from_origin(origin));
        counted.map_err(|until| HttpError::TooManyRequests {
            retry_after: until.wait_time_from(DefaultClock::default().now()),
        })
    }
}
