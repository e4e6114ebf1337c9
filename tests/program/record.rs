//! The audit log as operators query it, backups, retention, and the lock of a served file.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use serde_json::Value;

use crate::process::{Serving, databases, run};
use crate::support::polling::poll_until_blocking;
use crate::support::{Backend, TestDatabase, folder};

const REGULATOR: &str = include_str!("../fixtures/regulator.json");
const T: &str = "urn:oid:1.2.250.1.213.3.6";
const U: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a command beside the server.
fn beside(database_url: &str, arguments: &[&str]) -> Output {
    let databases = databases(database_url);
    let arguments: Vec<_> = arguments.iter().copied().chain(databases.iter().map(String::as_str)).collect();
    run(&arguments, "")
}

fn account() -> String {
    format!("/Practitioner?identifier={T}|{U}")
}

async fn an_operator_learns_what_happened_to_an_account(backend: Backend) {
    let Some(database) = TestDatabase::new(backend).await else { return };
    let serving = Serving::start(&database.url);
    let (_, created) = serving.put(&account(), REGULATOR).expect("an answer");
    let created: Value = serde_json::from_str(&created).expect("JSON");
    let id = created["id"].as_str().expect("an id");
    serving.get(&format!("/Practitioner/{id}")).expect("an answer");
    serving.put(&account(), &REGULATOR.replace("\"email\"", "\"phone\"")).expect("an answer");
    let other = REGULATOR.replace(U, "0b9c2a54-7f0e-4c1b-9d55-000000000000");
    // With it is committed what waited.
    serving.put(&account().replace(U, "0b9c2a54-7f0e-4c1b-9d55-000000000000"), &other).expect("an answer");

    let exchanges = |arguments: &[&str]| {
        let output = beside(&database.url, &[&["exchanges"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let is_cut = String::from_utf8_lossy(&output.stderr).contains("Older exchanges are not shown (--limit 1).");
        assert_eq!(is_cut, arguments.contains(&"--limit"), "{}", text(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let reported = |arguments: &[&str]| -> Vec<(String, u64)> {
        let lines = exchanges(&[arguments, &["--json"]].concat());
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines
            .map(|line| {
                (line["interaction"].as_str().expect("text").into(), line["status"].as_u64().expect("a number"))
            })
            .collect()
    };
    let (update, read) = ("conditional-update".to_owned(), "read".to_owned());
    let everything = [(update.clone(), 201), (read, 200), (update.clone(), 422)];
    let identifier = format!("{T}|{}", U.to_uppercase());
    assert_eq!(reported(&["--identifier", &identifier]), everything);
    assert_eq!(reported(&["--identifier", &identifier, "--status", "4xx", "--since", "1h"]), everything[2..]);
    assert_eq!(reported(&["--resource", &format!("Practitioner/{id}")]), everything[..2]);
    assert_eq!(reported(&["--limit", "1"]), [(update, 201)]);
    assert_eq!(reported(&["--until", "2020-01-01"]), []);

    let table = exchanges(&["--identifier", &identifier]);
    for part in
        ["TIME", "RULES", "201", "- → 1", &format!("Practitioner/{id}"), "127.0.0.1", "practitioner-telecom-email"]
    {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(!table.contains(U) && table.lines().all(|line| line.chars().count() <= 160), "{table}");
    let nothing = exchanges(&["--request-id", "nobody's"]);
    assert_eq!(nothing, "No exchange matches.\n");

    serving.get(&format!("/Practitioner/{id}/_history")).expect("an answer");
    serving.signal("-TERM");
    assert_eq!(serving.wait(), Some(0));
    let last = reported(&["--resource", &format!("Practitioner/{id}")]).pop();
    assert_eq!(last, Some(("history-instance".to_owned(), 200)));

    let purged = text(&beside(&database.url, &["purge", "--exchanges-keep", "1ms"]));
    assert!(purged.contains(": deleted 5 audit events older than 20"), "{purged}");
    assert_eq!(reported(&[]), []);
}

#[tokio::test]
async fn exchanges_command_shows_the_history_of_an_account_on_sqlite() {
    an_operator_learns_what_happened_to_an_account(Backend::Sqlite).await;
}

#[tokio::test]
async fn exchanges_command_shows_the_history_of_an_account_on_postgres() {
    an_operator_learns_what_happened_to_an_account(Backend::Postgres).await;
}

#[tokio::test]
async fn exchanges_key_is_required_to_find_persons_and_has_a_minimum_length() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let short = beside(&database.url, &["exchanges", "--exchanges-key", "short"]);
    assert_eq!(short.status.code(), Some(1));
    assert!(text(&short).contains("SAS_EXCHANGES_KEY: a secret has at least 32 characters"), "{}", text(&short));
    assert!(!text(&short).contains("short\n"), "{}", text(&short));
}

#[tokio::test]
async fn exchanges_key_changed_is_refused_unless_accepted() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    Serving::start(&database.url).kill();
    let key = ["--exchanges-key", "0123456789-0123456789-0123456789"];
    let places = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
    for command in [&["exchanges"][..], &[&["serve"], &places[..]].concat()] {
        let output = beside(&database.url, &[command, &key].concat());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains("SAS_EXCHANGES_KEY is not the secret that hashed"), "{}", text(&output));
    }
    assert!(beside(&database.url, &["exchanges"]).status.success());
    let accepted = beside(&database.url, &[&["exchanges", "--exchanges-new-key"], &key[..]].concat());
    assert!(accepted.status.success(), "{}", text(&accepted));
}

#[test]
fn exchanges_command_creates_no_database() {
    let folder = folder("missing");
    let url = format!("sqlite://{}/missing.db", folder.path().display());
    for command in ["exchanges", "purge"] {
        let output = beside(&url, &[command]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains("there is no database here (SQLite file "), "{}", text(&output));
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn exchanges_command_does_not_write_the_database() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let serving = Serving::start(&database.url);
    serving.put(&account(), REGULATOR).expect("an answer");
    // The record of a read is committed with the next write, or soon.
    assert_eq!(serving.stop().0, Some(0));
    let folder = folder("looked-into");
    let copy = folder.path().join("copy.db");
    let path = copy.to_str().expect("a path");
    assert!(beside(&database.url, &["backup", path]).status.success());
    let url = format!("sqlite://{path}");
    let before = std::fs::read(&copy).expect("the copy");
    let reported = beside(&url, &["exchanges"]);
    assert!(reported.status.success() && text(&reported).contains("201"), "{}", text(&reported));
    let again = folder.path().join("again.db");
    let again = beside(&url, &["backup", again.to_str().expect("a path")]);
    assert!(again.status.success(), "{}", text(&again));
    assert_eq!(std::fs::read(&copy).expect("the copy"), before);

    // A database that an earlier version serves.
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.expect("a connection");
    let undo = "DELETE FROM _sqlx_migrations WHERE version = 8; \
        DROP TABLE webhook; DROP TABLE webhook_dead_letter; DROP TABLE lease";
    sqlx::raw_sql(undo).execute(&mut other).await.expect("undone");
    drop(other);
    let before = std::fs::read(&copy).expect("the copy");
    for command in ["exchanges", "purge"] {
        let output = beside(&url, &[command]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains("schema version 7"), "{}", text(&output));
        assert!(text(&output).contains("`sas-endpoint migrate`"), "{}", text(&output));
    }
    assert_eq!(std::fs::read(&copy).expect("the copy"), before);
    assert!(beside(&url, &["migrate"]).status.success());
    assert!(beside(&url, &["exchanges"]).status.success());
}

#[tokio::test]
async fn sqlite_file_is_served_by_one_process() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let serving = Serving::start(&database.url);
    let second = beside(&database.url, &["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    let file = database.url.trim_start_matches("sqlite://");
    let sentence = format!("another process is serving this database (SQLite file {file}): stop that one");
    assert!(text(&second).contains(&sentence), "{}", text(&second));
    assert!(beside(&database.url, &["migrate"]).status.success());
    // Whatever became of the first, the lock goes with it.
    serving.kill();
    assert_eq!(Serving::start(&database.url).ops("/health/ready").expect("an answer").0, 200);
}

#[tokio::test]
async fn backup_is_a_new_private_file() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let serving = Serving::start(&database.url);
    serving.put(&account(), REGULATOR).expect("an answer");
    let folder = folder("backup");
    let file = folder.path().join("copy.db");
    let backup = || beside(&database.url, &["backup", file.to_str().expect("a path")]);
    let made = backup();
    assert!(made.status.success() && text(&made).contains(", 1 accounts; checked."), "{}", text(&made));
    assert_eq!(std::fs::metadata(&file).expect("the copy").permissions().mode() & 0o777, 0o600);
    let again = backup();
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again).contains("exists already; nothing was copied"), "{}", text(&again));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
    let postgres = beside("postgres://nobody@127.0.0.1:1/x", &["backup", "other.db"]);
    assert_eq!(postgres.status.code(), Some(2));
    assert!(text(&postgres).contains("pg_dump"), "{}", text(&postgres));
}

#[tokio::test]
async fn disk_full_makes_the_instance_not_ready_until_space_is_free() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let serving = Serving::start_with_room_for(1024, &database.url);
    let put = |number: usize| {
        let intrn = format!("0b9c2a54-7f0e-4c1b-9d55-{number:012}");
        serving.put(&account().replace(U, &intrn), &REGULATOR.replace(U, &intrn)).expect("an answer").0
    };
    let refused = (0..1_000_000).find(|number| put(*number) != 201).expect("the disk is full at last");
    assert_eq!(put(refused), 503);
    assert_eq!(serving.ops("/health/ready").expect("an answer").0, 503);
    // An orchestrator sends it no request, and does not restart it.
    let healthcheck = |arguments: &[&str]| {
        let output = run(&[&["healthcheck", "--ops-listen", &serving.ops_address], arguments].concat(), "");
        (output.status.code(), text(&output))
    };
    let (status, reported) = healthcheck(&[]);
    assert!(status == Some(1) && reported.contains("/health/ready responded with 503"), "{reported}");
    assert_eq!(healthcheck(&["--live"]), (Some(0), "live\n".to_owned()));
    serving.make_room();
    // Nobody has to try a write for it.
    poll_until_blocking("ready again", || serving.ops("/health/ready").expect("an answer").0 == 200);
    assert_eq!(put(refused), 201);
    let (_, found) = serving.get("/Practitioner?_count=0").expect("an answer");
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found["total"], refused + 1, "nothing half written, nothing lost");
    let records = text(&beside(&database.url, &["exchanges", "--limit", "100000", "--status", "2xx", "--json"]));
    let writes = records.lines().filter(|line| line.contains("conditional-update")).count();
    assert_eq!(writes, refused + 1);
    // Of what was not stored nothing is named.
    let failed = text(&beside(&database.url, &["exchanges", "--limit", "100000", "--status", "5xx", "--json"]));
    assert_eq!(failed.lines().count(), 2, "{failed}");
    for line in failed.lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        for absent in ["id", "id_hash", "before", "after"] {
            assert_eq!(record[absent], Value::Null, "{record}");
        }
        assert_eq!(record["write_outcome"], "failed", "{record}");
    }
    let table = text(&beside(&database.url, &["exchanges", "--status", "5xx"]));
    assert!(table.contains("- (failed)"), "{table}");
}

#[tokio::test]
async fn exchanges_resource_with_client_id_is_found_by_that_id_and_not_shown() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let serving = Serving::start(&database.url);
    let mut body: Value = serde_json::from_str(REGULATOR).expect("JSON");
    body["id"] = "nadia.aubert".into();
    assert_eq!(serving.put("/Practitioner/nadia.aubert", &body.to_string()).expect("an answer").0, 201);
    serving.get("/Practitioner/nadia.aubert").expect("an answer");
    assert_eq!(serving.stop().0, Some(0));
    for arguments in [["--resource", "Practitioner/nadia.aubert"], ["--identifier", &format!("{T}|{U}")]] {
        for (format, lines) in [(&["--json"][..], 2), (&[], 3)] {
            let reported = text(&beside(&database.url, &[&["exchanges"], &arguments[..], format].concat()));
            assert_eq!(reported.lines().count(), lines, "{reported}");
            assert!(!reported.contains("aubert"), "{reported}");
        }
    }
}

#[tokio::test]
async fn terminal_receives_no_control_or_bidirectional_character() {
    let folder = folder("terminal");
    let file = folder.path().join("\u{1b}[2J\u{202e}.json");
    let active = "\u{7f}\u{9b}2J\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}";
    let body = serde_json::json!({ "resourceType": "Practitioner", active: active, "gender": active });
    std::fs::write(&file, body.to_string()).expect("written");
    let missing = folder.path().join("\u{202e}missing.json");
    let url = format!("sqlite://{}/\u{202e}\u{9b}.db", folder.path().display());
    let annuaire = format!("{url}.annuaire");
    let copy = folder.path().join("\u{202e}copy.db");
    let paths = [&file, &missing].map(|path| path.to_str().expect("UTF-8"));
    let settings = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        file.to_str().expect("UTF-8").to_owned()
    };
    let unknown = settings("unknown.toml", "\"\\u001b[2J\\u202e\" = 1\n");
    let caller = settings("caller.toml", "[[caller]]\nname = \"\\u001b[2J\\u202e\"\nrights = []\n");
    for arguments in [
        &["validate", paths[0], paths[1]][..],
        &["validate", "--json", paths[0]],
        &["exchanges", "--database-url", &url],
        &["migrate", "--database-url", &url],
        &["purge", "--database-url", &url, "--annuaire-database-url", &annuaire],
        &["annuaire", "load", paths[0], "--annuaire-database-url", &annuaire],
        &["annuaire", "status", "--annuaire-database-url", &annuaire],
        &["annuaire", "status", "--json", "--annuaire-database-url", &annuaire],
        &["backup", copy.to_str().expect("UTF-8"), "--database-url", &url],
        &["rules", "--config", &unknown],
        &["rules", "--config", &caller],
        &["rules", "--base-url", "http://\u{1b}[2J\u{202e}"],
    ] {
        let output = run(arguments, "");
        let printed = text(&output);
        let is_active = |character: char| {
            character.is_control() && !matches!(character, '\n' | '\t')
                || active.chars().any(|own| own == character && !own.is_ascii_alphanumeric())
        };
        assert!(!printed.chars().any(is_active), "{arguments:?}: {printed:?}");
        // `load` does not name a file that it could read.
        let is_quoted = printed.contains("202e") || arguments.contains(&"load");
        assert!(is_quoted, "{arguments:?}: {printed:?}");
    }
}
