//! The trusted reverse proxies, and the headers in which they forward addresses and certificates.

use std::net::IpAddr;

use axum::http::HeaderMap;
use clap::{Args, ValueEnum};
use ipnet::{IpNet, Ipv4Net};

/// The settings of trusted proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub struct Settings {
    /// Trusted reverse proxies: IP addresses and networks, separated by commas (127.0.0.1,10.0.0.0/8)
    ///
    /// The headers of --proxy-certificate and --proxy-headers are ignored in requests from any other address.
    #[arg(long, env = "SAS_TRUSTED_PROXIES", global = true, value_name = "ADDRESSES", value_delimiter = ',', value_parser = parse_network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Header in which these proxies forward the client's certificate; they must overwrite it in every request
    #[arg(long, env = "SAS_PROXY_CERTIFICATE", global = true, value_enum, default_value_t = CertificateHeader::None)]
    pub proxy_certificate: CertificateHeader,

    /// Headers in which these proxies forward the client's address and, without --base-url, the public URL
    #[arg(long, env = "SAS_PROXY_HEADERS", global = true, value_enum, default_value_t = AddressHeaders::XForwarded)]
    pub proxy_headers: AddressHeaders,
}

/// A header in which a proxy forwards the client's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CertificateHeader {
    /// None: certificates are not forwarded
    #[default]
    None,
    /// RFC 9440: Client-Cert, and Client-Cert-Chain
    ClientCert,
    /// nginx: X-SSL-Client-Cert with $ssl_client_escaped_cert
    XSslClientCert,
    /// Envoy: X-Forwarded-Client-Cert, with Cert or Chain
    XForwardedClientCert,
    /// Traefik: X-Forwarded-Tls-Client-Cert, of passTLSClientCert with pem
    XForwardedTlsClientCert,
}

/// The headers in which a proxy forwards addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AddressHeaders {
    /// X-Forwarded-For, -Proto, -Host, -Port, -Prefix
    #[default]
    XForwarded,
    /// RFC 7239: Forwarded
    Forwarded,
}

/// Every header that a proxy may set.
const HEADERS: [&str; 12] = [
    "client-cert",
    "client-cert-chain",
    "x-ssl-client-cert",
    "x-forwarded-client-cert",
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
];

impl Settings {
    /// Whether this is the address of a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// Trusted networks that cover a large part of the Internet, in one prefix or in several adjacent ones: a
    /// misconfiguration.
    pub(crate) fn overly_broad_networks(&self) -> Vec<IpNet> {
        let mut networks = IpNet::aggregate(&self.trusted_proxies);
        networks.retain(|network| match network {
            IpNet::V4(network) => network.prefix_len() < MIN_PREFIX_V4,
            IpNet::V6(network) => network.prefix_len() < MIN_PREFIX_V6,
        });
        networks
    }
}

/// Removes every header of proxies, so that no later code reads one unchecked.
pub(crate) fn remove_headers(headers: &mut HeaderMap) {
    for name in HEADERS {
        headers.remove(name);
    }
}

/// The shortest plausible IPv4 prefix: that of 10.0.0.0/8.
const MIN_PREFIX_V4: u8 = 8;

/// The shortest plausible IPv6 prefix, about that of the blocks assigned to regional registries.
const MIN_PREFIX_V6: u8 = 8;

/// Parses an address or a network. An IPv4-mapped IPv6 network (`::ffff:10.0.0.0/104`) becomes an IPv4 network.
fn parse_network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network
        .map(canonical)
        .map_err(|_| "expected an address such as 127.0.0.1, or a network such as 10.0.0.0/8".to_owned())
}

/// Bits before the IPv4 address in an IPv4-mapped IPv6 address.
const MAPPED_PREFIX: u8 = 96;

fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let address = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(MAPPED_PREFIX));
    address.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trusted_proxy_matches_ipv4_and_mapped_ipv6() {
        let trusted_proxies = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.7", "::ffff:172.16.0.0/108"]
            .map(|text| parse_network(text).expect("a network"));
        let settings = Settings { trusted_proxies: trusted_proxies.into(), ..Settings::default() };
        for (address, trusted) in [
            ("127.0.0.1", true),
            ("::ffff:10.1.2.3", true),
            ("2001:db8:1::1", true),
            ("127.0.0.2", false),
            ("11.0.0.1", false),
            ("::1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:192.0.2.7", true),
            ("172.16.200.1", true),
            ("172.32.0.1", false),
        ] {
            assert_eq!(settings.trusts(address.parse().expect("an address")), trusted, "{address}");
        }
        for (trusted, expected) in [
            (&["0.0.0.0/0"][..], &["0.0.0.0/0"][..]),
            (&["::/0"], &["::/0"]),
            (&["::ffff:0:0/96"], &["0.0.0.0/0"]),
            (&["0.0.0.0/1", "10.0.0.1", "128.0.0.0/1"], &["0.0.0.0/0"]),
            (&["2000::/3"], &["2000::/3"]),
            (&["64.0.0.0/2"], &["64.0.0.0/2"]),
            (&["10.0.0.0/8", "fd00::/8", "192.0.2.1"], &[]),
        ] {
            let trusted_proxies = trusted.iter().map(|text| parse_network(text).expect("a network")).collect();
            let settings = Settings { trusted_proxies, ..Settings::default() };
            let overly_broad_networks: Vec<_> = settings.overly_broad_networks().iter().map(IpNet::to_string).collect();
            assert_eq!(overly_broad_networks, expected, "{trusted:?}");
        }
        for wrong in ["", "proxy", "10.0.0.0/33", "10.0.0"] {
            assert!(parse_network(wrong).is_err(), "{wrong}");
        }
    }
}
