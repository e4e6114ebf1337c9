//! A network between the program and its Postgres that can fall silent: nothing arrives any more, and
//! nobody is told.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Passes on what comes to a port to the socket of a server.
#[derive(Clone)]
pub struct Network {
    pub port: u16,
    /// Connections of an age before this one are silent for ever.
    age: Arc<AtomicUsize>,
}

impl Network {
    /// One before the socket in this folder. It lasts as long as this process.
    pub fn before(folder: &str) -> Self {
        let socket = PathBuf::from(folder).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let age = Arc::new(AtomicUsize::new(0));
        let current = age.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = UnixStream::connect(&socket) else { continue };
                let (back, forth) = (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
                pass(current.clone(), client, server);
                pass(current.clone(), back, forth);
            }
        });
        Self { port, age }
    }

    /// Every connection that is open falls silent; new ones do not.
    pub fn fall_silent(&self) {
        self.age.fetch_add(1, Ordering::SeqCst);
    }
}

fn pass(age: Arc<AtomicUsize>, mut from: impl Read + Send + 'static, mut to: impl Write + Send + 'static) {
    let own = age.load(Ordering::SeqCst);
    std::thread::spawn(move || {
        let mut bytes = [0; 1 << 14];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            // Swallowed, and both ends stay open.
            if age.load(Ordering::SeqCst) == own && to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
    });
}
