//! A listener for one test that responds with the name of the caller.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Extension;
use axum::routing::{get, post};
use sas_endpoint::http::listener::{self, ListenerConfig, OnConnection};
use sas_endpoint::http::origin::Connection;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// More than the buffers between two sockets hold.
pub const LARGE: usize = 64 << 20;

/// A running listener; it stops when it is dropped.
pub struct TestServer {
    pub address: SocketAddr,
    /// How many requests it was asked.
    pub asked: Arc<AtomicUsize>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl TestServer {
    /// Behind this listener: `/who` tells the holder of the certificate, `/login` recognises a caller, `/large` tells a lot,
    /// `/length` how long the body was.
    pub async fn start(config: impl Into<ListenerConfig>) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let service = Router::new()
            .route("/who", get(who))
            .route("/login", get(async |connection: Extension<OnConnection>| connection.authenticate()))
            .route("/large", get(async || "x".repeat(LARGE)))
            .route("/length", post(async |body: axum::body::Bytes| body.len().to_string()))
            .layer(axum::middleware::map_request(move |request: axum::extract::Request| {
                count.fetch_add(1, Ordering::SeqCst);
                std::future::ready(request)
            }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopping) = watch::channel(false);
        let serving = tokio::spawn(listener::serve(listener, service, config.into(), stopping));
        Self { address, asked, stop, serving }
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.serving.await.expect("it ends by itself");
    }
}

async fn who(Extension(connection): Extension<Connection>) -> String {
    match &connection.certificate {
        Some(holder) => format!("{} {}", holder.common_name, holder.organizational_units.join(",")),
        None => "nobody".to_owned(),
    }
}
