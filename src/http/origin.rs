//! Where a request comes from: over which connection, from whom, and under which address it reached us.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::Request;

use crate::tls::certificate::ClientCertificate;

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
    /// The address of the client: the other end of the connection.
    pub peer: IpAddr,
    /// The certificate of the client, verified.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// What absolute URLs in the answer begin with.
    pub base_url: Arc<str>,
}

impl Origin {
    /// The name of the caller in the settings, where it is known.
    pub fn caller(&self) -> Option<&str> {
        None
    }
}

/// Finds out where a request comes from, and notes it in the request.
pub fn identify(mut request: Request, base_url: &Arc<str>) -> Request {
    let connection = request.extensions().get::<Connection>();
    let origin = Origin {
        // In a test, without a connection.
        peer: connection.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |connection| connection.peer.ip()),
        certificate: connection.and_then(|connection| connection.certificate.clone()),
        base_url: base_url.clone(),
    };
    request.extensions_mut().insert(origin);
    request
}
