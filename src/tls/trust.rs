//! Which client certificates are believed, whether they come with a connection or in a proxy's header.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use clap::ValueEnum;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, Error, RootCertStore};
use tokio::sync::watch;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::certificate::{self, ClientCertificate};
use super::revocation::{self, RevocationList};

/// Which client certificates are believed: authorities, revocation lists. Cheap to clone; every clone
/// sees what is taken up while running.
#[derive(Clone)]
pub struct Trust(Arc<TrustState>);

struct TrustState {
    authorities: ArcSwap<Authorities>,
    /// Tells when something was taken up.
    renewals: watch::Sender<()>,
}

/// How often it is looked at whether time alone made a certificate, or a list, expire.
const RECHECK_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Why a client's certificate is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRejection {
    /// It is not a certificate, or it names nobody: its subject has not exactly one common name.
    Malformed,
    /// No authority that is known here vouches for it.
    UnknownIssuer,
    /// It is not valid yet.
    NotYetValid,
    /// It is no longer valid.
    Expired,
    /// Its authority took it back.
    Revoked,
    /// Revocation lists are asked for, and none of them speaks for its authority.
    RevocationUnknown,
    /// The list of its authority is past its next update, and such lists are refused.
    RevocationListExpired,
    /// It is meant for something else than being a client.
    NotForClients,
    /// Its key is of a kind or size whose signatures TLS does not verify.
    UnusableKey,
}

impl fmt::Display for CertificateRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it cannot be read, or names nobody",
            Self::UnknownIssuer => "its issuer is unknown",
            Self::NotYetValid => "it is not valid yet",
            Self::Expired => "it has expired",
            Self::Revoked => "it was revoked",
            Self::RevocationUnknown => "whether it was revoked is unknown",
            Self::RevocationListExpired => "the revocation list of its issuer is out of date",
            Self::NotForClients => "it is not meant for clients",
            Self::UnusableKey => "its key is of a kind or size that TLS does not accept",
        })
    }
}

impl std::error::Error for CertificateRejection {}

impl From<&Error> for CertificateRejection {
    fn from(error: &Error) -> Self {
        use CertificateError as E;
        match error {
            Error::InvalidCertificate(error) => match error {
                E::BadEncoding => Self::Malformed,
                E::Expired | E::ExpiredContext { .. } => Self::Expired,
                E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
                E::Revoked => Self::Revoked,
                E::UnknownRevocationStatus => Self::RevocationUnknown,
                E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => Self::RevocationListExpired,
                E::InvalidPurpose | E::InvalidPurposeContext { .. } => Self::NotForClients,
                E::ApplicationVerificationFailure => Self::UnusableKey,
                // A signature that does not hold, an authority that may not vouch: nobody vouches for it.
                _ => Self::UnknownIssuer,
            },
            // The list that would tell is not signed as it must be.
            Error::InvalidCertRevocationList(_) => Self::RevocationUnknown,
            _ => Self::UnknownIssuer,
        }
    }
}

/// What becomes of certificates whose authority's revocation list is past its next update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExpiredCrlPolicy {
    /// They are refused.
    #[default]
    Refuse,
    /// They are judged by the list as it is.
    Tolerate,
}

/// The authorities and lists at one moment.
pub struct Authorities {
    /// All of them, and their lists: what stays where something new cannot be used.
    certificates: Vec<CertificateDer<'static>>,
    ders: Vec<CertificateRevocationListDer<'static>>,
    /// Those that clients need not send along.
    intermediates: Vec<CertificateDer<'static>>,
    /// The certificate of the client itself: its status must be known, where there are lists.
    strict: Arc<dyn ClientCertVerifier>,
    /// The authorities above it: checked wherever there is a list of whoever vouches for them.
    lenient: Option<Arc<dyn ClientCertVerifier>>,
    lists: Vec<RevocationList>,
}

impl Authorities {
    /// Certificates that vouch for themselves are roots, the others intermediates. Where there are no
    /// lists, revocation is not looked at.
    ///
    /// # Errors
    /// In a sentence, where there is no root, something cannot be read, or a list is not signed by whom it names.
    pub fn new(
        certificates: Vec<CertificateDer<'static>>,
        lists: Vec<CertificateRevocationListDer<'static>>,
        outdated: ExpiredCrlPolicy,
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
            return Err("there is no root (a certificate that vouches for itself) among the authorities".to_owned());
        }
        lists.iter().try_for_each(|list| revocation::check_signature(list, &certificates))?;
        let (lists, ders) = revocation::newest_first(lists)?;
        let builder = || {
            let provider = Arc::new(aws_lc_rs::default_provider());
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), provider);
            let builder = builder.with_crls(ders.iter().cloned());
            if outdated == ExpiredCrlPolicy::Refuse { builder.enforce_revocation_expiration() } else { builder }
        };
        let unusable = |error| format!("{error}");
        let strict = builder().only_check_end_entity_revocation().build().map_err(unusable)?;
        let lenient = builder().allow_unknown_revocation_status();
        let lenient = (!lists.is_empty()).then(|| lenient.build().map_err(unusable)).transpose()?;
        Ok(Self { certificates, ders, intermediates, strict, lenient, lists })
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("lists", &self.lists()).finish_non_exhaustive()
    }
}

impl Trust {
    /// Trust in these authorities.
    pub fn new(authorities: Authorities) -> Self {
        let renewals = watch::Sender::new(());
        Self(Arc::new(TrustState { authorities: ArcSwap::from_pointee(authorities), renewals }))
    }

    /// Trust in these from now on, wherever this one was cloned to.
    pub(super) fn reload(&self, renewed: Self) {
        self.0.authorities.store(renewed.0.authorities.load_full());
        self.0.renewals.send_replace(());
    }

    /// The holder of a certificate that is believed. `chain`: the client's certificate first, then what
    /// it sent along, in DER.
    ///
    /// # Errors
    /// Why the certificate is not believed.
    pub fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertificate, CertificateRejection> {
        let authorities = self.0.authorities.load();
        let (leaf, sent) = chain.split_first().ok_or(CertificateRejection::Malformed)?;
        let mut between: Vec<CertificateDer<'_>> = sent.to_vec();
        between.extend(authorities.intermediates.iter().cloned());
        for verifier in std::iter::once(&authorities.strict).chain(&authorities.lenient) {
            verifier.verify_client_cert(leaf, &between, now).map_err(|error| CertificateRejection::from(&error))?;
        }
        certificate::check_key_and_usage(leaf)?;
        ClientCertificate::parse(leaf).ok_or(CertificateRejection::Malformed)
    }

    /// Returns once a certificate that was believed no longer is: revoked, expired, its authority gone.
    pub async fn wait_until_untrusted(&self, chain: &[CertificateDer<'_>]) -> CertificateRejection {
        let mut renewals = self.0.renewals.subscribe();
        loop {
            if let Err(rejection) = self.verify(chain, UnixTime::now()) {
                return rejection;
            }
            // The sender is ours: it is there as long as we are.
            let _ = tokio::time::timeout(RECHECK_INTERVAL, renewals.changed()).await;
        }
    }

    /// The revocation lists that are asked: the newest of each authority.
    pub fn lists(&self) -> Vec<RevocationList> {
        let mut issuers = BTreeSet::new();
        let mut lists = self.0.authorities.load().lists.clone();
        // They stand newest first.
        lists.retain(|list| issuers.insert(list.issuer.clone()));
        lists
    }

    /// The certificates of the authorities that are in use.
    pub(super) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.0.authorities.load().certificates.clone()
    }

    /// Their revocation lists, as they were read.
    pub(super) fn ders(&self) -> Vec<CertificateRevocationListDer<'static>> {
        self.0.authorities.load().ders.clone()
    }

    /// The verifier of rustls, which knows how to ask for certificates in handshakes.
    pub(super) fn handshake_verifier(&self) -> Arc<dyn ClientCertVerifier> {
        self.0.authorities.load().strict.clone()
    }
}
