//! What an operator says about the software that is asked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::webhook::Secrets;

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

/// What becomes of a write about which there is no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Accept,
    /// The platform is asked to send it again.
    #[default]
    Refuse,
}

/// The URL may have a password in its path or query.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings(…)")
    }
}
