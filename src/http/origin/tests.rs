//! Who a request comes from, by its connection and by what it says.

use axum::body::Body;
use axum::http::HeaderName;

use super::*;
use crate::access::Metadata;
use crate::access::file::parse_callers;
use crate::access::token::TokenHash;

const PROXY: &str = "10.0.0.1";
const CLIENT: &str = "192.0.2.1";

fn identification() -> Identification {
    let file = format!(
        "[[caller]]\nname = \"platform\"\ncn = \"sas\"\nou = \"3187\"\nrights = []\n\
         [[caller]]\nname = \"agenda\"\ntoken_sha256 = \"{}\"\nrights = []\n",
        TokenHash::from_token("secret")
    );
    let mut file: toml::Table = file.parse().expect("TOML");
    let callers = parse_callers(file.remove("caller").expect("callers")).expect("callers");
    let proxies = proxy::Settings {
        trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")],
        proxy_certificate: proxy::CertificateHeader::ClientCert,
        ..proxy::Settings::default()
    };
    let open = Identification::open("https://sas.example.org/fhir");
    Identification { access: Access::restricted(callers, Metadata::Open), proxies, ..open }
}

/// The request of a connection from `peer` that proved to hold a certificate of this name, if any.
fn request(peer: &str, common_name: Option<&str>, headers: &[(&'static str, &str)]) -> Request {
    let certificate = common_name.map(|name| ClientCertificate {
        common_name: name.to_owned(),
        organizational_units: vec!["3187".to_owned()],
        serial: "01".to_owned(),
    });
    let mut request = Request::new(Body::empty());
    let peer = SocketAddr::new(peer.parse().expect("an address"), 4711);
    request.extensions_mut().insert(Connection { peer, certificate: certificate.map(Arc::new) });
    for (name, value) in headers {
        request.headers_mut().append(HeaderName::from_static(name), value.parse().expect("a header value"));
    }
    request
}

fn origin(identification: &Identification, request: Request) -> Origin {
    identification.identify(request).extensions().get::<Origin>().expect("an origin").clone()
}

fn auth_failure(origin: &Origin) -> Option<AuthFailure> {
    match origin.principal {
        Principal::Unauthenticated(auth_failure) => Some(auth_failure),
        Principal::Anyone | Principal::Caller(_) => None,
    }
}

#[test]
fn authentication_prefers_the_certificate_to_the_token() {
    let token = ("authorization", "Bearer secret");
    let wrong = ("authorization", "Bearer guessed");
    for (name, headers, caller, why) in [
        (Some("sas"), &[][..], Some("platform"), None),
        (Some("sas"), &[token], Some("platform"), None),
        (Some("sas"), &[wrong], Some("platform"), None),
        (Some("somebody"), &[token], Some("agenda"), None),
        (Some("somebody"), &[wrong], None, Some(AuthFailure::UnknownToken)),
        (Some("somebody"), &[], None, Some(AuthFailure::UnknownCertificate)),
        (None, &[token], Some("agenda"), None),
        (None, &[token, token], None, Some(AuthFailure::Malformed)),
        (None, &[], None, Some(AuthFailure::NoCredentials)),
    ] {
        let origin = origin(&identification(), request(CLIENT, name, headers));
        assert_eq!((origin.caller(), auth_failure(&origin)), (caller, why), "{name:?} {headers:?}");
        assert_eq!(origin.certificate.map(|certificate| certificate.common_name.clone()).as_deref(), name);
        assert_eq!(origin.peer.to_string(), CLIENT);
    }
}

#[test]
fn authentication_ignores_the_certificate_of_a_proxy() {
    let origin = origin(&identification(), request(PROXY, Some("sas"), &[("x-forwarded-for", CLIENT)]));
    assert_eq!((auth_failure(&origin), origin.certificate), (Some(AuthFailure::NoCredentials), None));
    assert_eq!(origin.peer.to_string(), CLIENT);
}

#[test]
fn authentication_with_invalid_certificate_fails_despite_a_token() {
    let headers = [("client-cert", "x"), ("authorization", "Bearer secret")];
    let untrusted = Some(AuthFailure::UntrustedCertificate(CertificateRejection::Malformed));
    let asking = identification();
    assert_eq!(auth_failure(&origin(&asking, request(PROXY, None, &headers))), untrusted);
    let open = Identification { access: Access::open(), ..identification() };
    assert_eq!(auth_failure(&origin(&open, request(PROXY, None, &headers))), untrusted);
    assert!(matches!(origin(&open, request(PROXY, None, &[])).principal, Principal::Anyone));
    assert!(matches!(origin(&open, request(CLIENT, None, &headers)).principal, Principal::Anyone));
    // Without authorities nobody vouches for what can be read.
    let unknown = Some(AuthFailure::UntrustedCertificate(CertificateRejection::UnknownIssuer));
    assert_eq!(auth_failure(&origin(&asking, request(PROXY, None, &[("client-cert", ":AAAA:")]))), unknown);
}

#[test]
fn identification_removes_credentials_and_proxy_headers() {
    let forwarded = [
        ("authorization", "Bearer secret"),
        ("client-cert", ":AAAA:"),
        ("client-cert-chain", ":AAAA:"),
        ("x-ssl-client-cert", "x"),
        ("x-forwarded-client-cert", "x"),
        ("x-forwarded-tls-client-cert", "x"),
        ("forwarded", "for=192.0.2.9"),
        ("x-forwarded-for", "192.0.2.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-prefix", "/evil"),
        ("accept", "application/json"),
    ];
    for peer in [PROXY, CLIENT] {
        let identified = identification().identify(request(peer, None, &forwarded));
        let left: Vec<_> = identified.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["accept"], "{peer}");
    }
}
