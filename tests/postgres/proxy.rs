//! A port that forwards new connections to the current server, like a host name whose address changes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};

/// Passes connections on to the socket of a server. Those that are open stay with theirs.
pub struct Proxy {
    pub address: SocketAddr,
    target: Arc<Mutex<PathBuf>>,
}

impl Proxy {
    /// Passes on to the socket in this folder.
    pub async fn start(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let proxy = Self { address, target: Arc::new(Mutex::new(folder)) };
        let target = proxy.target.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let socket = target.lock().expect("the target").join(".s.PGSQL.5432");
                tokio::spawn(async move {
                    if let Ok(mut server) = UnixStream::connect(socket).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        proxy
    }

    /// Passes new connections on to the socket in this folder.
    pub fn switch(&self, folder: PathBuf) {
        *self.target.lock().expect("the target") = folder;
    }
}
