//! Where a request comes from: over which connection, from whom, and under which address it reached us.

mod address;
mod authorization;
pub mod browser;
mod certificate;
pub mod host;
mod pairs;
pub mod proxy;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use rustls::pki_types::UnixTime;

use crate::access::Access;
use crate::access::principal::{AuthFailure, Principal};
use crate::tls::certificate::ClientCertificate;
use crate::tls::trust::{CertificateRejection, Trust};
use address::Told;
use authorization::Presented;
use browser::BrowserCheck;

/// The connection that a request came over; the listener adds it to each request.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The other end.
    pub peer: SocketAddr,
    /// The certificate that it proved to hold, verified.
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// Who sent a request and how, as far as is known; added to each request before anything else.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The address of the client: the other end of the connection, or what a trusted proxy tells of it.
    pub peer: IpAddr,
    /// The certificate of the client, verified.
    pub certificate: Option<Arc<ClientCertificate>>,
    pub principal: Principal,
    /// What absolute URLs in the answer begin with.
    pub base_url: Arc<str>,
}

impl Origin {
    /// The name of the caller, where it is recognised.
    pub fn caller(&self) -> Option<&str> {
        self.principal.caller()
    }
}

/// Under which address clients see us.
#[derive(Clone, Debug)]
pub enum BaseUrl {
    /// Always this one.
    Said(Arc<str>),
    /// What a trusted proxy tells; otherwise this one.
    Told(Arc<str>),
}

impl BaseUrl {
    /// The one that stands for all that is not told otherwise.
    pub fn usual(&self) -> &Arc<str> {
        let (Self::Said(url) | Self::Told(url)) = self;
        url
    }
}

/// What the origin of a request is found out by.
pub struct Identification {
    /// Under which address clients see us; `http://host/fhir`, without a slash at its end.
    pub base_url: BaseUrl,
    /// Who is recognised.
    pub access: Access,
    /// Which proxies are believed, and what they tell.
    pub proxies: proxy::Settings,
    /// Which of the certificates that they pass on are believed.
    pub trust: Option<Trust>,
}

impl Identification {
    /// Everybody is served, nobody is asked, no proxy is believed.
    pub fn open(base_url: &str) -> Self {
        Self {
            base_url: BaseUrl::Said(base_url.into()),
            access: Access::open(),
            proxies: proxy::Settings::default(),
            trust: None,
        }
    }

    /// Finds out where a request comes from, and notes it in the request. What proxies and clients say of
    /// that is taken out of the headers: nobody is to look at it again.
    pub fn identify(&self, request: Request) -> Request {
        let (mut parts, body) = request.into_parts();
        let connection = parts.extensions.get::<Connection>();
        // In a test, without a connection.
        let peer = connection.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |connection| connection.peer.ip());
        let direct = connection.and_then(|connection| connection.certificate.clone());
        let headers = &mut parts.headers;
        let is_proxy = self.proxies.trusts(peer);
        let (peer, certificate, told) = if is_proxy {
            let told = Told::by(headers, self.proxies.proxy_headers);
            // What the proxy itself holds says nothing of the client.
            (told.client(peer, &self.proxies), self.passed_on(headers).transpose(), told.base_url())
        } else {
            (peer.to_canonical(), Ok(direct), None)
        };
        let principal = self.authenticate(&certificate, headers);
        proxy::remove_headers(headers);
        headers.remove(header::AUTHORIZATION);
        let base_url = match (&self.base_url, &told) {
            (BaseUrl::Told(_), Some(told)) => told.as_str().into(),
            (base_url, _) => base_url.usual().clone(),
        };
        let base_urls: Vec<_> = [Some(&*base_url), told.as_deref()].into_iter().flatten().collect();
        // A proxy is configured with the names that it serves, and sends its own name of us.
        let is_any_host_ours = is_proxy || self.access.callers.is_some();
        let check = BrowserCheck {
            is_foreign_host: !is_any_host_ours && !browser::is_our_host(&parts, &base_url),
            is_foreign_page: browser::is_foreign_page(&parts, &base_urls),
        };
        parts.extensions.insert(check);
        parts.extensions.insert(Origin { peer, certificate: certificate.ok().flatten(), principal, base_url });
        Request::from_parts(parts, body)
    }

    /// The certificate that a proxy passed on, judged like one that came with a connection.
    fn passed_on(&self, headers: &HeaderMap) -> Option<Result<Arc<ClientCertificate>, CertificateRejection>> {
        let chain = match certificate::passed_on(headers, self.proxies.proxy_certificate) {
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
        match authorization::presented(headers) {
            Presented::Token(token) => {
                callers.by_token(token).map_or(Principal::Unauthenticated(AuthFailure::UnknownToken), |caller| {
                    Principal::Caller(caller.clone())
                })
            }
            Presented::Unintelligible => Principal::Unauthenticated(AuthFailure::Malformed),
            Presented::Nothing if certificate.is_some() => Principal::Unauthenticated(AuthFailure::UnknownCertificate),
            Presented::Nothing => Principal::Unauthenticated(AuthFailure::NoCredentials),
        }
    }
}

#[cfg(test)]
mod tests;
