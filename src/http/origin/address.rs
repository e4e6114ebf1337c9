//! The addresses that a proxy forwards: the client's, and the URL under which the client reaches this server.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;

use super::header_params;
use super::host::{Host, parse_port};
use super::proxy::{AddressHeaders, Settings};

/// Maximum proxies considered, the nearest first, so that a long header of a client costs nothing.
const MAX_HOPS: usize = 20;

/// The forwarded addresses. The last value of a list is the one that the nearest proxy wrote.
#[derive(Debug, Default)]
pub struct ForwardedInfo {
    /// The peer of each proxy, that of the nearest proxy first.
    from: Vec<String>,
    proto: Option<String>,
    host: Option<String>,
    port: Option<String>,
    prefix: Option<String>,
}

impl ForwardedInfo {
    /// Parses these headers; invalid values are ignored.
    pub fn from_headers(headers: &HeaderMap, which: AddressHeaders) -> Self {
        match which {
            AddressHeaders::XForwarded => Self {
                from: values_last_first(headers, "x-forwarded-for")
                    .map(|values| values.take(MAX_HOPS).map(str::to_owned).collect())
                    .unwrap_or_default(),
                proto: last(headers, "x-forwarded-proto"),
                host: last(headers, "x-forwarded-host"),
                port: last(headers, "x-forwarded-port"),
                prefix: last(headers, "x-forwarded-prefix"),
            },
            AddressHeaders::Forwarded => {
                let elements = texts(headers, "forwarded").map(|values| values.join(","));
                let elements =
                    elements.and_then(|text| header_params::parse_last_elements(&text, MAX_HOPS)).unwrap_or_default();
                let value = |element: &header_params::Params, name| {
                    element.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
                };
                let nearest = elements.last();
                Self {
                    proto: nearest.and_then(|element| value(element, "proto")),
                    host: nearest.and_then(|element| value(element, "host")),
                    from: elements.iter().rev().map(|element| value(element, "for").unwrap_or_default()).collect(),
                    ..Self::default()
                }
            }
        }
    }

    /// The client's address: the nearest one that is not a trusted proxy. An address that cannot be parsed ends the
    /// search, as what follows may come from anyone.
    pub fn client(&self, peer: IpAddr, proxies: &Settings) -> IpAddr {
        let mut client = peer;
        for address in self.from.iter().map(|text| address(text)) {
            match address {
                Some(address) if proxies.trusts(address) => client = address,
                Some(address) => return address,
                None => return client,
            }
        }
        client
    }

    /// `{proto}://{host}[:{port}]{prefix}/fhir`; `None` if proto or host is missing, or any part is malformed.
    pub fn base_url(&self) -> Option<String> {
        let proto = self.proto.as_ref()?.to_ascii_lowercase();
        let default_port = match proto.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let host = Host::parse(self.host.as_ref()?)?;
        let forwarded_port = self.port.as_deref().map(parse_port).map_or(Some(None), |port| port.map(Some))?;
        // The port that the client itself wrote is part of the host.
        let port = host.port.or(forwarded_port.filter(|&port| port != default_port));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let prefix = prefix(self.prefix.as_deref().unwrap_or_default())?;
        Some(format!("{proto}://{}{port}{prefix}/fhir", host.name))
    }
}

/// The path prefix that the proxy strips, without a trailing slash.
fn prefix(text: &str) -> Option<&str> {
    let text = text.trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    let valid = text.is_empty() || text.strip_prefix('/').is_some_and(|path| path.split('/').all(segment));
    (valid && text.len() <= 256).then_some(text)
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

/// The values of a header; `None` if there is none, or one is not text.
fn texts<'a>(headers: &'a HeaderMap, name: &str) -> Option<Vec<&'a str>> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().ok()).collect::<Option<Vec<_>>>()?;
    (!values.is_empty()).then_some(values)
}

/// The values of a list over all headers of this name, the last one first.
fn values_last_first<'a>(headers: &'a HeaderMap, name: &str) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
    let values = texts(headers, name)?.into_iter().rev();
    Some(values.flat_map(|value| value.rsplit(',')).map(str::trim))
}

/// The last value of a list; an invalid value if the header is not text.
fn last(headers: &HeaderMap, name: &str) -> Option<String> {
    let last = || values_last_first(headers, name).and_then(|mut values| values.next()).unwrap_or("?");
    headers.contains_key(name).then(|| last().to_owned())
}

#[cfg(test)]
mod tests;
