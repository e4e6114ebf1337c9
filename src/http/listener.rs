//! The accept loop: connections in, each with its own task, until the program is asked to stop.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::{Service, ServiceExt};

use super::bounds::Bounds;
use super::origin::Connection;

/// Serves connections until `stopping` says so, and returns once the last one has ended.
pub async fn serve<S>(listener: TcpListener, service: S, bounds: Bounds, mut stopping: watch::Receiver<bool>)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => break,
            Some(_) = connections.join_next() => continue,
        };
        // A client that gave up while it waited, or no file descriptor left.
        let Ok((stream, peer)) = accepted else { continue };
        connections.spawn(connection(stream, peer, service.clone(), bounds.clone(), stopping.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection<S>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    bounds: Bounds,
    mut stopping: watch::Receiver<bool>,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Connection { peer, certificate: None });
        service.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(bounds.idle_timeout);
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    // How a connection ended is its client's business.
    tokio::select! {
        _ = serving.as_mut() => {}
        () = stopped(&mut stopping) => {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: that is a stop too.
    let _ = stopping.wait_for(|stop| *stop).await;
}
