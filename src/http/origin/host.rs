//! Hosts, as in the header `Host`, the target of a request and absolute URLs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::request::Parts;
use axum::http::{Version, header};

/// Whether the request has exactly one valid `Host`. HTTP/1.0 may omit it.
/// <https://www.rfc-editor.org/rfc/rfc9112#section-3.2>
pub fn has_valid_host(parts: &Parts) -> bool {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => parts.version == Version::HTTP_10,
        (Some(host), None) => host.to_str().is_ok_and(|host| Host::parse(host).is_some()),
        (Some(_), Some(_)) => false,
    }
}

/// A host and its port, as in the header `Host`.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// A DNS name or an IP address; an IPv6 address is in brackets.
    pub name: &'a str,
    pub port: Option<u16>,
}

impl<'a> Host<'a> {
    /// Parses a host with or without a port.
    pub fn parse(text: &'a str) -> Option<Self> {
        let end_of_name =
            if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
        let (name, rest) = text.split_at(end_of_name);
        let valid = match name.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().is_ok(),
            None => {
                let characters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
                (1..=253).contains(&name.len()) && name.bytes().all(characters)
            }
        };
        // RFC 3986, section 3.2.3: a port may be empty.
        let port = if matches!(rest, "" | ":") { None } else { Some(parse_port(rest.strip_prefix(':')?)?) };
        valid.then_some(Self { name, port })
    }

    /// Whether both have the same name, ignoring ports.
    pub fn has_name_of(self, other: Self) -> bool {
        self.name.eq_ignore_ascii_case(other.name)
    }

    /// The IP address; `None` for a DNS name.
    pub fn address(self) -> Option<IpAddr> {
        match self.name.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
            None => self.name.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        }
    }

    /// Whether it is `localhost` or ends with `.localhost`: resolvers do not ask a DNS server for these names.
    /// <https://www.rfc-editor.org/rfc/rfc6761#section-6.3>
    pub fn is_localhost(self) -> bool {
        let name = self.name.strip_suffix('.').unwrap_or(self.name);
        name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
    }

    /// Whether it is a name or an address of the loopback interface.
    pub fn is_loopback(self) -> bool {
        self.is_localhost() || self.address().is_some_and(|address| address.to_canonical().is_loopback())
    }
}

/// Parses a port other than 0.
pub fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| digits && port > 0)
}

/// The origin of an absolute URL: scheme, host and port.
/// <https://www.rfc-editor.org/rfc/rfc6454#section-4>
#[derive(Clone, Copy, Debug)]
pub struct WebOrigin<'a> {
    /// Whether the scheme is `https`; otherwise it is `http`.
    pub is_https: bool,
    pub host: Host<'a>,
}

impl<'a> WebOrigin<'a> {
    /// Parses the value of a header `Origin`, which has no path; `None` if it is `null` or malformed.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, host) = text.split_once("://")?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        let is_known = is_https || scheme.eq_ignore_ascii_case("http");
        Some(Self { is_https, host: Host::parse(host)? }).filter(|_| is_known)
    }

    /// The origin of this URL.
    pub fn from_url(url: &'a str) -> Option<Self> {
        let authority = url.find("://")? + "://".len();
        let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |at| authority + at);
        Self::parse(&url[..end])
    }

    /// Whether this origin has this host and port; a missing port is the default port of its scheme.
    pub fn is_at(self, host: Host<'_>) -> bool {
        let default_port = if self.is_https { 443 } else { 80 };
        self.host.has_name_of(host) && self.host.port.unwrap_or(default_port) == host.port.unwrap_or(default_port)
    }

    /// Whether both are the same.
    pub fn is_same(self, other: Self) -> bool {
        self.is_https == other.is_https && self.is_at(other.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_loopback_by_name_or_address() {
        for (text, is_localhost, is_loopback) in [
            ("localhost", true, true),
            ("LOCALHOST:8080", true, true),
            ("localhost.", true, true),
            ("sas.localhost:1", true, true),
            ("127.0.0.1:8080", false, true),
            ("127.1.2.3", false, true),
            ("[::1]:8080", false, true),
            ("[::ffff:127.0.0.1]", false, true),
            ("192.0.2.1", false, false),
            ("[2001:db8::1]", false, false),
            ("localhost.evil.example", false, false),
            ("notlocalhost", false, false),
            ("127.0.0.1.evil.example", false, false),
            ("localhost..", false, false),
        ] {
            let host = Host::parse(text).expect("a host");
            assert_eq!((host.is_localhost(), host.is_loopback()), (is_localhost, is_loopback), "{text}");
        }
    }

    #[test]
    fn web_origins_are_the_same_with_and_without_their_default_port() {
        for (origin, url, same) in [
            ("https://sas.example.org", "https://sas.example.org/fhir", true),
            ("https://SAS.example.org", "https://sas.example.org:443/fhir", true),
            ("https://sas.example.org:443", "https://sas.example.org", true),
            ("http://[::1]:8080", "http://[::1]:8080/fhir", true),
            ("http://sas.example.org", "https://sas.example.org/fhir", false),
            ("http://sas.example.org:443", "https://sas.example.org/fhir", false),
            ("https://sas.example.org:8443", "https://sas.example.org/fhir", false),
            ("https://sas.example.org.evil.example", "https://sas.example.org/fhir", false),
        ] {
            let parsed = (WebOrigin::parse(origin).expect("an origin"), WebOrigin::from_url(url).expect("a URL"));
            assert_eq!(parsed.0.is_same(parsed.1), same, "{origin} {url}");
        }
        for malformed in ["", "null", "sas.example.org", "file://", "ftp://a", "https://a/", "https://a https://b"] {
            assert!(WebOrigin::parse(malformed).is_none(), "{malformed}");
        }
    }
}
