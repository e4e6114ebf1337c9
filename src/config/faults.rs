//! The setting of faults on demand.

use clap::{Args, ValueEnum};

/// The setting of faults on demand.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct Settings {
    /// Whether testers may arm faults, in the console or with `faults add`: on or off (default: on on a test target, else off)
    ///
    /// An armed fault makes requests fail on purpose, to show what a client does then. For the definition of a test target see
    /// --journal.
    #[arg(long, env = "SAS_FAULTS", global = true, value_enum)]
    pub faults: Option<FaultSwitch>,
}

/// Whether testers may arm faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FaultSwitch {
    /// A caller with the right console may arm them; on a test target, everybody
    On,
    /// Nobody may
    Off,
}
