//! One connection: its handshake, its requests, its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::{Service, ServiceExt};

use super::super::bounds::Bounds;
use super::super::log_limit::Lines;
use super::super::origin::Connection;
use super::activity::{Activity, Phase};
use super::answer_body::AnswerBody;
use super::refusal::{LINGER, Refusal};
use super::timeout_stream::TimeoutStream;
use super::{Door, OnConnection, stopped};
use crate::tls::certificate::ClientCertificate;
use crate::tls::trust::{CertificateRejection, Trust};

/// Whoever has just connected when the program is told to stop has this long to begin a request.
const NEWCOMER: Duration = Duration::from_secs(2);

/// What is logged of handshakes that are refused; metrics count them all.
static LINES: LazyLock<Lines> = LazyLock::new(|| Lines::a_second(10));

/// Serves the requests of one connection, and returns once it has ended.
pub async fn serve<S>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    door: Arc<Door>,
    activity: Arc<Activity>,
    mut stopping: watch::Receiver<bool>,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    let Some(server) = &door.tls else {
        let connection = Connection { peer, certificate: None };
        return exchange(stream, connection, service, activity, &door.bounds, stopped(&mut stopping)).await;
    };
    let handshake = timeout(door.bounds.header_timeout, handshake(stream, peer, server.config()));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = stopped(&mut stopping) => return,
        () = activity.evicted() => return,
    };
    match shaken {
        Ok(Some(stream)) => {
            let chain = stream.get_ref().1.peer_certificates().map(<[_]>::to_vec);
            // Once a connection: it was verified, so it can be read.
            let certificate = chain.as_ref().and_then(|chain| ClientCertificate::parse(chain.first()?));
            if certificate.as_ref().is_some_and(|certificate| door.access.is_caller(certificate)) {
                activity.authenticate();
            }
            let connection = Connection { peer, certificate: certificate.map(Arc::new) };
            let last = async {
                tokio::select! {
                    () = stopped(&mut stopping) => {}
                    rejection = wait_until_untrusted(server.trust(), chain.as_deref()) => {
                        tracing::warn!(peer = %peer.ip(), "a connection is closed, as its certificate was taken back: {rejection}");
                    }
                }
            };
            exchange(stream, connection, service, activity, &door.bounds, last).await;
        }
        Ok(None) => {}
        Err(_) => count_handshake("too-slow"),
    }
}

/// `None` where it failed; rustls has told the client why.
async fn handshake(stream: TcpStream, peer: SocketAddr, config: Arc<ServerConfig>) -> Option<TlsStream<TcpStream>> {
    match TlsAcceptor::from(config).accept(stream).await {
        Ok(stream) => {
            count_handshake("completed");
            Some(stream)
        }
        Err(error) => {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
            match cause {
                // Somebody who is expected may be behind it: the operator wants to know.
                Some(error @ rustls::Error::InvalidCertificate(_)) => {
                    count_handshake("refused");
                    if let Some(left_out) = LINES.next() {
                        let rejection = CertificateRejection::from(error);
                        tracing::warn!(peer = %peer.ip(), left_out, "a client's certificate was refused: {rejection}");
                    }
                }
                Some(rustls::Error::NoCertificatesPresented) => {
                    count_handshake("refused");
                    if let Some(left_out) = LINES.next() {
                        tracing::info!(peer = %peer.ip(), left_out, "a client without a certificate was refused");
                    }
                }
                // Scanners, health checks of balancers, whoever went away.
                _ => {
                    count_handshake("failed");
                    tracing::debug!(peer = %peer.ip(), "a TLS handshake failed: {error}");
                }
            }
            None
        }
    }
}

fn count_handshake(outcome: &'static str) {
    metrics::counter!("sas_tls_handshakes_total", "outcome" => outcome).increment(1);
}

/// Returns once the certificate of a connection is no longer believed. Connections last: one that a
/// client keeps in use would outlive any revocation.
async fn wait_until_untrusted(
    trust: Option<&Trust>,
    chain: Option<&[CertificateDer<'static>]>,
) -> CertificateRejection {
    match (trust, chain) {
        (Some(trust), Some(chain)) => trust.wait_until_untrusted(chain).await,
        _ => std::future::pending().await,
    }
}

/// Serves requests until the connection ends. What hyper cannot read, and a client that is too slow, are answered
/// here. Once `last` is over, what is being answered is the last; once the connection is evicted, it ends.
async fn exchange<T, S>(
    stream: T,
    connection: Connection,
    service: S,
    activity: Arc<Activity>,
    bounds: &Bounds,
    last: impl Future<Output = ()>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    let stream = TimeoutStream::new(stream, activity.clone(), bounds);
    let on_connection = OnConnection(activity.clone());
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        on_connection.0.set(Phase::Busy);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(connection.clone());
        request.extensions_mut().insert(on_connection.clone());
        let (answer, activity) = (service.clone().oneshot(request), on_connection.0.clone());
        Box::pin(async move { answer.await.map(|answer| answer.map(|body| AnswerBody::new(body, activity))) })
    });
    let mut serving = builder(bounds).serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        // First: a request that has arrived is not to be lost to what follows.
        biased;
        ended = poll_fn(|cx| serving.poll_without_shutdown(cx)) => Some(ended),
        () = last => {
            // hyper closes a connection on which nothing was said yet, and would lose the request that is on its way.
            let said = poll_fn(|cx| match serving.poll_without_shutdown(cx) {
                Poll::Pending if activity.phase() == Phase::Silent => Poll::Pending,
                said => Poll::Ready(said),
            });
            match timeout(NEWCOMER, said).await {
                Ok(Poll::Ready(ended)) => Some(ended),
                _ => {
                    std::pin::Pin::new(&mut serving).graceful_shutdown();
                    Some(poll_fn(|cx| serving.poll_without_shutdown(cx)).await)
                }
            }
        }
        () = activity.evicted() => None,
    };
    let parts = serving.into_parts();
    let stream = parts.io.into_inner();
    let Some(ended) = ended else {
        // A new connection waits for this place: what does not leave at once is not waited for.
        let _ = timeout(Duration::ZERO, close(stream.into_inner(), None)).await;
        return;
    };
    let refusal = if !stream.may_be_written_to() {
        None
    } else if stream.ended() == Some(Phase::Head) {
        Some(Refusal::TooSlow)
    } else if let Some(status) = stream.withheld() {
        // What is too large in a first line that does not end is the URL.
        let endless = status.as_u16() == 431 && !parts.read_buf.contains(&b'\n');
        Some(if endless { Refusal::UrlTooLong } else { Refusal::of(status) })
    } else {
        // Another protocol: hyper does not answer that.
        ended.is_err_and(|error| error.is_parse()).then_some(Refusal::Malformed)
    };
    // How the connection ends is its client's business.
    let _ = timeout(LINGER, close(stream.into_inner(), refusal.map(|refusal| refusal.answer(bounds)))).await;
}

/// Bounds of hyper's own, well above ours, which have answers of their own.
fn builder(bounds: &Bounds) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None);
    builder.max_buf_size((2 * (bounds.max_url + bounds.max_headers)).max(64 << 10));
    // Up to a hundred headers have a place that costs nothing.
    if bounds.max_header_count > 64 {
        builder.max_headers(2 * bounds.max_header_count);
    }
    builder
}

/// Writes the answer, if there is one, and closes. A client that still sends would lose the answer with
/// the connection: what it sends is taken in for a while.
async fn close<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T, answer: Option<Vec<u8>>) -> std::io::Result<()> {
    let Some(answer) = answer else { return stream.shutdown().await };
    stream.write_all(&answer).await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
