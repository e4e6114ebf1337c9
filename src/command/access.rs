//! Who is served: the callers of the file, unless the settings contradict one another.

use std::net::IpAddr;

use super::Failure;
use crate::access::{Access, Mode};
use crate::config::Config;
use crate::http::origin::proxy::CertificateHeader;

/// Who may do what by these settings. `authorities`: whether there are any that vouch for certificates.
///
/// # Errors
/// In a sentence that says what to do, where strangers would be served unasked or callers never recognised.
pub fn access(config: &Config, authorities: bool) -> Result<Access, Failure> {
    let passed_on = config.proxies.proxy_certificate != CertificateHeader::None;
    if passed_on && config.proxies.trusted_proxies.is_empty() {
        return Err("SAS_PROXY_CERTIFICATE names a header that nobody may set: say which proxies set it \
            (SAS_TRUSTED_PROXIES), or none"
            .into());
    }
    if (passed_on || config.callers.has_certificates()) && !authorities {
        return Err("certificates are to be recognised and nobody could vouch for them: say which authorities do \
            (SAS_TLS_CLIENT_CA)"
            .into());
    }
    match (config.access.access, config.callers.is_empty()) {
        (Mode::Callers, false) if in_the_clear(config) => Err(format!(
            "callers of other machines send their tokens to SAS_LISTEN={}, and nothing encrypts what is sent there: \
            give a certificate and its key (SAS_TLS_CERT, SAS_TLS_KEY), or say which proxies encrypt \
            (SAS_TRUSTED_PROXIES), or listen on 127.0.0.1 only, or say SAS_ACCESS=plain to let tokens be read along",
            config.listen
        )
        .into()),
        (mode @ (Mode::Callers | Mode::Plain), false) => {
            if mode == Mode::Plain && in_the_clear(config) {
                tracing::warn!("SAS_ACCESS=plain: whoever reads along has the tokens of the callers");
            }
            Ok(Access::restricted(config.callers.clone(), config.access.metadata))
        }
        (Mode::Open, false) => Err("SAS_ACCESS=open serves everybody, and the file lists callers, who would mean \
            nothing: say one or the other"
            .into()),
        (Mode::Callers | Mode::Plain, true) => {
            if let Some(reason) = reached_from_outside(config) {
                return Err(format!(
                    "no caller is listed, and {reason}: list callers in the file (SAS_CONFIG, one [[caller]] each; \
                    `sas-endpoint token` makes a token), or listen on 127.0.0.1 only, or say SAS_ACCESS=open to serve \
                    everybody"
                )
                .into());
            }
            tracing::warn!("no caller is listed: everybody on this machine may read and write everything");
            Ok(Access::open())
        }
        (Mode::Open, true) => {
            tracing::warn!("SAS_ACCESS=open: whoever reaches this address may read and write everything");
            Ok(Access::open())
        }
    }
}

/// Refuses settings by which clients would be told an address that is none: `Location` and links begin with it.
///
/// # Errors
/// In a sentence that says what to do.
pub fn check_base_url(config: &Config) -> Result<(), Failure> {
    let is_told = config.base_url.is_some() || !config.proxies.trusted_proxies.is_empty();
    if is_told || !config.listen.ip().to_canonical().is_unspecified() {
        return Ok(());
    }
    Err(format!(
        "SAS_LISTEN={} names every address and none that a client can use, and Location and links begin with it: say \
         under which URL clients reach this server (SAS_BASE_URL, such as https://sas.example.org/fhir)",
        config.listen
    )
    .into())
}

/// What these settings open to more than they should; each a sentence for the log.
pub fn exposures(config: &Config) -> Vec<String> {
    let networks = config.proxies.overly_broad_networks();
    let proxies = networks.iter().map(|network| {
        format!(
            "SAS_TRUSTED_PROXIES holds {network}: every client of it is believed to be a proxy, and may name any \
              client address and certificate; name the addresses of the proxies"
        )
    });
    let ops = is_public(config.ops_listen.ip()).then(|| {
        format!(
            "SAS_OPS_LISTEN={} is reached from other networks, and /health and /metrics ask nobody who they are: listen \
             on 127.0.0.1 or on a private address",
            config.ops_listen
        )
    });
    proxies.chain(ops).collect()
}

/// Whether others than this machine and its private networks may reach this address; an unspecified one stands for all.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !(address.is_loopback() || address.is_private() || address.is_link_local()),
        IpAddr::V6(address) => !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()),
    }
}

/// Whether what callers of other machines send may be read along: not where TLS ends here, or in a proxy.
fn in_the_clear(config: &Config) -> bool {
    let loopback = config.listen.ip().to_canonical().is_loopback();
    !loopback && config.tls.tls_cert.is_none() && config.proxies.trusted_proxies.is_empty()
}

/// How requests of other machines come here, if they do.
fn reached_from_outside(config: &Config) -> Option<String> {
    if !config.listen.ip().to_canonical().is_loopback() {
        return Some(format!("SAS_LISTEN={} is reached from other machines", config.listen));
    }
    let proxies = !config.proxies.trusted_proxies.is_empty();
    proxies.then(|| "SAS_TRUSTED_PROXIES bring requests of other machines".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_address_is_neither_of_this_machine_nor_of_a_private_network() {
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
