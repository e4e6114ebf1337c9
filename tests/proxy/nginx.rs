//! An nginx of a test's own, with the configuration that is shipped: only paths, ports and the name are others.
//!
//! `SAS_TEST_NGINX=required` turns its absence from a remark into a failure.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::{Certificate, Client, Identity};
use tempfile::TempDir;

use crate::certificates::{self, Authority};
use crate::support::folder;
use crate::support::polling::{poll_until, poll_until_blocking};
use crate::support::ports::ReservedPort;

const MAIN: &str = include_str!("../../deploy/nginx/nginx.conf");
const SERVER: &str = include_str!("../../deploy/nginx/sas-endpoint.conf");
const CONSOLE: &str = include_str!("../../deploy/nginx/console.conf");
const CONSOLE_INSTANCES: &str = include_str!("../../deploy/nginx/console-instances.conf");
const INSTANCES: &str = include_str!("../../deploy/nginx/instances.conf");

/// A running nginx; it ends when it is dropped, or when the test process ends.
pub struct Nginx {
    port: ReservedPort,
    folder: TempDir,
    pub authority: Authority,
    leash: Option<Child>,
}

impl Nginx {
    /// Before these instances; `None`, which is said, where nginx is not installed.
    pub fn start(instances: [SocketAddr; 2]) -> Option<Self> {
        Self::start_with(instances, &[])
    }

    /// The same with parts of the configuration replaced: a time-out that nobody waits for.
    pub fn start_with(instances: [SocketAddr; 2], replaced: &[(&str, &str)]) -> Option<Self> {
        let program = program()?;
        let (folder, authority, port) = (folder("nginx"), Authority::new(), ReservedPort::new().expect("a port"));
        let within = folder.path();
        install_files(within, &authority, instances);
        let mut server = replace(SERVER, "/etc/sas-endpoint", &path(within, "etc"));
        server = replace(&server, "listen [::]:443 ssl default_server;", "");
        server = replace(&server, "listen 443", &format!("listen {}", port.address()));
        server = replace(&server, "fhir.example.org", "localhost");
        server = replace(&server, "/var/log/nginx", &path(within, "log"));
        for (shipped, here) in replaced {
            server = replace(&server, shipped, here);
        }
        write(&within.join("conf.d/sas-endpoint.conf"), &server);
        Some(Self::run(&program, folder, authority, port))
    }

    /// Before the operator's listeners of these instances, of which it passes the console.
    pub fn console(instances: [SocketAddr; 2]) -> Option<Self> {
        let program = program()?;
        let (folder, authority, port) = (folder("nginx"), Authority::new(), ReservedPort::new().expect("a port"));
        let within = folder.path();
        install_files(within, &authority, instances);
        let [first, second] = instances.map(|instance| instance.to_string());
        let named = replace(CONSOLE_INSTANCES, "127.0.0.1:8081", &first);
        let named = replace(&named, "#server 127.0.0.1:8083", &format!("server {second}"));
        write(&within.join("etc/nginx/console-instances.conf"), &named);
        let server = replace(CONSOLE, "/etc/sas-endpoint", &path(within, "etc"));
        let server = replace(&server, "listen [::]:443 ssl;", "");
        let server = replace(&server, "listen 443", &format!("listen {}", port.address()));
        write(&within.join("conf.d/console.conf"), &replace(&server, "console.example.org", "localhost"));
        Some(Self::run(&program, folder, authority, port))
    }

    fn run(program: &Path, folder: TempDir, authority: Authority, port: ReservedPort) -> Self {
        let within = folder.path();
        let main = replace(MAIN, "/tmp", &path(within, "tmp"));
        let main = replace(&main, "/etc/nginx/conf.d", &path(within, "conf.d"));
        write(&within.join("nginx.conf"), &main);
        let leash = run(program, within, port.address());
        Self { port, folder, authority, leash: Some(leash) }
    }

    /// Its folder, for files of a test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The public address of this path.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address().port())
    }

    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// A client that believes the server, and has this certificate, if any.
    pub fn client(&self, identity: Option<&certificates::Identity>) -> Client {
        client(&self.authority, self.address(), identity)
    }

    /// What nginx wrote to its logs, the lines of so many requests among it: a line comes after its answer.
    pub async fn logs(&self, requests: usize) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join("log").join(name)).unwrap_or_default();
        poll_until("a line for each request", async || read("access.log").lines().count() >= requests).await;
        read("access.log") + &read("error.log")
    }

    /// The settings with which the endpoints trust this nginx and its headers.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SAS_CONFIG", format!("{}/deploy/sas-endpoint.example.toml", env!("CARGO_MANIFEST_DIR"))),
            ("SAS_TLS_CLIENT_CA", path(self.folder.path(), "etc/trust/client-ca.pem")),
            ("SAS_TLS_CRL", path(self.folder.path(), "etc/trust/crl")),
            ("SAS_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
            ("SAS_PROXY_CERTIFICATE", "x-ssl-client-cert".to_owned()),
        ]
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Some(leash) = &mut self.leash {
            // To wait is to let go first.
            let _ = leash.wait();
        }
    }
}

/// A client that believes servers of this authority, finds `localhost` at this address, and has this certificate, if any.
pub fn client(authority: &Authority, address: SocketAddr, identity: Option<&certificates::Identity>) -> Client {
    let roots = Certificate::from_pem_bundle(authority.pem().as_bytes()).expect("authorities");
    let mut client = Client::builder().tls_certs_only(roots).resolve("localhost", address);
    if let Some(identity) = identity {
        let pem = format!("{}{}", identity.chain_pem, identity.key_pem);
        client = client.identity(Identity::from_pem(pem.as_bytes()).expect("an identity"));
    }
    client.build().expect("a client")
}

/// Everything where deploy/README.md puts it, below `etc`.
fn install_files(folder: &Path, authority: &Authority, instances: [SocketAddr; 2]) {
    let server = authority.server();
    write(&folder.join("etc/tls/server.pem"), &server.chain_pem);
    write(&folder.join("etc/tls/server.key"), &server.key_pem);
    write(&folder.join("etc/trust/client-ca.pem"), &authority.pem());
    write(&folder.join("etc/trust/crl/crl.pem"), &authority.revocation_lists_pem());
    let [first, second] = instances.map(|instance| instance.to_string());
    let named =
        replace(&replace(INSTANCES, "127.0.0.1:8080", &first), "#server 127.0.0.1:8082", &format!("server {second}"));
    write(&folder.join("etc/nginx/instances.conf"), &named);
    for empty in ["log", "tmp"] {
        std::fs::create_dir_all(folder.join(empty)).expect("a folder");
    }
}

/// Runs it until the other end of a pipe is let go of, and returns once it listens.
fn run(program: &Path, folder: &Path, address: SocketAddr) -> Child {
    let script = format!(
        "{program} -p {folder} -c {folder}/nginx.conf -g 'daemon off;' 2>{folder}/log/start & server=$!; \
         read _ || true; kill -TERM $server; wait $server",
        program = program.display(),
        folder = folder.display(),
    );
    let mut leash = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("a shell");
    poll_until_blocking("nginx listens", || {
        assert!(leash.try_wait().expect("a child").is_none(), "nginx ended");
        let reported = std::fs::read_to_string(folder.join("log/start")).unwrap_or_default();
        assert!(!reported.contains("[emerg]"), "{reported}");
        TcpStream::connect(address).is_ok()
    });
    leash
}

fn program() -> Option<PathBuf> {
    let folders = std::env::var("PATH").unwrap_or_default();
    let folders = folders.split(':').map(PathBuf::from).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join("nginx")).find(|program| program.exists());
    if found.is_none() {
        let sentence = "nginx is not installed (Debian: apt-get install nginx-light)";
        assert!(std::env::var("SAS_TEST_NGINX").as_deref() != Ok("required"), "{sentence}");
        // Past the harness's capture: it is to be seen even where every test passes.
        let _ = writeln!(std::io::stderr(), "The tests of the proxy are skipped: {sentence}.");
    }
    found
}

/// What is replaced must be there: the test is of the file that is shipped.
fn replace(text: &str, shipped: &str, here: &str) -> String {
    assert!(text.contains(shipped), "{shipped} is no longer shipped");
    text.replace(shipped, here)
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

fn write(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    std::fs::write(file, text).expect("written");
}
