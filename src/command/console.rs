//! Composes the console, which the operator's listener serves.

use crate::config::Config;
use crate::config::console::Switch;
use crate::console::{ConsoleAccess, ConsoleParts, Live};
use crate::http::{AppParts, Counters, Permits};
use crate::journal::JournalReader;

/// The parts of the console; `None` where it is off.
pub fn console_parts(
    config: &Config,
    parts: &AppParts,
    permits: &Permits,
    journal: JournalReader,
    counters: Counters,
    live: Live,
) -> Option<ConsoleParts> {
    if config.console.console == Switch::Off {
        return None;
    }
    let access = match config.is_test_target() {
        true => ConsoleAccess::Open,
        false => ConsoleAccess::Callers(config.callers.of_console()),
    };
    Some(ConsoleParts {
        endpoint: parts.endpoint.clone(),
        mirror: parts.directory.as_ref().map(|directory| directory.mirror().clone()),
        webhooks: config.webhooks.clone(),
        journal,
        counters,
        live,
        fhir_origin: origin_of(parts.identification.base_url.configured()).to_owned(),
        access,
        permits: permits.clone(),
        bounds: parts.bounds.clone(),
        faults: parts.faults.clone(),
        proxies: config.proxies.clone(),
        url: config.console.console_url.clone(),
    })
}

/// Scheme, host and port of an absolute URL.
fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |scheme| scheme + "://".len());
    url[authority..].find('/').map_or(url, |path| &url[..authority + path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_of_a_url_is_what_comes_before_its_path() {
        for (url, origin) in [
            ("http://127.0.0.1:8080/fhir", "http://127.0.0.1:8080"),
            ("https://h/a/b", "https://h"),
            ("https://h", "https://h"),
        ] {
            assert_eq!(origin_of(url), origin);
        }
    }
}
