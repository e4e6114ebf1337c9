//! A network between the program and its Postgres that can fall silent: nothing arrives any more, and
//! nobody is told.
//!
//! The kernel of this machine answers for both ends, so that the keep-alive of TCP never finds out here. What
//! it would do to a server is done in its place: after its time the server's end is closed, if the program
//! asked for that when it connected.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The setting by which a session asks that its server gives up a silent client.
const ASKED: &[u8] = b"tcp_keepalives_idle = '4s';SET tcp_keepalives_interval = '2s';SET tcp_keepalives_count = 3";
/// When that is, then.
const GIVEN_UP: Duration = Duration::from_secs(10);

/// Passes on what comes to a port to the socket of a server.
#[derive(Clone)]
pub struct Network {
    pub port: u16,
    /// Connections of an age before this one are silent for ever.
    age: Arc<AtomicUsize>,
    servers: Arc<Mutex<Vec<Server>>>,
}

/// The server's end of a connection.
struct Server {
    socket: UnixStream,
    gives_up: Arc<AtomicBool>,
}

impl Network {
    /// One before the socket in this folder. It lasts as long as this process.
    pub fn before(folder: &str) -> Self {
        let path = PathBuf::from(folder).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let network = Self { port, age: Arc::default(), servers: Arc::default() };
        let own = network.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(socket) = UnixStream::connect(&path) else { continue };
                let (back, forth) = (socket.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
                let server = Server { socket: socket.try_clone().expect("a socket"), gives_up: Arc::default() };
                let mut servers = own.servers.lock().unwrap_or_else(PoisonError::into_inner);
                pass(own.age.clone(), Some(server.gives_up.clone()), client, socket);
                pass(own.age.clone(), None, back, forth);
                servers.push(server);
            }
        });
        network
    }

    /// Every connection that is open falls silent; new ones do not.
    pub fn fall_silent(&self) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        self.age.fetch_add(1, Ordering::SeqCst);
        let servers = std::mem::take(&mut *servers);
        std::thread::spawn(move || {
            std::thread::sleep(GIVEN_UP);
            for server in servers.iter().filter(|server| server.gives_up.load(Ordering::SeqCst)) {
                let _ = server.socket.shutdown(Shutdown::Both);
            }
        });
    }
}

/// Passes on one direction; towards a server where `gives_up` is given.
fn pass(
    age: Arc<AtomicUsize>,
    gives_up: Option<Arc<AtomicBool>>,
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
) {
    let own = age.load(Ordering::SeqCst);
    std::thread::spawn(move || {
        let (mut bytes, mut is_silent) = ([0; 1 << 14], false);
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            let mut passed = &bytes[..length];
            if let Some(gives_up) = &gives_up
                && passed.windows(ASKED.len()).any(|some| some == ASKED)
            {
                gives_up.store(true, Ordering::SeqCst);
            }
            // Swallowed, and both ends stay open. A server gets most of the first message, and waits for its end.
            if age.load(Ordering::SeqCst) != own {
                let most = if gives_up.is_some() && !is_silent { length - 1 } else { 0 };
                (passed, is_silent) = (&passed[..most], true);
            }
            if to.write_all(passed).is_err() {
                break;
            }
        }
    });
}
