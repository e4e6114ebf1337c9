//! Detects requests that a page of another site makes a browser send (CSRF, DNS rebinding). A browser reaches servers
//! that only its machine or network can reach, and presents the certificate of its user.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};

use super::host::{Host, WebOrigin};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a browser sent a request for another site; added to the extensions of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrowserCheck {
    /// The request names a host that is not this server's: a page whose DNS name resolves to this server's address (DNS
    /// rebinding) is same-origin for the browser. Always false if callers are configured: such a page has no
    /// credentials.
    pub is_foreign_host: bool,
    /// The page belongs to another site.
    pub is_foreign_page: bool,
}

/// Whether a browser sent the request: other clients have no reason to send either header.
pub fn is_sent_by_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key(SEC_FETCH_SITE)
}

/// Whether each host that the request names, in its target or in `Host`, is a loopback name, an IP address, or the
/// host of the base URL. A request without a host (HTTP/1.0) is not from a browser.
pub fn is_our_host(parts: &Parts, base_url: &str) -> bool {
    let base = WebOrigin::from_url(base_url);
    let is_ours = |text: &str| {
        let is_base = |host: Host<'_>| base.is_some_and(|base| host.has_name_of(base.host));
        Host::parse(text).is_some_and(|host| host.is_localhost() || host.address().is_some() || is_base(host))
    };
    let in_target = parts.uri.authority().is_none_or(|authority| is_ours(authority.as_str()));
    in_target && parts.headers.get_all(header::HOST).iter().all(|host| host.to_str().is_ok_and(is_ours))
}

/// Whether the request comes from a page of another site: neither of these base URLs nor the host of the request.
pub fn is_foreign_page(parts: &Parts, base_urls: &[&str]) -> bool {
    let Parts { method, headers, .. } = parts;
    if headers.contains_key(header::ORIGIN) {
        let is_ours = |origin: &str| WebOrigin::parse(origin).is_some_and(|origin| is_ours(origin, parts, base_urls));
        return !headers.get_all(header::ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(is_ours));
    }
    // A page cannot read the response to a GET or HEAD without `Origin`, such as a followed link, and the request changes
    // nothing. With any other method a browser sends `Origin`, unless an intermediary removes it.
    let is_safe = matches!(*method, Method::GET | Method::HEAD);
    !is_safe && is_of_another_site(headers)
}

/// Whether a browser says that a page of another origin sends the request.
pub fn is_of_another_site(headers: &HeaderMap) -> bool {
    let is_own_site = |site: &[u8]| [&b"same-origin"[..], b"none"].iter().any(|own| site.eq_ignore_ascii_case(own));
    !headers.get_all(SEC_FETCH_SITE).iter().all(|site| is_own_site(site.as_bytes()))
}

fn is_ours(origin: WebOrigin<'_>, parts: &Parts, base_urls: &[&str]) -> bool {
    let bases = || base_urls.iter().filter_map(|url| WebOrigin::from_url(url));
    if bases().any(|base| origin.is_same(base)) {
        return true;
    }
    // Anyone on the network can forge a page served without TLS. If clients reach this server over TLS, such a page is
    // another site of the same host; pages of this machine cross no network.
    let is_trustworthy = origin.is_https || origin.host.is_loopback() || bases().all(|base| !base.is_https);
    let target = parts.uri.authority().map(axum::http::uri::Authority::as_str);
    let host = target.or_else(|| parts.headers.get(header::HOST)?.to_str().ok());
    is_trustworthy && host.and_then(Host::parse).is_some_and(|host| origin.is_at(host))
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;

    use super::*;

    const BASE: &str = "https://sas.example.org/fhir";

    fn parts(method: &str, uri: &str, headers: &[(&str, &[u8])]) -> Parts {
        let request = headers
            .iter()
            .fold(Request::builder().method(method).uri(uri), |request, (name, value)| request.header(*name, *value));
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn host_is_ours_by_loopback_name_address_or_base_url() {
        for (host, ours) in [
            ("localhost", true),
            ("a.b.localhost:8080", true),
            ("127.0.0.1:8080", true),
            ("192.0.2.1", true),
            ("[2001:db8::1]:8080", true),
            ("sas.example.org", true),
            ("SAS.EXAMPLE.ORG:8080", true),
            ("evil.example", false),
            ("x", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("sas.example.org.evil.example", false),
            ("evil.sas.example.org", false),
            ("2130706433", false),
            ("127.0.0.1:0", false),
            ("127.0.0.1:99999", false),
            ("localhost/", false),
            ("user@localhost", false),
            ("localhost,evil.example", false),
            ("::1", false),
            ("", false),
        ] {
            assert_eq!(is_our_host(&parts("GET", "/fhir", &[("host", host.as_bytes())]), BASE), ours, "{host}");
        }
        let two = [("host", &b"localhost"[..]), ("host", b"evil.example")];
        assert!(!is_our_host(&parts("GET", "/fhir", &two), BASE));
        assert!(!is_our_host(&parts("GET", "/fhir", &[("host", b"\xFF")]), BASE));
        assert!(is_our_host(&parts("GET", "/fhir", &[]), BASE));
        for (target, ours) in
            [("http://evil.example/fhir", false), ("http://u@localhost/", false), ("http://localhost:1/fhir", true)]
        {
            assert_eq!(is_our_host(&parts("GET", target, &two[..1]), BASE), ours, "{target}");
        }
        assert!(!is_our_host(&parts("CONNECT", "evil.example:443", &[]), BASE));
    }

    #[test]
    fn page_is_foreign_by_origin_and_without_it_by_sec_fetch_site() {
        let page = |method: &str, headers: &[(&str, &str)], base_url: &str| {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            is_foreign_page(&parts(method, "/fhir/Practitioner", &headers), &[base_url])
        };
        for (origin, host, base_url, foreign) in [
            ("https://sas.example.org", "10.0.0.1:8080", BASE, false),
            ("https://sas.example.org:443", "10.0.0.1:8080", BASE, false),
            ("http://localhost:8080", "localhost:8080", BASE, false),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", BASE, false),
            ("https://other.example.org", "other.example.org", BASE, false),
            ("http://other.example.org", "other.example.org", "http://127.0.0.1:8080/fhir", false),
            ("http://other.example.org", "other.example.org", BASE, true),
            ("http://sas.example.org", "sas.example.org", BASE, true),
            ("http://localhost:1", "localhost:8080", BASE, true),
            ("http://localhost", "localhost:8080", BASE, true),
            ("http://127.0.0.1:8080", "localhost:8080", BASE, true),
            ("https://evil.example", "sas.example.org", BASE, true),
            ("https://sas.example.org.evil.example", "sas.example.org", BASE, true),
            ("https://sas.example.org/", "sas.example.org", BASE, true),
            ("https://sas.example.org https://evil.example", "sas.example.org", BASE, true),
            ("null", "sas.example.org", BASE, true),
            ("", "sas.example.org", BASE, true),
        ] {
            for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS"] {
                let headers = [("host", host), ("origin", origin), ("sec-fetch-site", "same-origin")];
                assert_eq!(page(method, &headers, base_url), foreign, "{method} {origin} {host} {base_url}");
            }
        }
        let ours = ("origin", "https://sas.example.org");
        assert!(page("POST", &[ours, ("origin", "https://evil.example")], BASE));
        assert!(!page("POST", &[ours, ours], BASE));
        // A page of the base URL that uses another name of this server.
        assert!(!page("POST", &[ours, ("sec-fetch-site", "cross-site")], BASE));
        for (site, foreign) in [
            ("same-origin", false),
            ("none", false),
            ("same-site", true),
            ("cross-site", true),
            ("", true),
            ("x", true),
        ] {
            for (method, expected) in [("POST", foreign), ("PUT", foreign), ("GET", false), ("HEAD", false)] {
                assert_eq!(page(method, &[("sec-fetch-site", site)], BASE), expected, "{method} {site}");
            }
        }
        assert!(!page("POST", &[], BASE));
    }
}
