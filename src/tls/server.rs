//! Our side of handshakes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};
use x509_parser::prelude::FromDer;

use super::judge::Judge;
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
pub struct Server(Arc<ArcSwap<Current>>);

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
        Ok(Self(Arc::new(ArcSwap::from_pointee(Current::new(identity, trust, trust, client_auth)?))))
    }

    /// Handshakes go by this from now on; connections that are open stay as they are.
    pub(super) fn take_up(&self, current: Current) {
        self.0.store(Arc::new(current));
    }

    /// What the next handshake goes by.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.0.load().config.clone()
    }

    /// Until when the server's certificate is valid.
    pub fn not_after(&self) -> Timestamp {
        self.0.load().not_after
    }
}

impl Current {
    /// Clients are asked for certificates of `roots`, and judged by `trust`, which may be renewed meanwhile.
    pub(super) fn new(
        identity: Identity,
        roots: Option<&Trust>,
        trust: Option<&Trust>,
        client_auth: ClientAuth,
    ) -> Result<Self, String> {
        let Identity { chain, key, files } = identity;
        let wrong = |error: Error| match error {
            Error::InconsistentKeys(_) => format!("{files}: the key is not that of the certificate"),
            error => format!("{files}: they cannot be used: {error}"),
        };
        let leaf = chain.first().map(|leaf| x509_parser::certificate::X509Certificate::from_der(leaf));
        let Some(Ok((_, leaf))) = leaf else { return Err(format!("{files}: the certificate cannot be read")) };
        let not_after = Timestamp::from_second(leaf.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(&[&TLS13, &TLS12]).map_err(wrong)?;
        let builder = builder.with_client_cert_verifier(match (roots, trust) {
            (Some(roots), Some(trust)) => {
                Arc::new(Judge::new(trust.clone(), roots, client_auth == ClientAuth::Required))
            }
            _ => WebPkiClientVerifier::no_client_auth(),
        });
        let mut config = builder.with_single_cert(chain.clone(), key).map_err(wrong)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A session that is resumed is not judged again: a certificate that was revoked, or has expired,
        // would still open connections. Price: each connection pays for a whole handshake.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), not_after })
    }
}
