//! Inputs that identify a sender: tokens, forwarded certificates, addresses.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use sas_endpoint::access::caller::{Caller, Callers, Credential};
use sas_endpoint::access::right::Right;
use sas_endpoint::access::token::TokenHash;
use sas_endpoint::access::{Access, Metadata};
use sas_endpoint::http::origin::proxy::{AddressHeaders, CertificateHeader, Settings};
use sas_endpoint::http::origin::{BaseUrl, Identification};
use sas_endpoint::tls::certificate::ClientCertificate;
use sas_endpoint::tls::trust::{Authorities, ExpiredCrlPolicy, Trust};
use serde_json::Value;

use crate::certificates::{Authority, COMMON_NAME, Kind, ORGANIZATIONAL_UNIT};
use crate::inputs::{encoded, odd_text};
use crate::response_check::check_response;
use crate::service::{Answer, BASE, Service, for_all, hold};

const TOKEN: &str = "fj3Kq0Zz-._~8d7a";

fn trust(authority: &Authority) -> Trust {
    let certificates = CertificateDer::pem_slice_iter(authority.pem().as_bytes()).collect::<Result<_, _>>();
    Trust::new(Authorities::new(certificates.expect("PEM"), vec![], ExpiredCrlPolicy::Refuse).expect("authorities"))
}

/// Behind a proxy that is believed; two callers, who may read.
fn behind(authority: &Authority, proxy_certificate: CertificateHeader, proxy_headers: AddressHeaders) -> Service {
    let mut callers = Callers::default();
    let reader = |name: &str| Caller { name: name.to_owned(), rights: vec![Right::Read] };
    let common_name = COMMON_NAME.to_owned();
    let by_certificate = Credential::Certificate { common_name, organizational_unit: ORGANIZATIONAL_UNIT.to_owned() };
    callers.add(reader("by certificate"), by_certificate).expect("a caller");
    callers.add(reader("by token"), Credential::Token(TokenHash::from_token(TOKEN))).expect("a caller");
    // A request without a connection comes from here.
    let trusted_proxies = vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED).into()];
    Service::identifying(Identification {
        base_url: BaseUrl::FromProxy(BASE.into()),
        access: Access::restricted(callers, Metadata::Closed),
        proxies: Settings { trusted_proxies, proxy_certificate, proxy_headers },
        trust: Some(trust(authority)),
    })
}

/// A search with these headers; `None` where a value cannot stand in a header.
fn search(service: &Service, headers: &[(&str, &str)]) -> Option<Answer> {
    let mut request = Request::builder().uri("/fhir/Practitioner?_count=1");
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_str(value).ok()?);
    }
    Some(service.send(request.body(Body::empty()).expect("a request")))
}

/// Bytes with a few of them changed, cut or added.
fn modified(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let touch = prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| (at, 1, vec![byte])),
        1 => (any::<Index>(), 0..8_usize, vec(any::<u8>(), 0..4)),
        1 => any::<Index>().prop_map(|at| (at, usize::MAX, vec![])),
    ];
    vec(touch, 0..3).prop_map(move |touches| {
        let mut bytes = bytes.clone();
        for (at, cut, added) in touches {
            let at = at.index(bytes.len() + 1);
            let end = at.saturating_add(cut).min(bytes.len());
            bytes.splice(at..end, added);
        }
        bytes
    })
}

/// The certificate as a proxy of this kind passes it on: the header, and its value.
fn passed_on(kind: CertificateHeader, der: &[u8]) -> (&'static str, String) {
    let base64 = STANDARD.encode(der);
    let pem = encoded(&format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n"));
    match kind {
        CertificateHeader::XSslClientCert => ("x-ssl-client-cert", pem),
        CertificateHeader::XForwardedClientCert => {
            ("x-forwarded-client-cert", format!("By=spiffe://x;Hash=0a;Cert=\"{pem}\";Subject=\"CN=a\\\"b\""))
        }
        CertificateHeader::XForwardedTlsClientCert => ("x-forwarded-tls-client-cert", encoded(&base64)),
        CertificateHeader::ClientCert | CertificateHeader::None => ("client-cert", format!(":{base64}:")),
    }
}

const KINDS: [CertificateHeader; 4] = [
    CertificateHeader::ClientCert,
    CertificateHeader::XSslClientCert,
    CertificateHeader::XForwardedClientCert,
    CertificateHeader::XForwardedTlsClientCert,
];

#[test]
fn fuzz_modified_certificate_is_refused() {
    let authority = Authority::new();
    let good = authority.client(Kind::Good).chain.swap_remove(0);
    let services = KINDS.map(|kind| behind(&authority, kind, AddressHeaders::XForwarded));
    hold((0..KINDS.len(), modified(good.clone())), |(kind, der)| {
        let (name, value) = passed_on(KINDS[kind], &der);
        let answer = search(&services[kind], &[(name, &value)]).expect("base64 may stand in a header");
        check_response("GET", &answer)?;
        prop_assert_eq!(answer.status == 200, der == good, "{}: {}", answer.status, answer.text);
        Ok(())
    });
}

#[test]
fn fuzz_certificate_header_is_answered_in_fhir() {
    let authority = Authority::new();
    let good = authority.client(Kind::Good).chain.swap_remove(0);
    let services = KINDS.map(|kind| behind(&authority, kind, AddressHeaders::XForwarded));
    let value = (0..KINDS.len()).prop_flat_map(move |kind| {
        let value = passed_on(KINDS[kind], &good).1;
        let text = modified(value.into_bytes()).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (Just(kind), prop_oneof![3 => text, 1 => odd_text()], odd_text())
    });
    hold(value, |(kind, value, more)| {
        let name = passed_on(KINDS[kind], &[]).0;
        for headers in [
            &[(name, value.as_str())][..],
            &[(name, &value), (name, &more)],
            &[(name, &value), ("client-cert-chain", &more)],
        ] {
            if let Some(answer) = search(&services[kind], headers) {
                check_response("GET", &answer)?;
                prop_assert!([200, 401, 403].contains(&answer.status), "{}: {}", answer.status, answer.text);
            }
        }
        Ok(())
    });
}

#[test]
fn fuzz_certificate_parser_does_not_panic() {
    let authority = Authority::new();
    let trust = trust(&authority);
    let good = authority.client(Kind::Good).chain.swap_remove(0);
    let bytes = prop_oneof![4 => modified(good.clone()), 1 => vec(any::<u8>(), 0..300)];
    hold((bytes, vec(vec(any::<u8>(), 0..40), 0..3)), |(der, others)| {
        let _ = ClientCertificate::parse(&der);
        let chain: Vec<_> = [&der].into_iter().chain(&others).map(|der| CertificateDer::from(der.as_slice())).collect();
        let validated = trust.verify(&chain, UnixTime::now());
        prop_assert!(validated.is_err() || der == good, "{:?}", validated);
        Ok(())
    });
}

#[test]
fn fuzz_only_the_exact_token_is_accepted() {
    let service = behind(&Authority::new(), CertificateHeader::None, AddressHeaders::XForwarded);
    let almost = modified(format!("Bearer {TOKEN}").into_bytes());
    let text = almost.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    hold(prop_oneof![3 => text, 1 => odd_text(), 1 => odd_text().prop_map(|text| format!("Bearer {text}"))], |value| {
        let Some(answer) = search(&service, &[("authorization", &value)]) else { return Ok(()) };
        check_response("GET", &answer)?;
        let (scheme, token) = value.trim_matches([' ', '\t']).split_once(' ').unwrap_or_default();
        let is_token = scheme.eq_ignore_ascii_case("bearer") && token.trim_matches(' ') == TOKEN;
        prop_assert_eq!(answer.status, if is_token { 200 } else { 401 }, "{:?}: {}", value, answer.text);
        Ok(())
    });
}

/// What proxies tell of addresses: the name of a header, and a value.
fn address_header() -> impl Strategy<Value = (&'static str, String)> {
    let names = [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "host",
    ];
    let values = [
        "https",
        "http",
        "HTTPS",
        "ftp",
        "sas.example.org",
        "sas.example.org:8443",
        "[::1]:80",
        "[::1",
        "a b",
        "evil.example/x",
        "a@b",
        "443",
        "0",
        "65536",
        "-1",
        "/a",
        "/a/b/",
        "//a",
        "/..",
        "/a?b",
        "/%2e",
        "for=_x;proto=https;host=a.example",
        "for=\"[2001:db8::1]:4711\";proto=http;host=\"b.example:81\"",
        "for=1;;;",
        "host=\"a\\\"b\";proto=https",
        "10.0.0.1, 192.0.2.1",
        "a, https",
        "\"",
        "host=",
        "proto=javascript;host=x",
        ",,,,",
    ];
    (select(names.to_vec()), prop_oneof![3 => select(values.to_vec()).prop_map(str::to_owned), 1 => odd_text()])
}

/// The URL that the answer gives itself.
fn own_url(answer: &Answer) -> String {
    let bundle: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    bundle["link"][0]["url"].as_str().unwrap_or_default().to_owned()
}

/// Whether the request names two hosts, none that is legal, or, where no callers are asked for, one that is not ours.
fn is_refused_for_its_host(answer: &Answer, headers: &[(&str, &str)]) -> bool {
    let names_host = headers.iter().any(|(name, _)| *name == "host");
    let is_refused = |status, rule| answer.status == status && answer.text.contains(rule);
    names_host && (is_refused(400, "http-host") || is_refused(421, "foreign-host"))
}

#[test]
fn fuzz_forwarded_base_url_of_a_proxy_is_a_url() {
    let authority = Authority::new();
    let headers = [AddressHeaders::XForwarded, AddressHeaders::Forwarded];
    let services = headers.map(|headers| behind(&authority, CertificateHeader::None, headers));
    hold((0..2_usize, vec(address_header(), 0..6)), |(service, headers)| {
        let bearer = format!("Bearer {TOKEN}");
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let headers = [&headers[..], &[("authorization", bearer.as_str())]].concat();
        let Some(answer) = search(&services[service], &headers) else { return Ok(()) };
        check_response("GET", &answer)?;
        if is_refused_for_its_host(&answer, &headers) {
            return Ok(());
        }
        prop_assert_eq!(answer.status, 200, "{}", answer.text);
        let url = own_url(&answer);
        let rest = url.strip_prefix("https://").or(url.strip_prefix("http://")).unwrap_or_default();
        let base = rest.strip_suffix("/fhir/Practitioner?_count=1").unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:[]/".contains(c);
        prop_assert!(!base.is_empty() && !base.contains("//") && base.chars().all(plain), "{:?}", url);
        Ok(())
    });
}

#[test]
fn fuzz_forwarded_base_url_of_untrusted_peers_is_ignored() {
    for_all(vec(address_header(), 0..6), |service, headers| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let Some(answer) = search(service, &headers) else { return Ok(()) };
        check_response("GET", &answer)?;
        if is_refused_for_its_host(&answer, &headers) {
            return Ok(());
        }
        prop_assert_eq!(own_url(&answer), format!("{BASE}/Practitioner?_count=1"));
        Ok(())
    });
}
