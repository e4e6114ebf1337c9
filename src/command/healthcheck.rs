//! `sas-endpoint healthcheck`: for containers without a shell, and for scripts.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::failure::Failure;
use super::ops_client::{address_of, send};
use super::terminal;
use crate::config::Healthcheck;

/// An instance that does not respond within this time is not healthy.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Queries the ops listener of this machine.
pub async fn healthcheck(arguments: &Healthcheck, ops_listen: SocketAddr) -> Result<ExitCode, Failure> {
    let address = address_of(ops_listen);
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
    let (status, _) = send(address, Request::get(path).body(Body::empty())?).await?;
    Ok(status)
}
