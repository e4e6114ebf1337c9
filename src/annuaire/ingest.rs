//! Shared by load and sync: parsing of resources, progress, run log, state.

pub(super) mod parsed_batch;
pub mod progress;
pub mod run_log;
pub mod searchset_page;
pub mod sync_state;

use crate::error::Error;

/// The message of an error with its cause.
pub(super) fn with_cause(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
