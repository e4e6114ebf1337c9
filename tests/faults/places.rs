//! Where the data is: a SQLite file or a Postgres server of the test.

use std::path::Path;
use std::process::Command;

use sqlx::{Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::network::Network;
use crate::support::postgres::Cluster;
use crate::support::{Backend, folder_in};

/// A database on its own server, or in a file.
pub struct Database {
    pub url: String,
    cluster: Option<Cluster>,
    _folder: Option<TempDir>,
}

impl Database {
    /// The same, reached through a network.
    pub fn through(&self, network: &Network) -> String {
        let name = self.url.split(['/', '?']).nth(3).expect("a name");
        format!("postgres://sas@127.0.0.1:{}/{name}?sslmode=disable", network.port)
    }

    /// An empty one; why there is none, where there is none.
    pub async fn new(backend: Backend) -> Result<Self, String> {
        Self::in_folder(backend, &std::env::temp_dir(), "").await
    }

    /// The same with its data below this folder, and with these settings of the server.
    pub async fn in_folder(backend: Backend, parent: &Path, settings: &str) -> Result<Self, String> {
        match backend {
            Backend::Sqlite => {
                let folder = folder_in(parent, "faults");
                let url = format!("sqlite://{}/faults.db", folder.path().display());
                Ok(Self { url, cluster: None, _folder: Some(folder) })
            }
            Backend::Postgres => {
                let cluster = Cluster::start_in(parent, &format!("-c shared_buffers=32MB {settings}"));
                let cluster = cluster.ok_or("no Postgres server programs are installed")?;
                if !cluster.is_ours() {
                    return Err("the server of SAS_TEST_POSTGRES_URL is not ours to break".to_owned());
                }
                Ok(Self { url: cluster.new_database().await, cluster: Some(cluster), _folder: None })
            }
        }
    }

    /// The server.
    pub fn server(&mut self) -> &mut Cluster {
        self.cluster.as_mut().expect("a scenario of Postgres")
    }

    /// The folder of the server, and of its socket.
    pub fn server_folder(&self) -> String {
        self.url.split("host=").nth(1).expect("a socket").replace("%2F", "/")
    }

    /// Ends every connection of the program; how many there were.
    pub async fn cut_connections(&self) -> usize {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let mut connection = PgConnection::connect(&self.url).await.expect("the server answers");
        let cut: Vec<(bool,)> = sqlx::query_as(sql).fetch_all(&mut connection).await.expect("cut");
        connection.close().await.expect("closed");
        cut.len()
    }

    /// Keeps every other process from writing to the SQLite file, for as long as the connection lives.
    pub async fn lock(&self) -> SqliteConnection {
        let mut connection = SqliteConnection::connect(&self.url).await.expect("the file opens");
        for _ in 0..1000 {
            if sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.is_ok() {
                return connection;
            }
        }
        panic!("the file cannot be locked");
    }

    /// Stops every process of the server where it stands, until what is returned is dropped.
    pub fn pause(&self) -> Paused {
        let pid_file = Path::new(&self.server_folder()).join("data/postmaster.pid");
        let text = std::fs::read_to_string(pid_file).expect("the server runs");
        let server = text.lines().next().expect("a process id").trim().to_owned();
        // First the one that would start others.
        signal("-STOP", std::slice::from_ref(&server));
        let children = children(&server);
        signal("-STOP", &children);
        Paused([vec![server], children].concat())
    }
}

/// The processes of a server, stopped.
pub struct Paused(Vec<String>);

impl Drop for Paused {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(signal: &str, processes: &[String]) {
    // One may have ended by itself meanwhile.
    let _ = Command::new("kill").arg(signal).args(processes).stderr(std::process::Stdio::null()).status();
}

fn children(parent: &str) -> Vec<String> {
    let list = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    list.split_whitespace().map(str::to_owned).collect()
}
