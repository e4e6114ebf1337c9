//! Access settings are checked before the start: contradictions are refused.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use tempfile::TempDir;

use crate::certificates::Authority;
use crate::process::{Serving, databases, exchange, on_free_ports, program, run};
use crate::support::{Backend, TestDatabase, folder};

/// Unlike anything that a log has in it at random: request ids are hexadecimal.
const TOKEN: &str = "word-of-the-agenda";

/// The caller of [`TOKEN`], whose hash was made by `sha256sum`.
const TOKEN_CALLER: &str = "[[caller]]\nname = \"agenda\"\n\
    token_sha256 = \"171367c8ce83a3aafbfaf8022c4d110a3299d75ebf2a421f945bfb35fae239b4\"\nrights = [\"read\"]\n";

const CERTIFICATE_CALLER: &str = "[[caller]]\nname = \"platform\"\ncn = \"sas\"\nou = \"3187\"\nrights = [\"read\"]\n";

/// A TOML file, gone when it is dropped.
struct TomlFile {
    path: String,
    _folder: TempDir,
}

/// One of this text.
fn file(text: &str) -> TomlFile {
    let folder = folder("access");
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, text).expect("written");
    TomlFile { path: path.to_str().expect("a path").to_owned(), _folder: folder }
}

/// Expects that the program does not start, and says this.
#[track_caller]
fn refuses(arguments: &[&str], sentence: &str) {
    let folder = folder("refused");
    let databases = databases(&format!("sqlite://{}/test.db", folder.path().display()));
    let output = on_free_ports(arguments).args(databases).output().expect("it ends");
    let reported = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && reported.contains(sentence), "{arguments:?}: {reported}");
}

#[test]
fn access_from_other_machines_needs_callers_or_open() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        refuses(&["--listen", address], "can be reached from other machines: configure callers in the file");
        refuses(&["--listen", address, "--tls-reload", "1s"], "or set SAS_ACCESS=open");
    }
    // A proxy on this machine brings the requests of others.
    refuses(
        &["--trusted-proxies", "127.0.0.1"],
        "SAS_TRUSTED_PROXIES forward requests of other machines: configure callers",
    );
}

#[test]
fn base_url_is_required_for_unspecified_addresses() {
    for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        refuses(&["--access", "open", "--listen", address], "set SAS_BASE_URL");
        let token = file(TOKEN_CALLER);
        refuses(&["--config", &token.path, "--access", "plain", "--listen", address], "set SAS_BASE_URL");
    }
}

#[tokio::test]
async fn access_settings_too_broad_are_logged_as_warnings() {
    let folder = folder("settings");
    let authority = Authority::new();
    std::fs::write(folder.path().join("settings.toml"), CERTIFICATE_CALLER).expect("written");
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("written");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let (config, ca) = (at("settings.toml"), at("ca.pem"));
    let common = ["--config", &config, "--tls-client-ca", &ca];
    for (arguments, expected) in [
        (["--trusted-proxies", "0.0.0.0/0"], Some("SAS_TRUSTED_PROXIES contains 0.0.0.0/0")),
        (["--trusted-proxies", "::ffff:0:0/97,128.0.0.0/1"], Some("SAS_TRUSTED_PROXIES contains 0.0.0.0/0")),
        (["--trusted-proxies", "::/0"], Some("SAS_TRUSTED_PROXIES contains ::/0")),
        (["--ops-listen", "0.0.0.0:0"], Some("SAS_OPS_LISTEN=0.0.0.0:0 can be reached from other networks")),
        (["--trusted-proxies", "10.0.0.0/8,::1"], None),
        (["--ops-listen", "[::ffff:127.0.0.1]:0"], None),
    ] {
        let (serving, log) = Serving::start_and_log(&database.url, &[&common[..], &arguments[..]].concat());
        serving.signal("-TERM");
        assert_eq!(serving.wait(), Some(0));
        let log = log.join().expect("a log");
        let warned = log.contains("SAS_TRUSTED_PROXIES contains") || log.contains("SAS_OPS_LISTEN=");
        assert_eq!(warned, expected.is_some(), "{log}");
        assert!(expected.is_none_or(|sentence| log.contains(sentence)), "{log}");
    }
}

#[tokio::test]
async fn access_without_callers_serves_loopback_with_a_warning() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let (serving, log) = Serving::start_and_log(&database.url, &[]);
    assert_eq!(serving.get("/Practitioner").expect("an answer").0, 200);
    serving.signal("-TERM");
    assert_eq!(serving.wait(), Some(0));
    let log = log.join().expect("a log");
    assert!(log.contains("WARN") && log.contains("no [[caller]] is configured"), "{log}");
}

#[tokio::test]
async fn foreign_page_is_refused_with_and_without_callers() {
    let callers = file(TOKEN_CALLER);
    for (settings, created) in [(&[][..], 400), (&["--config", &callers.path], 403)] {
        let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
        let (serving, log) = Serving::start_and_log(&database.url, settings);
        let asked = |method: &str, origin: &str| {
            let headers =
                format!("origin: {origin}\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n");
            exchange(&serving.address, &format!("{method} /fhir/Practitioner HTTP/1.1\r\n{headers}"), "")
                .expect("an answer")
        };
        let ours = format!("http://{}", serving.address);
        for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example", ""] {
            for method in ["POST", "PUT", "GET"] {
                let (status, text) = asked(method, origin);
                assert!(status == 403 && text.contains("http-origin"), "{method} {origin}: {status} {text}");
            }
        }
        let (status, text) = asked("POST", &ours);
        assert!(status == created && !text.contains("http-origin"), "{status} {text}");
        assert_eq!(asked("GET", &ours).0, 200);
        serving.signal("-TERM");
        assert_eq!(serving.wait(), Some(0));
        log.join().expect("a log");
    }
}

#[tokio::test]
async fn foreign_host_is_misdirected_without_callers_and_not_on_the_ops_listener() {
    let callers = file(TOKEN_CALLER);
    let base_url = ["--base-url", "https://sas.example.org/fhir"];
    let with_callers = ["--config", &callers.path];
    for (settings, foreign, base) in [(&[][..], 421, 421), (&base_url, 421, 200), (&with_callers, 200, 200)] {
        let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
        let (serving, log) = Serving::start_and_log(&database.url, settings);
        let asked_at = |address: &str, host: &str, path: &str| {
            let mut stream = TcpStream::connect(address).expect("it listens");
            write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("written");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            let status: u16 = answer[9..12].parse().expect("a status");
            assert_eq!(status == 421, answer.contains("foreign-host"), "{answer}");
            status
        };
        let asked = |host: &str, path: &str| asked_at(&serving.address, host, path);
        for path in ["/fhir/metadata", "/annuaire/fhir/v2/metadata"] {
            for (host, expected) in [
                ("evil.example", foreign),
                ("localhost.evil.example:80", foreign),
                ("sas.example.org", base),
                (&serving.address, 200),
                ("localhost:1", 200),
                ("sas.localhost", 200),
                ("192.0.2.1", 200),
            ] {
                assert_eq!(asked(host, path), expected, "{settings:?} {path} at {host}");
            }
        }
        // The scraper and the orchestrator name it as they like.
        assert_eq!(asked_at(&serving.ops_address, "evil.example", "/health/live"), 200);
        serving.signal("-TERM");
        assert_eq!(serving.wait(), Some(0));
        log.join().expect("a log");
    }
}

#[test]
fn access_tokens_over_unencrypted_connections_are_refused() {
    let token = file(TOKEN_CALLER);
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        refuses(&["--config", &token.path, "--listen", address], "callers would send their tokens unencrypted");
    }
}

#[tokio::test]
async fn access_trusted_proxy_counts_as_encryption() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let callers = file(TOKEN_CALLER);
    let proxy = ["--config", &callers.path, "--listen", "0.0.0.0:0", "--trusted-proxies", "192.0.2.1"];
    // Of a busy machine, sqlx warns that statements are slow.
    let settings = [&proxy[..], &["--log", "info,sqlx=error"]].concat();
    let (serving, log) = Serving::start_and_log(&database.url, &settings);
    assert_eq!(serving.get("/Practitioner").expect("an answer").0, 401);
    serving.signal("-TERM");
    assert_eq!(serving.wait(), Some(0));
    let log = log.join().expect("a log");
    assert!(log.contains("stopping") && !log.contains("WARN"), "{log}");
}

#[tokio::test]
async fn access_open_serves_everyone_on_any_address() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let (serving, log) = Serving::start_and_log(
        &database.url,
        &["--access", "open", "--listen", "0.0.0.0:0", "--base-url", "http://localhost/fhir"],
    );
    assert_eq!(serving.get("/Practitioner").expect("an answer").0, 200);
    serving.signal("-TERM");
    assert_eq!(serving.wait(), Some(0));
    assert!(log.join().expect("a log").contains("SAS_ACCESS=open"));
}

#[tokio::test]
async fn access_plain_authenticates_callers_on_any_address() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let callers = file(TOKEN_CALLER);
    let settings = [
        "--config",
        &callers.path,
        "--listen",
        "0.0.0.0:0",
        "--access",
        "plain",
        "--base-url",
        "http://localhost/fhir",
    ];
    let (serving, log) = Serving::start_and_log(&database.url, &settings);
    assert_eq!(serving.get("/Practitioner").expect("an answer").0, 401);
    assert_eq!(serving.get("/metadata").expect("an answer").0, 200);
    let asked = |token: &str| {
        let head = format!("GET /fhir/Practitioner HTTP/1.1\r\nauthorization: Bearer {token}\r\n");
        exchange(&serving.address, &head, "").expect("an answer").0
    };
    assert_eq!((asked(TOKEN), asked("word-of-nobody")), (200, 401));
    serving.signal("-TERM");
    assert_eq!(serving.wait(), Some(0));
    let log = log.join().expect("a log");
    assert!(log.contains("caller=\"agenda\"") && log.contains("caller=\"none\""), "{log}");
    assert!(log.contains("SAS_ACCESS=plain"), "{log}");
    assert!(!log.contains("word-of"), "{log}");
}

#[test]
fn access_settings_contradictory_are_refused() {
    let (token, certificate) = (file(TOKEN_CALLER), file(CERTIFICATE_CALLER));
    refuses(
        &["--config", &token.path, "--access", "open"],
        "SAS_ACCESS=open serves every client, but callers are configured",
    );
    refuses(&["--config", &certificate.path], "no authority to validate them: set SAS_TLS_CLIENT_CA");
    let proxy = ["--trusted-proxies", "127.0.0.1", "--proxy-certificate", "client-cert"];
    refuses(&[&["--config", &token.path][..], &proxy].concat(), "set SAS_TLS_CLIENT_CA");
    refuses(&["--config", &token.path, "--proxy-certificate", "client-cert"], "set SAS_TRUSTED_PROXIES");
    refuses(
        &["--config", &file(&TOKEN_CALLER.replace("\"read\"", "\"write\"")).path],
        "settings.toml: caller “agenda”: unknown",
    );
    refuses(&["--config", &file(&TOKEN_CALLER.repeat(2)).path], "caller “agenda”: another caller has this name");
    refuses(&["--trusted-proxies", "proxy"], "expected an address such as 127.0.0.1, or a network");
}

#[test]
fn token_command_prints_a_token_and_its_hash() {
    let made = || String::from_utf8(run(&["token"], "").stdout).expect("UTF-8");
    let text = made();
    let (token, line) = text.trim_end().split_once('\n').expect("two lines");
    let hash = sas_endpoint::access::token::TokenHash::from_token(token);
    assert_eq!(line, format!("token_sha256 = \"{hash}\""));
    assert_ne!(text, made());
    // Nothing else is said, nothing is kept.
    let output = program(&["token"]).stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty());
}
