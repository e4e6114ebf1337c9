//! Identifies each request: the client's address, certificate and caller, and the base URL that the client sees.

mod address;
pub(crate) mod authorization;
pub(crate) mod browser;
mod certificate;
mod header_params;
pub(crate) mod host;
pub mod proxy;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use rustls::pki_types::UnixTime;

use crate::access::Access;
use crate::access::principal::{AuthFailure, Principal};
use crate::error::Error;
use crate::tls::certificate::ClientCertificate;
use crate::tls::rejection::CertificateRejection;
use crate::tls::trust::Trust;
use address::ForwardedInfo;
use authorization::BearerCredentials;
use browser::BrowserCheck;

/// The connection that a request came over; the listener adds it to each request.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The remote address.
    pub peer: SocketAddr,
    /// The validated certificate of the TLS client.
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// The request id of the exchange that a request of this process sends again: an extension of it.
#[derive(Clone)]
pub(crate) struct ResentOf(pub String);

/// The sender of a request that this process makes for a person: an extension of it, which no client can send.
#[derive(Clone, Debug)]
pub(crate) struct OnBehalfOf {
    /// The address of the person.
    pub peer: IpAddr,
    pub principal: Principal,
}

/// The origin of a request; added to its extensions before any other middleware runs.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The address of the client: the remote address, or the one that a trusted proxy forwards.
    pub peer: IpAddr,
    /// The validated certificate of the client.
    pub certificate: Option<Arc<ClientCertificate>>,
    pub principal: Principal,
    /// The beginning of absolute URLs in the response.
    pub base_url: Arc<str>,
}

impl Origin {
    /// The origin in the extensions of a request.
    ///
    /// # Errors
    /// [`Error::Internal`] where the request was not identified.
    pub fn of(extensions: &Extensions) -> Result<&Self, Error> {
        extensions.get().ok_or_else(|| Error::internal("a request of unknown origin"))
    }

    /// The name of the caller, if it is authenticated.
    pub fn caller(&self) -> Option<&str> {
        self.principal.caller()
    }
}

/// The URL under which clients reach this server.
#[derive(Clone, Debug)]
pub enum BaseUrl {
    /// Always this one: `SAS_BASE_URL`.
    Fixed(Arc<str>),
    /// The one that a trusted proxy forwards; this one for requests without.
    FromProxy(Arc<str>),
}

impl BaseUrl {
    /// The URL for requests without a forwarded one.
    pub fn configured(&self) -> &Arc<str> {
        let (Self::Fixed(url) | Self::FromProxy(url)) = self;
        url
    }
}

/// The address of the client: the remote address, or the one that a trusted proxy forwards.
pub(crate) fn client_address(parts: &Parts, proxies: &proxy::Settings) -> IpAddr {
    let peer = remote_address(&parts.extensions);
    match proxies.trusts(peer) {
        true => ForwardedInfo::from_headers(&parts.headers, proxies.proxy_headers).client(peer, proxies),
        false => peer.to_canonical(),
    }
}

fn remote_address(extensions: &Extensions) -> IpAddr {
    // Only tests have no connection.
    extensions.get::<Connection>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |connection| connection.peer.ip())
}

/// The settings that identify requests.
pub struct Identification {
    /// Such as `http://host/fhir`, without a trailing slash.
    pub base_url: BaseUrl,
    pub access: Access,
    pub proxies: proxy::Settings,
    /// Validates the certificates that proxies forward.
    pub trust: Option<Trust>,
}

impl Identification {
    /// No authentication, and no trusted proxy.
    pub fn open(base_url: &str) -> Self {
        Self {
            base_url: BaseUrl::Fixed(base_url.into()),
            access: Access::open(),
            proxies: proxy::Settings::default(),
            trust: None,
        }
    }

    /// Adds an [`Origin`] and a [`BrowserCheck`] to the request's extensions, and removes credentials and headers of
    /// proxies, so that no later code can read them unchecked.
    pub fn identify(&self, request: Request) -> Request {
        let (mut parts, body) = request.into_parts();
        let peer = remote_address(&parts.extensions);
        let direct = parts.extensions.get::<Connection>().and_then(|connection| connection.certificate.clone());
        let headers = &mut parts.headers;
        let is_proxy = self.proxies.trusts(peer);
        let (peer, certificate, forwarded_url) = if is_proxy {
            let forwarded = ForwardedInfo::from_headers(headers, self.proxies.proxy_headers);
            // The certificate of the proxy itself is not the client's.
            (forwarded.client(peer, &self.proxies), self.validate_forwarded(headers).transpose(), forwarded.base_url())
        } else {
            (peer.to_canonical(), Ok(direct), None)
        };
        let (peer, principal) = match parts.extensions.remove() {
            Some(OnBehalfOf { peer, principal }) => (peer, principal),
            None => (peer, self.authenticate(&certificate, headers)),
        };
        proxy::remove_headers(headers);
        headers.remove(header::AUTHORIZATION);
        let base_url = match (&self.base_url, &forwarded_url) {
            (BaseUrl::FromProxy(_), Some(forwarded_url)) => forwarded_url.as_str().into(),
            (base_url, _) => base_url.configured().clone(),
        };
        let base_urls: Vec<_> = [Some(&*base_url), forwarded_url.as_deref()].into_iter().flatten().collect();
        // A proxy only forwards requests for the names that it serves, and may send another name of this server.
        let is_any_host_ours = is_proxy || self.access.callers.is_some();
        let check = BrowserCheck {
            is_foreign_host: !is_any_host_ours && !browser::is_our_host(&parts, &base_url),
            is_foreign_page: browser::is_foreign_page(&parts, &base_urls),
        };
        parts.extensions.insert(check);
        parts.extensions.insert(Origin { peer, certificate: certificate.ok().flatten(), principal, base_url });
        Request::from_parts(parts, body)
    }

    /// Validates the certificate that a proxy forwards, like one of a TLS client.
    fn validate_forwarded(&self, headers: &HeaderMap) -> Option<Result<Arc<ClientCertificate>, CertificateRejection>> {
        let chain = match certificate::parse_forwarded(headers, self.proxies.proxy_certificate) {
            Ok(chain) => chain?,
            Err(certificate::Malformed) => return Some(Err(CertificateRejection::Malformed)),
        };
        let trust = self.trust.as_ref().ok_or(CertificateRejection::UnknownIssuer);
        Some(trust.and_then(|trust| trust.verify(&chain, UnixTime::now())).map(Arc::new))
    }

    /// Authenticates by the certificate first, then by the token.
    fn authenticate(
        &self,
        certificate: &Result<Option<Arc<ClientCertificate>>, CertificateRejection>,
        headers: &HeaderMap,
    ) -> Principal {
        let certificate = match certificate {
            Ok(certificate) => certificate.as_ref(),
            Err(rejection) => return Principal::Unauthenticated(AuthFailure::UntrustedCertificate(*rejection)),
        };
        let Some(callers) = &self.access.callers else { return Principal::Anyone };
        if let Some(caller) = certificate.and_then(|certificate| callers.by_certificate(certificate)) {
            return Principal::Caller(caller.clone());
        }
        match authorization::parse(headers) {
            BearerCredentials::Token(token) => {
                callers.by_token(token).map_or(Principal::Unauthenticated(AuthFailure::UnknownToken), |caller| {
                    Principal::Caller(caller.clone())
                })
            }
            BearerCredentials::Malformed => Principal::Unauthenticated(AuthFailure::Malformed),
            BearerCredentials::Missing if certificate.is_some() => {
                Principal::Unauthenticated(AuthFailure::UnknownCertificate)
            }
            BearerCredentials::Missing => Principal::Unauthenticated(AuthFailure::NoCredentials),
        }
    }
}

#[cfg(test)]
mod tests;
