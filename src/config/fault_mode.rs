//! Where faults may be armed.

use super::faults::FaultSwitch;
use super::settings::Config;
use crate::fault::Mode;

impl Config {
    /// Whether testers may arm faults, and whether callers may meet them that are no testers.
    pub fn fault_mode(&self) -> Mode {
        match self.faults.faults {
            Some(FaultSwitch::On) if !self.callers.of_fhir().is_empty() => Mode::BesideCallers,
            Some(FaultSwitch::On) => Mode::On,
            Some(FaultSwitch::Off) => Mode::Off,
            None if self.is_test_target() => Mode::On,
            None => Mode::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    #[test]
    fn faults_are_allowed_on_a_test_target_and_where_it_is_said() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("a path");
        for (rights, arguments, expected) in [
            ("", &[][..], Mode::On),
            ("", &["--faults", "off"], Mode::Off),
            ("", &["--faults", "on"], Mode::On),
            ("", &["--ops-listen", "192.0.2.1:8081"], Mode::Off),
            ("", &["--ops-listen", "192.0.2.1:8081", "--faults", "on"], Mode::On),
            ("console", &[], Mode::On),
            ("read", &[], Mode::Off),
            ("read", &["--faults", "on"], Mode::BesideCallers),
            ("read", &["--faults", "off"], Mode::Off),
        ] {
            let caller =
                format!("[[caller]]\nname = \"a\"\ntoken_sha256 = \"{}\"\nrights = [\"{rights}\"]\n", "0".repeat(64));
            std::fs::write(path, if rights.is_empty() { "" } else { &caller }).expect("written");
            let arguments: Vec<_> = ["--config", path].into_iter().chain(arguments.iter().copied()).collect();
            assert_eq!(read(&arguments).expect("settings").config.fault_mode(), expected, "{rights} {arguments:?}");
        }
    }
}
