//! The settings of the console, and the definition of a test target.

use clap::{Args, ValueEnum};

use super::settings::{Config, base_url};

/// The settings of the console.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct Settings {
    /// Whether the operator's listener serves the console, /console: on or off
    ///
    /// On a test target (see --journal) it is open. Elsewhere it asks for the token of a caller with the right console.
    #[arg(long, env = "SAS_CONSOLE", global = true, value_enum, default_value_t = Switch::On)]
    pub console: Switch,

    /// URL under which browsers reach the operator's listener through a proxy (default: `http://<ops-listen>`)
    ///
    /// Without it, the console is reached at a loopback name or an IP address, as through `ssh -L`.
    #[arg(long, env = "SAS_CONSOLE_URL", global = true, value_name = "URL", value_parser = base_url)]
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

impl Config {
    /// Whether this is a test target: it serves this machine only, and no caller is configured but for the console.
    pub fn is_test_target(&self) -> bool {
        let is_local = [self.listen, self.ops_listen].iter().all(|address| address.ip().to_canonical().is_loopback());
        let is_behind_proxy = !self.proxies.trusted_proxies.is_empty() || self.console.console_url.is_some();
        is_local && !is_behind_proxy && self.callers.of_fhir().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::read;

    #[test]
    fn test_target_serves_this_machine_only_and_has_no_callers() {
        for (arguments, expected) in [
            (&[][..], true),
            (&["--listen", "[::1]:8080"], true),
            (&["--listen", "0.0.0.0:8080", "--base-url", "http://h/fhir"], false),
            (&["--ops-listen", "192.0.2.1:8081"], false),
            (&["--trusted-proxies", "127.0.0.1"], false),
            (&["--console-url", "http://localhost:8081"], false),
        ] {
            assert_eq!(read(arguments).expect("settings").config.is_test_target(), expected, "{arguments:?}");
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        for (rights, expected) in [
            ("\"console\"", true),
            ("\"console\", \"read\"", false),
            ("\"read\"", false),
            // It is a caller, which may nothing.
            ("", false),
        ] {
            let caller =
                format!("[[caller]]\nname = \"a\"\ntoken_sha256 = \"{}\"\nrights = [{rights}]\n", "0".repeat(64));
            std::fs::write(file.path(), caller).expect("written");
            let arguments = ["--config", file.path().to_str().expect("a path")];
            assert_eq!(read(&arguments).expect("settings").config.is_test_target(), expected, "{rights}");
        }
    }
}
