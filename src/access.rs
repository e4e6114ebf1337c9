//! Who may do what: the callers, how each is recognised, and the rights that each has.

pub mod caller;
pub mod file;
pub mod right;
pub mod token;
pub mod who;

use std::sync::Arc;

use clap::{Args, ValueEnum};

use caller::Callers;

use crate::tls::certificate::ClientCertificate;

/// The settings of access; the callers themselves stand in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub struct Settings {
    /// Whether callers are asked who they are: the ones of the file, or nobody on any address (open)
    ///
    /// Without callers in the file, only a loopback address is served; `open` serves everybody everywhere. Callers of
    /// other machines need TLS here or a trusted proxy; `plain` asks for their tokens where anybody may read along.
    #[arg(long, env = "SAS_ACCESS", global = true, value_enum, default_value_t = Mode::Callers)]
    pub access: Mode,

    /// Who may read the CapabilityStatements: everybody (open), or recognised callers (closed)
    #[arg(long, env = "SAS_METADATA", global = true, value_enum, default_value_t = Metadata::Open)]
    pub metadata: Metadata,
}

/// Whether callers are asked who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Those of the file are; without any, only the machine itself is served.
    #[default]
    Callers,
    /// Those of the file are, over connections that nothing encrypts too.
    Plain,
    /// Nobody is.
    Open,
}

/// Who may read the CapabilityStatements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Metadata {
    /// Everybody.
    #[default]
    Open,
    /// Recognised callers.
    Closed,
}

/// Who may do what. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Those who are recognised; `None` where nobody is asked.
    pub callers: Option<Arc<Callers>>,
    /// Who may read the CapabilityStatements.
    pub metadata: Metadata,
}

impl Access {
    /// Nobody is asked who they are.
    pub fn open() -> Self {
        Self::default()
    }

    /// These callers have their rights, and nobody else has any.
    pub fn of(callers: Callers, metadata: Metadata) -> Self {
        Self { callers: Some(Arc::new(callers)), metadata }
    }

    /// Whether the holder of this certificate is a caller.
    pub fn recognises(&self, certificate: &ClientCertificate) -> bool {
        self.callers.as_ref().is_some_and(|callers| callers.by_certificate(certificate).is_some())
    }
}
