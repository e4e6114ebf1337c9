//! `sas-endpoint healthcheck`: for containers without a shell, and for scripts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Failure, terminal};

/// An instance that does not answer within this time is not ready.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the operator's listener of this machine.
pub async fn healthcheck(ops_listen: SocketAddr) -> Result<ExitCode, Failure> {
    // An instance that listens on every address is asked on loopback.
    let ip = match ops_listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, ops_listen.port());
    let outcome = tokio::time::timeout(PATIENCE, ask(address)).await;
    match outcome {
        Ok(Ok(StatusCode::OK)) => {
            println!("ready");
            return Ok(ExitCode::SUCCESS);
        }
        Ok(Ok(status)) => eprintln!("not ready: http://{address}/health/ready answers {status}"),
        Ok(Err(error)) => eprintln!("not ready: http://{address}/health/ready: {}", terminal::cell(&error.to_string())),
        Err(_) => eprintln!("not ready: http://{address}/health/ready did not answer within {PATIENCE:?}"),
    }
    Ok(ExitCode::FAILURE)
}

async fn ask(address: SocketAddr) -> Result<StatusCode, Failure> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/health/ready").header(header::HOST, address.to_string()).body(Body::empty())?;
    Ok(sender.send_request(request).await?.status())
}
