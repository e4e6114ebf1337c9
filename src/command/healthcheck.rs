//! `sas-endpoint healthcheck`: for containers without a shell, and for scripts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Failure, terminal};
use crate::config::Healthcheck;

/// An instance that does not answer within this time is not well.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks the operator's listener of this machine.
pub async fn healthcheck(arguments: &Healthcheck, ops_listen: SocketAddr) -> Result<ExitCode, Failure> {
    // An instance that listens on every address is asked on loopback.
    let ip = match ops_listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, ops_listen.port());
    let (state, path) = if arguments.live { ("live", "/health/live") } else { ("ready", "/health/ready") };
    let told = match tokio::time::timeout(TIMEOUT, ask(address, path)).await {
        Ok(Ok(StatusCode::OK)) => {
            println!("{state}");
            return Ok(ExitCode::SUCCESS);
        }
        Ok(Ok(status)) => format!(" answers {status}"),
        Ok(Err(error)) => format!(": {}", terminal::cell(&error.to_string())),
        Err(_) => format!(" did not answer within {TIMEOUT:?}"),
    };
    eprintln!("not {state}: http://{address}{path}{told}");
    Ok(ExitCode::FAILURE)
}

async fn ask(address: SocketAddr, path: &str) -> Result<StatusCode, Failure> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header(header::HOST, address.to_string()).body(Body::empty())?;
    Ok(sender.send_request(request).await?.status())
}
