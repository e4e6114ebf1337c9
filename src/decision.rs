//! Asks the vendor's software before a write of an account is queued: a signed `POST`, like that of a webhook.
//! <https://www.standardwebhooks.com>

mod answer;
mod client;
mod failure_log;
pub mod file;
mod settings;

pub use client::Decision;
pub(crate) use client::{Proposal, ProposedEffect};
pub use settings::Settings;
