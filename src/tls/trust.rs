//! Validates client certificates, of handshakes and in headers of proxies alike.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use clap::ValueEnum;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tokio::sync::watch;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::certificate::{self, ClientCertificate};
use super::rejection::CertificateRejection;
use super::revocation::{self, RevocationList};

/// The authorities and revocation lists that validate client certificates. Cheap to clone; every clone sees reloaded
/// files.
#[derive(Clone)]
pub struct Trust(Arc<TrustState>);

struct TrustState {
    authorities: ArcSwap<Authorities>,
    /// Notified when authorities are replaced.
    reloads: watch::Sender<()>,
}

/// How often certificates of open connections are validated again, as they or the lists may have expired.
const RECHECK_INTERVAL: Duration = Duration::from_mins(10);

/// How certificates are treated whose issuer's revocation list is past its next update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExpiredCrlPolicy {
    /// They are refused
    #[default]
    Refuse,
    /// They are validated with that list
    Tolerate,
}

/// The authorities and lists at one moment.
pub struct Authorities {
    /// Kept to build the next [`Authorities`] with, should reloaded files be invalid.
    certificates: Vec<CertificateDer<'static>>,
    crl_ders: Vec<CertificateRevocationListDer<'static>>,
    /// Completes chains, so that clients need not send these.
    intermediates: Vec<CertificateDer<'static>>,
    /// Checks the revocation of the client certificate; its status must be known, if there are lists.
    strict: Arc<dyn ClientCertVerifier>,
    /// Checks the revocation of the authorities above it, if there is a list of their issuer.
    lenient: Option<Arc<dyn ClientCertVerifier>>,
    lists: Vec<RevocationList>,
}

impl Authorities {
    /// Self-signed certificates are roots, the others intermediates. Without lists, revocation is not checked.
    ///
    /// # Errors
    /// A sentence, if there is no root, a certificate or list cannot be parsed, or a list is not signed by the issuer
    /// that it names.
    pub fn new(
        certificates: Vec<CertificateDer<'static>>,
        lists: Vec<CertificateRevocationListDer<'static>>,
        expired_crl: ExpiredCrlPolicy,
    ) -> Result<Self, String> {
        let (mut roots, mut intermediates) = (RootCertStore::empty(), vec![]);
        for certificate in certificates.clone() {
            let parsed = X509Certificate::from_der(&certificate);
            let (_, parsed) = parsed.map_err(|_| "an authority's certificate cannot be read".to_owned())?;
            if parsed.subject() == parsed.issuer() {
                roots.add(certificate).map_err(|error| format!("a root cannot be used: {error}"))?;
            } else {
                intermediates.push(certificate);
            }
        }
        if roots.is_empty() {
            return Err("there is no root (a self-signed certificate) among the authorities".to_owned());
        }
        lists.iter().try_for_each(|list| revocation::check_signature(list, &certificates))?;
        let (lists, crl_ders) = revocation::parse_newest_first(lists)?;
        let builder = || {
            let provider = Arc::new(aws_lc_rs::default_provider());
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), provider);
            let builder = builder.with_crls(crl_ders.iter().cloned());
            if expired_crl == ExpiredCrlPolicy::Refuse { builder.enforce_revocation_expiration() } else { builder }
        };
        let unusable = |error| format!("{error}");
        let strict = builder().only_check_end_entity_revocation().build().map_err(unusable)?;
        let lenient = builder().allow_unknown_revocation_status();
        let lenient = (!lists.is_empty()).then(|| lenient.build().map_err(unusable)).transpose()?;
        Ok(Self { certificates, crl_ders, intermediates, strict, lenient, lists })
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("lists", &self.lists()).finish_non_exhaustive()
    }
}

impl Trust {
    /// Validates with these authorities.
    pub fn new(authorities: Authorities) -> Self {
        let reloads = watch::Sender::new(());
        Self(Arc::new(TrustState { authorities: ArcSwap::from_pointee(authorities), reloads }))
    }

    /// Validates with these authorities from now on, in every clone.
    pub(super) fn replace(&self, authorities: Authorities) {
        self.0.authorities.store(Arc::new(authorities));
        self.0.reloads.send_replace(());
    }

    /// Validates a client certificate. `chain` is in DER: the client's certificate first, then the other certificates
    /// that the client sent.
    ///
    /// # Errors
    /// Why the certificate is not valid.
    pub fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertificate, CertificateRejection> {
        let authorities = self.0.authorities.load();
        let (leaf, sent) = chain.split_first().ok_or(CertificateRejection::Malformed)?;
        let mut intermediates: Vec<CertificateDer<'_>> = sent.to_vec();
        intermediates.extend(authorities.intermediates.iter().cloned());
        for verifier in std::iter::once(&authorities.strict).chain(&authorities.lenient) {
            verifier
                .verify_client_cert(leaf, &intermediates, now)
                .map_err(|error| CertificateRejection::from(&error))?;
        }
        certificate::check_key_and_usage(leaf)?;
        ClientCertificate::parse(leaf).ok_or(CertificateRejection::Malformed)
    }

    /// Returns once a valid certificate becomes invalid: revoked, expired, or its authority removed. Checks after each
    /// reload, and at least every `RECHECK_INTERVAL`.
    pub(crate) async fn wait_until_untrusted(&self, chain: &[CertificateDer<'_>]) -> CertificateRejection {
        let mut reloads = self.0.reloads.subscribe();
        loop {
            if let Err(rejection) = self.verify(chain, UnixTime::now()) {
                return rejection;
            }
            // The sender lives as long as `self`, so `changed` returns no error.
            let _ = tokio::time::timeout(RECHECK_INTERVAL, reloads.changed()).await;
        }
    }

    /// The revocation lists in use: the newest of each authority.
    pub fn lists(&self) -> Vec<RevocationList> {
        let mut issuers = BTreeSet::new();
        let mut lists = self.0.authorities.load().lists.clone();
        // They are sorted newest first.
        lists.retain(|list| issuers.insert(list.issuer.clone()));
        lists
    }

    /// The certificates of the authorities in use.
    pub(super) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.0.authorities.load().certificates.clone()
    }

    /// The revocation lists in use, in DER.
    pub(super) fn crl_ders(&self) -> Vec<CertificateRevocationListDer<'static>> {
        self.0.authorities.load().crl_ders.clone()
    }

    /// The verifier that names the roots to clients, and verifies signatures of handshakes.
    pub(super) fn handshake_verifier(&self) -> Arc<dyn ClientCertVerifier> {
        self.0.authorities.load().strict.clone()
    }
}
