//! The settings of the console.

use clap::{Args, ValueEnum};

use super::url::origin_url;

/// The settings of the console.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct Settings {
    /// Whether the operator's listener serves the console, /console: on or off
    ///
    /// On a test target (see --journal) it is open. Elsewhere it asks for the token of a caller with the right console.
    #[arg(long, env = "SAS_CONSOLE", global = true, value_enum, default_value_t = Switch::On)]
    pub console: Switch,

    /// URL, without a path, under which browsers reach the operator's listener through a proxy (default: `http://<ops-listen>`)
    ///
    /// Without it, the console is reached at a loopback name or an IP address, as through `ssh -L`.
    #[arg(long, env = "SAS_CONSOLE_URL", global = true, value_name = "URL", value_parser = origin_url)]
    pub console_url: Option<String>,
}

/// Whether the console is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It is served
    #[default]
    On,
    /// /console is unknown
    Off,
}
