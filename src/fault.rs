//! Faults on demand: what a tester arms to see whether a client retries, waits, resumes, and never writes twice.
//!
//! A [`Fault`] is parsed from JSON, and kept by [`Faults`] in the memory of this instance. HTTP asks it for each request.

mod kind;
mod parse;
mod registry;

pub use kind::{Effect, FaultKind};
pub(crate) use parse::interactions;
pub use parse::{Fault, Match, MatchOn};
pub use registry::{Acting, ArmError, Faults, ListedFault, Mode};
