//! The program with mutual TLS: its messages about files, and SIGHUP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::certificates::{COMMON_NAME, Kind};
use crate::client::connect;
use crate::files::{Files, text};

/// The running program; killed when it is dropped.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    pub ops: SocketAddr,
    log: BufReader<std::process::ChildStderr>,
}

impl Program {
    /// Starts it with these files, which it reloads on SIGHUP only. Returns what it logs at start.
    pub fn start(files: &Files) -> (Self, String) {
        Self::start_with(files, &[])
    }

    /// The same, with these options besides.
    fn start_with(files: &Files, options: &[&str]) -> (Self, String) {
        let database = format!("sqlite://{}", text(&files.path("test.db")));
        let annuaire = format!("sqlite://{}", text(&files.path("annuaire.db")));
        let mut command = Command::new(env!("CARGO_BIN_EXE_sas-endpoint"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SAS_")) {
            command.env_remove(name);
        }
        command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--log-format", "json"]);
        command.args(["--database-url", &database, "--annuaire-database-url", &annuaire, "--tls-reload", "1h"]);
        command.args(options);
        for (option, file) in [
            ("--tls-cert", "server.pem"),
            ("--tls-key", "server.key"),
            ("--tls-client-ca", "ca.pem"),
            ("--tls-crl", "crl.pem"),
        ] {
            command.args([option, text(&files.path(file))]);
        }
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let log = BufReader::new(child.stderr.take().expect("its log"));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut program = Self { child, address: nowhere, ops: nowhere, log };
        let starting = program.until("\"listening\"");
        let listening = starting.last().expect("a line");
        let listening: Value = serde_json::from_str(listening).expect("JSON");
        let address = |name: &str| listening[name].as_str().expect("an address").parse().expect("an address");
        (program.address, program.ops) = (address("listen"), address("ops"));
        assert!(listening["base_url"].as_str().expect("an address").starts_with("https://"), "{listening}");
        (program, starting.concat())
    }

    /// The lines of the log up to the one that says this.
    fn until(&mut self, what: &str) -> Vec<String> {
        let mut lines = vec![];
        while lines.last().is_none_or(|line: &String| !line.contains(what)) {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).expect("a line") > 0, "the log ended before {what}: {lines:?}");
            lines.push(line);
        }
        lines
    }

    fn hang_up(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().expect("kill runs").success());
    }

    pub fn ops(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.ops).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn crl_expired_is_reported_until_sighup_loads_a_new_one() {
    let files = Files::new();
    files.write("crl.pem", files.authority.revocation_list(-10, 8).pem().expect("PEM"));
    let (mut program, log) = Program::start(&files);
    assert!(log.contains("is out of date: the next one was due"), "{log}");
    let ready: Value = serde_json::from_str(&program.ops("/health/ready")).expect("JSON");
    assert_eq!(ready["ready"], true, "restarting would help nobody");
    assert_eq!(ready["revocationLists"][0]["outOfDate"], true, "{ready}");
    assert!(ready["serverCertificateUntil"].is_string(), "{ready}");
    let metrics = program.ops("/metrics");
    for metric in ["sas_tls_crl_next_update_seconds{issuer=\"", "sas_tls_certificate_not_after_seconds "] {
        assert!(metrics.contains(metric), "{metric}: {metrics}");
    }
    let good = files.authority.client(Kind::Good);
    let refused = async || {
        let stream = connect(program.address, &files.authority, Some(&good)).await;
        let answer = async { crate::client::ask(&mut stream?, "/fhir/metadata").await };
        answer.await.expect_err("refused").to_string()
    };
    assert!(refused().await.contains("UnknownCA"));

    files.write("crl.pem", files.authority.revocation_lists_pem());
    program.hang_up();
    program.until("reloaded: new connections use them");
    let mut stream = connect(program.address, &files.authority, Some(&good)).await.expect("believed");
    let statement = crate::client::ask(&mut stream, "/fhir/metadata").await.expect("an answer");
    assert!(statement.contains("CapabilityStatement"), "{statement}");
    let ready: Value = serde_json::from_str(&program.ops("/health/ready")).expect("JSON");
    assert_eq!(ready["revocationLists"][0]["outOfDate"], false, "{ready}");

    files.write("crl.pem", "nothing");
    program.hang_up();
    program.until("the previous files remain in use");
    let mut stream = connect(program.address, &files.authority, Some(&good)).await.expect("believed");
    crate::client::ask(&mut stream, "/fhir/metadata").await.expect("an answer");
    program.hang_up();
    program.until("the previous files remain in use");
    let ready: Value = serde_json::from_str(&program.ops("/health/ready")).expect("JSON");
    let refused = ready["certificateFilesRefused"][0].as_str().expect("a sentence");
    assert!(refused.contains("crl.pem: there is a revocation list in it that cannot be read"), "{ready}");
    assert!(program.ops("/metrics").contains("sas_tls_files_refused 1"));
    assert!(program.ops("/metrics").contains("sas_tls_reloads_total{outcome=\"refused\"} 2"));
}

#[tokio::test]
async fn tls_key_readable_by_all_and_refused_certificate_are_logged() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::new();
    std::fs::set_permissions(files.path("server.key"), std::fs::Permissions::from_mode(0o644)).expect("set");
    let (mut program, log) = Program::start(&files);
    assert!(log.contains("every user of this machine can read the private key"), "{log}");
    let revoked = files.authority.client(Kind::Revoked);
    let stream = connect(program.address, &files.authority, Some(&revoked)).await;
    let answer = async { crate::client::ask(&mut stream?, "/fhir/metadata").await };
    answer.await.expect_err("refused");
    let log = program.until("TLS handshake refused: client certificate").concat();
    assert!(log.contains("it was revoked"), "{log}");
    assert!(!log.contains(COMMON_NAME), "{log}");
}

#[test]
fn connection_limits_reached_are_logged_and_counted() {
    let files = Files::new();
    let bounds = ["--max-connections", "2", "--max-connections-per-address", "1"];
    let (mut program, _) = Program::start_with(&files, &bounds);
    let open = TcpStream::connect(program.address).expect("it listens");
    let mut refused = TcpStream::connect(program.address).expect("it listens");
    assert!(matches!(refused.read(&mut [0]), Ok(0) | Err(_)), "it is closed at once");
    let log = program.until("its address has reached SAS_MAX_CONNECTIONS_PER_ADDRESS").concat();
    assert!(log.contains("\"peer\":\"127.0.0.1\""), "{log}");
    let metrics = program.ops("/metrics");
    assert!(metrics.contains("sas_connections_refused_total 1"), "{metrics}");
    drop((open, program));

    let bounds = ["--max-connections", "1", "--max-connections-per-address", "2"];
    let (mut program, _) = Program::start_with(&files, &bounds);
    let mut evicted = TcpStream::connect(program.address).expect("it listens");
    let _open = TcpStream::connect(program.address).expect("it listens");
    program.until("SAS_MAX_CONNECTIONS reached: closing the one idle longest");
    assert!(matches!(evicted.read(&mut [0]), Ok(0) | Err(_)), "it is closed");
    let metrics = program.ops("/metrics");
    assert!(metrics.contains("sas_connections_evicted_total 1"), "{metrics}");
}

#[test]
fn eviction_on_the_ops_listener_keeps_health_and_metrics_reachable() {
    let files = Files::new();
    let (program, _) = Program::start_with(&files, &["--max-connections-per-address", "1"]);
    // More than it takes, all idle: silent, after an answer, with a head that does not come.
    let idle = (0..96).map(|number| {
        let mut stream = TcpStream::connect(program.ops).expect("it listens");
        let request = ["", "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n", "GET /health"][number % 3];
        stream.write_all(request.as_bytes()).expect("written");
        stream
    });
    let _idle: Vec<_> = idle.collect();
    for path in ["/health/live", "/health/ready", "/metrics"] {
        program.ops(path);
    }
}

#[test]
fn log_of_failed_handshakes_is_bounded() {
    let files = Files::new();
    let (mut program, _) = Program::start_with(&files, &["--tls-client-auth", "optional"]);
    let began = std::time::Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let revoked = files.authority.client(Kind::Revoked);
        for _ in 0..60 {
            let stream = connect(program.address, &files.authority, Some(&revoked)).await;
            let answer = async { crate::client::ask(&mut stream?, "/fhir/metadata").await };
            answer.await.expect_err("refused");
            let mut stream = connect(program.address, &files.authority, None).await.expect("let in");
            let _ = stream.write_all(b"garbage\r\n\r\n").await;
            crate::client::rest(&mut stream).await.expect("an answer");
        }
    });
    let metrics = program.ops("/metrics");
    assert!(metrics.contains("sas_tls_handshakes_total{outcome=\"refused\"} 60"), "{metrics}");
    program.hang_up();
    let log = program.until("are unchanged");
    // Ten at once, then ten a second, however long this machine takes.
    let most = 10 * (2 + began.elapsed().as_secs());
    for line in ["TLS handshake refused", "request refused while parsing"] {
        let written = log.iter().filter(|logged| logged.contains(line)).count() as u64;
        assert!((1..=most).contains(&written), "{line}: {written} lines for 60 strangers");
    }
}
