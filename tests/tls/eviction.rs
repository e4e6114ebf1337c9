//! At the connection limit, the connection idle longest is closed for a new one, unauthenticated ones first.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sas_endpoint::access::Access;
use sas_endpoint::access::caller::{Caller, Callers, Credential};
use sas_endpoint::http::bounds::Bounds;
use sas_endpoint::http::listener::ListenerConfig;
use sas_endpoint::tls::settings::ClientAuth;
use sas_endpoint::tls::{self, Settings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::certificates::{COMMON_NAME, Kind, ORGANIZATIONAL_UNIT};
use crate::client::{answer, ask, connect, rest};
use crate::files::Files;
use crate::server::{LARGE, TestServer};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);

/// So many connections, from whichever address, and time-outs that nobody meets.
fn bounds(max_connections: usize) -> Bounds {
    Bounds {
        max_connections,
        max_connections_per_address: Some(1000),
        header_timeout: LONG,
        body_timeout: LONG,
        idle_timeout: LONG,
        ..Bounds::default()
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}
type Client = Box<dyn Stream>;

/// A server with or without TLS, and its clients, none of whom has a certificate.
struct Served {
    server: TestServer,
    files: Option<Files>,
}

impl Served {
    async fn plain(bounds: Bounds) -> Self {
        Self { server: TestServer::start(bounds).await, files: None }
    }

    async fn encrypted(bounds: Bounds) -> Self {
        let files = Files::new();
        let settings = Settings { tls_client_auth: ClientAuth::Optional, ..files.settings() };
        let (tls, _) = tls::open(&settings).expect("all is well");
        let server = TestServer::start(ListenerConfig { tls: tls.server, ..bounds.into() }).await;
        Self { server, files: Some(files) }
    }

    async fn connect(&self) -> Client {
        match &self.files {
            Some(files) => Box::new(connect(self.server.address, &files.authority, None).await.expect("let in")),
            None => Box::new(TcpStream::connect(self.server.address).await.expect("it listens")),
        }
    }

    /// A connection on which this was asked.
    async fn asked(&self, path: &str) -> Client {
        let mut client = self.connect().await;
        ask(&mut client, path).await.expect("an answer");
        client
    }

    /// A connection on which so many bytes of a request of this path are on their way, or its answer is.
    async fn busy(&self, request: &str) -> Client {
        let asked = self.server.asked.load(Ordering::SeqCst);
        let mut client = self.connect().await;
        client.write_all(request.as_bytes()).await.expect("written");
        while self.server.asked.load(Ordering::SeqCst) == asked {
            tokio::task::yield_now().await;
        }
        client
    }
}

const BODY_TO_COME: &str = "POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbo";
const LARGE_ANSWER: &str = "GET /large HTTP/1.1\r\nhost: x\r\n\r\n";

async fn evicted(client: &mut Client) {
    // Plain TCP ends in a reset where the server had yet to read something.
    let reported = rest(client).await.unwrap_or_default();
    assert_eq!(reported, "", "it is closed without a word");
}

async fn on_either(max_connections: usize, test: impl AsyncFn(Served)) {
    test(Served::plain(bounds(max_connections)).await).await;
    test(Served::encrypted(bounds(max_connections)).await).await;
}

#[tokio::test]
async fn eviction_takes_the_connection_idle_longest() {
    on_either(3, async |served| {
        let mut first = served.asked("/who").await;
        let mut second = served.asked("/who").await;
        let mut third = served.asked("/who").await;
        // Used again: now the second one is idle longest.
        ask(&mut first, "/who").await.expect("an answer");
        let mut newcomers = vec![];
        for oldest in [&mut second, &mut third] {
            newcomers.push(served.asked("/who").await);
            evicted(oldest).await;
        }
        ask(&mut first, "/who").await.expect("still there");
    })
    .await;
}

#[tokio::test]
async fn eviction_takes_silent_connections_slow_heads_and_idle_ones_alike() {
    let served = Served::plain(bounds(4)).await;
    // A head that goes on arriving makes nobody younger.
    let mut slow = served.asked("/who").await;
    slow.write_all(b"GET /who HT").await.expect("written");
    let mut silent = served.connect().await;
    // The server has accepted the silent one before it serves the next one.
    let mut idle = served.asked("/who").await;
    let mut beginning = served.connect().await;
    beginning.write_all(b"G").await.expect("written");
    slow.write_all(b"TP/1.1\r\n").await.expect("written");
    let mut newcomers = vec![];
    for oldest in [&mut slow, &mut silent, &mut idle, &mut beginning] {
        newcomers.push(served.asked("/who").await);
        evicted(oldest).await;
    }
    assert_eq!(served.server.asked.load(Ordering::SeqCst), 6, "nothing of an evicted request is carried out");
}

#[tokio::test]
async fn eviction_takes_handshakes_that_do_not_end() {
    let served = Served::encrypted(bounds(3)).await;
    let mut stuck = vec![];
    for beginning in [&[][..], &[22], &[22, 3, 1, 2]] {
        let mut stream = TcpStream::connect(served.server.address).await.expect("it listens");
        stream.write_all(beginning).await.expect("written");
        stuck.push(Box::new(stream) as Client);
    }
    let mut newcomers = vec![];
    for oldest in &mut stuck {
        newcomers.push(served.asked("/who").await);
        evicted(oldest).await;
    }
}

#[tokio::test]
async fn eviction_spares_requests_and_answers_and_then_the_new_connection_waits() {
    on_either(2, async |served| {
        let mut asking = served.busy(BODY_TO_COME).await;
        let mut reading = served.busy(LARGE_ANSWER).await;
        // The answer has begun to leave.
        reading.read_u8().await.expect("a byte");
        let mut third = TcpStream::connect(served.server.address).await.expect("it waits");
        third.write_all(b"GET /who HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
        asking.write_all(b"dy").await.expect("written");
        assert_eq!(answer(&mut asking).await.expect("an answer"), "4");
        // As soon as it has its answer it is idle, and goes for the one that waits.
        evicted(&mut asking).await;
        if served.files.is_none() {
            assert_eq!(answer(&mut third).await.expect("an answer"), "nobody");
        }
        let mut whole = vec![0; LARGE];
        reading.read_exact(&mut whole).await.expect("all of the answer");
    })
    .await;
}

#[tokio::test]
async fn eviction_takes_authenticated_connections_last() {
    on_either(3, async |served| {
        let mut caller = served.asked("/login").await;
        let mut other = served.asked("/login").await;
        let mut unauthenticated = vec![served.asked("/who").await];
        for _ in 0..8 {
            unauthenticated.push(served.asked("/who").await);
            evicted(&mut unauthenticated.remove(0)).await;
        }
        for caller in [&mut caller, &mut other] {
            ask(caller, "/who").await.expect("still there");
        }
        // Among themselves, the one idle longest goes.
        let _strangers = [served.asked("/login").await, served.asked("/login").await];
        evicted(&mut unauthenticated[0]).await;
        evicted(&mut caller).await;
        ask(&mut other, "/who").await.expect("still there");
    })
    .await;
}

#[tokio::test]
async fn eviction_knows_callers_by_their_certificates() {
    let files = Files::new();
    let settings = Settings { tls_client_auth: ClientAuth::Optional, ..files.settings() };
    let (tls, _) = tls::open(&settings).expect("all is well");
    let mut callers = Callers::default();
    let (common_name, organizational_unit) = (COMMON_NAME.to_owned(), ORGANIZATIONAL_UNIT.to_owned());
    let credential = Credential::Certificate { common_name, organizational_unit };
    callers.add(Caller { name: "platform".to_owned(), rights: vec![] }, credential).expect("the first one");
    let access = Access { callers: Some(Arc::new(callers)), ..Access::open() };
    let server = TestServer::start(ListenerConfig { tls: tls.server, access, ..bounds(2).into() }).await;
    let connected = async |kind: Option<Kind>| {
        let identity = kind.map(|kind| files.authority.client(kind));
        connect(server.address, &files.authority, identity.as_ref()).await.expect("let in")
    };
    // It has asked nothing yet.
    let mut caller = connected(Some(Kind::Good)).await;
    let mut others = vec![];
    for kind in [None, Some(Kind::WrongCommonName), Some(Kind::WrongOrganizationalUnit), None] {
        others.push(connected(kind).await);
        ask(others.last_mut().expect("a connection"), "/who").await.expect("an answer");
    }
    assert!(ask(&mut caller, "/who").await.expect("still there").starts_with(COMMON_NAME));
}

/// A connection from this address of loopback, on which this was written.
async fn idle_from(address: u8, to: SocketAddr, written: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, address], 0).into()).expect("an address of this machine");
    let mut stream = socket.connect(to).await.expect("it listens");
    stream.write_all(written.as_bytes()).await.expect("written");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eviction_lets_newcomers_in_where_four_addresses_hold_everything() {
    let bounds = Bounds { max_connections_per_address: None, ..bounds(64) };
    let server = TestServer::start(bounds).await;
    let mut caller = TcpStream::connect(server.address).await.expect("it listens");
    ask(&mut caller, "/login").await.expect("an answer");
    let mut idle = vec![];
    for address in 2..=5 {
        for number in 0..16 {
            let written = ["", "GET /who HTTP/1.1\r\nhost: x\r\n\r\n", "GET /who HTTP/1.1\r\nx: "][number % 3];
            idle.push(idle_from(address, server.address, written).await);
        }
    }
    for _ in 0..100 {
        let mut newcomer = TcpStream::connect(server.address).await.expect("it listens");
        assert_eq!(ask(&mut newcomer, "/who").await.expect("an answer"), "nobody");
    }
    ask(&mut caller, "/who").await.expect("still there");
}
