//! The commands, and their exit statuses.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};
use std::sync::mpsc;

use crate::process::{Serving, databases, exchange, on_free_ports, program, run, signal};
use crate::support::ports::ReservedPort;
use crate::support::{Backend, TestDatabase, folder};

const REGULATOR: &str = include_str!("../fixtures/regulator.json");

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn help_documents_every_setting() {
    let help = text(&run(&["--help"], ""));
    for setting in [
        "SAS_LISTEN",
        "SAS_OPS_LISTEN",
        "SAS_BASE_URL",
        "SAS_CONSOLE",
        "SAS_FAULTS",
        "SAS_CONSOLE_URL",
        "SAS_JOURNAL",
        "SAS_JOURNAL_KEEP",
        "SAS_JOURNAL_SIZE",
        "SAS_ACCESS",
        "SAS_METADATA",
        "SAS_TRUSTED_PROXIES",
        "SAS_PROXY_CERTIFICATE",
        "SAS_PROXY_HEADERS",
        "SAS_DATABASE_URL",
        "SAS_ANNUAIRE_DATABASE_URL",
        "SAS_ANNUAIRE_URL",
        "SAS_ANNUAIRE_API_KEY",
        "SAS_ANNUAIRE_RATE",
        "SAS_ANNUAIRE_SYNC",
        "SAS_ANNUAIRE_KEEP",
        "SAS_ANNUAIRE_CHECK",
        "SAS_EXCHANGES_KEY",
        "SAS_EXCHANGES_KEEP",
        "SAS_EXCHANGES_NEW_KEY",
        "SAS_VALIDATION",
        "SAS_TLS_CERT",
        "SAS_TLS_KEY",
        "SAS_TLS_CLIENT_CA",
        "SAS_TLS_CRL",
        "SAS_TLS_CRL_EXPIRED",
        "SAS_TLS_CLIENT_AUTH",
        "SAS_TLS_RELOAD",
        "SAS_MAX_URL",
        "SAS_MAX_HEADERS",
        "SAS_MAX_HEADER_COUNT",
        "SAS_MAX_BODY",
        "SAS_HEADER_TIMEOUT",
        "SAS_BODY_TIMEOUT",
        "SAS_IDLE_TIMEOUT",
        "SAS_MAX_CONNECTIONS",
        "SAS_MAX_CONNECTIONS_PER_ADDRESS",
        "SAS_MAX_WRITES",
        "SAS_MAX_READS",
        "SAS_MAX_SEARCHES",
        "SAS_MAX_VALIDATIONS",
        "SAS_MAX_DIRECTORY",
        "SAS_MAX_RESPONSE_BYTES",
        "SAS_RATE",
        "SAS_LOG",
        "SAS_LOG_FORMAT",
        "SAS_CONFIG",
    ] {
        assert!(help.contains(setting), "{setting}: {help}");
    }
}

#[test]
fn setting_removed_is_refused_with_its_replacements() {
    let replacements =
        ["SAS_MAX_WRITES", "SAS_MAX_READS", "SAS_MAX_SEARCHES", "SAS_MAX_VALIDATIONS", "SAS_MAX_DIRECTORY"];
    let folder = folder("replaced");
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, "max_in_flight = 256\n").expect("written");
    let by_file = program(&["--config", file.to_str().expect("a path")]).output();
    let by_option = program(&["--max-in-flight", "256"]).output();
    let by_variable = program(&["serve"]).env("SAS_MAX_IN_FLIGHT", "256").output();
    for output in [by_file, by_option, by_variable] {
        let output = output.expect("it runs");
        let reported = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{reported}");
        assert!(replacements.iter().all(|name| reported.contains(name)), "{reported}");
    }
    assert!(!text(&run(&["--help"], "")).contains("in-flight"));
}

#[test]
fn setting_unknown_in_the_file_is_refused_with_the_nearest_key() {
    let folder = folder("unknown");
    let file = folder.path().join("settings.toml");
    let path = file.to_str().expect("a path");
    for (text, sentence) in [
        ("rate = 1\nmax_boddy = 1\n", "settings.toml: line 2: unknown key `max_boddy`; did you mean `max_body`?"),
        ("rate = 1\nmax_body = true\n", "invalid value 'true' for 'max_body ("),
    ] {
        std::fs::write(&file, text).expect("written");
        let by_option = program(&["serve", "--config", path]).output();
        let by_variable = program(&["rules"]).env("SAS_CONFIG", path).output();
        for output in [by_option, by_variable] {
            let output = output.expect("it runs");
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{told}");
            assert!(told.contains(sentence), "{told}");
        }
    }
    // What the environment overrides is not read from the file.
    let overridden = program(&["rules", "--config", path]).env("SAS_MAX_BODY", "2MiB").output();
    assert!(overridden.expect("it runs").status.success());
}

#[test]
fn setting_flag_of_the_file_is_overridden_by_the_environment() {
    let folder = folder("flag");
    let file = folder.path().join("settings.toml");
    let url = format!("sqlite://{}/flag.db", folder.path().display());
    let serve = |key: &str, flag: &str, variable: Option<&str>| {
        std::fs::write(&file, format!("exchanges_key = \"{}\"\n{flag}", key.repeat(32))).expect("written");
        let mut command = on_free_ports(&["--log", "error", "--config", file.to_str().expect("a path")]);
        command.args(databases(&url)).envs(variable.map(|value| ("SAS_EXCHANGES_NEW_KEY", value)));
        command
    };
    assert_eq!(Serving::spawn(&mut serve("a", "", None)).stop().0, Some(0));
    for variable in [None, Some("false")] {
        let flag = if variable.is_some() { "exchanges_new_key = true" } else { "exchanges_new_key = false" };
        let refused = serve("b", flag, variable).output().expect("it runs");
        assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    }
    assert_eq!(Serving::spawn(&mut serve("b", "exchanges_new_key = true", None)).stop().0, Some(0));
}

#[test]
fn serve_makes_the_allocator_return_memory_unless_the_operator_did() {
    let folder = folder("malloc");
    let url = format!("sqlite://{}/malloc.db", folder.path().display());
    let environment = |serving: &Serving| {
        let text = std::fs::read(format!("/proc/{}/environ", serving.id())).expect("it runs");
        let variables = text.split(|byte| *byte == 0).map(|variable| String::from_utf8_lossy(variable).into_owned());
        variables.filter(|variable| variable.starts_with("MIMALLOC_")).collect::<Vec<_>>()
    };
    let mut command = on_free_ports(&["--log", "error"]);
    command.args(databases(&url)).env_remove("MIMALLOC_PURGE_DELAY");
    let serving = Serving::spawn(&mut command);
    assert_eq!(environment(&serving), ["MIMALLOC_PURGE_DELAY=0"]);
    assert_eq!(serving.stop().0, Some(0));
    let serving = Serving::spawn(command.env("MIMALLOC_PURGE_DELAY", "7"));
    assert_eq!(environment(&serving), ["MIMALLOC_PURGE_DELAY=7"]);
}

#[test]
fn validate_exit_status_is_0_1_or_2() {
    let good = run(&["validate", "-"], REGULATOR);
    assert_eq!((good.status.code(), text(&good).as_str()), (Some(0), "-: accepté\n"));

    let refused = run(&["validate", "--language", "en", "-"], &REGULATOR.replace("\"email\"", "\"phone\""));
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("  error       13:17 Practitioner.telecom[0].system\n"), "{}", text(&refused));
    assert!(text(&refused).contains("[practitioner-telecom-email]"), "{}", text(&refused));
    assert!(text(&refused).contains("every telecom of a regulator must have the system “email”"), "{}", text(&refused));

    let warned = run(
        &["validate", "--json", "-"],
        &REGULATOR.replace(
            "urn:oid:1.2.250.1.213.3.6\" },",
            "urn:oid:1.2.250.1.213.3.6\", \"profile\": [\"https://e.org\"] },",
        ),
    );
    assert_eq!(warned.status.code(), Some(0), "{}", text(&warned));
    let outcome: serde_json::Value = serde_json::from_slice(&warned.stdout).expect("JSON");
    assert_eq!(
        (&outcome["resourceType"], &outcome["issue"][0]["severity"]),
        (&"OperationOutcome".into(), &"warning".into())
    );

    assert_eq!(run(&["validate", "/nowhere.json"], "").status.code(), Some(2));
    assert_eq!(run(&["validate"], "").status.code(), Some(2));
    let strict = include_str!("../fixtures/appointment-page-example.json");
    assert_eq!(run(&["validate", "-"], strict).status.code(), Some(0));
    assert_eq!(run(&["--validation", "strict", "validate", "-"], strict).status.code(), Some(1));
}

#[test]
fn validate_json_has_the_line_and_the_column_of_each_issue() {
    let refused = run(&["validate", "--json", "-"], &REGULATOR.replace("\"email\"", "\"phone\""));
    let outcome: serde_json::Value = serde_json::from_slice(&refused.stdout).expect("JSON");
    let extension = |name: &str, value: u32| {
        let url = format!("http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-{name}");
        serde_json::json!({ "url": url, "valueInteger": value })
    };
    let expected = serde_json::json!([extension("line", 13), extension("col", 17)]);
    assert_eq!(outcome["issue"][0]["extension"], expected, "{outcome}");
}

#[test]
fn rules_command_prints_json() {
    let rules: Vec<serde_json::Value> = serde_json::from_slice(&run(&["rules", "--json"], "").stdout).expect("JSON");
    let listed: Vec<_> = rules.iter().map(|rule| rule["id"].as_str().expect("an id")).collect();
    let known: Vec<_> = sas_endpoint::issue::catalogue::all().map(|rule| rule.id).collect();
    assert_eq!(listed, known);
}

#[test]
fn serve_invalid_setting_is_reported_and_exits() {
    for (arguments, sentence) in [
        (&["--listen", "nowhere"][..], "invalid value 'nowhere' for '--listen <ADDRESS>'"),
        (
            &["--database-url", "sqlite:///nowhere/at/all.db"],
            "sas-endpoint: the database cannot be opened (SQLite file /nowhere/at/all.db): ",
        ),
        (
            &["--database-url", "postgres://nobody@127.0.0.1:1/x"],
            "sas-endpoint: the database cannot be opened (Postgres database x on 127.0.0.1:1): ",
        ),
        (
            &["--database-url", "mysql://bob:secret@x"],
            "sas-endpoint: the database address must begin with sqlite:// or postgres://",
        ),
        (&["unknown-command"], "unrecognized subcommand 'unknown-command'"),
    ] {
        let output = run(arguments, "");
        assert!(!output.status.success());
        assert!(text(&output).contains(sentence), "{}", text(&output));
    }
    let mut from_environment = program(&["migrate"]);
    let output = from_environment.env("SAS_MAX_BODY", "huge").output().expect("it ends");
    assert!(text(&output).contains("invalid value 'huge' for '--max-body <SIZE>'"), "{}", text(&output));
}

#[tokio::test]
async fn serve_address_in_use_is_reported() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let first = Serving::start(&database.url);
    let folder = folder("taken");
    let other = format!("sqlite://{}/other.db", folder.path().display());
    let databases = databases(&other);
    let output = on_free_ports(&["--listen", &first.address]).args(databases).output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains(&format!("SAS_LISTEN: cannot listen on {}", first.address)), "{}", text(&output));
}

#[tokio::test]
async fn migrate_creates_the_schema() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(database) = TestDatabase::new(backend).await else { continue };
        for _ in 0..2 {
            let output = run(&["migrate", "--database-url", &database.url], "");
            assert!(output.status.success() && text(&output).contains("is up to date."), "{}", text(&output));
        }
    }
}

#[tokio::test]
async fn ops_listener_serves_health_and_metrics() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let serving = Serving::start(&database.url);
    assert!(
        serving.greeting().contains(&format!("curl http://{}/fhir/metadata", serving.address)),
        "{}",
        serving.greeting()
    );
    assert_eq!(serving.ops("/health/live").expect("an answer").0, 200);
    let (status, details) = serving.ops("/health/ready").expect("an answer");
    let details: serde_json::Value = serde_json::from_str(&details).expect("JSON");
    let expected = serde_json::json!({
        "ready": true, "database": "available", "writing": true, "serverCertificateUntil": null,
        "certificateFilesRefused": [], "revocationLists": [], "webhooks": [], "faults": null
    });
    assert_eq!((status, details), (200, expected));
    let healthy = run(&["healthcheck", "--ops-listen", &serving.ops_address], "");
    assert_eq!((healthy.status.code(), text(&healthy).as_str()), (Some(0), "ready\n"));
    let alive = run(&["healthcheck", "--live", "--ops-listen", &serving.ops_address], "");
    assert_eq!((alive.status.code(), text(&alive).as_str()), (Some(0), "live\n"));

    serving
        .put(
            &format!("/Practitioner?identifier={}", "urn:oid:1.2.250.1.213.3.6|0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11"),
            REGULATOR,
        )
        .expect("an answer");
    let directory = "GET /annuaire/fhir/v2/Organization?name=x HTTP/1.1\r\n";
    assert_eq!(exchange(&serving.address, directory, "").expect("an answer").0, 503, "nothing was loaded yet");
    let metrics = serving.ops("/metrics").expect("an answer").1;
    for metric in [
        r#"sas_requests_total{type="Practitioner",interaction="conditional-update",status="201"} 1"#,
        r#"sas_request_duration_seconds_count{type="Practitioner",interaction="conditional-update"} 1"#,
        r#"sas_requests_total{type="Organization",interaction="annuaire-search",status="503"} 1"#,
        "sas_write_batch_size_bucket{le=\"1\"} 1",
        r#"sas_database_connections{state="open"}"#,
    ] {
        assert!(metrics.contains(metric), "{metric}: {metrics}");
    }
    serving.kill();
}

#[test]
fn healthcheck_without_a_server_exits_with_1() {
    let nobody = ReservedPort::new().expect("a port");
    let gone = run(&["healthcheck", "--ops-listen", &nobody.address().to_string()], "");
    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone).contains("not ready"), "{}", text(&gone));
    let gone = run(&["healthcheck", "--live", "--ops-listen", &nobody.address().to_string()], "");
    assert!(gone.status.code() == Some(1) && text(&gone).contains("not live"), "{}", text(&gone));
}

#[tokio::test]
async fn log_of_an_exchange_contains_no_personal_data() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let mut command = on_free_ports(&["--log", "trace", "--log-format", "json"]);
    let mut child = command
        .args(databases(&database.url))
        .env("SAS_VALIDATON", "strict")
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Read to its end meanwhile: a program whose log nobody reads waits.
    let lines = BufReader::new(child.stderr.take().expect("its log")).lines();
    let (sender, receiver) = mpsc::channel();
    let reading = std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line.expect("a line")))));
    let mut lines = receiver.into_iter();
    let misspelt = lines.next().expect("a line");
    assert!(misspelt.contains("SAS_VALIDATON") && misspelt.contains("unknown setting"), "{misspelt}");
    let listening = lines.find(|line| line.contains("\"listening\"")).expect("it listens");
    let listening: serde_json::Value = serde_json::from_str(&listening).expect("JSON");
    let address = listening["listen"].as_str().expect("an address");
    let body = REGULATOR.replace("\"AUBERT\"", "\"Mystere\"").replace("\"email\"", "\"phone\"");
    for (path, request_id, body) in [
        (
            "/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6|0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11",
            "nadia.aubert@example.org",
            REGULATOR,
        ),
        (
            "/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6|0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11",
            "5f1e0c9a-0d5b-4f0e-8d55-6f2f6d0e8a42",
            &body,
        ),
    ] {
        let head =
            format!("PUT /fhir{path} HTTP/1.1\r\nx-request-id: {request_id}\r\ncontent-length: {}\r\n", body.len());
        exchange(address, &head, body).expect("an answer");
    }
    // What is logged when an answer has left is there, too.
    signal(&child, "-TERM");
    assert!(child.wait().expect("gone").success());
    let log: Vec<_> = lines.collect();
    reading.join().expect("read");
    let refused = log.iter().find(|line| line.contains("\"status\":422")).expect("the refusal is logged");
    for part in [
        "5f1e0c9a-0d5b-4f0e-8d55-6f2f6d0e8a42",
        "conditional-update",
        "practitioner-telecom-email:value",
        "duration_ms",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    for secret in ["AUBERT", "Mystere", "nadia.aubert", "0b9c2a54-7f0e-4c1b"] {
        assert!(!log.iter().any(|line| line.contains(secret)), "{secret} is in the log");
    }
}
