//! What an operator says about a webhook.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::secret::Secrets;
use crate::feed::{Content, EventFilter};
use crate::storage::feed::Position;

/// One `[[webhook]]`.
#[derive(Clone)]
pub struct Webhook {
    pub name: String,
    pub url: Url,
    pub secrets: Secrets,
    pub filter: EventFilter,
    pub content: Content,
    /// Where it begins the first time: behind this position, or at the end of the log.
    pub from: Option<Position>,
    /// A file with authorities to trust besides the public ones, in PEM.
    pub ca: Option<PathBuf>,
    /// Time for a whole answer.
    pub timeout: Duration,
    pub on_refusal: OnRefusal,
}

/// What becomes of an event that the receiver refuses for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRefusal {
    /// It holds those behind it.
    #[default]
    Stop,
    /// It is passed over, and kept as a dead letter.
    Skip,
}

/// The URL may have a password in its path or query.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({})", self.name)
    }
}
