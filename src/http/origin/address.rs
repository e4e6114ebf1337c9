//! The addresses that a proxy passes on: the client's, and the one under which the client sees us.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;

use super::host::{Host, port};
use super::pairs;
use super::proxy::{AddressHeaders, Settings};

/// Proxies on the way that are looked at, the nearest first: what a client writes before them costs nothing.
const MAX_HOPS: usize = 20;

/// What a proxy tells of addresses. Of lists, the last value counts: it is what the proxy beside us wrote.
#[derive(Debug, Default)]
pub struct Told {
    /// Whom each proxy on the way had the request from, the nearest proxy's word first.
    from: Vec<String>,
    proto: Option<String>,
    host: Option<String>,
    port: Option<String>,
    prefix: Option<String>,
}

impl Told {
    /// What these headers tell.
    pub fn by(headers: &HeaderMap, which: AddressHeaders) -> Self {
        match which {
            AddressHeaders::XForwarded => Self {
                from: from_the_last(headers, "x-forwarded-for")
                    .map(|values| values.take(MAX_HOPS).map(str::to_owned).collect())
                    .unwrap_or_default(),
                proto: last(headers, "x-forwarded-proto"),
                host: last(headers, "x-forwarded-host"),
                port: last(headers, "x-forwarded-port"),
                prefix: last(headers, "x-forwarded-prefix"),
            },
            AddressHeaders::Forwarded => {
                let elements = texts(headers, "forwarded").map(|values| values.join(","));
                let elements = elements.and_then(|text| pairs::last_elements(&text, MAX_HOPS)).unwrap_or_default();
                let of = |element: &pairs::Pairs, name| {
                    element.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
                };
                let nearest = elements.last();
                Self {
                    proto: nearest.and_then(|element| of(element, "proto")),
                    host: nearest.and_then(|element| of(element, "host")),
                    from: elements.iter().rev().map(|element| of(element, "for").unwrap_or_default()).collect(),
                    ..Self::default()
                }
            }
        }
    }

    /// The client's address: the nearest one that is no proxy of ours. Beyond an address that cannot be
    /// read, nobody is believed.
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

    /// `{proto}://{host}[:{port}]{prefix}/fhir`; `None` where proto or host is missing, or anything is
    /// not as it should be.
    pub fn base_url(&self) -> Option<String> {
        let proto = self.proto.as_ref()?.to_ascii_lowercase();
        let usual_port = match proto.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let host = Host::parse(self.host.as_ref()?)?;
        let told_port = self.port.as_deref().map(port).map_or(Some(None), |port| port.map(Some))?;
        // The port that the client wrote itself stands with the host.
        let port = host.port.or(told_port.filter(|&port| port != usual_port));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let prefix = prefix(self.prefix.as_deref().unwrap_or_default())?;
        Some(format!("{proto}://{}{port}{prefix}/fhir", host.name))
    }
}

/// The path that the proxy took away, without a slash at its end.
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

/// The headers of a name; `None` where there is none, or one is not text.
fn texts<'a>(headers: &'a HeaderMap, name: &str) -> Option<Vec<&'a str>> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().ok()).collect::<Option<Vec<_>>>()?;
    (!values.is_empty()).then_some(values)
}

/// The values of a list over all its headers, the last one first.
fn from_the_last<'a>(headers: &'a HeaderMap, name: &str) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
    let values = texts(headers, name)?.into_iter().rev();
    Some(values.flat_map(|value| value.rsplit(',')).map(str::trim))
}

/// The last value of a list. A header that is not text tells an invalid value.
fn last(headers: &HeaderMap, name: &str) -> Option<String> {
    let last = || from_the_last(headers, name).and_then(|mut values| values.next()).unwrap_or("?");
    headers.contains_key(name).then(|| last().to_owned())
}

#[cfg(test)]
mod tests;
