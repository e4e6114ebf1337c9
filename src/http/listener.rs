//! The accept loop: connections in, each with its own task, until the program is asked to stop.

mod capacity;
mod connection;
mod patience;
mod refusal;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::Service;

use super::bounds::Bounds;
use crate::tls::server::Server;
pub use capacity::connections_within_file_limit;

/// How long nothing is accepted after the system could not hand over a connection: files run out for a
/// while, and asking again at once would only burn time.
const BREATH: Duration = Duration::from_millis(100);

/// What connections pass through.
#[derive(Clone)]
pub struct Door {
    /// How long clients are waited for, and how many at a time.
    pub bounds: Bounds,
    /// Our side of TLS handshakes; without, connections are not encrypted.
    pub tls: Option<Server>,
}

impl From<Bounds> for Door {
    /// A door without encryption.
    fn from(bounds: Bounds) -> Self {
        Self { bounds, tls: None }
    }
}

/// Serves connections until `stopping` says so, and returns once the last one has ended.
pub async fn serve<S>(listener: TcpListener, service: S, door: impl Into<Door>, mut stopping: watch::Receiver<bool>)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    let door: Door = door.into();
    // Whoever comes when all places are taken waits where the system keeps those it has not handed over.
    let places = Arc::new(Semaphore::new(door.bounds.max_connections.min(Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    let mut place = None;
    loop {
        if place.is_none() {
            place = tokio::select! {
                free = places.clone().acquire_owned() => free.ok(),
                () = stopped(&mut stopping) => break,
                Some(_) = connections.join_next() => continue,
            };
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => break,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (place, open) = (place.take(), Open::new());
                let connection = connection::serve(stream, peer, service.clone(), door.clone(), stopping.clone());
                connections.spawn(async move {
                    connection.await;
                    drop((place, open));
                });
            }
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                metrics::counter!("sas_accept_errors_total").increment(1);
                tracing::error!("no connection can be accepted for the moment: {error}");
                tokio::select! {
                    () = tokio::time::sleep(BREATH) => {}
                    () = stopped(&mut stopping) => break,
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A client that gave up while it waited.
fn is_of_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Counts a connection as long as it is there.
struct Open;

impl Open {
    fn new() -> Self {
        metrics::gauge!("sas_connections").increment(1);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("sas_connections").decrement(1);
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: that is a stop too.
    let _ = stopping.wait_for(|stop| *stop).await;
}
