//! Receivers over TLS.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::{Authority, Identity};
use crate::endpoint::{Endpoint, webhook};
use crate::support::Backend;

/// A receiver with this certificate, which accepts everything; its port.
fn receive(identity: &Identity) -> u16 {
    let chain = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("a certificate");
    let (config, listener) = (Arc::new(config), TcpListener::bind("0.0.0.0:0").expect("a port"));
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream.expect("a connection"));
            let (mut request, mut buffer) = (vec![], [0; 4096]);
            // The body of a test event ends with that of its data.
            while !request.ends_with(b"\"data\":{}}") {
                match stream.read(&mut buffer) {
                    Ok(count @ 1..) => request.extend_from_slice(&buffer[..count]),
                    // The handshake failed.
                    _ => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        }
    });
    port
}

#[tokio::test]
async fn webhook_receiver_of_an_own_authority_needs_its_ca() {
    let endpoint = Endpoint::new(Backend::Sqlite).await.expect("SQLite is always there");
    let (authority, other) = (Authority::new(), Authority::named("OTHER"));
    let port = receive(&authority.server());
    let ca = |name: &str, text: &str| {
        let file = endpoint.file(name);
        std::fs::write(&file, text).expect("written");
        format!("ca = {:?}", file.to_str().expect("UTF-8"))
    };
    let test = |host: &str, ca: &str| {
        endpoint.configure(&[webhook("vendor", &format!("https://{host}:{port}/hook"), ca)]);
        let output = endpoint.command(&["test", "vendor"]);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), shown)
    };
    let right = ca("ca.pem", &authority.pem());
    let (accepted, shown) = test("localhost", &right);
    assert!(accepted && shown.contains("it accepts the event (204)"), "{shown}");
    for (host, ca) in [("localhost", String::new()), ("localhost", ca("other.pem", &other.pem())), ("127.0.0.2", right)]
    {
        let (accepted, shown) = test(host, &ca);
        assert!(!accepted && shown.contains("it does not answer: ") && shown.contains("certificate"), "{ca}: {shown}");
    }
    for text in ["", "s3cret", "-----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE-----\n"] {
        let (accepted, shown) = test("localhost", &ca("wrong.pem", text));
        assert!(!accepted && shown.contains("wrong.pem cannot be used: "), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    let missing = format!("ca = {:?}", endpoint.file("missing.pem").to_str().expect("UTF-8"));
    let (accepted, shown) = test("localhost", &missing);
    assert!(!accepted && shown.contains("missing.pem cannot be used: No such file"), "{shown}");
}
