//! `sas-endpoint healthcheck`: for containers without a shell, and for scripts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::failure::Failure;
use super::terminal;
use crate::config::Healthcheck;

/// An instance that does not respond within this time is not healthy.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Queries the ops listener of this machine.
pub async fn healthcheck(arguments: &Healthcheck, ops_listen: SocketAddr) -> Result<ExitCode, Failure> {
    // An instance that listens on every address is queried on loopback.
    let ip = match ops_listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, ops_listen.port());
    let (state, path) = if arguments.live { ("live", "/health/live") } else { ("ready", "/health/ready") };
    let problem = match tokio::time::timeout(TIMEOUT, get_status(address, path)).await {
        Ok(Ok(StatusCode::OK)) => {
            println!("{state}");
            return Ok(ExitCode::SUCCESS);
        }
        Ok(Ok(status)) => format!(" responded with {status}"),
        Ok(Err(error)) => format!(": {}", terminal::cell(&error.to_string())),
        Err(_) => format!(" did not respond within {TIMEOUT:?}"),
    };
    eprintln!("not {state}: http://{address}{path}{problem}");
    Ok(ExitCode::FAILURE)
}

async fn get_status(address: SocketAddr, path: &str) -> Result<StatusCode, Failure> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header(header::HOST, address.to_string()).body(Body::empty())?;
    Ok(sender.send_request(request).await?.status())
}
