//! Filling the mirror from files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sas_endpoint::annuaire::ingest::progress::Quiet;
use sas_endpoint::annuaire::ingest::run_log::{RunRecord, Work, read_run_records};
use sas_endpoint::annuaire::ingest::sync_state::SyncState;
use sas_endpoint::annuaire::load::{Failure, Input, Settings, load};
use sas_endpoint::annuaire::sync::{self, Request};
use sas_endpoint::clock::Clock;
use sas_endpoint::fhir::directory_type::DirectoryType;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mirror::TestMirror;
use crate::on_both_databases;
use crate::played::{Played, directory, resource};
use crate::support::folder;

fn settings(replace: bool) -> Settings {
    Settings { replace, allow_deletions: false, keep: Duration::from_hours(24), clock: Clock::system() }
}

async fn load_files(test: &TestMirror, files: &[impl AsRef<Path>], replace: bool) -> Result<RunRecord, Failure> {
    let inputs = files.iter().map(|file| Input::File(file.as_ref().to_owned())).collect();
    load(&test.mirror, inputs, &settings(replace), &Quiet).await
}

fn ndjson(resources: &[Value]) -> String {
    resources.iter().map(|resource| format!("{resource}\n")).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("compressed");
    encoder.finish().expect("compressed")
}

/// A file, gone when it is dropped.
#[derive(Debug)]
struct TestFile {
    path: PathBuf,
    _folder: TempDir,
}

impl AsRef<Path> for TestFile {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

fn file(name: &str, content: impl AsRef<[u8]>) -> TestFile {
    let folder = folder("load");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("written");
    TestFile { path, _folder: folder }
}

async fn hashes(test: &TestMirror) -> [String; 5] {
    test.mirror.content_hashes().await.expect("hashes")
}

on_both_databases! { TestMirror::empty;
    async fn load_every_file_format_gives_the_same_mirror(test: TestMirror) {
        let resources = directory(4);
        let (first, second) = resources.split_at(20);
        let record = load_files(&test, &[file("a.ndjson", ndjson(first)), file("b.ndjson.gz", gzip(&ndjson(second)))], false)
            .await
            .expect("loaded");
        assert_eq!((record.total().new, record.work), (32, Work::Load));
        assert_eq!(record.parts.iter().map(|part| part.resource_type.as_str()).collect::<Vec<_>>(),
            ["Organization", "Practitioner", "PractitionerRole", "HealthcareService"]);
        let expected = hashes(&test).await;

        let zstd = zstd::encode_all(ndjson(&resources).replace('\n', "\r\n\r\n").as_bytes(), 1).expect("compressed");
        let entries: Vec<_> = resources.iter().map(|resource| json!({ "resource": resource })).collect();
        let bundle = json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries }).to_string();
        for file in [file("all.zst", zstd), file("bundle", bundle), file("parts", [gzip(&ndjson(first)), gzip(&ndjson(second))].concat())] {
            let record = load_files(&test, std::slice::from_ref(&file), false).await.expect("loaded");
            assert_eq!((record.total().unchanged, record.total().received()), (32, 32), "{file:?}");
            assert_eq!(hashes(&test).await, expected);
        }
        assert_eq!(read_run_records(&test.mirror).await.expect("records").len(), 4);
    }

    async fn load_and_sync_give_equal_mirrors(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        load_files(&test, &[file("a", ndjson(&directory(4)))], false).await.expect("loaded");
        let loaded = hashes(&test).await;
        sync::run(&test.mirror, &played.settings(), &Request::default(), &Quiet).await.expect("synchronised");
        assert_eq!(hashes(&test).await, loaded);
    }

    async fn load_unreadable_lines_are_rejected_with_their_number(test: TestMirror) {
        let mut text = ndjson(&directory(1)).into_bytes();
        text.extend_from_slice(b"\n{\"resourceType\":\"Patient\",\"id\":\"p\"}\n\xff\xfe\nnot json\n");
        text.extend(vec![b'x'; (4 << 20) + 1]);
        text.extend_from_slice(b"\n");
        text.extend(ndjson(&[resource("Device", 1, "2026-01-15")]).into_bytes());
        let file = file("some.ndjson", text);
        let record = load_files(&test, std::slice::from_ref(&file), false).await.expect("loaded");
        assert_eq!((record.total().new, record.total().rejected), (9, 4));
        let rejected = test.mirror.rejected(10).await.expect("an answer");
        let lines: Vec<_> = rejected.iter().rev().map(|rejected| rejected.name.rsplit(':').next().unwrap_or_default()).collect();
        assert_eq!(lines, ["10)", "11", "12", "13"]);
        assert!(rejected[3].name.starts_with("p (") && rejected[3].name.contains("some.ndjson"), "{:?}", rejected[3]);
    }

    async fn load_file_truncated_fails_and_keeps_what_was_read(test: TestMirror) {
        let whole = gzip(&ndjson(&directory(200)));
        let broken = file("broken.gz", &whole[..whole.len() / 2]);
        let failure = load_files(&test, std::slice::from_ref(&broken), true).await.expect_err("it breaks off").to_string();
        assert!(failure.contains("broken.gz: after line "), "{failure}");
        let record = read_run_records(&test.mirror).await.expect("records").remove(0);
        assert!(record.total().new >= 1);
        assert!(!record.outcome.expect("an outcome").succeeded);
        let failure = load_files(&test, &["/nowhere.ndjson"], false).await.expect_err("no file").to_string();
        assert!(failure.starts_with("/nowhere.ndjson: "), "{failure}");
    }

    async fn load_missing_resources_stay_unless_replace(test: TestMirror) {
        let mut resources = directory(4);
        let all = file("all", ndjson(&resources));
        load_files(&test, std::slice::from_ref(&all), false).await.expect("loaded");
        resources.retain(|resource| resource["id"] != "003-12");
        let less = file("less", ndjson(&resources));
        let record = load_files(&test, std::slice::from_ref(&less), false).await.expect("loaded");
        assert_eq!(record.total().removed, 0);
        let record = load_files(&test, std::slice::from_ref(&less), true).await.expect("loaded");
        assert_eq!((record.total().removed, record.warnings.len()), (1, 0));
        resources.retain(|resource| resource["resourceType"] == "Practitioner");
        let record = load_files(&test, &[file("few", ndjson(&resources))], true).await.expect("loaded");
        assert_eq!((record.total().removed, record.warnings.len()), (0, 3));
    }

    async fn load_replace_unreadable_resource_is_not_removed(test: TestMirror) {
        let mut resources = directory(4);
        load_files(&test, &[file("all", ndjson(&resources))], true).await.expect("loaded");
        let expected = hashes(&test).await;
        let known = resources.iter_mut().find(|resource| resource["id"] == "003-12").expect("it is there");
        known["meta"] = json!({});
        let record = load_files(&test, &[file("some", ndjson(&resources))], true).await.expect("loaded");
        assert_eq!((record.total().removed, record.total().rejected), (0, 1));
        assert_eq!(hashes(&test).await, expected);
    }

    async fn load_resets_the_state_of_sync(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        sync::run(&test.mirror, &played.settings(), &Request::default(), &Quiet).await.expect("synchronised");
        let all = file("all", ndjson(&directory(4)));
        let mark = async || SyncState::load(&test.mirror, DirectoryType::Device).await.expect("an answer").and_then(|state| state.high_water_mark);
        load_files(&test, std::slice::from_ref(&all), false).await.expect("loaded");
        assert_eq!(mark().await, played_mark());
        load_files(&test, std::slice::from_ref(&all), true).await.expect("loaded");
        assert_eq!(mark().await, None);
    }
}

fn played_mark() -> Option<Timestamp> {
    crate::played::T0.parse().ok()
}
