//! What a load and a synchronisation share: reading resources, showing progress, and what they remember.

pub(super) mod parsed_batch;
pub mod progress;
pub mod run_log;
pub mod searchset_page;
pub mod sync_state;
