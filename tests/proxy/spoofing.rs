//! Headers of clients about certificates, addresses and proxies have no effect.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::certificates::{Identity, Kind};
use crate::deployment::{Deployment, account, fhir};

/// A good certificate, as each proxy would pass it on.
fn passed_on(good: &Identity) -> Vec<(&'static str, String)> {
    let escaped = utf8_percent_encode(&good.certificate_pem, NON_ALPHANUMERIC).to_string();
    let base64 = BASE64_STANDARD.encode(&good.chain[0]);
    vec![
        ("X-SSL-Client-Cert", escaped.clone()),
        ("x-ssl-client-cert", escaped.clone()),
        ("X_SSL_Client_Cert", escaped.clone()),
        ("Client-Cert", format!(":{base64}:")),
        ("X-Forwarded-Client-Cert", format!("Cert=\"{escaped}\"")),
        ("X-Forwarded-Tls-Client-Cert", base64),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_certificate_header_of_the_client_is_ignored() {
    let Some(deployment) = Deployment::start().await else { return };
    let good = deployment.identity(Kind::Good);
    let wrong = deployment.identity(Kind::WrongCommonName);
    for (identity, status, code) in [(None, 401, "login"), (Some(&wrong), 403, "forbidden")] {
        let client = deployment.nginx.client(identity);
        for (header, value) in passed_on(&good) {
            let (account, criterion) = account();
            let put = client.put(deployment.nginx.url(&criterion)).header("content-type", "application/json");
            let refused = fhir(put.header(header, &value).body(account)).await;
            assert_eq!((refused.status.as_u16(), refused.code()), (status, code), "{header}: {}", refused.resource);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_address_header_of_the_client_is_ignored() {
    let Some(deployment) = Deployment::start().await else { return };
    let client = deployment.nginx.client(Some(&deployment.identity(Kind::Good)));
    for (header, value) in [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Port", "1"),
        ("X-Forwarded-Prefix", "/evil"),
        ("Forwarded", "host=evil.example;proto=http"),
        ("Host", "evil.example"),
    ] {
        let (account, criterion) = account();
        let put = client.put(deployment.nginx.url(&criterion)).header("content-type", "application/json");
        let created = fhir(put.header(header, value).body(account)).await;
        assert_eq!(created.status, 201, "{header}: {}", created.resource);
        let public = deployment.nginx.url("/fhir/Practitioner/");
        assert!(created.location.starts_with(&public), "{header}: {}", created.location);
    }
}
