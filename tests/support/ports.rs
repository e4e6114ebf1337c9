//! Reserves ports, so that no other process takes one between its choice and its use.

use std::io::Result;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port, of 127.0.0.1 unless said otherwise, on which nobody listens. As long as this lives, the system gives it to nobody who asks for
/// any port; a server that is told its number may listen there, again and again.
pub struct ReservedPort {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl ReservedPort {
    pub fn new() -> Result<Self> {
        Self::on(Ipv4Addr::LOCALHOST)
    }

    /// The same of every address: a server that listens on all of them is kept out by one connection from this port.
    pub fn on_every_address() -> Result<Self> {
        Self::on(Ipv4Addr::UNSPECIFIED)
    }

    fn on(address: Ipv4Addr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // As servers do: of two such sockets with one address, one may listen.
        socket.set_reuseaddr(true)?;
        socket.bind((address, 0).into())?;
        Ok(Self { address: socket.local_addr()?, _socket: socket })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
