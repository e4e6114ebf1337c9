//! A throw-away Postgres cluster for this test process, from the server programs installed.
//!
//! It ends with the process, however that ends: a shell waits at the other end of a pipe.
//! `SAS_TEST_POSTGRES_URL` (a database whose user may create others) takes its place;
//! `SAS_TEST_POSTGRES=required` turns its absence from a remark into a failure.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// For data that nobody will miss.
const HASTY: &str = "-c fsync=off -c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB";

/// The number in the name of a socket.
const DEFAULT_PORT: u16 = 5432;

/// A new, empty database of the cluster that the tests of this process share; `None` where there is no Postgres.
pub async fn new_database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    Some(CLUSTER.get_or_init(|| Cluster::start_in(super::in_memory(), HASTY)).as_ref()?.new_database().await)
}

/// A running cluster.
pub struct Cluster {
    url: String,
    /// `None` for a server that is not ours.
    leash: Option<Leash>,
}

/// The shell that keeps the server. It ends it when it is let go of, or when the process ends.
struct Leash {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Cluster {
    /// Starts a cluster with these settings; `None`, which is said, where there is no Postgres.
    pub fn start(settings: &str) -> Option<Self> {
        Self::start_in(&std::env::temp_dir(), settings)
    }

    /// The same with its data in this folder, which the user `postgres` must be able to reach.
    pub fn start_in(parent: &Path, settings: &str) -> Option<Self> {
        if let Ok(url) = std::env::var("SAS_TEST_POSTGRES_URL") {
            return Some(Self { url, leash: None });
        }
        Some(Self::start_with(&server_programs()?, parent, settings, DEFAULT_PORT, &[]))
    }

    /// Starts a cluster that listens on a port of `127.0.0.1` and `127.0.0.2` too. These files are in the folder above
    /// its data, from which it is started.
    pub fn start_on(port: u16, settings: &str, files: &[(&str, &str)]) -> Option<Self> {
        let settings = format!("{HASTY} -c listen_addresses=127.0.0.1,127.0.0.2 {settings}");
        Some(Self::start_with(&server_programs()?, super::in_memory(), &settings, port, files))
    }

    /// A new, empty database.
    pub async fn new_database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("sas_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url).await.expect("the test cluster answers");
        let create = format!("CREATE DATABASE {name}");
        sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await.expect("a database is created");
        connection.close().await.expect("closed");
        let (server, parameters) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let server = server.rsplit_once('/').expect("an address with a database").0;
        format!("{server}/{name}?{parameters}")
    }

    fn start_with(programs: &Path, parent: &Path, settings: &str, port: u16, files: &[(&str, &str)]) -> Self {
        // The shell removes it, as the user who owns it by then.
        let folder = super::folder_in(parent, "postgres").keep();
        for (name, content) in files {
            // A key is for its owner only.
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name));
            file.as_mut().expect("a file").write_all(content.as_bytes()).expect("written");
        }
        // initdb refuses to work for root; Debian's package brings a user of its own.
        if is_root() {
            run(Command::new("chown").arg("-R").arg("postgres").arg(&folder));
        }
        // In the end, the user may remove what is in the folder, if not the folder itself.
        let script = format!(
            "set -e; cd {folder}; export PGPORT={port}; \
             {bin}/initdb --pgdata=data --username=sas --auth=trust --no-sync --encoding=UTF8 --locale=C >log 2>&1; \
             start() {{ {bin}/postgres -D data -k {folder} -c listen_addresses= {settings} >>log 2>&1 & server=$!; \
             until {bin}/pg_isready -q -h {folder} -U sas; do kill -0 $server; sleep 0.05; done; }}; \
             start; echo ready; while read order; do case $order in \
             stop) kill -QUIT $server 2>/dev/null || true; wait $server || true;; \
             start) kill -0 $server 2>/dev/null || start;; esac; echo ready; done; \
             kill -INT $server 2>/dev/null || true; \
             kill -CONT $server $(cat /proc/$server/task/$server/children 2>/dev/null) 2>/dev/null || true; \
             wait $server || true; rm -rf {folder} 2>/dev/null",
            folder = folder.display(),
            bin = programs.display(),
        );
        let shell = shell_of_postgres().args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut shell = shell.expect("the test cluster is started");
        let answers = BufReader::new(shell.stdout.take().expect("its output"));
        let mut leash = Leash { orders: shell.stdin.take(), shell, answers };
        assert!(leash.is_ready(), "see {}/log", folder.display());
        let host = folder.to_str().expect("a path").replace('/', "%2F");
        let url = format!("postgres://sas@localhost/postgres?host={host}");
        let url = if port == DEFAULT_PORT { url } else { format!("{url}&port={port}") };
        Self { url, leash: Some(leash) }
    }
}

impl Cluster {
    /// The database `postgres`, by the server's socket.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of the socket, of a server of ours.
    pub fn socket_folder(&self) -> PathBuf {
        let folder = self.url.split("host=").nth(1).and_then(|rest| rest.split('&').next()).expect("a socket");
        PathBuf::from(folder.replace("%2F", "/"))
    }

    /// Whether the server may be stopped and started.
    pub fn is_ours(&self) -> bool {
        self.leash.is_some()
    }

    /// Stops the server as a power cut would: nobody is let finish, and the next start recovers.
    pub fn stop_at_once(&mut self) {
        self.order("stop");
    }

    /// Starts the server again, unless it runs.
    pub fn start_again(&mut self) {
        self.order("start");
    }

    fn order(&mut self, order: &str) {
        let leash = self.leash.as_mut().expect("a server of ours");
        writeln!(leash.orders.as_mut().expect("an open pipe"), "{order}").expect("the shell listens");
        assert!(leash.is_ready(), "the server did not {order}");
    }
}

impl Leash {
    fn is_ready(&mut self) -> bool {
        let mut line = String::new();
        self.answers.read_line(&mut line).is_ok() && line.trim() == "ready"
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.shell.wait();
    }
}

/// Whether this process may do everything. Neither Postgres nor PgBouncer runs then.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A shell of a user whom Postgres and PgBouncer work for: Debian's package brings one.
pub fn shell_of_postgres() -> Command {
    if !is_root() {
        return Command::new("sh");
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--", "sh"]);
    command
}

/// A program of Postgres, such as `pg_dump`, of the version of the test cluster.
pub fn program(name: &str) -> PathBuf {
    find_server_programs().map_or_else(|| name.into(), |folder| folder.join(name))
}

/// The folder of `initdb` and `postgres`; `None`, which is said, where there is none.
fn server_programs() -> Option<PathBuf> {
    let found = find_server_programs();
    if found.is_none() {
        let sentence = "no Postgres server programs are installed (Debian: apt-get install postgresql)";
        assert!(std::env::var("SAS_TEST_POSTGRES").as_deref() != Ok("required"), "{sentence}");
        // Past the harness's capture: it is to be seen even where every test passes.
        let _ = writeln!(std::io::stderr(), "The Postgres half is skipped: {sentence}.");
    }
    found
}

/// The same of the newest version installed.
fn find_server_programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var("PATH").unwrap_or_default().split(':').map(PathBuf::from).collect();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(debian.map(|version| version.path().join("bin")));
    folders.sort_by_key(|folder| folder.starts_with("/usr/lib/postgresql"));
    folders.into_iter().rev().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

fn run(command: &mut Command) {
    assert!(command.status().expect("a command").success(), "{command:?}");
}
