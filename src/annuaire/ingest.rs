//! What a load and a synchronisation share: reading resources, showing progress, and what they remember.

pub(super) mod parsed_batch;
pub mod progress;
pub mod run_log;
pub mod searchset_page;
pub mod sync_state;

use crate::error::Error;

/// A failure with its cause, for people.
pub(super) fn with_cause(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
