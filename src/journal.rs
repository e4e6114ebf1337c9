//! The journal: every exchange as it was, for the console. It is never on the way of a request: what does not fit is dropped
//! and counted.

pub mod settings;

pub use settings::Settings;
