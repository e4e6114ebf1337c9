//! What is believed of the addresses that proxies tell, and what is not.

use axum::http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

fn told(which: AddressHeaders, values: &[(&'static str, &str)]) -> ForwardedInfo {
    let values = values.iter().map(|(name, value)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).expect("a header value"))
    });
    ForwardedInfo::from_headers(&values.collect(), which)
}

fn base_url(values: &[(&'static str, &str)]) -> Option<String> {
    told(AddressHeaders::XForwarded, values).base_url()
}

fn forwarded(value: &str) -> Option<String> {
    told(AddressHeaders::Forwarded, &[("forwarded", value)]).base_url()
}

const PROTO: (&str, &str) = ("x-forwarded-proto", "https");
const HOST: (&str, &str) = ("x-forwarded-host", "sas.example.org");

#[test]
fn forwarded_base_url_is_built_from_proxy_headers() {
    for (others, expected) in [
        (&[][..], "https://sas.example.org/fhir"),
        (&[("x-forwarded-port", "443")], "https://sas.example.org/fhir"),
        (&[("x-forwarded-port", "8443")], "https://sas.example.org:8443/fhir"),
        (&[("x-forwarded-prefix", "/ans-sas/")], "https://sas.example.org/ans-sas/fhir"),
        (&[("x-forwarded-prefix", "/")], "https://sas.example.org/fhir"),
        (&[("x-forwarded-port", "8443"), ("x-forwarded-prefix", "/a/b")], "https://sas.example.org:8443/a/b/fhir"),
    ] {
        let values: Vec<_> = [PROTO, HOST].into_iter().chain(others.iter().copied()).collect();
        assert_eq!(base_url(&values).as_deref(), Some(expected));
    }
    for (host, expected) in [
        ("sas.example.org:8443", "https://sas.example.org:8443/fhir"),
        ("[2001:db8::1]", "https://[2001:db8::1]/fhir"),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443/fhir"),
        ("evil.example, sas.example.org", "https://sas.example.org/fhir"),
    ] {
        assert_eq!(base_url(&[PROTO, ("x-forwarded-host", host)]).as_deref(), Some(expected));
    }
    let twice = [PROTO, ("x-forwarded-host", "evil.example"), HOST];
    assert_eq!(base_url(&twice).as_deref(), Some("https://sas.example.org/fhir"));
    let proto = [("x-forwarded-proto", "ftp, HTTP"), HOST, ("x-forwarded-port", "80")];
    assert_eq!(base_url(&proto).as_deref(), Some("http://sas.example.org/fhir"));
}

#[test]
fn forwarded_base_url_of_malformed_headers_is_none() {
    assert_eq!(base_url(&[]), None);
    assert_eq!(base_url(&[PROTO]), None);
    assert_eq!(base_url(&[HOST]), None);
    for host in [
        "", "a b", "a/b", "a@b", "a:x", "a:0", "a:+1", "a:65536", "a:b", "[::1", "[x]", "[::1]x", "a\"", "é", "a,", "?",
    ] {
        assert_eq!(base_url(&[PROTO, ("x-forwarded-host", host)]), None, "{host}");
    }
    for (name, wrong) in [
        ("x-forwarded-proto", &["", "ftp", "https:", "https://x", "javascript", "é"][..]),
        ("x-forwarded-port", &["", "0", "x", "-1", "+8", "65536", "44 3"]),
        ("x-forwarded-prefix", &["a", "//a", "/a//b", "/../a", "/.", "/a?b", "/a#b", "/a%2Fb", "/é", "/a b", "/<"]),
    ] {
        for value in wrong {
            assert_eq!(base_url(&[PROTO, HOST, (name, value)]), None, "{name}: {value}");
        }
    }
}

#[test]
fn forwarded_standard_header_gives_the_same_base_url() {
    for (value, expected) in [
        ("proto=https;host=sas.example.org", "https://sas.example.org/fhir"),
        ("For=\"[2001:db8::1]:1\";Proto=HTTPS;Host=\"sas.example.org:8443\"", "https://sas.example.org:8443/fhir"),
        ("proto=http;host=evil.example, proto=https;host=\"[::1]:1\"", "https://[::1]:1/fhir"),
    ] {
        assert_eq!(forwarded(value).as_deref(), Some(expected), "{value}");
    }
    for value in
        ["", "proto=https", "host=a", "proto=https;host=a/b", "proto=https;host=\"a", "proto=https;host=a, for=b"]
    {
        assert_eq!(forwarded(value), None, "{value}");
    }
    // Whichever is not chosen tells nothing.
    assert_eq!(told(AddressHeaders::Forwarded, &[PROTO, HOST]).base_url(), None);
    assert_eq!(base_url(&[("forwarded", "proto=https;host=sas.example.org")]), None);
}

#[test]
fn client_address_is_the_nearest_that_is_not_a_proxy() {
    let proxies = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().expect("a network"));
    let proxies = Settings { trusted_proxies: proxies.into(), ..Settings::default() };
    let peer = "10.0.0.1".parse().expect("an address");
    for (list, forwarded, expected) in [
        ("", "", "10.0.0.1"),
        ("192.0.2.1", "for=192.0.2.1", "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1, 10.1.1.1", "for=203.0.113.9,for=192.0.2.1;by=x,for=10.1.1.1", "192.0.2.1"),
        ("192.0.2.1:4711, [2001:db8::7]:1", "for=\"192.0.2.1:4711\",for=\"[2001:db8::7]:1\"", "192.0.2.1"),
        ("2001:db9::1", "for=\"[2001:db9::1]\"", "2001:db9::1"),
        ("::ffff:192.0.2.1", "for=\"[::ffff:192.0.2.1]:1\"", "192.0.2.1"),
        ("10.3.3.3,10.2.2.2", "for=10.3.3.3,for=10.2.2.2", "10.3.3.3"),
        ("192.0.2.1, unknown", "for=192.0.2.1, for=unknown", "10.0.0.1"),
        ("192.0.2.1, x, 10.2.2.2", "for=192.0.2.1, for=_x, for=10.2.2.2", "10.2.2.2"),
        ("192.0.2.1, ", "for=192.0.2.1, by=x", "10.0.0.1"),
    ] {
        let expected: IpAddr = expected.parse().expect("an address");
        for (which, name, value) in
            [(AddressHeaders::XForwarded, "x-forwarded-for", list), (AddressHeaders::Forwarded, "forwarded", forwarded)]
        {
            assert_eq!(told(which, &[(name, value)]).client(peer, &proxies), expected, "{value}");
        }
    }
}

#[test]
fn client_address_only_the_nearest_hops_are_read() {
    let proxies = Settings { trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")], ..Settings::default() };
    let peer = "10.0.0.1".parse().expect("an address");
    for (others, expected) in [(MAX_HOPS - 1, "192.0.2.1"), (MAX_HOPS, "10.0.0.2"), (3000, "10.0.0.2")] {
        let list = |prefix: &str| format!("{prefix}192.0.2.1{}", format!(",{prefix}10.0.0.2").repeat(others));
        let told = [
            told(AddressHeaders::XForwarded, &[("x-forwarded-for", &list(""))]),
            told(AddressHeaders::Forwarded, &[("forwarded", &list("for="))]),
        ];
        for told in told {
            assert_eq!(told.from.len(), MAX_HOPS.min(others + 1));
            assert_eq!(told.client(peer, &proxies).to_string(), expected, "{others}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(20_260_301),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn forwarded_base_url_is_always_a_url(
        proto in "(https?|[ -~]{0,8})", host in "([a-z.:\\[\\]0-9@/]{0,12}|[ -~é]{0,12})", prefix in "[ -~é]{0,12}",
        list in "[ -~]{0,30}",
    ) {
        let values = [
            ("x-forwarded-proto", proto.as_str()),
            ("x-forwarded-host", &host),
            ("x-forwarded-prefix", &prefix),
            ("x-forwarded-for", &list),
        ];
        let told_x = told(AddressHeaders::XForwarded, &values);
        let told_forwarded = told(AddressHeaders::Forwarded, &[("forwarded", &list)]);
        for told in [told_x, told_forwarded] {
            let _ = told.client([127, 0, 0, 1].into(), &Settings::default());
            if let Some(url) = told.base_url() {
                let uri: axum::http::Uri = url.parse().expect("a URL");
                prop_assert!(uri.host().is_some_and(|host| !host.is_empty()), "{}", url);
                prop_assert!(uri.path().ends_with("/fhir") && uri.query().is_none() && !url.contains('@'), "{}", url);
            }
        }
    }
}
