//! The accept loop: serves each connection in a task of its own, until shutdown.

mod activity;
mod answer_body;
mod config;
mod connection;
mod file_limit;
mod gauge_guard;
mod open_connections;
mod per_ip_limit;
mod refusal;
mod shutdown;
mod timeout_stream;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::Extensions;
use axum::response::Response;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tower::Service;

use super::origin::Origin;
use gauge_guard::GaugeGuard;
use open_connections::OpenConnections;
use per_ip_limit::{PerIpLimit, PerIpPermit};
pub(super) use shutdown::shutdown_requested;

pub use activity::OnConnection;
pub use config::ListenerConfig;
pub(crate) use file_limit::cap_at_file_limit;

/// Pause after `accept` failed. The usual cause, too many open files, lasts for a while.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Marks the connection of a request as authenticated, if its sender is a caller.
pub(crate) fn mark_authenticated(extensions: &Extensions) {
    let is_caller = extensions.get::<Origin>().is_some_and(|origin| origin.caller().is_some());
    if let (true, Some(connection)) = (is_caller, extensions.get::<OnConnection>()) {
        connection.authenticate();
    }
}

/// Serves connections until `shutdown` becomes true, and returns once the last one has ended.
pub async fn serve<S>(
    listener: TcpListener,
    service: S,
    config: impl Into<ListenerConfig>,
    mut shutdown: watch::Receiver<bool>,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    let config: Arc<ListenerConfig> = Arc::new(config.into());
    let per_ip_limit = PerIpLimit::new(&config);
    let shutdown_of_connections = shutdown.clone();
    let mut open = OpenConnections::new(config.bounds.max_connections);
    let spawn = |open: &mut OpenConnections, (stream, peer, per_ip_permit): Accepted, permit: OwnedSemaphorePermit| {
        let (activity, gauge) = (open.new_activity(), GaugeGuard::new("sas_connections"));
        let (service, config, shutdown) = (service.clone(), config.clone(), shutdown_of_connections.clone());
        let connection = Box::pin(connection::serve(stream, peer, service, config, activity.clone(), shutdown));
        open.spawn(activity, async move {
            connection.await;
            drop((per_ip_permit, gauge, permit));
        });
    };
    let mut unserved = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown_requested(&mut shutdown) => break,
            Some(()) = open.ended() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Beyond the limit it is closed without an answer, which would need a permit.
                let Some(per_ip_permit) = per_ip_limit.try_acquire(peer.ip()) else { continue };
                let connection = (stream, peer, per_ip_permit);
                let Some(permit) = open.acquire(&mut shutdown).await else {
                    unserved = Some(connection);
                    break;
                };
                spawn(&mut open, connection, permit);
            }
            Err(error) if is_client_abort(&error) => {}
            Err(error) => {
                report_accept_error(&error);
                tokio::select! {
                    () = tokio::time::sleep(ACCEPT_BACKOFF) => {}
                    () = shutdown_requested(&mut shutdown) => break,
                }
            }
        }
    }
    // For their clients these are connected: a proxy may have sent a request on one that it will not send again.
    let backlog = drain_backlog(listener).into_iter();
    let backlog = backlog.filter_map(|(stream, peer)| Some((stream, peer, per_ip_limit.try_acquire(peer.ip())?)));
    for connection in unserved.into_iter().chain(backlog) {
        if let Some(permit) = open.try_acquire() {
            spawn(&mut open, connection, permit);
        }
    }
    while open.ended().await.is_some() {}
}

fn report_accept_error(error: &std::io::Error) {
    metrics::counter!("sas_accept_errors_total").increment(1);
    tracing::error!("cannot accept connections: {error}");
}

/// A connection that was accepted and is not yet served.
type Accepted = (TcpStream, SocketAddr, PerIpPermit);

/// Accepts the connections in the backlog, and closes the listener.
fn drain_backlog(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else { return vec![] };
    // The listener is non-blocking: `accept` fails once the backlog is empty.
    let accepted: Vec<_> = std::iter::from_fn(|| listener.accept().ok()).collect();
    drop(listener);
    let into_tokio = |(stream, peer): (std::net::TcpStream, _)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    };
    accepted.into_iter().filter_map(into_tokio).collect()
}

/// Whether the client gave up before its connection was accepted.
fn is_client_abort(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
