//! Certificates, authorities and lists are reloaded while connections stay open.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateRevocationListDer;
use sas_endpoint::http::bounds::Bounds;
use sas_endpoint::http::listener::ListenerConfig;
use sas_endpoint::tls::rejection::CertificateRejection;
use sas_endpoint::tls::revocation::{check_date, merge};
use sas_endpoint::tls::trust::Trust;
use sas_endpoint::tls::{self, Settings, Tls};

use crate::certificates::{Authority, COMMON_NAME, Identity, Kind};
use crate::client::{ask, connect, rest, who};
use crate::files::Files;
use crate::server::TestServer;

/// A server that looks at its files all the time, and what it believes.
async fn start(files: &Files) -> (TestServer, Trust) {
    let (server, tls) = start_by(&files.settings()).await;
    (server, tls.trust.expect("authorities"))
}

/// The same by other settings, and all that was opened.
async fn start_by(settings: &Settings) -> (TestServer, Tls) {
    let (tls, renewal) = tls::open(settings).expect("all is well");
    tokio::spawn(renewal.run());
    let server = TestServer::start(ListenerConfig { tls: tls.server.clone(), ..Bounds::default().into() }).await;
    (server, tls)
}

/// Tries until it is so.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let trying = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), trying).await.expect("it becomes so");
}

fn is_refused_with(answer: std::io::Result<String>, expected: &str) -> bool {
    answer.unwrap_or_else(|error| error.to_string()).contains(expected)
}

fn validated(trust: &Trust, identity: &Identity) -> Option<CertificateRejection> {
    let chain: Vec<_> = identity.chain.iter().map(|der| der.clone().into()).collect();
    trust.verify(&chain, rustls::pki_types::UnixTime::now()).err()
}

#[tokio::test]
async fn reload_server_certificate_is_used_by_new_connections() {
    let files = Files::new();
    let (server, _) = start(&files).await;
    let good = files.authority.client(Kind::Good);
    let mut open = connect(server.address, &files.authority, Some(&good)).await.expect("served");
    let shown = |stream: &tokio_rustls::client::TlsStream<_>| {
        stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec()
    };
    assert!(is_refused_with(ask(&mut open, "/who").await, COMMON_NAME));
    let renewed = files.authority.server();
    files.write_server(&renewed);
    until(async || {
        let stream = connect(server.address, &files.authority, Some(&good)).await.expect("served throughout");
        shown(&stream) == renewed.chain[0]
    })
    .await;
    assert_ne!(shown(&open), renewed.chain[0]);
    assert!(is_refused_with(ask(&mut open, "/who").await, COMMON_NAME), "the open connection goes on");
}

#[tokio::test]
async fn reload_authorities_and_crls_apply_to_new_connections_and_proxies() {
    let files = Files::new();
    files.write("crl.pem", files.authority.revocation_list_of_root(false).pem().expect("PEM") + &empty_list(&files));
    let (server, trust) = start(&files).await;
    let (good, revoked) = (files.authority.client(Kind::Good), files.authority.client(Kind::Revoked));
    let mut open = connect(server.address, &files.authority, Some(&revoked)).await.expect("not revoked yet");
    assert!(is_refused_with(ask(&mut open, "/who").await, COMMON_NAME));
    let mut of_another = connect(server.address, &files.authority, Some(&good)).await.expect("served");
    assert!(is_refused_with(ask(&mut of_another, "/who").await, COMMON_NAME));
    assert_eq!(validated(&trust, &revoked), None);

    files.write("crl.pem", files.authority.revocation_lists_pem());
    until(async || is_refused_with(who(server.address, &files.authority, Some(&revoked)).await, "CertificateRevoked"))
        .await;
    assert_eq!(validated(&trust, &revoked), Some(CertificateRejection::Revoked));
    assert_eq!(rest(&mut open).await.expect("the end"), "", "the connection of the revoked one is closed");
    assert!(is_refused_with(ask(&mut of_another, "/who").await, COMMON_NAME), "that of another goes on");

    let other = Authority::named("AUTRE");
    let unknown_client = other.client(Kind::Good);
    assert_eq!(validated(&trust, &unknown_client), Some(CertificateRejection::UnknownIssuer));
    files.write("crl.pem", files.authority.revocation_lists_pem() + &other.revocation_lists_pem());
    files.write("ca.pem", files.authority.pem() + &other.pem());
    until(async || is_refused_with(who(server.address, &files.authority, Some(&unknown_client)).await, COMMON_NAME))
        .await;
    assert_eq!(validated(&trust, &unknown_client), None);
}

#[tokio::test]
async fn reload_invalid_files_changes_nothing() {
    let files = Files::new();
    let (server, tls) = start_by(&files.settings()).await;
    let trust = tls.trust.clone().expect("authorities");
    let (good, revoked) = (files.authority.client(Kind::Good), files.authority.client(Kind::Revoked));
    for (name, content, reported) in [
        ("ca.pem", "nothing", "ca.pem"),
        ("crl.pem", "", "crl.pem"),
        ("server.key", "-----BEGIN X-----", "no private key"),
    ] {
        let before = std::fs::read(files.path(name)).expect("read");
        // Another file that is in order does not count as long as one is not.
        let other = Authority::new();
        files.write("server.pem", other.server().chain_pem);
        files.write(name, content);
        until(async || tls.refused.load().iter().any(|sentence| sentence.contains(reported))).await;
        for _ in 0..10 {
            assert!(is_refused_with(who(server.address, &files.authority, Some(&good)).await, COMMON_NAME), "{name}");
            assert_eq!(validated(&trust, &revoked), Some(CertificateRejection::Revoked), "{name}");
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

#[tokio::test]
async fn reload_sighup_before_the_first_check_does_not_end_the_process() {
    let files = Files::new();
    let (_, renewal) = tls::open(&files.settings()).expect("all is well");
    let running = renewal.run();
    // This process would end.
    let own = std::process::id().to_string();
    assert!(std::process::Command::new("kill").args(["-HUP", &own]).status().expect("kill runs").success());
    drop(running);
}

#[tokio::test]
async fn reload_invalid_file_does_not_prevent_revocations() {
    for (name, what) in [("lists/README", "a stray file"), ("server.key", "a key"), ("authorities/README", "a text")] {
        let files = in_folders();
        let (server, tls) = start_by(&folders(&files)).await;
        let trust = tls.trust.expect("authorities");
        let (good, revoked) = (files.authority.client(Kind::Good), files.authority.client(Kind::Revoked));
        assert_eq!(validated(&trust, &revoked), None);
        files.write(name, "this is something else");
        files.write("lists/organisations.crl", files.authority.revocation_list(-1, 9).der());
        until(async || validated(&trust, &revoked) == Some(CertificateRejection::Revoked)).await;
        assert!(is_refused_with(who(server.address, &files.authority, Some(&good)).await, COMMON_NAME), "{what}");
    }
}

#[tokio::test]
async fn reload_crl_with_wrong_signature_is_not_used() {
    let files = Files::new();
    let (_server, tls) = start_by(&files.settings()).await;
    let trust = tls.trust.clone().expect("authorities");
    let (good, revoked) = (files.authority.client(Kind::Good), files.authority.client(Kind::Revoked));
    let in_use = trust.lists();
    // Another authority that calls itself the same, and lists newer than those in use.
    let forger = Authority::new();
    let forged = forger.revocation_list(0, 365).pem().expect("PEM");
    files.write("crl.pem", files.authority.revocation_lists_pem() + &forged);
    until(async || !tls.refused.load().is_empty()).await;
    assert_eq!((validated(&trust, &good), validated(&trust, &revoked)), (None, Some(CertificateRejection::Revoked)));
    assert_eq!(trust.lists(), in_use);
    let reported = tls::open(&files.settings()).err().expect("a start is refused");
    assert!(reported.contains("crl.pem") && reported.contains("did not sign"), "{reported}");
}

#[tokio::test]
async fn reload_crl_dated_in_the_future_is_refused_and_supersedes_no_other() {
    let files = Files::new();
    let (_server, tls) = start_by(&files.settings()).await;
    let trust = tls.trust.clone().expect("authorities");
    let revoked = files.authority.client(Kind::Revoked);
    let in_use = trust.lists();
    // Alone, and before and after a genuine one: nobody is revoked on it.
    let future = files.authority.empty_revocation_list(2, 9).pem().expect("PEM");
    for content in [
        future.clone(),
        future.clone() + &files.authority.revocation_lists_pem(),
        files.authority.revocation_lists_pem() + &future,
    ] {
        files.write("crl.pem", content);
        until(async || tls.refused.load().iter().any(|sentence| sentence.contains("dated in the future"))).await;
        assert_eq!(validated(&trust, &revoked), Some(CertificateRejection::Revoked));
        assert_eq!(trust.lists(), in_use);
        let reported = tls::open(&files.settings()).err().expect("a start is refused");
        assert!(reported.contains("crl.pem") && reported.contains("dated in the future"), "{reported}");
    }
    // A genuine one, newer than that in use and older than the one that was refused, is taken up.
    files.write("crl.pem", files.authority.empty_revocation_list(0, 9).pem().expect("PEM"));
    until(async || validated(&trust, &revoked).is_none()).await;
}

#[tokio::test]
async fn reload_authority_of_the_same_name_is_not_used_while_its_crl_is_refused() {
    let files = Files::new();
    let (_server, tls) = start_by(&files.settings()).await;
    let trust = tls.trust.clone().expect("authorities");
    let (good, revoked) = (files.authority.client(Kind::Good), files.authority.client(Kind::Revoked));
    // Its keys are others: the list in the file, and the one in use, are none of theirs.
    let successor = Authority::new();
    let (successors, revoked_since) = (successor.client(Kind::Good), successor.client(Kind::Revoked));
    files.write("ca.pem", successor.pem());
    until(async || !tls.refused.load().is_empty()).await;
    assert!(validated(&trust, &revoked_since).is_some());
    assert_eq!((validated(&trust, &good), validated(&trust, &revoked)), (None, Some(CertificateRejection::Revoked)));
    files.write("crl.pem", successor.revocation_lists_pem());
    until(async || tls.refused.load().is_empty()).await;
    assert_eq!(
        (validated(&trust, &successors), validated(&trust, &revoked_since)),
        (None, Some(CertificateRejection::Revoked))
    );
}

#[test]
fn crl_in_use_survives_a_clock_set_back_and_supersedes_no_other() {
    let authority = Authority::new();
    let list = |made: i64| CertificateRevocationListDer::from(authority.revocation_list(made, 30).der().to_vec());
    let (in_use, earlier, before) = ([list(-1)], list(-9), list(-5));
    let set_back = sas_endpoint::clock::system_time() - SignedDuration::from_hours(24 * 3);
    let merged = |read: Vec<_>, keep, now| merge(&in_use, read, keep, now).expect("readable").lists;
    // The file of the list in use is refused now.
    assert!(check_date(&in_use[0], set_back).is_err());
    assert_eq!(merged(vec![], true, set_back), in_use);
    assert_eq!(merged(vec![], false, set_back), []);
    for genuine in [earlier, before] {
        assert_eq!(merged(vec![genuine.clone()], false, set_back), std::slice::from_ref(&genuine));
        assert_eq!(merged(vec![genuine], false, sas_endpoint::clock::system_time()), in_use);
    }
}

#[test]
fn crl_dated_more_than_five_minutes_ahead_is_refused() {
    const LAST_SECOND: i64 = 253_402_300_799;
    let authority = Authority::new();
    let list = |made| CertificateRevocationListDer::from(authority.empty_revocation_list_made_at(made).der().to_vec());
    let now = Timestamp::from_second(1_800_000_000).expect("a moment");
    for (made, refused) in [
        (now.as_second() - 86_400, false),
        (now.as_second(), false),
        (now.as_second() + 300, false),
        (now.as_second() + 301, true),
        (now.as_second() + 86_400, true),
        (LAST_SECOND, true),
    ] {
        assert_eq!(check_date(&list(made), now).is_err(), refused, "{made}");
    }
}

#[tokio::test]
async fn reload_older_crl_does_not_undo_revocations() {
    let files = Files::new();
    let (_server, tls) = start_by(&files.settings()).await;
    let trust = tls.trust.clone().expect("authorities");
    let revoked = files.authority.client(Kind::Revoked);
    // Genuine, of the time before.
    files.write("crl.pem", empty_list(&files));
    until(async || !tls.refused.load().is_empty()).await;
    assert_eq!(validated(&trust, &revoked), Some(CertificateRejection::Revoked));
    files.write("crl.pem", files.authority.empty_revocation_list(0, 9).pem().expect("PEM"));
    until(async || validated(&trust, &revoked).is_none()).await;
}

#[tokio::test]
async fn crl_next_update_is_that_of_the_newest() {
    let files = Files::new();
    let lists = [files.authority.revocation_list(-10, 8), files.authority.revocation_list(-1, 9)];
    files.write("crl.pem", lists.map(|list| list.pem().expect("PEM")).concat());
    let (_, trust) = start(&files).await;
    let lists = trust.lists();
    assert_eq!(lists.len(), 1);
    assert!(!lists[0].is_out_of_date(sas_endpoint::clock::system_time()));
}

/// Authorities and lists in folders of their own; on the list stands nobody.
fn in_folders() -> Files {
    let files = Files::new();
    for folder in ["authorities", "lists"] {
        std::fs::create_dir(files.path(folder)).expect("a folder");
    }
    files.write("authorities/ca.pem", files.authority.pem());
    files.write("lists/organisations.crl", files.authority.empty_revocation_list(-2, 9).der());
    files
}

fn folders(files: &Files) -> Settings {
    Settings { tls_client_ca: Some(files.path("authorities")), tls_crl: Some(files.path("lists")), ..files.settings() }
}

/// A list on which nobody stands, older than others.
fn empty_list(files: &Files) -> String {
    files.authority.empty_revocation_list(-2, 9).pem().expect("PEM")
}
