//! Validates client certificates in handshakes, with the rules of [`Trust`].

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::rejection::CertificateRejection;
use super::trust::Trust;

/// The verifier that rustls calls in each handshake.
#[derive(Debug)]
pub struct ClientVerifier {
    /// Consulted in each handshake, so that reloaded files take effect at once.
    trust: Trust,
    /// Verifies signatures, and names the roots to the client.
    rustls: Arc<dyn ClientCertVerifier>,
    mandatory: bool,
}

impl ClientVerifier {
    /// Validates with `trust`. Clients are sent the names of the roots that it has now.
    pub fn new(trust: Trust, mandatory: bool) -> Self {
        let rustls = trust.handshake_verifier();
        Self { trust, rustls, mandatory }
    }
}

impl From<CertificateRejection> for Error {
    /// rustls derives the TLS alert from this error.
    fn from(rejection: CertificateRejection) -> Self {
        Self::InvalidCertificate(match rejection {
            CertificateRejection::Malformed => CertificateError::BadEncoding,
            CertificateRejection::UnknownIssuer => CertificateError::UnknownIssuer,
            CertificateRejection::NotYetValid => CertificateError::NotValidYet,
            CertificateRejection::Expired => CertificateError::Expired,
            CertificateRejection::Revoked => CertificateError::Revoked,
            CertificateRejection::RevocationUnknown => CertificateError::UnknownRevocationStatus,
            CertificateRejection::RevocationListExpired => CertificateError::ExpiredRevocationList,
            CertificateRejection::NotForClients => CertificateError::InvalidPurpose,
            CertificateRejection::UnusableKey => CertificateError::ApplicationVerificationFailure,
        })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.rustls.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<_> = std::iter::once(end_entity).chain(intermediates).cloned().collect();
        self.trust.verify(&chain, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rustls.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rustls.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rustls.supported_verify_schemes()
    }
}
