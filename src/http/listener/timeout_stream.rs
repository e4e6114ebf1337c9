//! Wraps a socket: reads and writes fail with [`ErrorKind::TimedOut`] once they exceed the timeout of the
//! connection's current phase, and the connection ends.

use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::super::bounds::Bounds;
use super::activity::{Activity, Phase};
use super::refusal::bare_answer;

/// What a client must take of an answer on average, in bytes a second, once the time that a body may take
/// is over.
const MIN_RATE: f64 = (16 << 10) as f64;

/// The stream of a client that is waited for within bounds.
pub struct TimeoutStream<T> {
    stream: T,
    activity: Arc<Activity>,
    header_timeout: Duration,
    body_timeout: Duration,
    idle_timeout: Duration,
    /// The phase that was last seen, and since when, or since when nothing moved in it.
    seen: Phase,
    since: Instant,
    /// Since when bytes wait for the client to take them.
    stuck: Option<Instant>,
    /// Whether bytes of an answer are on their way.
    outstanding: bool,
    /// Since when an answer is, and how much of it was taken.
    began: Instant,
    taken: u64,
    timer: Pin<Box<Sleep>>,
    /// The phase whose timeout passed.
    ended: Option<Phase>,
    /// hyper's own answer to what it could not read; the client has not seen it.
    withheld: Option<StatusCode>,
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
            seen: Phase::Silent,
            since: now,
            stuck: None,
            outstanding: false,
            began: now,
            taken: 0,
            timer: Box::pin(tokio::time::sleep_until(now + bounds.header_timeout)),
            ended: None,
            withheld: None,
        }
    }

    /// Whether an answer may be written here: no request is being answered, and no answer is half out.
    pub fn may_be_written_to(&self) -> bool {
        !matches!(self.activity.phase(), Phase::Busy | Phase::Answering) && !self.outstanding
    }

    /// The phase in which the client was too slow, if it was.
    pub fn ended(&self) -> Option<Phase> {
        self.ended
    }

    /// The status with which hyper answered what it could not read. That answer was withheld.
    pub fn withheld(&self) -> Option<StatusCode> {
        self.withheld
    }

    /// The stream itself.
    pub fn into_inner(self) -> T {
        self.stream
    }

    fn phase(&mut self) -> Phase {
        let phase = self.activity.phase();
        if phase != self.seen {
            (self.seen, self.since) = (phase, Instant::now());
        }
        phase
    }

    /// Until when the client may let us wait; for ever while we are the ones who are waited for.
    fn deadline(&mut self) -> Option<Instant> {
        let phase = self.phase();
        if let Some(stuck) = self.stuck {
            // Bytes that are taken one by one do not make an answer leave in time.
            let in_all = self.body_timeout + Duration::from_secs_f64(self.taken as f64 / MIN_RATE);
            return Some((stuck + self.body_timeout).min(self.began + in_all));
        }
        match phase {
            // A new connection must send its request head within `header_timeout`.
            Phase::Silent | Phase::Head => Some(self.since + self.header_timeout),
            Phase::Idle => Some(self.since + self.idle_timeout),
            Phase::Busy | Phase::Answering | Phase::Answered => None,
        }
    }

    /// Ready once the deadline has passed; otherwise the task is woken then.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<ErrorKind> {
        let Some(deadline) = self.deadline() else { return Poll::Pending };
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        ready!(self.timer.as_mut().poll(cx));
        self.ended = Some(self.seen);
        Poll::Ready(ErrorKind::TimedOut)
    }

    /// The client takes no bytes.
    fn blocked<R>(&mut self, cx: &mut Context<'_>) -> Poll<Result<R>> {
        self.stuck.get_or_insert_with(Instant::now);
        self.poll_end(cx).map(|kind| Err(kind.into()))
    }

    /// Whether this is an answer of hyper's own; then it is noted, and not sent.
    fn withhold(&mut self, bytes: &[u8]) -> bool {
        let status = bare_answer(bytes).filter(|_| self.may_be_written_to());
        self.withheld = self.withheld.or(status);
        status.is_some()
    }

    /// Everything that was written has left.
    fn flushed(&mut self) {
        self.stuck = None;
        match self.phase() {
            // More of the same answer follows.
            Phase::Answering => {}
            Phase::Answered => {
                self.outstanding = false;
                self.activity.set(Phase::Idle);
            }
            _ => self.outstanding = false,
        }
    }

    fn written(&mut self, written: Poll<Result<usize>>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) => {
                if !self.outstanding {
                    (self.began, self.taken) = (Instant::now(), 0);
                }
                self.outstanding |= count > 0;
                self.taken += count as u64;
                self.stuck = None;
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.blocked(cx),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimeoutStream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        // Bytes that come one by one do not make a head come in time.
        if this.phase() == Phase::Head
            && let Poll::Ready(kind) = this.poll_end(cx)
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
            Poll::Pending => this.poll_end(cx).map(|kind| Err(kind.into())),
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimeoutStream<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        if this.withhold(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(written, cx)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        if let [bytes] = slices
            && this.withhold(bytes)
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                this.flushed();
                // hyper does not read again once it has written, if it has tried before: that this task
                // is woken when the connection has been idle for too long must be arranged here.
                match this.poll_end(cx) {
                    Poll::Ready(kind) => Poll::Ready(Err(kind.into())),
                    Poll::Pending => Poll::Ready(Ok(())),
                }
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.blocked(cx),
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
    async fn idle_timeout_passed_during_an_answer_is_noticed_at_its_flush() {
        let (ours, _theirs) = tokio::io::duplex(1024);
        let mut stream = stream(ours);
        stream.activity.set(Phase::Idle);
        stream.phase();
        stream.since = Instant::now() - 2 * stream.idle_timeout;
        // Nobody would wake the task later: the timer has rung.
        assert_eq!(stream.flush().await.expect_err("over").kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn body_timeout_applies_to_bytes_taken_one_by_one() {
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
        assert_eq!((error.kind(), stream.ended()), (ErrorKind::TimedOut, Some(Phase::Answered)));
        drop(stream);
        taking.await.expect("it ends");
    }
}
