//! A client with or without a certificate, over TLS or not.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificates::{Authority, Identity};

/// Both versions that are served.
pub const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// A handshake with a server of this authority.
pub async fn connect(address: SocketAddr, of: &Authority, as_: Option<&Identity>) -> Result<TlsStream<TcpStream>> {
    connect_by(address, of, as_, VERSIONS).await
}

/// The same, in one of these versions.
pub async fn connect_by(
    address: SocketAddr,
    of: &Authority,
    as_: Option<&Identity>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(of.root.der().clone()).expect("a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(versions).expect("versions").with_root_certificates(roots);
    let config = match as_ {
        Some(identity) => {
            let chain = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("an identity")
        }
        None => builder.with_no_client_auth(),
    };
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// What `/who` answers to the holder of this certificate, on a connection of its own.
pub async fn who(address: SocketAddr, of: &Authority, as_: Option<&Identity>) -> Result<String> {
    ask(&mut connect(address, of, as_).await?, "/who").await
}

/// The body that is answered; the connection stays open.
pub async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> Result<String> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await?;
    answer(stream).await
}

/// The next answer: its body.
pub async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Result<String> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).ok_or_else(|| Error::other("no length"))?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Everything that comes until the other end closes.
pub async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Result<String> {
    let mut rest = vec![];
    stream.read_to_end(&mut rest).await?;
    Ok(String::from_utf8_lossy(&rest).into_owned())
}

/// Writes these bytes, and reads what comes until the other end closes.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(bytes).await.expect("written");
    rest(&mut stream).await.expect("an answer that can be read to its end")
}
