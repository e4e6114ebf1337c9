//! The accept loop: connections in, each with its own task, until the program is asked to stop.

mod capacity;
mod connection;
mod lines;
mod patience;
mod refusal;
mod share;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::Service;

use super::bounds::Bounds;
use super::origin::proxy;
use crate::tls::server::Server;
pub use capacity::connections_within_file_limit;
use lines::Lines;
use share::{Share, Shares};

/// How long nothing is accepted after the system could not hand over a connection: files run out for a
/// while, and asking again at once would only burn time.
const BREATH: Duration = Duration::from_millis(100);

/// What connections pass through.
pub struct Door {
    /// How long clients are waited for, and how many at a time.
    pub bounds: Bounds,
    /// Our side of TLS handshakes; without, connections are not encrypted.
    pub tls: Option<Server>,
    /// The proxies that are believed: many come through each of them, so that no bound for one address holds there.
    pub proxies: proxy::Settings,
}

impl From<Bounds> for Door {
    /// A door without encryption.
    fn from(bounds: Bounds) -> Self {
        Self { bounds, tls: None, proxies: proxy::Settings::default() }
    }
}

/// Serves connections until `stopping` says so, and returns once the last one has ended.
pub async fn serve<S>(listener: TcpListener, service: S, door: impl Into<Door>, mut stopping: watch::Receiver<bool>)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    let door: Arc<Door> = Arc::new(door.into());
    let (shares, full) = (Shares::new(&door), Lines::a_second(1));
    let stopping_of_connections = stopping.clone();
    // Whoever comes when all places are taken waits where the system keeps those it has not handed over.
    let places = Arc::new(Semaphore::new(door.bounds.max_connections.min(Semaphore::MAX_PERMITS)));
    let admitted = |stream, peer, share: Share, place: OwnedSemaphorePermit| {
        let open = Counted::by("sas_connections");
        let connection =
            connection::serve(stream, peer, service.clone(), door.clone(), stopping_of_connections.clone());
        async move {
            connection.await;
            drop((place, share, open));
        }
    };
    let mut connections = JoinSet::new();
    let mut place = None;
    loop {
        if place.is_none() {
            place = places.clone().try_acquire_owned().ok();
        }
        if place.is_none() {
            let _full = Counted::by("sas_listeners_full");
            if let Some(left_out) = full.next() {
                let max_connections = door.bounds.max_connections;
                tracing::warn!(
                    max_connections,
                    left_out,
                    "every connection that may be open is (SAS_MAX_CONNECTIONS): whoever comes waits for one to end"
                );
            }
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
                // Beyond its share it is closed here and now: a word about it would take a place.
                if let Some(share) = shares.take(peer.ip())
                    && let Some(place) = place.take()
                {
                    connections.spawn(admitted(stream, peer, share, place));
                }
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
    // The system told these that they are connected: a proxy may have sent them what must not be sent twice.
    for (stream, peer) in waiting(listener) {
        if let Some(share) = shares.take(peer.ip())
            && let Some(place) = place.take().or_else(|| places.clone().try_acquire_owned().ok())
        {
            connections.spawn(admitted(stream, peer, share, place));
        }
    }
    while connections.join_next().await.is_some() {}
}

/// The connections that wait to be accepted; then nobody listens any more.
fn waiting(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else { return vec![] };
    // Until there is none: this listener does not wait.
    let accepted: Vec<_> = std::iter::from_fn(|| listener.accept().ok()).collect();
    drop(listener);
    let taken_over = |(stream, peer): (std::net::TcpStream, _)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    };
    accepted.into_iter().filter_map(taken_over).collect()
}

/// A client that gave up while it waited.
fn is_of_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Counts something by a gauge as long as it is there.
struct Counted(&'static str);

impl Counted {
    fn by(gauge: &'static str) -> Self {
        metrics::gauge!(gauge).increment(1);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(self.0).decrement(1);
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: that is a stop too.
    let _ = stopping.wait_for(|stop| *stop).await;
}
