//! Behind a reverse proxy: forwarded certificates and addresses, and whose are trusted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::CertificateRevocationListDer;
use sas_endpoint::access::file::parse_callers;
use sas_endpoint::access::{Access, Metadata};
use sas_endpoint::http::origin::BaseUrl;
use sas_endpoint::http::origin::proxy::{AddressHeaders, CertificateHeader};
use sas_endpoint::tls::trust::{Authorities, ExpiredCrlPolicy, Trust};

use crate::certificates::{Authority, COMMON_NAME, Identity, Kind, ORGANIZATIONAL_UNIT};
use crate::server::*;

type Headers = Vec<(&'static str, String)>;

/// Every header that a certificate may be passed on in.
const FORMS: [CertificateHeader; 4] = [
    CertificateHeader::ClientCert,
    CertificateHeader::XSslClientCert,
    CertificateHeader::XForwardedClientCert,
    CertificateHeader::XForwardedTlsClientCert,
];

/// The caller of [`Kind::Good`] may read.
fn access() -> Access {
    let file = format!(
        "[[caller]]\nname = \"platform\"\ncn = \"{COMMON_NAME}\"\nou = \"{ORGANIZATIONAL_UNIT}\"\nrights = [\"read\"]\n"
    );
    let mut file: toml::Table = file.parse().expect("TOML");
    Access::restricted(parse_callers(file.remove("caller").expect("callers")).expect("callers"), Metadata::Open)
}

fn trust(authority: &Authority) -> Trust {
    let certificates = vec![authority.root.der().clone(), authority.organisations.der().clone()];
    let lists = [authority.revocation_list(-1, 365), authority.revocation_list_of_root(false)];
    let lists = lists.iter().map(|list| CertificateRevocationListDer::from(list.der().to_vec())).collect();
    Trust::new(Authorities::new(certificates, lists, ExpiredCrlPolicy::Refuse).expect("authorities"))
}

/// A server behind a proxy that passes on certificates in this form; clients of these tests are that proxy.
async fn behind_a_proxy(authority: &Authority, proxy_certificate: CertificateHeader) -> TestServer {
    let mut setup = Setup { access: access(), trust: Some(trust(authority)), ..Setup::default() };
    setup.proxies.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    setup.proxies.proxy_certificate = proxy_certificate;
    setup.start_somewhere().await
}

/// A certificate in the words of a proxy.
fn passed_on(form: CertificateHeader, identity: &Identity) -> Headers {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let base64 = |index: usize| STANDARD.encode(&identity.chain[index]);
    match form {
        CertificateHeader::None => vec![],
        CertificateHeader::ClientCert => {
            vec![("client-cert", format!(":{}:", base64(0))), ("client-cert-chain", format!(":{}:", base64(1)))]
        }
        CertificateHeader::XSslClientCert => vec![("x-ssl-client-cert", escaped(&identity.certificate_pem))],
        CertificateHeader::XForwardedClientCert => {
            let (certificate, chain) = (escaped(&identity.certificate_pem), escaped(&identity.chain_pem));
            let value = format!("Hash=0;Subject=\"CN=a,OU=b\";Cert=\"{certificate}\";Chain=\"{chain}\"");
            vec![("x-forwarded-client-cert", value)]
        }
        CertificateHeader::XForwardedTlsClientCert => {
            vec![("x-forwarded-tls-client-cert", escaped(&format!("{},{}", base64(0), base64(1))))]
        }
    }
}

async fn read(server: &TestServer, headers: &Headers) -> Answer {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.ask("GET", "/fhir/Practitioner", &headers).await
}

#[tokio::test]
async fn forwarded_certificate_is_validated_like_a_tls_certificate() {
    let (authority, another) = (Authority::new(), Authority::new());
    for form in FORMS {
        let server = behind_a_proxy(&authority, form).await;
        let good = passed_on(form, &authority.client(Kind::Good));
        read(&server, &good).await.expect(200);
        let headers: Vec<_> = good.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // Recognised, and without the right.
        server.ask("POST", "/fhir/Practitioner", &headers).await.refused(403, "http-forbidden");
        for kind in [Kind::WrongCommonName, Kind::WrongOrganizationalUnit] {
            let answer = read(&server, &passed_on(form, &authority.client(kind))).await;
            assert_eq!(answer.refused(403, "http-caller-unknown").json()["issue"][0]["code"], "forbidden");
        }
        for (authority, kind, reason) in [
            (&authority, Kind::Expired, "expired"),
            (&authority, Kind::NotYetValid, "not-yet-valid"),
            (&authority, Kind::Revoked, "revoked"),
            (&authority, Kind::ForServers, "not-for-clients"),
            (&authority, Kind::ForEncryption, "not-for-clients"),
            (&authority, Kind::Nameless, "malformed"),
            (&another, Kind::Good, "unknown-issuer"),
        ] {
            let answer = read(&server, &passed_on(form, &authority.client(kind))).await;
            let answer = answer.refused(403, "http-certificate");
            let reported = answer.json()["issue"][0]["details"]["text"].as_str().expect("a sentence").to_owned();
            assert!(reported.ends_with(&format!("{reason}.")), "{form:?} {kind:?}: {reported}");
        }
    }
}

#[tokio::test]
async fn forwarded_certificate_malformed_is_refused_and_absent_is_unauthenticated() {
    let authority = Authority::new();
    for form in FORMS {
        let server = behind_a_proxy(&authority, form).await;
        let (name, good) = passed_on(form, &authority.client(Kind::Good)).remove(0);
        for malformed in ["x".to_owned(), ":eA==:".to_owned(), "Cert=\"".to_owned(), good[..good.len() / 4].to_owned()]
        {
            read(&server, &vec![(name, malformed)]).await.refused(403, "http-certificate");
        }
        read(&server, &vec![]).await.refused(401, "http-login");
        read(&server, &vec![(name, String::new())]).await.refused(401, "http-login");
        // What is open stays open.
        server.get("/metadata").await.expect(200);
    }
}

#[tokio::test]
async fn forwarded_certificate_of_other_headers_is_ignored() {
    let authority = Authority::new();
    let identity = authority.client(Kind::Good);
    for form in FORMS.into_iter().chain([CertificateHeader::None]) {
        let server = behind_a_proxy(&authority, form).await;
        for other in FORMS.into_iter().filter(|other| *other != form) {
            read(&server, &passed_on(other, &identity)).await.refused(401, "http-login");
        }
    }
}

#[tokio::test]
async fn forwarded_certificate_of_the_nearest_proxy_is_used() {
    let authority = Authority::new();
    let form = CertificateHeader::XForwardedClientCert;
    let server = behind_a_proxy(&authority, form).await;
    let [good, wrong] =
        [Kind::Good, Kind::WrongCommonName].map(|kind| passed_on(form, &authority.client(kind)).remove(0).1);
    read(&server, &vec![("x-forwarded-client-cert", format!("{wrong},{good}"))]).await.expect(200);
    for spoofed in [
        vec![("x-forwarded-client-cert", format!("{good},{wrong}"))],
        vec![("x-forwarded-client-cert", good.clone()), ("x-forwarded-client-cert", wrong)],
    ] {
        read(&server, &spoofed).await.refused(403, "http-caller-unknown");
    }
}

#[tokio::test]
async fn forwarded_headers_of_untrusted_peers_are_ignored() {
    let authority = Authority::new();
    let identity = authority.client(Kind::Good);
    for form in FORMS {
        let mut setup = Setup { access: access(), trust: Some(trust(&authority)), ..Setup::default() };
        setup.proxies.trusted_proxies = vec!["192.0.2.1/32".parse().expect("a network")];
        setup.proxies.proxy_certificate = form;
        setup.base_url = BaseUrl::FromProxy("http://usual.example/fhir".into());
        let server = setup.start_somewhere().await;
        for spoofed in FORMS {
            let mut headers = passed_on(spoofed, &identity);
            headers.push(("x-forwarded-for", "192.0.2.1".to_owned()));
            read(&server, &headers).await.refused(401, "http-login");
        }
        read(&server, &vec![("client-cert", "malformed".to_owned())]).await.refused(401, "http-login");
        let addresses = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "for=192.0.2.1;proto=https;host=evil.example"),
        ];
        assert_eq!(base_url(&server, &addresses).await, "http://usual.example/fhir");
    }
}

#[tokio::test]
async fn forwarded_base_url_is_used_unless_configured() {
    for (which, headers, expected) in [
        (
            AddressHeaders::XForwarded,
            &[
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "evil.example, sas.example.net"),
                ("x-forwarded-port", "8443"),
                ("x-forwarded-prefix", "/ans"),
            ][..],
            "https://sas.example.net:8443/ans/fhir",
        ),
        (AddressHeaders::XForwarded, &[("forwarded", "proto=https;host=evil.example")], "http://usual.example/fhir"),
        (
            AddressHeaders::XForwarded,
            &[("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.example/?")],
            "http://usual.example/fhir",
        ),
        (
            AddressHeaders::Forwarded,
            &[(
                "forwarded",
                "proto=http;host=evil.example, for=\"[2001:db8::1]\";proto=https;host=\"sas.example.net:8443\"",
            )],
            "https://sas.example.net:8443/fhir",
        ),
        (
            AddressHeaders::Forwarded,
            &[("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.example")],
            "http://usual.example/fhir",
        ),
    ] {
        let mut setup = Setup::default();
        setup.proxies.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        setup.proxies.proxy_headers = which;
        setup.base_url = BaseUrl::FromProxy("http://usual.example/fhir".into());
        let server = setup.clone().start_somewhere().await;
        assert_eq!(base_url(&server, headers).await, expected, "{headers:?}");
        let directory = server.ask("GET", "/annuaire/fhir/v2/metadata", headers).await.expect(200);
        let beside = expected.strip_suffix("/fhir").expect("a base URL");
        assert!(directory.text.contains(&format!("\"{beside}/annuaire/fhir/v2\"")), "{}", directory.text);
        let message = Setup { base_url: BaseUrl::Fixed(BASE.into()), ..setup }.start_somewhere().await;
        assert_eq!(base_url(&message, headers).await, BASE);
    }
}

#[tokio::test]
async fn forwarded_host_of_trusted_proxy_is_accepted_and_determines_own_origin() {
    let mut setup = Setup { base_url: BaseUrl::FromProxy("http://usual.example/fhir".into()), ..Setup::default() };
    setup.proxies.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    let behind = setup.clone().start_somewhere().await;
    let message = Setup { base_url: BaseUrl::Fixed(BASE.into()), ..setup.clone() }.start_somewhere().await;
    setup.proxies.trusted_proxies = vec!["192.0.2.1/32".parse().expect("a network")];
    let elsewhere = setup.start_somewhere().await;
    for host in ["sas-endpoint:8080", "public.example", "x"] {
        for path in ["/fhir/Practitioner", "/fhir/metadata", "/annuaire/fhir/v2/metadata"] {
            behind.ask("GET", path, &[("host", host)]).await.expect(200);
            message.ask("GET", path, &[("host", host)]).await.expect(200);
            // A client that is no trusted proxy says nothing of the host either.
            let reported = [("host", host), ("x-forwarded-proto", "https"), ("x-forwarded-host", "usual.example")];
            elsewhere.ask("GET", path, &reported).await.refused(421, "foreign-host");
        }
    }
    let reported = [
        ("host", "sas-endpoint:8080"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "public.example"),
        ("x-forwarded-port", "8443"),
    ];
    for (server, origin, status) in [
        (&behind, "https://public.example:8443", 200),
        (&message, "https://public.example:8443", 200),
        (&message, "https://sas.example.org", 200),
        (&behind, "http://public.example:8443", 403),
        (&behind, "https://public.example", 403),
        (&behind, "https://sas.example.org", 403),
        (&message, "https://evil.example", 403),
    ] {
        let headers = [&reported[..], &[("origin", origin)]].concat();
        let answer = server.ask("GET", "/fhir/Practitioner", &headers).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.text);
    }
    let spoofed = [&reported[1..], &[("host", "usual.example"), ("origin", "https://public.example:8443")]].concat();
    elsewhere.ask("GET", "/fhir/Practitioner", &spoofed).await.refused(403, "http-origin");
}

async fn base_url(server: &TestServer, headers: &[(&str, &str)]) -> String {
    let statement = server.ask("GET", "/fhir/metadata", headers).await.expect(200).json();
    statement["implementation"]["url"].as_str().expect("a URL").to_owned()
}
