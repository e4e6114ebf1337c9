//! The server side of TLS handshakes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WantsServerCert, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{ConfigBuilder, Error, ServerConfig};
use x509_parser::prelude::FromDer;

use super::client_verifier::ClientVerifier;
use super::settings::ClientAuth;
use super::trust::Trust;

/// The server's certificate chain and its key.
pub struct Identity {
    /// The server's certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    /// The names of both files, for error messages.
    pub files: String,
}

/// The configuration of handshakes. Cheap to clone; every clone sees reloaded files.
#[derive(Clone)]
pub struct Server {
    current: Arc<ArcSwap<Current>>,
    trust: Option<Trust>,
}

/// The configuration at one moment.
pub struct Current {
    config: Arc<ServerConfig>,
    not_after: Timestamp,
}

impl Server {
    /// Handshakes with this identity. Without `trust`, no client certificate is requested.
    ///
    /// # Errors
    /// A sentence, if certificate or key cannot be used, or do not match.
    pub fn new(identity: Identity, trust: Option<&Trust>, client_auth: ClientAuth) -> Result<Self, String> {
        let current = Current::new(identity, trust, client_auth)?;
        Ok(Self { current: Arc::new(ArcSwap::from_pointee(current)), trust: trust.cloned() })
    }

    /// Uses this identity and the current authorities for new handshakes; open connections are unchanged. If the
    /// identity is `None` or cannot be used, the previous one stays.
    pub(super) fn reload(&self, identity: Option<Identity>, client_auth: ClientAuth) -> Result<(), String> {
        let trust = self.trust.as_ref();
        let same = || self.current.load().with_trust(trust, client_auth);
        let (current, outcome) = match identity.map(|identity| Current::new(identity, trust, client_auth)) {
            Some(Ok(renewed)) => (renewed, Ok(())),
            Some(Err(sentence)) => (same()?, Err(sentence)),
            None => (same()?, Ok(())),
        };
        self.current.store(Arc::new(current));
        outcome
    }

    /// The configuration of the next handshake.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.load().config.clone()
    }

    /// Validates client certificates; `None` if none is requested.
    pub fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// When the server's certificate expires.
    pub fn not_after(&self) -> Timestamp {
        self.current.load().not_after
    }
}

impl Current {
    fn new(identity: Identity, trust: Option<&Trust>, client_auth: ClientAuth) -> Result<Self, String> {
        let Identity { chain, key, files } = identity;
        let sentence = |error: Error| match error {
            Error::InconsistentKeys(_) => format!("{files}: the key does not belong to the certificate"),
            error => format!("{files}: they cannot be used: {error}"),
        };
        let leaf = chain.first().map(|leaf| x509_parser::certificate::X509Certificate::from_der(leaf));
        let Some(Ok((_, leaf))) = leaf else { return Err(format!("{files}: the certificate cannot be read")) };
        let not_after = Timestamp::from_second(leaf.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
        let builder = builder(trust, client_auth).map_err(sentence)?;
        let config = builder.with_single_cert(chain.clone(), key).map_err(sentence)?;
        Ok(Self { config: Arc::new(without_resumption(config)), not_after })
    }

    /// The same identity with the current authorities.
    fn with_trust(&self, trust: Option<&Trust>, client_auth: ClientAuth) -> Result<Self, String> {
        let builder = builder(trust, client_auth).map_err(|error| error.to_string())?;
        let config = builder.with_cert_resolver(self.config.cert_resolver.clone());
        Ok(Self { config: Arc::new(without_resumption(config)), not_after: self.not_after })
    }
}

fn builder(
    trust: Option<&Trust>,
    client_auth: ClientAuth,
) -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?;
    Ok(builder.with_client_cert_verifier(match trust {
        Some(trust) => Arc::new(ClientVerifier::new(trust.clone(), client_auth == ClientAuth::Required)),
        None => WebPkiClientVerifier::no_client_auth(),
    }))
}

fn without_resumption(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session does not validate the certificate again: a revoked or expired one could still connect. The
    // price is a full handshake for each connection.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}
