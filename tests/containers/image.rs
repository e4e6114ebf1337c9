//! The image alone, as its Dockerfile builds it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;

use crate::client::{Answer, send};
use crate::deployment::account;
use crate::engine::Engine;
use crate::images::{IMAGE, export_build_context, make_image, repository};
use crate::support::ports::ReservedPort;

/// Nothing that the image does not need: podman's own `/tmp` of read-only containers is not there either.
const HARDENED: [&str; 8] = [
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=512m",
    "--pids-limit=256",
    "--volume=data:/data",
    "--tmpfs=/tmp",
];

/// Starts the image on this port, with these settings.
fn start(engine: &Engine, port: &ReservedPort, settings: &[&str]) -> String {
    let published = format!("--publish={}:8080", port.address());
    let settings: Vec<_> = settings.iter().map(|setting| format!("--env={setting}")).collect();
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    engine.run(&[&["run", "--detach", "--pull=never", &published][..], &HARDENED, &settings, &[IMAGE]].concat())
}

async fn ask(port: &ReservedPort, method: &str, path: &str, body: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let request = request.header("content-type", "application/json").body(Body::from(body.to_owned()));
    send(port.address(), request.expect("a request")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn image_without_rights_serves_and_its_volume_keeps_the_data() {
    let Some(engine) = Engine::start() else { return };
    make_image(&engine, repository());
    let port = ReservedPort::new().expect("a port");
    let base = format!("http://{}/fhir", port.address());
    let base_setting = format!("SAS_BASE_URL={base}");
    let settings = ["SAS_ACCESS=open", &base_setting];
    let container = start(&engine, &port, &settings);
    engine.wait_until_healthy(&container);
    assert_eq!(engine.inspect(&container, ".State.Health.Status"), "healthy");
    // What `top` calls them: the user outside, who is the same inside, and the capabilities in force.
    let process = engine.run(&["top", &container, "huser", "capeff", "capprm", "capbnd", "pid"]);
    let process: Vec<_> = process.lines().nth(1).expect("a process").split_whitespace().collect();
    assert_eq!(process, ["65532", "none", "none", "none", "1"]);

    let (text, criterion) = account();
    let created = ask(&port, "PUT", &criterion, &text).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let location = created.headers["location"].to_str().expect("text").to_owned();
    assert!(location.starts_with(&format!("{base}/Practitioner/")), "{location}");

    // Its grace is the engine's default: longer, and the engine kills it, which its exit status tells.
    let began = Instant::now();
    engine.run(&["stop", &container]);
    assert_eq!(engine.inspect(&container, ".State.ExitCode"), "0", "{}", engine.logs(&container));
    assert!(began.elapsed() < Duration::from_secs(10));
    engine.run(&["rm", &container]);

    let container = start(&engine, &port, &settings);
    engine.wait_until_healthy(&container);
    let path = location.strip_prefix(base.trim_end_matches("/fhir")).expect("a path");
    let path = path.split("/_history").next().expect("a path");
    let read = ask(&port, "GET", path, "").await;
    assert_eq!(read.status, 200, "{}", read.text);
    assert!(read.text.contains("Nadia"));
}

#[test]
fn image_without_callers_or_without_a_base_url_is_refused_at_start() {
    let Some(engine) = Engine::start() else { return };
    make_image(&engine, repository());
    let base_url = "--env=SAS_BASE_URL=https://fhir.example.org/fhir";
    let cases: [(&[&str], &[&str]); 3] = [
        (&[base_url], &["no [[caller]] is configured", "SAS_ACCESS=open"]),
        (&["--env=SAS_ACCESS=open"], &["SAS_LISTEN", "SAS_BASE_URL"]),
        (&[], &["no [[caller]] is configured"]),
    ];
    for (settings, reported) in cases {
        let ended = engine.try_run(&[&["run", "--pull=never"], &HARDENED[..], settings, &[IMAGE]].concat());
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{settings:?}: {text}");
        assert!(reported.iter().all(|words| text.contains(words)), "{settings:?}: {text}");
        // Beside warnings, which are JSON here.
        let sentences = text.lines().filter(|line| line.starts_with("sas-endpoint: "));
        assert_eq!(sentences.count(), 1, "{settings:?}: {text}");
    }
}

#[test]
fn image_build_context_is_sufficient() {
    let Some(engine) = Engine::start() else { return };
    // One place, so that a second run compiles nothing again, outside the repository; dependencies are taken from what
    // cargo made.
    let source = engine.cache.join("build-context");
    if source.exists() {
        std::fs::remove_dir_all(&source).expect("removed");
    }
    export_build_context(&engine, &source);
    assert!(source.join("src/main.rs").is_file() && !source.join("target").exists());
    let mut check = Command::new(env!("CARGO"));
    check.args(["check", "--locked", "--offline", "--quiet", "--bin", "sas-endpoint"]).current_dir(&source);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("its target folder");
    let check = check.env("CARGO_TARGET_DIR", target).output().expect("cargo starts");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
