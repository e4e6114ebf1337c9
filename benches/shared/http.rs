//! Requests of any kind, by hyper.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Failure;

/// Whether the operator's listener answers that the server is ready.
pub async fn is_ready(ops: SocketAddr) -> bool {
    let ask = async {
        let stream = TcpStream::connect(ops).await?;
        let (mut sender, connection) = handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::get("/health/ready").header("host", "localhost").body(Empty::new())?;
        Ok::<_, Failure>(sender.send_request(request).await?.status() == StatusCode::OK)
    };
    ask.await.unwrap_or(false)
}

/// A connection that is kept.
pub async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
