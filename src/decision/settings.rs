//! What an operator says about the software that is asked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::webhook::{Secret, read_secrets};

/// The table `[decision]`.
#[derive(Clone)]
pub struct Settings {
    pub(crate) url: Url,
    pub(crate) secrets: Secrets,
    /// A file with authorities to trust besides the public ones, in PEM.
    pub(crate) ca: Option<PathBuf>,
    /// Time for a turn and the whole answer.
    pub(crate) timeout: Duration,
    pub(crate) on_failure: OnFailure,
}

/// Where the secrets are. The first signs first, and all sign.
#[derive(Clone)]
pub(crate) enum Secrets {
    Given(Vec<Secret>),
    File(PathBuf),
}

/// What becomes of a write about which there is no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Accept,
    /// The platform is asked to send it again.
    #[default]
    Refuse,
}

impl Settings {
    /// The secrets, in their order.
    ///
    /// # Errors
    /// A sentence that names the file which cannot be used.
    pub(crate) fn secrets(&self) -> Result<Vec<Secret>, String> {
        match &self.secrets {
            Secrets::Given(secrets) => Ok(secrets.clone()),
            Secrets::File(file) => read_secrets(file),
        }
    }
}

/// The URL may have a password in its path or query.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings(…)")
    }
}
