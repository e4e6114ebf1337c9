//! Why a client certificate is not valid.

use std::fmt;

use rustls::{CertificateError, Error};

/// Why a client certificate is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRejection {
    /// It cannot be parsed, or its subject has not exactly one common name.
    Malformed,
    /// No configured authority issued it.
    UnknownIssuer,
    NotYetValid,
    Expired,
    Revoked,
    /// Revocation lists are configured, and none of them is from its issuer.
    RevocationUnknown,
    /// The list of its issuer is past its next update, and such lists are refused.
    RevocationListExpired,
    /// Its key usage or extended key usage excludes client authentication.
    NotForClients,
    /// rustls does not verify signatures of keys of this kind or size.
    UnusableKey,
}

impl fmt::Display for CertificateRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it cannot be parsed, or has not exactly one common name",
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
                // Such as an invalid signature, or an issuer that may not sign certificates.
                _ => Self::UnknownIssuer,
            },
            // The signature of the list is invalid.
            Error::InvalidCertRevocationList(_) => Self::RevocationUnknown,
            _ => Self::UnknownIssuer,
        }
    }
}
