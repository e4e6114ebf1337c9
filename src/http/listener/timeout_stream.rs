//! Wraps a socket: reads and writes fail with [`ErrorKind::TimedOut`] once they exceed the timeout of the
//! connection's current phase, and the connection ends.
//!
//! Neither hyper nor tokio-io-timeout does this. hyper's `header_read_timeout` also runs while a connection is idle, so
//! that there would be no separate idle timeout. tokio-io-timeout starts again with each byte, so that a client could hold
//! a connection for ever; and neither knows which connections are idle, for evictions.

use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::activity::{Activity, Phase};
use super::refusal::parse_hyper_rejection;
use crate::http::bounds::Bounds;

/// Minimum average rate at which a client must take a response once it has kept it waiting for `body_timeout`, in bytes per
/// second. What the server has yet to send is not waited for: a stream of events may last.
const MIN_RATE: f64 = (16 << 10) as f64;

/// A stream with timeouts that depend on the phase of its connection.
pub struct TimeoutStream<T> {
    stream: T,
    activity: Arc<Activity>,
    header_timeout: Duration,
    body_timeout: Duration,
    idle_timeout: Duration,
    /// The phase at the last poll, and when it was first seen.
    last_phase: Phase,
    phase_since: Instant,
    write_blocked_since: Option<Instant>,
    /// Whether a response has been written in part.
    is_response_pending: bool,
    /// How long the client has kept the current response waiting, but for `write_blocked_since`.
    blocked: Duration,
    /// Of the current response.
    bytes_written: u64,
    timer: Pin<Box<Sleep>>,
    /// The phase whose timeout passed.
    timed_out_in: Option<Phase>,
    /// The status of hyper's own response to a malformed head. It was not sent.
    suppressed_response: Option<StatusCode>,
}

impl<T> TimeoutStream<T> {
    pub fn new(stream: T, activity: Arc<Activity>, bounds: &Bounds) -> Self {
        let now = Instant::now();
        Self {
            stream,
            activity,
            header_timeout: bounds.header_timeout,
            body_timeout: bounds.body_timeout,
            idle_timeout: bounds.idle_timeout,
            last_phase: Phase::Silent,
            phase_since: now,
            write_blocked_since: None,
            is_response_pending: false,
            blocked: Duration::ZERO,
            bytes_written: 0,
            timer: Box::pin(tokio::time::sleep_until(now + bounds.header_timeout)),
            timed_out_in: None,
            suppressed_response: None,
        }
    }

    /// Whether a refusal may be written: no request is being answered, and no response is written in part.
    pub fn can_write_refusal(&self) -> bool {
        !matches!(self.activity.phase(), Phase::Busy | Phase::Answering) && !self.is_response_pending
    }

    /// The phase whose timeout passed, if one did.
    pub fn timed_out_in(&self) -> Option<Phase> {
        self.timed_out_in
    }

    /// The status of hyper's own response to a malformed head, which was not sent.
    pub fn suppressed_response(&self) -> Option<StatusCode> {
        self.suppressed_response
    }

    pub fn into_inner(self) -> T {
        self.stream
    }

    fn phase(&mut self) -> Phase {
        let phase = self.activity.phase();
        if phase != self.last_phase {
            (self.last_phase, self.phase_since) = (phase, Instant::now());
        }
        phase
    }

    /// When the timeout of the current phase passes; `None` while the server itself is working on a response.
    fn deadline(&mut self) -> Option<Instant> {
        let phase = self.phase();
        if let Some(blocked_since) = self.write_blocked_since {
            // A client that takes single bytes does not extend the timeout.
            let total = self.body_timeout + Duration::from_secs_f64(self.bytes_written as f64 / MIN_RATE);
            return Some(blocked_since + self.body_timeout.min(total.saturating_sub(self.blocked)));
        }
        match phase {
            // A new connection must send its request head within `header_timeout`.
            Phase::Silent | Phase::Head => Some(self.phase_since + self.header_timeout),
            Phase::Idle => Some(self.phase_since + self.idle_timeout),
            Phase::Busy | Phase::Answering | Phase::Answered => None,
        }
    }

    /// Ready once the deadline has passed; otherwise the task is woken then.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<ErrorKind> {
        let Some(deadline) = self.deadline() else { return Poll::Pending };
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        ready!(self.timer.as_mut().poll(cx));
        self.timed_out_in = Some(self.last_phase);
        Poll::Ready(ErrorKind::TimedOut)
    }

    /// Called when the socket accepts no bytes: fails once the timeout has passed.
    fn poll_blocked<R>(&mut self, cx: &mut Context<'_>) -> Poll<Result<R>> {
        self.write_blocked_since.get_or_insert_with(Instant::now);
        self.poll_timeout(cx).map(|kind| Err(kind.into()))
    }

    /// Called when the socket accepts bytes again.
    fn unblock(&mut self) {
        if let Some(since) = self.write_blocked_since.take() {
            self.blocked += since.elapsed();
        }
    }

    /// Suppresses these bytes if they are hyper's own response to a malformed head.
    fn suppress(&mut self, bytes: &[u8]) -> bool {
        let status = parse_hyper_rejection(bytes).filter(|_| self.can_write_refusal());
        self.suppressed_response = self.suppressed_response.or(status);
        status.is_some()
    }

    /// Called when all bytes written so far have been sent.
    fn on_flushed(&mut self) {
        self.unblock();
        match self.phase() {
            // More of the same response follows.
            Phase::Answering => {}
            Phase::Answered => {
                self.is_response_pending = false;
                self.activity.set(Phase::Idle);
            }
            _ => self.is_response_pending = false,
        }
    }

    fn on_written(&mut self, written: Poll<Result<usize>>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) => {
                self.unblock();
                if !self.is_response_pending {
                    (self.blocked, self.bytes_written) = (Duration::ZERO, 0);
                }
                self.is_response_pending |= count > 0;
                self.bytes_written += count as u64;
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_blocked(cx),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimeoutStream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        // A client that sends single bytes does not extend the timeout.
        if this.phase() == Phase::Head
            && let Poll::Ready(kind) = this.poll_timeout(cx)
        {
            return Poll::Ready(Err(kind.into()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let is_next = matches!(this.phase(), Phase::Silent | Phase::Idle);
                if buffer.filled().len() > before && is_next {
                    this.activity.set(Phase::Head);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.poll_timeout(cx).map(|kind| Err(kind.into())),
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimeoutStream<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        if this.suppress(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.on_written(written, cx)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        if let [bytes] = slices
            && this.suppress(bytes)
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.on_written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                this.on_flushed();
                // After a write, hyper does not poll a read that was already pending. Without this poll, nothing would
                // wake the task at `idle_timeout`.
                match this.poll_timeout(cx) {
                    Poll::Ready(kind) => Poll::Ready(Err(kind.into())),
                    Poll::Pending => Poll::Ready(Ok(())),
                }
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.poll_blocked(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    fn stream<T>(inner: T) -> TimeoutStream<T> {
        let bounds = Bounds { body_timeout: SHORT, ..Bounds::default() };
        TimeoutStream::new(inner, Arc::new(Activity::new(Arc::default())), &bounds)
    }

    #[tokio::test]
    async fn idle_timeout_passed_during_a_response_is_detected_at_its_flush() {
        let (ours, _theirs) = tokio::io::duplex(1024);
        let mut stream = stream(ours);
        stream.activity.set(Phase::Idle);
        stream.phase();
        stream.phase_since = Instant::now() - 2 * stream.idle_timeout;
        // The timer has fired already, so it would not wake the task later.
        assert_eq!(stream.flush().await.expect_err("over").kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn body_timeout_of_a_stream_counts_only_while_the_client_takes_nothing() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let mut stream = stream(ours);
        stream.activity.set(Phase::Answering);
        for pause in [3600, 1, 1] {
            stream.write_all(b"data").await.expect("taken");
            stream.flush().await.expect("taken");
            theirs.read_exact(&mut [0; 4]).await.expect("sent");
            tokio::time::advance(Duration::from_secs(pause)).await;
        }
        stream.write_all(b"data").await.expect("there is room");
        let blocked = Instant::now();
        let error = stream.write_all(b"data").await.expect_err("the client takes nothing");
        assert_eq!((error.kind(), blocked.elapsed() >= SHORT), (ErrorKind::TimedOut, true));
    }

    #[tokio::test]
    async fn body_timeout_applies_to_bytes_read_one_by_one() {
        let (ours, mut theirs) = tokio::io::duplex(1);
        let mut stream = stream(ours);
        stream.activity.set(Phase::Answered);
        let taking = tokio::spawn(async move {
            let mut pace = tokio::time::interval(SHORT / 10);
            while theirs.read_u8().await.is_ok() {
                pace.tick().await;
            }
        });
        let error = stream.write_all(&[0; 400]).await.expect_err("it takes too long");
        assert_eq!((error.kind(), stream.timed_out_in()), (ErrorKind::TimedOut, Some(Phase::Answered)));
        drop(stream);
        taking.await.expect("it ends");
    }
}
