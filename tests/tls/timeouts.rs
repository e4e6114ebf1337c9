//! Timeouts of slow clients, which do not delay others.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sas_endpoint::http::bounds::Bounds;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{answer, ask, exchange, rest};
use crate::malformed::assert_refused;
use crate::server::{LARGE, TestServer};

const SHORT: Duration = Duration::from_secs(1);

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);

/// Time-outs that nobody meets.
fn short_timeouts() -> Bounds {
    Bounds { header_timeout: LONG, body_timeout: LONG, idle_timeout: LONG, ..Bounds::default() }
}

#[tokio::test]
async fn header_timeout_is_answered_with_408() {
    let server = TestServer::start(Bounds { header_timeout: SHORT, ..short_timeouts() }).await;
    for beginning in ["G", "GET /who HTTP/1.1\r\n", "GET /who HTTP/1.1\r\nhost: x\r\n"] {
        assert_refused(&exchange(server.address, beginning.as_bytes()).await, 408, "http-timeout");
    }
    // After an exchange that was in order, too.
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    assert_eq!(ask(&mut stream, "/who").await.expect("an answer"), "nobody");
    stream.write_all(b"GET ").await.expect("written");
    assert_refused(&rest(&mut stream).await.expect("an answer"), 408, "http-timeout");
}

#[tokio::test]
async fn header_timeout_applies_to_slow_bytes() {
    let server = TestServer::start(Bounds { header_timeout: SHORT, ..short_timeouts() }).await;
    let (mut reading, mut writing) = TcpStream::connect(server.address).await.expect("it listens").into_split();
    let dripping = tokio::spawn(async move {
        let mut pace = tokio::time::interval(SHORT / 10);
        writing.write_all(b"GET /who HTTP/1.1\r\nx: ").await?;
        loop {
            pace.tick().await;
            writing.write_all(b"x").await?;
        }
        #[allow(unreachable_code)]
        std::io::Result::Ok(())
    });
    let reported = rest(&mut reading).await.expect("an answer");
    assert_refused(&reported, 408, "http-timeout");
    drop(reading);
    dripping.await.expect("it ends").expect_err("the connection is gone");
}

#[tokio::test]
async fn idle_timeout_closes_without_an_answer() {
    let server = TestServer::start(Bounds { header_timeout: SHORT, idle_timeout: SHORT, ..short_timeouts() }).await;
    assert_eq!(exchange(server.address, b"").await, "");
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    assert_eq!(ask(&mut stream, "/who").await.expect("an answer"), "nobody");
    assert_eq!(rest(&mut stream).await.expect("the end"), "");
}

#[tokio::test]
async fn body_timeout_closes_connections_with_unread_answers() {
    let bounds =
        Bounds { body_timeout: SHORT, max_connections: 1, max_connections_per_address: Some(2), ..short_timeouts() };
    let server = TestServer::start(bounds).await;
    let mut silent = TcpStream::connect(server.address).await.expect("it listens");
    silent.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    // There is one place: this answer comes once the other connection was given up.
    let mut other = TcpStream::connect(server.address).await.expect("it listens");
    assert_eq!(ask(&mut other, "/who").await.expect("an answer"), "nobody");
    let mut large = vec![];
    let _ = silent.read_to_end(&mut large).await;
    assert!(large.len() < LARGE, "it was not given up");
}

#[tokio::test]
async fn body_timeout_spares_slow_readers() {
    let server =
        TestServer::start(Bounds { idle_timeout: SHORT * 3, body_timeout: SHORT * 3, ..short_timeouts() }).await;
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    // Longer than it may be idle, in all: what it takes counts as a sign of life.
    let mut pace = tokio::time::interval(SHORT / 20);
    let (mut taken, mut some) = (0, vec![0; LARGE / 64]);
    while taken < LARGE {
        pace.tick().await;
        let count = stream.read(&mut some).await.expect("more");
        assert!(count > 0, "the answer ended after {taken} bytes");
        taken += count;
    }
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_finishes_requests() {
    let server = TestServer::start(short_timeouts()).await;
    let mut idle = TcpStream::connect(server.address).await.expect("it listens");
    assert_eq!(ask(&mut idle, "/who").await.expect("an answer"), "nobody");
    let mut busy = TcpStream::connect(server.address).await.expect("it listens");
    busy.write_all(b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbo").await.expect("written");
    while server.asked.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    let stopping = tokio::spawn(server.stop());
    assert_eq!(rest(&mut idle).await.expect("the end"), "");
    busy.write_all(b"dy").await.expect("written");
    assert_eq!(answer(&mut busy).await.expect("an answer"), "4");
    stopping.await.expect("stopped");
}

/// As many slow clients as an attacker has with one small machine.
const SLOW: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_do_not_prevent_others_from_being_served() {
    // Both ends of each connection are files of this process.
    let limit = rlimit::increase_nofile_limit(u64::MAX).expect("a limit");
    assert!(limit > 2 * SLOW as u64 + 200, "only {limit} files may be open: raise the limit (ulimit -n)");
    // They have as many addresses as they like, here one that may have more than its share.
    let bounds = Bounds { max_connections_per_address: Some(4096), ..short_timeouts() };
    let server = TestServer::start(bounds.clone()).await;
    let slow = slow_clients(&server).await;
    for _ in 0..100 {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        assert_eq!(ask(&mut stream, "/who").await.expect("an answer"), "nobody");
    }
    let waiting = slow.iter().filter(|stream| is_waiting(stream)).count();
    assert_eq!(waiting, SLOW, "slow clients that were there all the time");
    drop((slow, server));
    // In a time that they do not keep, whenever they began.
    // Longer than a loaded machine takes between a connection and its first byte: who sends none is closed silently.
    let header_timeout = Duration::from_secs(3);
    let server = TestServer::start(Bounds { header_timeout, ..bounds }).await;
    for mut stream in slow_clients(&server).await {
        assert_refused(&rest(&mut stream).await.expect("an answer"), 408, "http-timeout");
    }
}

/// Clients that have begun a head.
async fn slow_clients(server: &TestServer) -> Vec<TcpStream> {
    let mut slow = vec![];
    for _ in 0..SLOW {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        stream.write_all(b"GET /who HTTP/1.1\r\nx: ").await.expect("written");
        slow.push(stream);
    }
    slow
}

/// Whether the server has neither answered nor closed.
fn is_waiting(stream: &TcpStream) -> bool {
    stream.try_read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}
