//! New certificates, authorities and lists are taken up while connections stay open.

use std::time::Duration;

use sas_endpoint::http::bounds::Bounds;
use sas_endpoint::http::listener::Door;
use sas_endpoint::tls;
use sas_endpoint::tls::trust::{Mistrust, Trust};

use crate::certificates::{Authority, COMMON_NAME, Identity, Kind};
use crate::client::{ask, connect, rest, who};
use crate::files::Files;
use crate::server::TestServer;

/// A server that looks at its files all the time, and what it believes.
async fn start(files: &Files) -> (TestServer, Trust) {
    let (tls, renewal) = tls::open(&files.settings()).expect("all is well");
    tokio::spawn(renewal.run());
    let server = TestServer::start(Door { tls: tls.server, ..Bounds::default().into() }).await;
    (server, tls.trust.expect("authorities"))
}

/// Tries until it is so.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let trying = async { while !is_so().await {} };
    tokio::time::timeout(Duration::from_secs(30), trying).await.expect("it becomes so");
}

fn is_told(answer: std::io::Result<String>, expected: &str) -> bool {
    answer.unwrap_or_else(|error| error.to_string()).contains(expected)
}

fn judged(trust: &Trust, identity: &Identity) -> Option<Mistrust> {
    let chain: Vec<_> = identity.chain.iter().map(|der| der.clone().into()).collect();
    trust.verify(&chain, rustls::pki_types::UnixTime::now()).err()
}

#[tokio::test]
async fn a_new_server_certificate_is_shown_to_who_connects_next() {
    let files = Files::new();
    let (server, _) = start(&files).await;
    let good = files.authority.client(Kind::Good);
    let mut open = connect(server.address, &files.authority, Some(&good)).await.expect("served");
    let shown = |stream: &tokio_rustls::client::TlsStream<_>| {
        stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec()
    };
    assert!(is_told(ask(&mut open, "/who").await, COMMON_NAME));
    let renewed = files.authority.server();
    files.write_server(&renewed);
    until(async || {
        let stream = connect(server.address, &files.authority, Some(&good)).await.expect("served throughout");
        shown(&stream) == renewed.chain[0]
    })
    .await;
    assert_ne!(shown(&open), renewed.chain[0]);
    assert!(is_told(ask(&mut open, "/who").await, COMMON_NAME), "the open connection goes on");
}

#[tokio::test]
async fn new_lists_and_authorities_count_for_who_connects_next_and_for_what_proxies_pass_on() {
    let files = Files::new();
    files.write("crl.pem", files.authority.revocation_list_of_root(false).pem().expect("PEM") + &empty_list(&files));
    let (server, trust) = start(&files).await;
    let (good, revoked) = (files.authority.client(Kind::Good), files.authority.client(Kind::Revoked));
    let mut open = connect(server.address, &files.authority, Some(&revoked)).await.expect("not revoked yet");
    assert!(is_told(ask(&mut open, "/who").await, COMMON_NAME));
    let mut of_another = connect(server.address, &files.authority, Some(&good)).await.expect("served");
    assert!(is_told(ask(&mut of_another, "/who").await, COMMON_NAME));
    assert_eq!(judged(&trust, &revoked), None);

    files.write("crl.pem", files.authority.revocation_lists_pem());
    until(async || is_told(who(server.address, &files.authority, Some(&revoked)).await, "CertificateRevoked")).await;
    assert_eq!(judged(&trust, &revoked), Some(Mistrust::Revoked));
    assert_eq!(rest(&mut open).await.expect("the end"), "", "the connection of the revoked one is closed");
    assert!(is_told(ask(&mut of_another, "/who").await, COMMON_NAME), "that of another goes on");

    let other = Authority::named("AUTRE");
    let stranger = other.client(Kind::Good);
    assert_eq!(judged(&trust, &stranger), Some(Mistrust::UnknownIssuer));
    files.write("crl.pem", files.authority.revocation_lists_pem() + &other.revocation_lists_pem());
    files.write("ca.pem", files.authority.pem() + &other.pem());
    until(async || is_told(who(server.address, &files.authority, Some(&stranger)).await, COMMON_NAME)).await;
    assert_eq!(judged(&trust, &stranger), None);
}

#[tokio::test]
async fn what_cannot_be_used_changes_nothing() {
    let files = Files::new();
    let (server, trust) = start(&files).await;
    let (good, revoked) = (files.authority.client(Kind::Good), files.authority.client(Kind::Revoked));
    for (name, content) in [("ca.pem", "nothing"), ("crl.pem", ""), ("server.key", "-----BEGIN X-----")] {
        let before = std::fs::read(files.path(name)).expect("read");
        files.write(name, content);
        // Another file that is in order does not count as long as one is not.
        let other = Authority::new();
        files.write("server.pem", other.server().chain_pem);
        for _ in 0..10 {
            assert!(is_told(who(server.address, &files.authority, Some(&good)).await, COMMON_NAME), "{name}");
            assert_eq!(judged(&trust, &revoked), Some(Mistrust::Revoked), "{name}");
        }
        files.write(name, before);
    }
    let renewed = files.authority.server();
    files.write_server(&renewed);
    until(async || {
        let stream = connect(server.address, &files.authority, Some(&good)).await.expect("served throughout");
        stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec() == renewed.chain[0]
    })
    .await;
}

/// A list on which nobody stands, older than others.
fn empty_list(files: &Files) -> String {
    files.authority.empty_revocation_list(-2, 9).pem().expect("PEM")
}
