//! The subject and the key of a client certificate.

use data_encoding::HEXLOWER;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_SIG_ED25519, Oid};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use super::rejection::CertificateRejection;

/// Sizes of RSA keys, in bits, whose signatures rustls verifies.
const RSA_KEY_SIZES: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Curves whose signatures rustls verifies.
const CURVES: [Oid<'static>; 3] = [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521];

/// The subject and serial number of a certificate. Its signature is validated elsewhere, by [`super::trust::Trust`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The common name of the subject.
    pub common_name: String,
    /// The organizational units of the subject. In IGC-Santé: a prefix and the number of the structure.
    pub organizational_units: Vec<String>,
    /// In lower-case hexadecimal digits.
    pub serial: String,
}

impl ClientCertificate {
    /// Parses a certificate in DER. `None` if it is malformed, has not exactly one common name, or has control
    /// characters in a name: these could forge lines of the log.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        let mut names = subject.iter_common_name();
        let (common_name, None) = (names.next()?.as_str().ok()?, names.next()) else { return None };
        let units = subject.iter_organizational_unit().map(|unit| printable(unit.as_str().ok()?));
        rest.is_empty().then_some(())?;
        Some(Self {
            common_name: printable(common_name)?,
            organizational_units: units.collect::<Option<_>>()?,
            serial: HEXLOWER.encode(certificate.raw_serial()),
        })
    }
}

/// Checks that the certificate could authenticate a client in TLS: rustls verifies signatures of its key, and its key
/// usage, if it has that extension, allows signatures (RFC 8446, section 4.4.2.2). In a handshake rustls checks both;
/// a certificate in a header of a proxy comes without a signature made with its key.
///
/// # Errors
/// [`CertificateRejection::UnusableKey`], `NotForClients`, or `Malformed` if it cannot be parsed.
pub(crate) fn check_key_and_usage(der: &[u8]) -> Result<(), CertificateRejection> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateRejection::Malformed)?;
    let key = certificate.public_key();
    let parameters = key.algorithm.parameters.as_ref();
    let is_verifiable = match key.parsed() {
        Ok(PublicKey::RSA(key)) => RSA_KEY_SIZES.contains(&key.key_size()),
        Ok(PublicKey::EC(_)) => {
            parameters.and_then(|curve| curve.as_oid().ok()).is_some_and(|curve| CURVES.contains(&curve))
        }
        _ => key.algorithm.algorithm == OID_SIG_ED25519,
    };
    if !is_verifiable {
        return Err(CertificateRejection::UnusableKey);
    }
    match certificate.key_usage().map_err(|_| CertificateRejection::Malformed)? {
        Some(usage) if !usage.value.digital_signature() => Err(CertificateRejection::NotForClients),
        _ => Ok(()),
    }
}

fn printable(name: &str) -> Option<String> {
    (!name.contains(char::is_control)).then(|| name.to_owned())
}
