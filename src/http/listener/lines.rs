//! Lines of the log that strangers cause.

pub use super::super::log_limit::Lines;
