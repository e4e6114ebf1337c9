//! The commands of the mirror, as an operator meets them.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use sas_endpoint::annuaire::ingest::progress::Quiet;
use sas_endpoint::annuaire::ingest::sync_state::SyncState;
use sas_endpoint::annuaire::load::{self, Input, load};
use sas_endpoint::annuaire::store::Mirror;
use sas_endpoint::clock::Clock;
use sas_endpoint::fhir::directory_type::DirectoryType;
use serde_json::Value;
use wiremock::ResponseTemplate;

use crate::mirror::TestMirror;
use crate::played::{Played, directory, resource};
use crate::support::polling::poll_until;
use crate::support::{Backend, TestDatabase, folder};

/// `sas-endpoint annuaire …` on this mirror, with none of the settings of this environment.
pub fn annuaire(database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sas-endpoint"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SAS_")) {
        command.env_remove(name);
    }
    command.arg("annuaire").args(arguments).env("SAS_ANNUAIRE_DATABASE_URL", &database.url);
    command.env("SAS_ANNUAIRE_RATE", "0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end while the test plays the directory.
async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("it ends")
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn status(database: &TestDatabase) -> Value {
    let output = run(annuaire(database, &["status", "--json", "--hash"])).await;
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn sqlite() -> TestDatabase {
    TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there")
}

#[tokio::test(flavor = "multi_thread")]
async fn load_standard_input_is_stored_and_status_reports_it() {
    let database = sqlite().await;
    // Opening it makes it.
    Mirror::open(&database.url).await.expect("the mirror opens");
    let empty = text(&run(annuaire(&database, &["status"])).await);
    assert!(empty.contains("never synchronised") && empty.contains("Last runs: none"), "{empty}");
    let mut child = annuaire(&database, &["load", "-"]).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut lines: String = directory(4).iter().map(|resource| format!("{resource}\n")).collect();
    lines += "not a resource\n";
    child.stdin.take().expect("its input").write_all(lines.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("33 resources ("), "{}", text(&output));
    let told = text(&run(annuaire(&database, &["status"])).await);
    for line in
        ["Practitioner                12           0", "load from standard input", "standard input:33: the JSON"]
    {
        assert!(told.contains(line), "{line} is missing in {told}");
    }
    let status = status(&database).await;
    assert_eq!((&status["types"][1]["active"], &status["set_aside_count"]), (&12.into(), &1.into()));
    assert_eq!(status["types"][0]["hash"].as_str().map(str::len), Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_mirror_missing_is_reported_and_none_is_created() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(database) = TestDatabase::new(backend).await else { continue };
        for arguments in [&["status"][..], &["status", "--json"], &["status", "--hash"]] {
            let output = run(annuaire(&database, arguments)).await;
            assert_eq!(output.status.code(), Some(1), "{}", text(&output));
            assert!(text(&output).contains("there is no directory mirror"), "{}", text(&output));
            assert!(output.stdout.is_empty(), "{}", text(&output));
        }
        assert!(!Mirror::exists(&database.url).await.expect("an answer"));
        assert!(Mirror::open_existing(&database.url).await.expect("an answer").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn load_file_missing_creates_no_mirror() {
    let database = sqlite().await;
    let output = run(annuaire(&database, &["load", "/nowhere/mistyped.ndjson"])).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("mistyped.ndjson"), "{}", text(&output));
    assert!(!Mirror::exists(&database.url).await.expect("an answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_does_not_write() {
    let database = sqlite().await;
    let file = std::path::PathBuf::from(database.url.trim_start_matches("sqlite://"));
    // Something else than a mirror, which an opened mirror would be made of.
    std::fs::write(&file, "").expect("written");
    let output = run(annuaire(&database, &["status"])).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("schema version 0") && text(&output).contains("annuaire sync"), "{}", text(&output));
    assert_eq!(std::fs::metadata(&file).expect("a file").len(), 0);
    // While somebody writes, and after.
    let mirror = Mirror::open(&database.url).await.expect("the mirror opens");
    let writer = crate::mirror::writer(&mirror).await;
    let output = run(annuaire(&database, &["status"])).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    drop(writer);
}

#[tokio::test(flavor = "multi_thread")]
async fn generate_output_and_its_next_day_are_loaded() {
    let database = sqlite().await;
    let arguments = ["generate", "--practitioners", "200", "--seed", "7", "--date", "2026-03-10"];
    let generated = run(annuaire(&database, &arguments)).await;
    assert_eq!(run(annuaire(&database, &arguments)).await.stdout, generated.stdout);
    let next_day = run(annuaire(&database, &[&arguments[..], &["--delta"]].concat())).await;
    let folder = folder("generated");
    let files = [("day", generated.stdout), ("next", next_day.stdout)].map(|(name, lines)| {
        let file = folder.path().join(name);
        std::fs::write(&file, lines).expect("written");
        file.display().to_string()
    });
    let output = run(annuaire(&database, &["load", &files[0], &files[1]])).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let status = status(&database).await;
    let practitioners = &status["types"][1];
    let total = practitioners["active"].as_u64().zip(practitioners["inactive"].as_u64()).map(|(yes, no)| yes + no);
    assert!(total.is_some_and(|total| total >= 200), "{practitioners}");
    assert_eq!(status["set_aside_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_ends_with_a_report_or_the_cause_of_failure() {
    let (database, played) = (sqlite().await, Played::with(directory(4)).await);
    let sync = |arguments: &[&str]| {
        let mut command = annuaire(&database, &[&["sync"], arguments].concat());
        command.env("SAS_ANNUAIRE_URL", played.base()).env("SAS_ANNUAIRE_API_KEY", "s3cret");
        run(command)
    };
    let output = sync(&["--count", "7", "--type", "Practitioner", "--type", "Organization"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let line = "Practitioner       full           12           0           0         0         0         0";
    assert!(text(&output).contains(line), "{}", text(&output));
    assert_eq!(played.asked()[..2], ["Organization?_count=7&_total=accurate", "_page?id=0-7"]);

    played.plan([(1, ResponseTemplate::new(401))]);
    let output = sync(&[]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output);
    assert!(told.contains("refuses the key") && !told.contains("s3cret"), "{told}");

    let mirror = Mirror::open(&database.url).await.expect("the mirror opens");
    let writer = crate::mirror::writer(&mirror).await;
    let output = sync(&[]).await;
    assert_eq!(output.status.code(), Some(75), "{}", text(&output));
    drop(writer);

    for (arguments, sentence) in [
        (["--type", "Person"], "expected one of Organization, Practitioner, PractitionerRole"),
        (["--since", "yesterday"], "expected a date such as 2026-03-10"),
        (["--count", "0"], "0 is not in 1..=1000"),
    ] {
        let output = sync(&arguments).await;
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output).contains(sentence), "{}", text(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_cut_short_or_deletions_suppressed_has_its_exit_status() {
    let (database, played) = (sqlite().await, Played::with(directory(4)).await);
    // The program has the clock of this machine.
    played.world().date = sas_endpoint::clock::system_time().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let sync = |arguments: &[&str]| {
        let mut command = annuaire(&database, &[&["sync", "--type", "Practitioner"], arguments].concat());
        command.env("SAS_ANNUAIRE_URL", played.base());
        run(command)
    };
    let ends = async |arguments: &[&str], code: i32, sentence: &str| {
        let output = sync(arguments).await;
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
        assert!(text(&output).contains(sentence), "{sentence} is missing in {}", text(&output));
    };
    let last_full = async || {
        let status = status(&database).await;
        let of = &status["types"][1];
        assert_eq!(status["runs"].as_array().map(Vec::is_empty), Some(false));
        (of["whole"].clone(), of["active"].clone(), of["held_back"].clone())
    };
    played.alter(1, |page| page["total"] = 13.into());
    ends(&[], 1, "announced 13 resources for Practitioner and sent 12").await;
    assert_eq!(last_full().await.0, Value::Null);
    ends(&[], 0, "12 resources (").await;
    let before = last_full().await;

    played.world().resources.retain(|resource| resource["id"].as_str() <= Some("003-3"));
    ends(&["--full"], 3, "are no longer in the directory").await;
    let after = last_full().await;
    assert_eq!((&after.0, &after.1), (&before.0, &before.1));
    assert!(after.2.is_object());
    let told = text(&run(annuaire(&database, &["status"])).await);
    assert!(told.contains("WARNING") && told.contains("annuaire sync --allow-deletions --type Practitioner"), "{told}");
    ends(&[], 0, "delta").await;
    ends(&["--allow-deletions"], 0, "full").await;
    let last = last_full().await;
    assert_eq!((last.1, last.2), (6.into(), Value::Null));
    ends(&["--allow-deletions", "--since", "2026-03-10"], 2, "cannot be used with").await;

    for (arguments, help) in
        [(["sync", "--help"], "3 deletions were suppressed"), (["load", "--help"], "Exit status: 0")]
    {
        let told = text(&run(annuaire(&database, &arguments)).await);
        assert!(told.split_whitespace().collect::<Vec<_>>().join(" ").contains(help), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn load_replace_too_many_deletions_ends_with_3_unless_allowed() {
    let database = sqlite().await;
    let folder = folder("replaced");
    let file = |name: &str, size: usize| {
        let lines: String = directory(size).iter().map(|resource| format!("{resource}\n")).collect();
        std::fs::write(folder.path().join(name), lines).expect("written");
        folder.path().join(name).display().to_string()
    };
    let (all, half) = (file("all", 4), file("half", 2));
    for (arguments, code, active) in [
        (&["load", &all][..], 0, 12),
        (&["load", "--replace", &half], 3, 12),
        (&["load", "--allow-deletions", &half], 2, 12),
        (&["load", "--replace", "--allow-deletions", &half], 0, 6),
    ] {
        let output = run(annuaire(&database, arguments)).await;
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
        assert_eq!(
            text(&output).contains("annuaire load --replace --allow-deletions` deletes"),
            code == 3,
            "{}",
            text(&output)
        );
        assert_eq!(status(&database).await["types"][1]["active"], active);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_process_killed_is_resumed_by_the_next() {
    let resources: Vec<_> = (1..=12_000).map(|number| resource("Practitioner", number, "2026-01-15")).collect();
    let (database, played) = (sqlite().await, Played::with(resources.clone()).await);
    // The program has the clock of this machine.
    played.world().date = sas_endpoint::clock::system_time().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    // Organizations take two requests; of the practitioners, ten pages come and one does not.
    played.plan([(13, ResponseTemplate::new(200).set_delay(Duration::from_hours(1)))]);
    let sync = || {
        let mut command = annuaire(&database, &["sync", "--count", "1000"]);
        command.env("SAS_ANNUAIRE_URL", played.base());
        command
    };
    let mirror = Mirror::open(&database.url).await.expect("the mirror opens");
    let mut child = sync().spawn().expect("it starts");
    let walk = async || {
        SyncState::load(&mirror, DirectoryType::Practitioner).await.expect("an answer").and_then(|state| state.cursor)
    };
    poll_until("a walk is noted", async || walk().await.is_some()).await;
    child.kill().expect("killed");
    child.wait().expect("gone");
    let received = walk().await.expect("a walk").received;
    assert!((1_000..=10_000).contains(&received), "{received} resources");

    played.asked();
    let output = run(sync()).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let asked = played.asked();
    assert!(asked.contains(&format!("_page?id=2-{received}")), "{asked:?}");
    assert!(!asked.iter().any(|address| address.starts_with("Practitioner?_count")), "{asked:?}");
    let test = TestMirror::empty(Backend::Sqlite).await.expect("a mirror");
    let folder = folder("killed");
    let file = folder.path().join("all.ndjson");
    std::fs::write(&file, resources.iter().map(|resource| format!("{resource}\n")).collect::<String>())
        .expect("written");
    let settings =
        load::Settings { replace: false, allow_deletions: false, keep: Duration::ZERO, clock: Clock::system() };
    load(&test.mirror, vec![Input::File(file)], &settings, &Quiet).await.expect("loaded");
    assert_eq!(mirror.content_hashes().await.expect("hashes"), test.mirror.content_hashes().await.expect("hashes"));
}
