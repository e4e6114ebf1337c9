//! The program with and without its console.

use crate::process::{Serving, databases, exchange, on_free_ports};
use crate::server::TOKEN;
use crate::support::{Backend, TestDatabase, folder};

/// A settings file with this text.
fn settings(text: &str) -> (tempfile::TempDir, String) {
    let folder = folder("console");
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, text).expect("written");
    let path = file.to_str().expect("UTF-8").to_owned();
    (folder, path)
}

/// A `[[caller]]` with this token and these rights.
fn caller(name: &str, token: &str, rights: &str) -> String {
    let hash = sas_endpoint::access::token::TokenHash::from_token(token);
    format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nrights = [{rights}]\n")
}

async fn serve(arguments: &[&str]) -> (TestDatabase, Serving) {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let serving = Serving::spawn(on_free_ports(&["--log", "error"]).args(arguments).args(databases(&database.url)));
    (database, serving)
}

#[tokio::test]
async fn console_is_open_on_a_test_target_and_named_in_the_banner() {
    let (_folder, file) = settings(&caller("alice", TOKEN, "\"console\""));
    for arguments in [vec![], vec!["--config", &file]] {
        let (_database, serving) = serve(&arguments).await;
        let (status, page) = serving.ops("/console").expect("an answer");
        assert!(status == 200 && page.contains("<h1>"), "{page}");
        assert!(
            serving.greeting().contains(&format!("http://{}/console", serving.ops_address)),
            "{}",
            serving.greeting()
        );
        for path in ["/health/live", "/health/ready", "/metrics"] {
            assert_eq!(serving.ops(path).expect("an answer").0, 200, "{path}");
        }
        assert_eq!(serving.get("/../console").expect("an answer").0, 404, "clients of the FHIR API do not reach it");
    }
}

#[tokio::test]
async fn console_with_callers_asks_for_the_token_of_one_with_the_right() {
    let both = caller("alice", TOKEN, "\"console\"") + &caller("bob", "another-token", "\"read\"");
    let (_folder, file) = settings(&both);
    let (_database, serving) = serve(&["--config", &file]).await;
    assert_eq!(serving.ops("/console").expect("an answer").0, 303);
    let status = |token: &str| {
        let head = format!("GET /console/api/status HTTP/1.1\r\nauthorization: Bearer {token}\r\n");
        exchange(&serving.ops_address, &head, "").expect("an answer").0
    };
    assert_eq!((status(TOKEN), status("another-token"), status("wrong")), (200, 401, 401));
    let read = |token: &str| {
        let head = format!("GET /fhir/Practitioner HTTP/1.1\r\nauthorization: Bearer {token}\r\n");
        exchange(&serving.address, &head, "").expect("an answer").0
    };
    assert_eq!(
        (read(TOKEN), read("another-token")),
        (401, 200),
        "the console's caller has no right on the FHIR listener"
    );
}

#[tokio::test]
async fn console_that_nobody_may_use_or_that_is_off_is_refused() {
    let (_folder, file) = settings(&caller("bob", "another-token", "\"read\""));
    let (_database, serving) = serve(&["--config", &file]).await;
    let (status, page) = serving.ops("/console").expect("an answer");
    assert!(status == 403 && page.contains("[[caller]]"), "{page}");
    let (_database, serving) = serve(&["--console", "off"]).await;
    for path in ["/console", "/console/", "/console/login", "/console/style.css", "/console/api/status"] {
        assert_eq!(serving.ops(path).expect("an answer").0, 404, "{path}");
    }
    assert_eq!(serving.ops("/health/live").expect("an answer").0, 200);
    assert!(!serving.greeting().contains("/console"), "{}", serving.greeting());
}

#[tokio::test]
async fn console_tokens_over_an_unencrypted_network_are_refused_at_the_start() {
    let (_folder, file) = settings(&caller("alice", TOKEN, "\"console\""));
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let arguments = ["--config", &file, "--ops-listen", "0.0.0.0:0"];
    let output = on_free_ports(&arguments).args(databases(&database.url)).output().expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("SAS_CONSOLE_URL=https://"), "{error}");
    for further in [&["--console-url", "https://console.example.org"][..], &["--console", "off"]] {
        let (_database, serving) = serve(&[&arguments[..], further].concat()).await;
        assert_eq!(serving.get("/metadata").expect("an answer").0, 200, "{further:?}");
    }
}
