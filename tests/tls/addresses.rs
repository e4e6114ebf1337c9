//! One address cannot take all connections.

use std::net::{IpAddr, SocketAddr};

use sas_endpoint::http::bounds::Bounds;
use sas_endpoint::http::listener::ListenerConfig;
use sas_endpoint::http::origin::proxy;
use tokio::net::{TcpSocket, TcpStream};

use crate::client::ask;
use crate::server::TestServer;
use crate::support::polling::poll_until;

/// Eight places, of which two for each address.
fn bounds() -> Bounds {
    Bounds { max_connections: 8, max_connections_per_address: None, ..Bounds::default() }
}

/// A connection from this address that is served, or why it is not.
async fn served(from: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    let from: IpAddr = from.parse().expect("an address");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((from, 0).into()).expect("an address of this machine");
    let mut stream = socket.connect(to).await?;
    ask(&mut stream, "/who").await.map(|_| stream)
}

#[tokio::test]
async fn connections_of_one_address_are_limited() {
    let server = TestServer::start(bounds()).await;
    let mut greedy = vec![];
    for _ in 0..2 {
        greedy.push(served("127.0.0.1", server.address).await.expect("within its share"));
    }
    for _ in 0..16 {
        served("127.0.0.1", server.address).await.expect_err("beyond its share");
    }
    let _other = served("127.0.0.2", server.address).await.expect("another address");
    for stream in &mut greedy {
        ask(stream, "/who").await.expect("those that are open go on");
    }
    greedy.pop();
    // The server sees that end when it sees it.
    poll_until("room for another", async || served("127.0.0.1", server.address).await.is_ok()).await;
}

#[tokio::test]
async fn connections_of_a_trusted_proxy_are_not_limited_per_address() {
    let trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    let proxies = proxy::Settings { trusted_proxies, ..proxy::Settings::default() };
    let server = TestServer::start(ListenerConfig { proxies, ..bounds().into() }).await;
    let mut open = vec![];
    for _ in 0..8 {
        open.push(served("127.0.0.1", server.address).await.expect("one of eight"));
    }
}
