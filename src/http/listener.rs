//! The accept loop: connections in, each with its own task, until the program is asked to stop.

mod activity;
mod answer_body;
mod capacity;
mod connection;
mod open;
mod refusal;
mod share;
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

use super::bounds::Bounds;
use super::origin::{Origin, proxy};
use crate::access::Access;
use crate::tls::server::Server;
use activity::Activity;
pub use capacity::connections_within_file_limit;
use open::OpenConnections;
use share::{Share, Shares};

/// How long nothing is accepted after the system could not hand over a connection: files run out for a
/// while, and asking again at once would only burn time.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// What connections pass through.
pub struct Door {
    /// How long clients are waited for, and how many at a time.
    pub bounds: Bounds,
    /// Our side of TLS handshakes; without, connections are not encrypted.
    pub tls: Option<Server>,
    /// The proxies that are believed: many come through each of them, so that no bound for one address holds there.
    pub proxies: proxy::Settings,
    /// Who is a caller: where connections run out, theirs go last.
    pub access: Access,
}

/// The connection that a request came over; the listener adds it to each request.
#[derive(Clone)]
pub struct OnConnection(Arc<Activity>);

impl OnConnection {
    /// Notes that a caller was recognised: where connections run out, those without one go first.
    pub fn authenticate(&self) {
        self.0.authenticate();
    }
}

/// Notes on its connection that the sender of a request is a caller, if it is one.
pub fn note_caller(extensions: &Extensions) {
    let is_caller = extensions.get::<Origin>().is_some_and(|origin| origin.caller().is_some());
    if let (true, Some(connection)) = (is_caller, extensions.get::<OnConnection>()) {
        connection.authenticate();
    }
}

impl From<Bounds> for Door {
    /// A door without encryption.
    fn from(bounds: Bounds) -> Self {
        Self { bounds, tls: None, proxies: proxy::Settings::default(), access: Access::open() }
    }
}

/// Serves connections until `stopping` says so, and returns once the last one has ended.
pub async fn serve<S>(listener: TcpListener, service: S, door: impl Into<Door>, mut stopping: watch::Receiver<bool>)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    let door: Arc<Door> = Arc::new(door.into());
    let shares = Shares::new(&door);
    let stopping_of_connections = stopping.clone();
    let mut open = OpenConnections::new(door.bounds.max_connections);
    let spawn = |open: &mut OpenConnections, (stream, peer, share): Newcomer, permit: OwnedSemaphorePermit| {
        let (activity, counted) = (open.activity(), Counted::by("sas_connections"));
        let (service, door, stopping) = (service.clone(), door.clone(), stopping_of_connections.clone());
        let connection = connection::serve(stream, peer, service, door, activity.clone(), stopping);
        open.spawn(activity, async move {
            connection.await;
            drop((share, counted, permit));
        });
    };
    let mut left = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => break,
            Some(()) = open.ended() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Beyond its share it is closed here and now: a word about it would take a place.
                let Some(share) = shares.take(peer.ip()) else { continue };
                let newcomer = (stream, peer, share);
                let Some(permit) = open.permit(&mut stopping).await else {
                    left = Some(newcomer);
                    break;
                };
                spawn(&mut open, newcomer, permit);
            }
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                metrics::counter!("sas_accept_errors_total").increment(1);
                tracing::error!("no connection can be accepted for the moment: {error}");
                tokio::select! {
                    () = tokio::time::sleep(ACCEPT_RETRY_INTERVAL) => {}
                    () = stopped(&mut stopping) => break,
                }
            }
        }
    }
    // The system told these that they are connected: a proxy may have sent them what must not be sent twice.
    let waiting = waiting(listener).into_iter();
    let waiting = waiting.filter_map(|(stream, peer)| Some((stream, peer, shares.take(peer.ip())?)));
    for newcomer in left.into_iter().chain(waiting) {
        if let Some(permit) = open.try_permit() {
            spawn(&mut open, newcomer, permit);
        }
    }
    while open.ended().await.is_some() {}
}

/// A connection that was accepted and has yet to be served.
type Newcomer = (TcpStream, SocketAddr, Share);

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
