//! Which clients complete the handshake.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use sas_endpoint::http::bounds::Bounds;
use sas_endpoint::http::listener::ListenerConfig;
use sas_endpoint::tls::rejection::CertificateRejection;
use sas_endpoint::tls::settings::ClientAuth;
use sas_endpoint::tls::trust::ExpiredCrlPolicy;
use sas_endpoint::tls::{self, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::certificates::{Authority, COMMON_NAME, Kind, ORGANIZATIONAL_UNIT};
use crate::client::{self, connect_by, who};
use crate::files::Files;
use crate::server::TestServer;

async fn start(settings: &Settings) -> TestServer {
    let (tls, _) = tls::open(settings).expect("all is well");
    TestServer::start(ListenerConfig { tls: tls.server, ..Bounds::default().into() }).await
}

/// Why a good client is not believed by these settings; the alert says only "unknown CA".
fn rejection(settings: &Settings, files: &Files) -> Option<CertificateRejection> {
    let (tls, _) = tls::open(settings).expect("all is well");
    let chain: Vec<_> = files.authority.client(Kind::Good).chain.into_iter().map(CertificateDer::from).collect();
    tls.trust.expect("authorities").verify(&chain, UnixTime::now()).err()
}

/// What a client of this kind is told.
async fn reported(server: &TestServer, files: &Files, kind: Kind) -> String {
    match who(server.address, &files.authority, Some(&files.authority.client(kind))).await {
        Ok(who) => who,
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn handshake_validates_each_kind_of_certificate() {
    let files = Files::new();
    let server = start(&files.settings()).await;
    for (kind, expected) in [
        (Kind::Good, "sas-aggregator-demo 318751275100020"),
        // Known to the authority; whether they may do anything is said by the list of callers.
        (Kind::WrongCommonName, "sas-aggregator-somebody 318751275100020"),
        (Kind::WrongOrganizationalUnit, "sas-aggregator-demo 318751275100021"),
        (Kind::Nameless, "BadCertificate"),
        (Kind::Unprintable, "BadCertificate"),
        (Kind::UnprintableUnit, "BadCertificate"),
        (Kind::Expired, "CertificateExpired"),
        (Kind::NotYetValid, "CertificateExpired"),
        (Kind::Revoked, "CertificateRevoked"),
        (Kind::ForServers, "UnsupportedCertificate"),
        (Kind::ForEncryption, "UnsupportedCertificate"),
    ] {
        let reported = reported(&server, &files, kind).await;
        assert!(reported.contains(expected), "{kind:?}: {reported}");
    }
    let unknown_client = Authority::new().client(Kind::Good);
    let error = who(server.address, &files.authority, Some(&unknown_client)).await.expect_err("of another authority");
    assert!(error.to_string().contains("UnknownCA"), "{error}");
    let error = who(server.address, &files.authority, None).await.expect_err("no certificate");
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[test]
fn certificate_key_kind_or_size_unsupported_is_rejected() {
    const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDB6hJHwZPwMWCwI2H/2oHD6k4a\nxiMvQcD8VgqD0atIiKqo/mntUZCGxEH/md9zIGNaK/cklKfAzTzqLz4vjuYbSPne\nZpL1RqnYJfDUGuxi+whwJpY7AjUyCFfXjtOFCde4IpOviFniv20Dh6Agv2opeKnN\n6FIbFsQHD/ILjCGI8QIDAQAB\n-----END PUBLIC KEY-----";
    const RSA_2048: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA5D+g7bgGXlU3qiguHHOe\n+y86hfqv7a7ufJNwbSIYNvmKhJDkCk4emE55AvrkT0qQrjo7QiLIR8IaxpWg4RmZ\n8XJRsfukYgzIwMdG9+nhJfDwrEkX1S2N6JlejrSwwvADnCJyXzPsgz67JFwK9n1E\noqWITpLrmdxoCT5yM1v6SgBq8iqZL2/qOoF8mxh9OyNVCVkot9Rik0fe/DpNhDXL\nVU1EyYqOUZS4jcYAIw+wuC+tjqcnfQb6huglCnmKmgratTc0DI8cvlTeCcXiYuBG\nmDWzAa8FlJuEzgnPiRAO5FqUXFvCqGNkFFkB0llgqOgEHGJj1JjjuWIaSemOX1em\n9wIDAQAB\n-----END PUBLIC KEY-----";
    let files = Files::new();
    let (tls, _) = tls::open(&files.settings()).expect("all is well");
    let trust = tls.trust.expect("authorities");
    let validated = |public_key: &str| {
        let certificate = CertificateDer::from(files.authority.client_of_key(public_key));
        trust.verify(&[certificate], UnixTime::now()).err()
    };
    assert_eq!(validated(RSA_1024), Some(CertificateRejection::UnusableKey));
    assert_eq!(validated(RSA_2048), None);
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let key = rcgen::KeyPair::generate_for(algorithm).expect("a key");
        assert_eq!(validated(&key.public_key_pem()), None, "{algorithm:?}");
    }
}

#[tokio::test]
async fn handshake_chain_is_completed_with_configured_intermediates() {
    let files = Files::new();
    let server = start(&files.settings()).await;
    let mut alone = files.authority.client(Kind::Good);
    alone.chain.truncate(1);
    let reported = who(server.address, &files.authority, Some(&alone)).await.expect("believed");
    assert_eq!(reported, format!("{COMMON_NAME} {ORGANIZATIONAL_UNIT}"));
}

#[tokio::test]
async fn handshake_optional_certificate_is_validated() {
    let files = Files::new();
    let server = start(&Settings { tls_client_auth: ClientAuth::Optional, ..files.settings() }).await;
    assert_eq!(who(server.address, &files.authority, None).await.expect("let in"), "nobody");
    assert!(reported(&server, &files, Kind::Good).await.starts_with(COMMON_NAME));
    assert!(reported(&server, &files, Kind::Revoked).await.contains("CertificateRevoked"));
}

#[tokio::test]
async fn handshake_without_authorities_requests_no_certificate() {
    let files = Files::new();
    let settings = files.settings();
    let settings = Settings { tls_client_ca: None, tls_crl: None, tls_client_auth: ClientAuth::Optional, ..settings };
    let server = start(&settings).await;
    assert_eq!(reported(&server, &files, Kind::Expired).await, "nobody");
}

#[tokio::test]
async fn handshake_accepts_tls_1_2_and_1_3_only() {
    let files = Files::new();
    let server = start(&files.settings()).await;
    let good = files.authority.client(Kind::Good);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut stream = connect_by(server.address, &files.authority, Some(&good), &[version]).await.expect("served");
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        assert!(client::ask(&mut stream, "/who").await.expect("an answer").starts_with(COMMON_NAME));
    }
    // What a client of TLS 1.1 begins with: record, handshake, its version, random, no session, two
    // suites, no compression.
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x13, 0xc0, 0x14, 1, 0]);
    // An extension: signatures by ECDSA and SHA-256, so that the version alone is wrong.
    hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    let mut message = vec![1, 0, 0, hello.len() as u8];
    message.extend(hello);
    let mut record = vec![22, 3, 1, 0, message.len() as u8];
    record.extend(message);
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    stream.write_all(&record).await.expect("written");
    let mut alert = [0; 7];
    stream.read_exact(&mut alert).await.expect("an alert");
    assert_eq!((alert[0], alert[5], alert[6]), (21, 2, 70), "a fatal alert: protocol_version");
}

#[tokio::test]
async fn crl_expired_is_refused_or_tolerated_as_configured() {
    let files = Files::new();
    files.write("crl.pem", files.authority.revocation_list(-10, 8).pem().expect("PEM"));
    let refusing = start(&files.settings()).await;
    assert!(reported(&refusing, &files, Kind::Good).await.contains("UnknownCA"));
    assert_eq!(rejection(&files.settings(), &files), Some(CertificateRejection::RevocationListExpired));
    let tolerant = start(&Settings { tls_crl_expired: ExpiredCrlPolicy::Tolerate, ..files.settings() }).await;
    assert!(reported(&tolerant, &files, Kind::Good).await.starts_with(COMMON_NAME));
    assert!(reported(&tolerant, &files, Kind::Revoked).await.contains("CertificateRevoked"));
}

#[tokio::test]
async fn crl_of_other_issuer_leaves_revocation_unknown() {
    let files = Files::new();
    // Of the root only: it says nothing of clients.
    files.write("crl.pem", files.authority.revocation_list_of_root(false).pem().expect("PEM"));
    let server = start(&files.settings()).await;
    assert!(reported(&server, &files, Kind::Good).await.contains("UnknownCA"));
    assert_eq!(rejection(&files.settings(), &files), Some(CertificateRejection::RevocationUnknown));
    // Of the authority for organisations only: nobody need publish one of the root.
    files.write("crl.pem", files.authority.revocation_list(-1, 9).pem().expect("PEM"));
    let server = start(&files.settings()).await;
    assert!(reported(&server, &files, Kind::Good).await.starts_with(COMMON_NAME));
    // Without any, nobody is known to be revoked.
    let server = start(&Settings { tls_crl: None, ..files.settings() }).await;
    assert!(reported(&server, &files, Kind::Revoked).await.starts_with(COMMON_NAME));
}

#[tokio::test]
async fn crl_revoked_authority_invalidates_its_certificates() {
    let files = Files::new();
    let lists = [files.authority.revocation_list(-1, 9), files.authority.revocation_list_of_root(true)];
    files.write("crl.pem", lists.map(|list| list.pem().expect("PEM")).concat());
    let server = start(&files.settings()).await;
    assert!(reported(&server, &files, Kind::Good).await.contains("CertificateRevoked"));
}

#[tokio::test]
async fn crl_newest_of_one_issuer_is_used() {
    let files = Files::new();
    let (old, new) = (files.authority.revocation_list(-10, 8), files.authority.revocation_list(-1, 9));
    files.write("crl.pem", [old, new].map(|list| list.pem().expect("PEM")).concat());
    let server = start(&files.settings()).await;
    assert!(reported(&server, &files, Kind::Good).await.starts_with(COMMON_NAME));
}

#[tokio::test]
async fn tls_files_der_and_folders_are_read() {
    let files = Files::new();
    for folder in ["authorities", "lists"] {
        std::fs::create_dir(files.path(folder)).expect("a folder");
    }
    files.write("authorities/root.crt", files.authority.root.der());
    files.write("authorities/organisations.pem", files.authority.organisations.pem());
    files.write("lists/organisations.crl", files.authority.revocation_list(-1, 9).der());
    files.write("lists/root.crl", files.authority.revocation_list_of_root(false).der());
    let settings = Settings {
        tls_client_ca: Some(files.path("authorities")),
        tls_crl: Some(files.path("lists")),
        ..files.settings()
    };
    let server = start(&settings).await;
    assert!(reported(&server, &files, Kind::Good).await.starts_with(COMMON_NAME));
    assert!(reported(&server, &files, Kind::Revoked).await.contains("CertificateRevoked"));
}

#[tokio::test]
async fn handshake_timeout_closes_the_connection() {
    let files = Files::new();
    let (tls, _) = tls::open(&files.settings()).expect("all is well");
    let bounds = Bounds { header_timeout: Duration::from_millis(100), ..Bounds::default() };
    let server = TestServer::start(ListenerConfig { tls: tls.server, ..bounds.into() }).await;
    // The beginning of a record that never comes.
    assert_eq!(client::exchange(server.address, &[22, 3, 1, 2]).await, "");
    assert_eq!(client::exchange(server.address, &[]).await, "");
}

#[tokio::test]
async fn handshake_plain_http_is_not_served() {
    let files = Files::new();
    let server = start(&files.settings()).await;
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    stream.write_all(b"GET /who HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    let mut reported = vec![];
    // An alert, then the end, in which unread bytes may break the connection.
    let _ = stream.read_to_end(&mut reported).await;
    assert!(!reported.starts_with(b"HTTP"));
    assert_eq!(server.asked.load(std::sync::atomic::Ordering::SeqCst), 0);
}
