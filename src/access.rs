//! Authentication and authorisation: the configured callers, their credentials and their rights.

pub mod caller;
pub mod file;
pub(crate) mod principal;
pub mod right;
pub mod token;

use std::sync::Arc;

use clap::{Args, ValueEnum};

use caller::Callers;

use crate::tls::certificate::ClientCertificate;

/// The settings of access. The callers themselves are configured in the file only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub struct Settings {
    /// Which clients are served: the callers of the file, or everyone (open)
    ///
    /// If the file has no [[caller]], `callers` requires a loopback address for --listen, and serves everyone there.
    /// Callers on other machines require TLS or a trusted proxy; `plain` accepts their tokens over unencrypted connections.
    #[arg(long, env = "SAS_ACCESS", global = true, value_enum, default_value_t = Mode::Callers)]
    pub access: Mode,

    /// Who may read the CapabilityStatements: everyone (open), or authenticated callers only (closed)
    #[arg(long, env = "SAS_METADATA", global = true, value_enum, default_value_t = Metadata::Open)]
    pub metadata: Metadata,
}

/// Which clients are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Callers of the file, over TLS or a trusted proxy; without any, every client of this machine
    #[default]
    Callers,
    /// Callers of the file, over unencrypted connections too
    Plain,
    /// Every client, without authentication
    Open,
}

/// Who may read the CapabilityStatements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Metadata {
    /// Every client
    #[default]
    Open,
    /// Authenticated callers
    Closed,
}

/// The access policy. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The callers; `None` if authentication is off.
    pub callers: Option<Arc<Callers>>,
    /// Who may read the CapabilityStatements.
    pub metadata: Metadata,
}

impl Access {
    /// Serves every client without authentication.
    pub fn open() -> Self {
        Self::default()
    }

    /// Serves these callers only, each with its rights.
    pub fn restricted(callers: Callers, metadata: Metadata) -> Self {
        Self { callers: Some(Arc::new(callers)), metadata }
    }

    /// Whether this certificate is the credential of a caller.
    pub(crate) fn is_caller(&self, certificate: &ClientCertificate) -> bool {
        self.callers.as_ref().is_some_and(|callers| callers.by_certificate(certificate).is_some())
    }
}
