//! Where a request comes from: over which connection, from whom, and under which address it reached us.

mod address;
mod authorization;
mod certificate;
mod pairs;
pub mod proxy;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use rustls::pki_types::UnixTime;

use crate::access::Access;
use crate::access::who::{Stranger, Who};
use crate::tls::certificate::ClientCertificate;
use crate::tls::trust::{Mistrust, Trust};
use address::Told;
use authorization::Presented;

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
    /// Who the client is.
    pub who: Who,
    /// What absolute URLs in the answer begin with.
    pub base_url: Arc<str>,
}

impl Origin {
    /// The name of the caller, where it is recognised.
    pub fn caller(&self) -> Option<&str> {
        self.who.caller()
    }

    /// Whether no page of another site had a browser send this.
    /// <https://www.rfc-editor.org/rfc/rfc6454#section-7>
    pub fn is_of_our_pages(&self, headers: &HeaderMap) -> bool {
        let ours = match self.base_url.split_once("://") {
            Some((scheme, rest)) => &self.base_url[..scheme.len() + "://".len() + rest.find('/').unwrap_or(rest.len())],
            None => &self.base_url,
        };
        headers.get_all(header::ORIGIN).iter().all(|origin| origin.as_bytes().eq_ignore_ascii_case(ours.as_bytes()))
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
    pub fn identify(&self, mut request: Request) -> Request {
        let connection = request.extensions().get::<Connection>();
        // In a test, without a connection.
        let peer = connection.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |connection| connection.peer.ip());
        let direct = connection.and_then(|connection| connection.certificate.clone());
        let headers = request.headers_mut();
        let (peer, certificate, told) = if self.proxies.trusts(peer) {
            let told = Told::by(headers, self.proxies.proxy_headers);
            // What the proxy itself holds says nothing of the client.
            (told.client(peer, &self.proxies), self.passed_on(headers).transpose(), told.base_url())
        } else {
            (peer.to_canonical(), Ok(direct), None)
        };
        let who = self.who(&certificate, headers);
        proxy::remove_headers(headers);
        headers.remove(header::AUTHORIZATION);
        let base_url = match (&self.base_url, told) {
            (BaseUrl::Told(_), Some(told)) => told.into(),
            (base_url, _) => base_url.usual().clone(),
        };
        request.extensions_mut().insert(Origin { peer, certificate: certificate.ok().flatten(), who, base_url });
        request
    }

    /// The certificate that a proxy passed on, judged like one that came with a connection.
    fn passed_on(&self, headers: &HeaderMap) -> Option<Result<Arc<ClientCertificate>, Mistrust>> {
        let chain = match certificate::passed_on(headers, self.proxies.proxy_certificate) {
            Ok(chain) => chain?,
            Err(certificate::Malformed) => return Some(Err(Mistrust::Malformed)),
        };
        let trust = self.trust.as_ref().ok_or(Mistrust::UnknownIssuer);
        Some(trust.and_then(|trust| trust.verify(&chain, UnixTime::now())).map(Arc::new))
    }

    /// By the certificate first, then by the token.
    fn who(&self, certificate: &Result<Option<Arc<ClientCertificate>>, Mistrust>, headers: &HeaderMap) -> Who {
        let certificate = match certificate {
            Ok(certificate) => certificate.as_ref(),
            Err(mistrust) => return Who::Stranger(Stranger::Mistrusted(*mistrust)),
        };
        let Some(callers) = &self.access.callers else { return Who::Anybody };
        if let Some(caller) = certificate.and_then(|certificate| callers.by_certificate(certificate)) {
            return Who::Caller(caller.clone());
        }
        match authorization::presented(headers) {
            Presented::Token(token) => {
                callers.by_token(token).map_or(Who::Stranger(Stranger::Token), |caller| Who::Caller(caller.clone()))
            }
            Presented::Unintelligible => Who::Stranger(Stranger::Unintelligible),
            Presented::Nothing if certificate.is_some() => Who::Stranger(Stranger::Certificate),
            Presented::Nothing => Who::Stranger(Stranger::Silent),
        }
    }
}

#[cfg(test)]
mod tests;
