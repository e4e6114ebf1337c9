//! Serves one connection: TLS handshake, requests, close.

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

use super::activity::{Activity, OnConnection, Phase};
use super::answer_body::AnswerBody;
use super::config::ListenerConfig;
use super::refusal::{LINGERING_CLOSE, Refusal};
use super::shutdown::shutdown_requested;
use super::timeout_stream::TimeoutStream;
use crate::http::bounds::Bounds;
use crate::http::injection::{Cut, CutByFault, HalfBody};
use crate::http::log_limit::LogRateLimit;
use crate::http::origin::Connection;
use crate::tls::certificate::ClientCertificate;
use crate::tls::rejection::CertificateRejection;
use crate::tls::trust::Trust;

/// At shutdown, connections that have not sent anything yet have this long to begin a request.
const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(2);

/// Limits the log of refused handshakes; metrics count all of them.
static REFUSED_LOG: LazyLock<LogRateLimit> = LazyLock::new(|| LogRateLimit::per_second(10));

/// Serves the requests of one connection, and returns once it has ended. Box the future: one that awaits another has room for
/// it twice.
pub async fn serve<S>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    config: Arc<ListenerConfig>,
    activity: Arc<Activity>,
    mut shutdown: watch::Receiver<bool>,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    // The last bytes of an answer do not wait for the client's acknowledgement of those before, which it may delay by 40 ms.
    // It fails where the client is gone.
    let _ = stream.set_nodelay(true);
    let Some(server) = &config.tls else {
        let connection = Connection { peer, certificate: None };
        // Boxed, so that a plain connection has no room for a handshake.
        let closing = shutdown_requested(&mut shutdown);
        return Box::pin(serve_http(stream, connection, service, activity, &config, closing)).await;
    };
    let handshake = Box::pin(timeout(config.bounds.header_timeout, handshake(stream, peer, server.config())));
    let accepted = tokio::select! {
        accepted = handshake => accepted,
        () = shutdown_requested(&mut shutdown) => return,
        () = activity.evicted() => return,
    };
    match accepted {
        Ok(Some(stream)) => {
            let chain = stream.get_ref().1.peer_certificates().map(<[_]>::to_vec);
            // Parsed once per connection. It was validated in the handshake.
            let certificate = chain.as_ref().and_then(|chain| ClientCertificate::parse(chain.first()?));
            if certificate.as_ref().is_some_and(|certificate| config.access.is_caller(certificate)) {
                activity.authenticate();
            }
            let connection = Connection { peer, certificate: certificate.map(Arc::new) };
            let closing = async {
                tokio::select! {
                    () = shutdown_requested(&mut shutdown) => {}
                    rejection = wait_until_untrusted(server.trust(), chain.as_deref()) => {
                        tracing::warn!(peer = %peer.ip(), "connection closed: its client certificate is no longer valid: {rejection}");
                    }
                }
            };
            Box::pin(serve_http(stream, connection, service, activity, &config, closing)).await;
        }
        Ok(None) => {}
        Err(_) => count_handshake("too-slow"),
    }
}

/// Accepts a TLS connection; `None` if the handshake failed. rustls sends the client an alert.
async fn handshake(stream: TcpStream, peer: SocketAddr, config: Arc<ServerConfig>) -> Option<TlsStream<TcpStream>> {
    match TlsAcceptor::from(config).accept(stream).await {
        Ok(stream) => {
            count_handshake("completed");
            Some(stream)
        }
        Err(error) => {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
            match cause {
                // It may be the certificate of a configured caller: the operator has to know.
                Some(error @ rustls::Error::InvalidCertificate(_)) => {
                    count_handshake("refused");
                    if let Some(left_out) = REFUSED_LOG.next() {
                        let rejection = CertificateRejection::from(error);
                        tracing::warn!(peer = %peer.ip(), left_out, "TLS handshake refused: client certificate: {rejection}");
                    }
                }
                Some(rustls::Error::NoCertificatesPresented) => {
                    count_handshake("refused");
                    if let Some(left_out) = REFUSED_LOG.next() {
                        tracing::info!(peer = %peer.ip(), left_out, "TLS handshake refused: the client sent no certificate");
                    }
                }
                // Scanners, health checks of load balancers, clients that went away.
                _ => {
                    count_handshake("failed");
                    tracing::debug!(peer = %peer.ip(), "TLS handshake failed: {error}");
                }
            }
            None
        }
    }
}

fn count_handshake(outcome: &'static str) {
    metrics::counter!("sas_tls_handshakes_total", "outcome" => outcome).increment(1);
}

/// Returns once the certificate of a connection is no longer valid: a long-lived connection must not outlive a
/// revocation.
async fn wait_until_untrusted(
    trust: Option<&Trust>,
    chain: Option<&[CertificateDer<'static>]>,
) -> CertificateRejection {
    match (trust, chain) {
        (Some(trust), Some(chain)) => trust.wait_until_untrusted(chain).await,
        _ => std::future::pending().await,
    }
}

/// Serves requests until the connection ends. Malformed heads and header timeouts are answered here. Once `closing`
/// completes, the request in progress is the last; once the connection is evicted, it ends.
async fn serve_http<T, S>(
    stream: T,
    connection: Connection,
    service: S,
    activity: Arc<Activity>,
    config: &ListenerConfig,
    closing: impl Future<Output = ()>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    let (bounds, peer) = (&config.bounds, connection.peer.ip());
    let stream = TimeoutStream::new(stream, activity.clone(), bounds);
    let on_connection = OnConnection(activity.clone());
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        on_connection.0.set(Phase::Busy);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(connection.clone());
        request.extensions_mut().insert(on_connection.clone());
        let (answer, activity) = (service.clone().oneshot(request), on_connection.0.clone());
        Box::pin(async move {
            let Ok(answer) = answer.await;
            cut(answer).map(|answer| answer.map(|body| AnswerBody::new(body, activity)))
        })
    });
    let mut serving = builder(bounds).serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        // Polled first, so that a request that has arrived is served whatever else is ready.
        biased;
        ended = poll_fn(|cx| serving.poll_without_shutdown(cx)) => Some(ended),
        () = closing => {
            // hyper's graceful shutdown would close a connection without a request, and lose one that is on its way.
            let first_request = poll_fn(|cx| match serving.poll_without_shutdown(cx) {
                Poll::Pending if activity.phase() == Phase::Silent => Poll::Pending,
                polled => Poll::Ready(polled),
            });
            match timeout(FIRST_REQUEST_GRACE, first_request).await {
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
        // A new connection waits for this permit, so this does not wait for the client.
        let _ = timeout(Duration::ZERO, close(stream.into_inner(), None)).await;
        return;
    };
    let refusal = refusal(&stream, &parts.read_buf, ended)
        .map(|refusal| refusal.to_response(bounds, |refused| config.refused_heads.as_ref()?.record(peer, refused)));
    let _ = timeout(LINGERING_CLOSE, close(stream.into_inner(), refusal)).await;
}

/// Cuts an answer as an armed fault wants it.
///
/// # Errors
/// If nothing is to be answered: hyper closes the connection, and writes nothing.
fn cut(answer: Response) -> Result<Response, CutByFault> {
    match Cut::of(&answer) {
        Some(Cut::BeforeHead) => Err(CutByFault),
        Some(Cut::InBody) => Ok(answer.map(|body| Body::new(HalfBody::new(body)))),
        None => Ok(answer),
    }
}

/// What is answered in hyper's place at the end of a connection; `unread` is what it had not parsed.
fn refusal<T>(stream: &TimeoutStream<T>, unread: &[u8], ended: hyper::Result<()>) -> Option<Refusal> {
    if !stream.can_write_refusal() {
        None
    } else if stream.timed_out_in() == Some(Phase::Head) {
        Some(Refusal::TooSlow)
    } else if let Some(status) = stream.suppressed_response() {
        // If not even the first line is complete, its URL is what is too large.
        let is_url_too_long = status.as_u16() == 431 && !unread.contains(&b'\n');
        Some(if is_url_too_long { Refusal::UrlTooLong } else { Refusal::from_hyper_status(status) })
    } else {
        // Another protocol, to which hyper does not respond.
        ended.is_err_and(|error| error.is_parse()).then_some(Refusal::Malformed)
    }
}

/// hyper's own limits stay well above [`Bounds`], which are refused with an OperationOutcome.
fn builder(bounds: &Bounds) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None);
    builder.max_buf_size((2 * (bounds.max_url + bounds.max_headers)).max(64 << 10));
    // Up to 100 headers, hyper's default, it parses without an allocation.
    if bounds.max_header_count > 64 {
        builder.max_headers(2 * bounds.max_header_count);
    }
    builder
}

/// Writes the answer, if there is one, and closes. Then reads until the client closes: closing with unread data resets
/// the connection, and the client could lose the answer.
async fn close<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T, answer: Option<Vec<u8>>) -> std::io::Result<()> {
    let Some(answer) = answer else { return stream.shutdown().await };
    stream.write_all(&answer).await?;
    stream.shutdown().await?;
    // Not in the future, which each open connection has.
    let mut rest = vec![0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
