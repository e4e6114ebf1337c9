//! A PgBouncer of a test's own.
//!
//! `SAS_TEST_PGBOUNCER=required` turns its absence from a remark into a failure.

use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::support::polling::poll_until_blocking;
use crate::support::ports::ReservedPort;
use crate::support::postgres::{Cluster, shell_of_postgres};

/// A running PgBouncer; it ends when it is dropped, or when the test process ends.
pub struct PgBouncer {
    port: ReservedPort,
    leash: Child,
}

impl PgBouncer {
    /// Before this server, in this mode and with so many sessions; `None`, which is said, where it is not installed.
    pub fn start(server: &Cluster, pool_mode: &str, pool_size: u32) -> Option<Self> {
        let (program, port) = (program()?, ReservedPort::new().expect("a port"));
        let settings = format!(
            "[databases]\n* = host={socket} user=sas\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = {pool_mode}\ndefault_pool_size = {pool_size}\n",
            socket = server.socket_folder().display(),
            port = port.address().port(),
        );
        // The folder is of the user who runs PgBouncer.
        let script = format!(
            "set -e; folder=$(mktemp -d); printf '%s' \"$1\" >$folder/pgbouncer.ini; \
             {program} -q $folder/pgbouncer.ini >$folder/log 2>&1 & server=$!; \
             read _ || true; kill -TERM $server || true; wait $server || true; rm -rf $folder",
            program = program.display(),
        );
        let mut command = shell_of_postgres();
        let shell = command.args(["-c", &script, "sh", &settings]).stdin(Stdio::piped()).spawn();
        let mut leash = shell.expect("a shell");
        poll_until_blocking("PgBouncer listens", || {
            assert!(leash.try_wait().expect("a child").is_none(), "PgBouncer ended");
            TcpStream::connect(port.address()).is_ok()
        });
        Some(Self { port, leash })
    }

    /// The database `postgres` of the server.
    pub fn url(&self) -> String {
        format!("postgres://sas@{}/postgres?sslmode=disable", self.port.address())
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // To wait is to let go first.
        let _ = self.leash.wait();
    }
}

fn program() -> Option<PathBuf> {
    let folders = std::env::var("PATH").unwrap_or_default();
    let folders = folders.split(':').map(PathBuf::from).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists());
    if found.is_none() {
        let sentence = "PgBouncer is not installed (Debian: apt-get install pgbouncer)";
        assert!(std::env::var("SAS_TEST_PGBOUNCER").as_deref() != Ok("required"), "{sentence}");
        // Past the harness's capture: it is to be seen even where every test passes.
        let _ = writeln!(std::io::stderr(), "The tests of the pooler are skipped: {sentence}.");
    }
    found
}
