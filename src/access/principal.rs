//! The sender of a request, and whether its rights suffice.

use std::sync::Arc;

use super::caller::Caller;
use super::right::Requirement;
use super::{Access, Metadata};
use crate::error::Error;
use crate::tls::rejection::CertificateRejection;

/// The sender of a request.
#[derive(Clone, Debug)]
pub enum Principal {
    /// Any client: authentication is off.
    Anyone,
    /// An authenticated caller.
    Caller(Arc<Caller>),
    /// A client whose authentication failed.
    Unauthenticated(AuthFailure),
}

/// Why authentication failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthFailure {
    /// The request has neither a certificate nor a token.
    NoCredentials,
    /// The header `Authorization` is not one bearer token.
    Malformed,
    /// No caller has this token.
    UnknownToken,
    /// The certificate is valid, but no caller has it.
    UnknownCertificate,
    /// The certificate is not valid.
    UntrustedCertificate(CertificateRejection),
}

impl Principal {
    /// The name of the caller, if it is authenticated.
    pub fn caller(&self) -> Option<&str> {
        match self {
            Self::Caller(caller) => Some(&caller.name),
            Self::Anyone | Self::Unauthenticated(_) => None,
        }
    }
}

impl Access {
    /// Checks that `principal` meets `requirement`.
    ///
    /// # Errors
    /// The authentication failure, or the rights that are missing.
    pub fn authorise(&self, principal: &Principal, requirement: Requirement) -> Result<(), Error> {
        match (principal, requirement) {
            (_, Requirement::Metadata) if self.metadata == Metadata::Open => Ok(()),
            (Principal::Unauthenticated(failure), _) => Err(failure.into_error()),
            (Principal::Anyone, _) | (_, Requirement::Metadata | Requirement::Authenticated) => Ok(()),
            (Principal::Caller(caller), Requirement::AnyOf(rights)) => {
                if rights.iter().any(|right| caller.rights.contains(right)) {
                    return Ok(());
                }
                let missing = rights.iter().map(|right| right.as_str()).collect::<Vec<_>>().join(", ");
                Err(Error::Forbidden { missing })
            }
        }
    }
}

impl AuthFailure {
    fn into_error(self) -> Error {
        match self {
            Self::NoCredentials => Error::LoginRequired,
            Self::Malformed => Error::AuthorizationMalformed,
            Self::UnknownToken => Error::UnknownToken,
            Self::UnknownCertificate => Error::UnknownCaller,
            Self::UntrustedCertificate(rejection) => Error::CertificateRefused { reason: reason_code(rejection) },
        }
    }
}

/// The reason in an issue's diagnostics, the same in every language.
fn reason_code(rejection: CertificateRejection) -> &'static str {
    match rejection {
        CertificateRejection::Malformed => "malformed",
        CertificateRejection::UnknownIssuer => "unknown-issuer",
        CertificateRejection::NotYetValid => "not-yet-valid",
        CertificateRejection::Expired => "expired",
        CertificateRejection::Revoked => "revoked",
        CertificateRejection::RevocationUnknown => "revocation-unknown",
        CertificateRejection::RevocationListExpired => "revocation-list-expired",
        CertificateRejection::NotForClients => "not-for-clients",
        CertificateRejection::UnusableKey => "unusable-key",
    }
}
