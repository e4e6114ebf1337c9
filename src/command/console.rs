//! Composes the console, which the operator's listener serves.

use axum::Router;

use super::failure::Failure;
use crate::config::Config;
use crate::config::console::Switch;
use crate::console::{ConsoleAccess, ConsoleParts, router};
use crate::http::{AppParts, Permits};

/// The routes of the console; none where it is off.
pub fn console(config: &Config, parts: &AppParts, permits: &Permits) -> Result<Router, Failure> {
    if config.console.console == Switch::Off {
        return Ok(Router::new());
    }
    let access = match config.is_test_target() {
        true => ConsoleAccess::Open,
        false => ConsoleAccess::Callers(config.callers.of_console()),
    };
    let parts = ConsoleParts {
        endpoint: parts.endpoint.clone(),
        mirror: parts.directory.as_ref().map(|directory| directory.mirror().clone()),
        webhooks: config.webhooks.clone(),
        access,
        permits: permits.clone(),
        bounds: parts.bounds.clone(),
        proxies: config.proxies.clone(),
        url: config.console.console_url.clone(),
    };
    Ok(router(parts)?)
}
