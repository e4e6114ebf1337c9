//! Our side of handshakes.

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

/// The server's certificate with what leads to its root, and its key.
pub struct Identity {
    /// The server's own first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key.
    pub key: PrivateKeyDer<'static>,
    /// Where they come from, for sentences.
    pub files: String,
}

/// What handshakes go by. Cheap to clone; every clone sees what is taken up while running.
#[derive(Clone)]
pub struct Server {
    current: Arc<ArcSwap<Current>>,
    trust: Option<Trust>,
}

/// What they go by at one moment.
pub struct Current {
    config: Arc<ServerConfig>,
    not_after: Timestamp,
}

impl Server {
    /// Handshakes with this identity; without trust, clients are not asked for certificates.
    ///
    /// # Errors
    /// In a sentence, where certificate and key cannot be used or do not belong together.
    pub fn new(identity: Identity, trust: Option<&Trust>, client_auth: ClientAuth) -> Result<Self, String> {
        let current = Current::new(identity, trust, client_auth)?;
        Ok(Self { current: Arc::new(ArcSwap::from_pointee(current)), trust: trust.cloned() })
    }

    /// Handshakes go by this identity, and ask for certificates of the authorities that are trusted now;
    /// connections that are open stay as they are. Where the identity cannot be used, it stays as it was.
    pub(super) fn reload(&self, identity: Option<Identity>, client_auth: ClientAuth) -> Result<(), String> {
        let trust = self.trust.as_ref();
        let same = || self.current.load().asking(trust, client_auth);
        let (current, outcome) = match identity.map(|identity| Current::new(identity, trust, client_auth)) {
            Some(Ok(renewed)) => (renewed, Ok(())),
            Some(Err(sentence)) => (same()?, Err(sentence)),
            None => (same()?, Ok(())),
        };
        self.current.store(Arc::new(current));
        outcome
    }

    /// What the next handshake goes by.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.load().config.clone()
    }

    /// By whom clients are judged, where they are asked for certificates.
    pub fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// Until when the server's certificate is valid.
    pub fn not_after(&self) -> Timestamp {
        self.current.load().not_after
    }
}

impl Current {
    /// Clients are asked for certificates, and judged, by `trust`.
    fn new(identity: Identity, trust: Option<&Trust>, client_auth: ClientAuth) -> Result<Self, String> {
        let Identity { chain, key, files } = identity;
        let wrong = |error: Error| match error {
            Error::InconsistentKeys(_) => format!("{files}: the key is not that of the certificate"),
            error => format!("{files}: they cannot be used: {error}"),
        };
        let leaf = chain.first().map(|leaf| x509_parser::certificate::X509Certificate::from_der(leaf));
        let Some(Ok((_, leaf))) = leaf else { return Err(format!("{files}: the certificate cannot be read")) };
        let not_after = Timestamp::from_second(leaf.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
        let builder = builder(trust, client_auth).map_err(wrong)?;
        let config = builder.with_single_cert(chain.clone(), key).map_err(wrong)?;
        Ok(Self { config: Arc::new(configured(config)), not_after })
    }

    /// The same identity, asking for certificates of the authorities that are trusted now.
    fn asking(&self, trust: Option<&Trust>, client_auth: ClientAuth) -> Result<Self, String> {
        let builder = builder(trust, client_auth).map_err(|error| error.to_string())?;
        let config = builder.with_cert_resolver(self.config.cert_resolver.clone());
        Ok(Self { config: Arc::new(configured(config)), not_after: self.not_after })
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

fn configured(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A session that is resumed is not judged again: a certificate that was revoked, or has expired,
    // would still open connections. Price: each connection pays for a whole handshake.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}
