//! Each form in which a proxy passes on a certificate, and what is none.

use axum::http::HeaderName;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rustls::pki_types::CertificateDer;

use super::*;

/// Nothing is parsed here: any bytes are a certificate.
const LEAF: &[u8] = b"the certificate of the client\xFB\xFF";
const ISSUER: &[u8] = b"the authority above it";

fn base64_of(der: &[u8]) -> String {
    BASE64.encode(der)
}

fn pem_of(der: &[u8]) -> String {
    let text = base64_of(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn read(header: CertificateHeader, values: &[(&'static str, &str)]) -> Result<Option<Chain>, Malformed> {
    let values = values.iter().map(|(name, value)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).expect("a header value"))
    });
    parse_forwarded(&values.collect(), header)
}

#[track_caller]
fn assert_reads(header: CertificateHeader, values: &[(&'static str, &str)], expected: &[&[u8]]) {
    let expected: Chain = expected.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
    assert_eq!(read(header, values), Ok(Some(expected)), "{values:?}");
}

#[track_caller]
fn assert_malformed(header: CertificateHeader, values: &[(&'static str, &str)]) {
    assert_eq!(read(header, values), Err(Malformed), "{values:?}");
}

/// Each form, and the header that it stands in.
const FORMS: [(CertificateHeader, &str); 4] = [
    (CertificateHeader::ClientCert, "client-cert"),
    (CertificateHeader::XSslClientCert, "x-ssl-client-cert"),
    (CertificateHeader::XForwardedClientCert, "x-forwarded-client-cert"),
    (CertificateHeader::XForwardedTlsClientCert, "x-forwarded-tls-client-cert"),
];

#[test]
fn forwarded_certificate_standard_header_is_parsed_with_its_chain() {
    let (leaf, issuer) = (format!(":{}:", base64_of(LEAF)), format!(":{}:", base64_of(ISSUER)));
    let header = CertificateHeader::ClientCert;
    assert_reads(header, &[("client-cert", &leaf)], &[LEAF]);
    let list = format!("{issuer} , {leaf}");
    assert_reads(header, &[("client-cert", &leaf), ("client-cert-chain", &list)], &[LEAF, ISSUER, LEAF]);
    let two = [("client-cert", leaf.as_str()), ("client-cert-chain", &issuer), ("client-cert-chain", &leaf)];
    assert_reads(header, &two, &[LEAF, ISSUER, LEAF]);
    for wrong in [base64_of(LEAF), ":".to_owned(), "::".to_owned(), ":é:".to_owned(), format!("{leaf}, {issuer}")] {
        assert_malformed(header, &[("client-cert", &wrong)]);
        assert_malformed(header, &[("client-cert", &leaf), ("client-cert-chain", &wrong.replace(", ", ":"))]);
    }
    assert_malformed(header, &[("client-cert", &leaf), ("client-cert", &leaf)]);
    let endless = [leaf.as_str(); MAX_CHAIN].join(",");
    assert_malformed(header, &[("client-cert", &leaf), ("client-cert-chain", &endless)]);
    // A chain of nobody.
    assert_eq!(read(header, &[("client-cert-chain", &issuer)]), Ok(None));
}

#[test]
fn forwarded_certificate_of_nginx_is_parsed() {
    let header = CertificateHeader::XSslClientCert;
    assert_reads(header, &[("x-ssl-client-cert", &escaped(&pem_of(LEAF)))], &[LEAF]);
    let escaped_lines_only = pem_of(LEAF).replace(' ', "%20").replace('\n', "%0A");
    assert_reads(header, &[("x-ssl-client-cert", &escaped_lines_only)], &[LEAF]);
    for wrong in ["x", "%", "%0", &escaped(&pem_of(LEAF)[..60]), &base64_of(LEAF), "(null)"] {
        assert_malformed(header, &[("x-ssl-client-cert", wrong)]);
    }
    let one = escaped(&pem_of(LEAF));
    assert_malformed(header, &[("x-ssl-client-cert", &one), ("x-ssl-client-cert", &one)]);
}

#[test]
fn forwarded_certificate_of_envoy_is_parsed_from_the_last_element() {
    let header = CertificateHeader::XForwardedClientCert;
    let name = "x-forwarded-client-cert";
    let (leaf, chain) = (escaped(&pem_of(LEAF)), escaped(&(pem_of(LEAF) + &pem_of(ISSUER))));
    let with_cert = format!("By=spiffe://x;Hash=00;Cert=\"{leaf}\";Subject=\"CN=\\\"a,b;c\\\"\";URI=");
    assert_reads(header, &[(name, &with_cert)], &[LEAF]);
    assert_reads(header, &[(name, &format!("Hash=1;Cert=\"{leaf}\";Chain=\"{chain}\""))], &[LEAF, ISSUER]);
    assert_reads(header, &[(name, &format!("hash=1;chain={chain}"))], &[LEAF, ISSUER]);
    let spoofed = escaped(&pem_of(b"somebody else"));
    assert_reads(header, &[(name, &format!("Cert=\"{spoofed}\",{with_cert}"))], &[LEAF]);
    assert_reads(header, &[(name, &format!("Cert=\"{spoofed}\"")), (name, &with_cert)], &[LEAF]);
    for wrong in [
        "Hash=1;Subject=\"CN=a\"".to_owned(),
        format!("Cert=\"{leaf}"),
        format!("Cert=\"{leaf}\";Cert=\"{leaf}\""),
        format!("Cert=\"{spoofed}\";Chain=\"{chain}\""),
        format!("Cert=\"{leaf}\",Hash=1"),
        "Cert=\"\"".to_owned(),
        "Cert=x".to_owned(),
    ] {
        assert_malformed(header, &[(name, &wrong)]);
    }
}

#[test]
fn forwarded_certificate_of_traefik_is_parsed_under_both_names() {
    for (header, name) in [
        (CertificateHeader::XForwardedTlsClientCert, "x-forwarded-tls-client-cert"),
        (CertificateHeader::XForwardedClientCert, "x-forwarded-client-cert"),
    ] {
        let (leaf, issuer) = (base64_of(LEAF), base64_of(ISSUER));
        for value in [&leaf, &escaped(&leaf), leaf.trim_end_matches('=')] {
            assert_reads(header, &[(name, value)], &[LEAF]);
        }
        assert_reads(header, &[(name, &format!("{leaf},{issuer}"))], &[LEAF, ISSUER]);
        assert_reads(header, &[(name, &escaped(&format!("{leaf},{issuer}")))], &[LEAF, ISSUER]);
        for wrong in ["x y", ",", "=", &format!("{leaf},"), "%FF"] {
            assert_malformed(header, &[(name, wrong)]);
        }
    }
}

#[test]
fn forwarded_certificate_without_header_is_none() {
    for (header, name) in FORMS {
        assert_eq!(read(header, &[]), Ok(None));
        assert_eq!(read(header, &[(name, "")]), Ok(None), "{name}");
        // The other forms are not looked at.
        for (_, other) in FORMS.into_iter().filter(|(_, other)| *other != name) {
            assert_eq!(read(header, &[(other, "x")]), Ok(None), "{other}");
        }
        assert_eq!(read(CertificateHeader::None, &[(name, "x")]), Ok(None));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(20_260_301),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn forwarded_certificate_arbitrary_value_does_not_panic(
        value in prop_oneof!["[ -~]{0,80}", "(By|Hash|Cert|Chain)=[\"a-z%0-9;,=:]{0,60}", ":[A-Za-z0-9+/=]{0,60}:"],
    ) {
        for (header, name) in FORMS {
            let _ = read(header, &[(name, &value)]);
        }
        let _ = read(CertificateHeader::ClientCert, &[("client-cert", ":AAAA:"), ("client-cert-chain", &value)]);
    }

    #[test]
    fn forwarded_certificate_is_parsed_back_from_each_header(der in prop::collection::vec(any::<u8>(), 1..100)) {
        let (text, pem) = (base64_of(&der), pem_of(&der));
        assert_reads(CertificateHeader::ClientCert, &[("client-cert", &format!(":{text}:"))], &[&der]);
        assert_reads(CertificateHeader::XSslClientCert, &[("x-ssl-client-cert", &escaped(&pem))], &[&der]);
        let envoy = format!("Hash=0;Cert=\"{}\"", escaped(&pem));
        assert_reads(CertificateHeader::XForwardedClientCert, &[("x-forwarded-client-cert", &envoy)], &[&der]);
        let traefik = [("x-forwarded-tls-client-cert", text.as_str())];
        assert_reads(CertificateHeader::XForwardedTlsClientCert, &traefik, &[&der]);
    }
}
