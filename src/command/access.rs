//! Builds the access policy from the settings, and refuses unsafe or contradictory ones.

use std::net::IpAddr;

use super::failure::Failure;
use crate::access::{Access, Mode};
use crate::config::Config;
use crate::config::console::Switch;
use crate::http::origin::proxy::CertificateHeader;

/// Builds the access policy. `has_authorities`: whether `SAS_TLS_CLIENT_CA` is set.
///
/// # Errors
/// A sentence that says what to change, if unknown clients would be served without a decision of the operator, or if
/// callers could never authenticate.
pub fn access(config: &Config, has_authorities: bool) -> Result<Access, Failure> {
    let callers = config.callers.of_fhir();
    let is_forwarded = config.proxies.proxy_certificate != CertificateHeader::None;
    if is_forwarded && config.proxies.trusted_proxies.is_empty() {
        return Err("SAS_PROXY_CERTIFICATE is set, but there is no trusted proxy: set SAS_TRUSTED_PROXIES, or \
            SAS_PROXY_CERTIFICATE=none"
            .into());
    }
    if (is_forwarded || callers.has_certificates()) && !has_authorities {
        return Err(
            "client certificates are configured, but no authority to validate them: set SAS_TLS_CLIENT_CA".into()
        );
    }
    match (config.access.access, callers.is_empty()) {
        (Mode::Callers, false) if is_unencrypted(config) => Err(format!(
            "callers would send their tokens unencrypted to SAS_LISTEN={}: set SAS_TLS_CERT and SAS_TLS_KEY, or \
            SAS_TRUSTED_PROXIES if a proxy encrypts, or listen on 127.0.0.1, or set SAS_ACCESS=plain to accept \
            unencrypted tokens",
            config.listen
        )
        .into()),
        (mode @ (Mode::Callers | Mode::Plain), false) => {
            if mode == Mode::Plain && is_unencrypted(config) {
                tracing::warn!("SAS_ACCESS=plain: callers send their tokens unencrypted");
            }
            Ok(Access::restricted(callers, config.access.metadata))
        }
        (Mode::Open, false) => Err("SAS_ACCESS=open serves every client, but callers are configured: remove \
            SAS_ACCESS=open or the tables [[caller]]"
            .into()),
        (Mode::Callers | Mode::Plain, true) => {
            if let Some(reason) = exposure_reason(config) {
                return Err(format!(
                    "no [[caller]] is configured, and {reason}: configure callers in the file (SAS_CONFIG; \
                    `sas-endpoint token` generates a token), or listen on 127.0.0.1, or set SAS_ACCESS=open to serve \
                    every client"
                )
                .into());
            }
            tracing::warn!("no [[caller]] is configured: unauthenticated access from this machine is allowed");
            Ok(Access::open())
        }
        (Mode::Open, true) => {
            tracing::warn!("SAS_ACCESS=open: unauthenticated access is allowed");
            Ok(Access::open())
        }
    }
}

/// Checks that the tokens of the console are sent encrypted, or stay on this machine.
///
/// # Errors
/// A sentence that says what to set.
pub fn check_console(config: &Config) -> Result<(), Failure> {
    let is_encrypted = config.console.console_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    let is_served = config.console.console == Switch::On && !config.callers.of_console().is_empty();
    let is_local = config.ops_listen.ip().to_canonical().is_loopback();
    if !is_served || is_local || is_encrypted || config.access.access == Mode::Plain {
        return Ok(());
    }
    Err(format!(
        "callers would send the tokens of the console unencrypted to SAS_OPS_LISTEN={}: set \
        SAS_CONSOLE_URL=https://… if a proxy encrypts, or listen on 127.0.0.1 and reach it by `ssh -L`, or set \
        SAS_CONSOLE=off, or set SAS_ACCESS=plain to accept unencrypted tokens",
        config.ops_listen
    )
    .into())
}

/// Checks that `Location` and links can begin with a URL that clients can use.
///
/// # Errors
/// A sentence that says what to set.
pub fn check_base_url(config: &Config) -> Result<(), Failure> {
    let is_known = config.base_url.is_some() || !config.proxies.trusted_proxies.is_empty();
    if is_known || !config.listen.ip().to_canonical().is_unspecified() {
        return Ok(());
    }
    Err(format!(
        "SAS_LISTEN={} is not an address that clients can use in Location and links: set SAS_BASE_URL to the URL under \
         which clients reach this server, such as https://sas.example.org/fhir",
        config.listen
    )
    .into())
}

/// Warnings about settings that expose more than they should, one sentence each.
pub fn exposures(config: &Config) -> Vec<String> {
    let networks = config.proxies.overly_broad_networks();
    let proxies = networks.iter().map(|network| {
        format!(
            "SAS_TRUSTED_PROXIES contains {network}: any of its clients may forge client addresses and certificates; set \
             the addresses of the proxies"
        )
    });
    let ops = is_public(config.ops_listen.ip()).then(|| {
        format!(
            "SAS_OPS_LISTEN={} can be reached from other networks, and /health and /metrics require no authentication: \
             listen on 127.0.0.1 or on a private address",
            config.ops_listen
        )
    });
    let faults = config.fault_mode().warning().map(str::to_owned);
    proxies.chain(ops).chain(faults).collect()
}

/// Whether this address can be reached from outside this machine and its private networks.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !(address.is_loopback() || address.is_private() || address.is_link_local()),
        IpAddr::V6(address) => !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()),
    }
}

/// Whether callers on other machines connect without TLS: neither this server nor a trusted proxy encrypts.
fn is_unencrypted(config: &Config) -> bool {
    let loopback = config.listen.ip().to_canonical().is_loopback();
    !loopback && config.tls.tls_cert.is_none() && config.proxies.trusted_proxies.is_empty()
}

/// How requests of other machines reach this server, if they do.
fn exposure_reason(config: &Config) -> Option<String> {
    if !config.listen.ip().to_canonical().is_loopback() {
        return Some(format!("SAS_LISTEN={} can be reached from other machines", config.listen));
    }
    let proxies = !config.proxies.trusted_proxies.is_empty();
    proxies.then(|| "SAS_TRUSTED_PROXIES forward requests of other machines".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ops_listener_public_address_is_recognised() {
        for (address, expected) in [
            ("127.0.0.1", false),
            ("127.9.9.9", false),
            ("::ffff:127.0.0.1", false),
            ("::1", false),
            ("10.1.2.3", false),
            ("::ffff:172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.1.1", false),
            ("fd00::1", false),
            ("fe80::1", false),
            ("0.0.0.0", true),
            ("::", true),
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("2001:db8::1", true),
        ] {
            assert_eq!(is_public(address.parse().expect("an address")), expected, "{address}");
        }
    }
}
