//! Who sent a request, and whether they may have what it asks for.

use std::sync::Arc;

use super::caller::Caller;
use super::right::Needed;
use super::{Access, Metadata};
use crate::error::Error;
use crate::tls::trust::Mistrust;

/// Who sent a request.
#[derive(Clone, Debug)]
pub enum Who {
    /// Nobody is asked: there are no callers.
    Anybody,
    /// One of the callers.
    Caller(Arc<Caller>),
    /// Nobody who is known.
    Stranger(Stranger),
}

/// Why somebody is not recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Neither a certificate nor a token came along.
    Silent,
    /// The header `Authorization` is not one bearer token.
    Unintelligible,
    /// The token is nobody's.
    Token,
    /// The certificate is believed, but its holder is none of the callers.
    Certificate,
    /// The certificate is not believed.
    Mistrusted(Mistrust),
}

impl Who {
    /// The name of the caller, where it is one.
    pub fn caller(&self) -> Option<&str> {
        match self {
            Self::Caller(caller) => Some(&caller.name),
            Self::Anybody | Self::Stranger(_) => None,
        }
    }
}

impl Access {
    /// Whether they may have what is needed.
    ///
    /// # Errors
    /// What they lack: to be recognised, or a right.
    pub fn authorise(&self, who: &Who, needed: Needed) -> Result<(), Error> {
        match (who, needed) {
            (_, Needed::Metadata) if self.metadata == Metadata::Open => Ok(()),
            (Who::Stranger(stranger), _) => Err(stranger.refusal()),
            (Who::Anybody, _) | (_, Needed::Metadata | Needed::Recognition) => Ok(()),
            (Who::Caller(caller), Needed::AnyOf(rights)) => {
                if rights.iter().any(|right| caller.rights.contains(right)) {
                    return Ok(());
                }
                let missing = rights.iter().map(|right| right.as_str()).collect::<Vec<_>>().join(", ");
                Err(Error::Forbidden { missing })
            }
        }
    }
}

impl Stranger {
    fn refusal(self) -> Error {
        match self {
            Self::Silent => Error::LoginRequired,
            Self::Unintelligible => Error::AuthorizationMalformed,
            Self::Token => Error::UnknownToken,
            Self::Certificate => Error::UnknownCaller,
            Self::Mistrusted(mistrust) => Error::CertificateRefused { reason: reason(mistrust) },
        }
    }
}

/// The same word in every language.
fn reason(mistrust: Mistrust) -> &'static str {
    match mistrust {
        Mistrust::Malformed => "malformed",
        Mistrust::UnknownIssuer => "unknown-issuer",
        Mistrust::NotYetValid => "not-yet-valid",
        Mistrust::Expired => "expired",
        Mistrust::Revoked => "revoked",
        Mistrust::RevocationUnknown => "revocation-unknown",
        Mistrust::RevocationListExpired => "revocation-list-expired",
        Mistrust::NotForClients => "not-for-clients",
        Mistrust::UnusableKey => "unusable-key",
    }
}
