//! The sender of a request, and whether its rights suffice.

use std::sync::Arc;

use super::caller::Caller;
use super::right::Requirement;
use super::{Access, Metadata};
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

/// Why a request is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Authentication is required, and failed.
    Unauthenticated(AuthFailure),
    /// The caller has none of these rights, separated by commas.
    Forbidden { missing: String },
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
    pub(crate) fn authorise(&self, principal: &Principal, requirement: Requirement) -> Result<(), Denied> {
        match (principal, requirement) {
            (_, Requirement::Metadata) if self.metadata == Metadata::Open => Ok(()),
            (Principal::Unauthenticated(failure), _) => Err(Denied::Unauthenticated(*failure)),
            (Principal::Anyone, _) | (_, Requirement::Metadata | Requirement::Authenticated) => Ok(()),
            (Principal::Caller(caller), Requirement::AnyOf(rights)) => {
                if rights.iter().any(|right| caller.rights.contains(right)) {
                    return Ok(());
                }
                let missing = rights.iter().map(|right| right.as_str()).collect::<Vec<_>>().join(", ");
                Err(Denied::Forbidden { missing })
            }
        }
    }
}
