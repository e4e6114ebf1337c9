//! The definition of a test target.

use super::settings::Config;

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
