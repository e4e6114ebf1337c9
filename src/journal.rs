//! The journal: every exchange as it was, for the console. It is never on the way of a request: what does not fit is dropped
//! and counted.

mod content;
pub(crate) mod curl;
pub(crate) mod exchange;
pub(crate) mod har;
pub(crate) mod patient;
pub(crate) mod person;
mod queue;
pub(crate) mod reader;
pub mod settings;
pub(crate) mod text_search;
mod writer;

pub(crate) use queue::JournalQueue;
pub use reader::JournalReader;
pub use settings::Settings;
pub(crate) use writer::{JournalWriter, purge};
