//! Shared by load and sync: parsing of resources, progress, run log, state.

pub(super) mod parsed_batch;
pub mod progress;
pub mod run_log;
pub(crate) mod searchset_page;
pub mod sync_state;
