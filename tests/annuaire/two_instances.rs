//! An instance that is kept up to date from another one: the sandbox that the national directory lacks.

use std::time::Duration;

use jiff::civil::{Date, date};
use sas_endpoint::annuaire::ingest::progress::Quiet;
use sas_endpoint::annuaire::ingest::sync_state::SyncState;
use sas_endpoint::annuaire::invented::Generate;
use sas_endpoint::annuaire::load::{self, Input, load};
use sas_endpoint::annuaire::search::Total;
use sas_endpoint::annuaire::store::ChangeCounts;
use sas_endpoint::annuaire::store::{Mirror, Snapshot, Stored};
use sas_endpoint::annuaire::sync::upstream;
use sas_endpoint::annuaire::sync::{COMMIT_BATCH, Failure, PAGE_SIZE, Request, Settings, SyncMode, run};
use sas_endpoint::clock::Clock;
use sas_endpoint::fhir::directory_type::DirectoryType;
use serde_json::{Value, json};

use crate::commands::{annuaire, text};
use crate::mirror::COUNT_TIMEOUT;
use crate::on_both_databases;
use crate::played::RETRY_POLICY;
use crate::server::{DirectoryServer, PATH};
use crate::support::{Backend, TestDatabase, folder};

/// The day on which the invented directory is published; its next day is another file.
const DAY: Date = date(2026, 3, 10);

/// An instance that serves, and the mirror of another that is to follow it.
struct Pair {
    first: DirectoryServer,
    second: Mirror,
    database: TestDatabase,
}

impl Pair {
    async fn empty(backend: Backend) -> Option<Self> {
        let database = TestDatabase::new(backend).await?;
        let first = DirectoryServer::at_its_address(backend).await?;
        let second = Mirror::open(&database.url).await.expect("the mirror opens").with_count_timeout(COUNT_TIMEOUT);
        Some(Self { first, second, database })
    }

    /// Loads lines into the first instance.
    async fn load(&self, lines: Vec<u8>) {
        let folder = folder("instances");
        let file = folder.path().join("directory.ndjson");
        std::fs::write(&file, lines).expect("written");
        let settings = load::Settings {
            replace: false,
            allow_deletions: false,
            keep: Duration::from_hours(24),
            clock: Clock::system(),
        };
        load(&self.first.mirror, vec![Input::File(file)], &settings, &Quiet).await.expect("loaded");
    }

    fn base(&self) -> String {
        format!("http://{}{PATH}", self.first.address)
    }

    fn settings(&self) -> Settings {
        Settings {
            upstream: upstream::Settings { url: self.base(), key: None, rate: 0, retry_policy: RETRY_POLICY },
            count: PAGE_SIZE,
            batch: COMMIT_BATCH,
            keep: Duration::from_hours(24),
            clock: Clock::system(),
        }
    }

    async fn synchronise(&self, settings: &Settings, asked: SyncMode) -> ChangeCounts {
        let request = Request { asked, ..Request::default() };
        loop {
            match run(&self.second, settings, &request, &Quiet).await {
                // The right to write may need a moment to come back.
                Err(Failure::Busy) => tokio::task::yield_now().await,
                done => return done.expect("synchronised").total(),
            }
        }
    }

    async fn assert_equal(&self) {
        let hashes = self.first.mirror.content_hashes().await.expect("hashes");
        assert_eq!(self.second.content_hashes().await.expect("hashes"), hashes);
        let counts = self.first.mirror.counts().await.expect("counts");
        assert_eq!(self.second.counts().await.expect("counts"), counts);
    }
}

fn generated(practitioners: u32, delta: bool) -> Vec<u8> {
    let mut lines = vec![];
    let generate = Generate { practitioners, seed: 5, date: DAY, delta };
    generate.write(&mut lines).expect("memory takes everything");
    lines
}

fn resources(lines: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(lines).expect("UTF-8").lines();
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Everything of a type that a snapshot sees, in pages of this size.
async fn walk(mirror: &Mirror, at: &Snapshot, of: DirectoryType, size: usize) -> Vec<Stored> {
    let (mut all, mut after) = (vec![], 0);
    loop {
        let page = mirror.page(of, &[], at, after, size).await.expect("a page");
        all.extend(page.matches);
        after = page.seen;
        if !page.more {
            return all;
        }
    }
}

on_both_databases! { Pair::empty;
    async fn two_instances_second_becomes_equal_and_follows(pair: Pair) {
        let everything = generated(2_000, false);
        let lines = everything.iter().filter(|byte| **byte == b'\n').count() as u64;
        pair.load(everything).await;
        let count = pair.synchronise(&pair.settings(), SyncMode::Due).await;
        assert_eq!((count.new, count.changed, count.rejected), (lines, 0, 0));
        pair.assert_equal().await;

        let next_day = generated(2_000, true);
        let ids = resources(&next_day).len() as u64;
        pair.load(next_day).await;
        let count = pair.synchronise(&pair.settings(), SyncMode::Since(DAY.tomorrow().expect("a day"))).await;
        assert!(count.new > 0 && count.changed > 0, "{count:?}");
        assert_eq!(count.new + count.changed, ids, "{count:?}");
        pair.assert_equal().await;
        let count = pair.synchronise(&pair.settings(), SyncMode::Full).await;
        assert_eq!((count.new, count.changed, count.removed), (0, 0, 0));
        pair.assert_equal().await;
    }

    async fn two_instances_walk_during_a_sync_sees_one_snapshot(pair: Pair) {
        let everything = generated(150, false);
        pair.load(everything.clone()).await;
        // Pages of forty, each committed alone: many revisions, segments and merges.
        let settings = Settings { count: 40, batch: 1, ..pair.settings() };
        pair.synchronise(&settings, SyncMode::Due).await;
        let of = DirectoryType::Practitioner;
        let before = pair.second.snapshot().await.expect("an answer").expect("a snapshot");
        let expected = walk(&pair.second, &before, of, 1_000).await;

        let changed = resources(&everything).into_iter().map(|mut resource| {
            resource["meta"]["lastUpdated"] = json!("2026-03-12T04:00:00.000+01:00");
            format!("{resource}\n")
        });
        pair.load(changed.collect::<String>().into_bytes()).await;
        let mut walks = vec![];
        let walking = async {
            loop {
                assert_eq!(walk(&pair.second, &before, of, 7).await, expected);
                let at = pair.second.snapshot().await.expect("an answer").expect("a snapshot");
                let seen = walk(&pair.second, &at, of, 11).await;
                assert_eq!(pair.second.total(of, &[], &at, Total::Wanted).await.expect("a total"), Some(seen.len() as u64));
                walks.push((at, seen));
            }
        };
        let count = tokio::select! {
            count = pair.synchronise(&settings, SyncMode::Full) => count,
            () = walking => unreachable!("walking has no end"),
        };
        assert_eq!(count.changed, everything.iter().filter(|byte| **byte == b'\n').count() as u64);
        assert_eq!(walk(&pair.second, &before, of, 13).await, expected);
        for (at, seen) in &walks {
            // Nothing is lost and nothing comes twice where a version replaces another.
            let mut ids: Vec<_> = seen.iter().map(|stored| &stored.id).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), expected.len());
            assert_eq!(walk(&pair.second, at, of, 100).await, *seen);
        }
        let revisions: std::collections::BTreeSet<_> = walks.iter().map(|(at, _)| at.revision).collect();
        assert!(revisions.len() > 1, "walks began at {revisions:?} only");
        pair.assert_equal().await;
    }

    async fn two_instances_second_killed_repeatedly_becomes_equal(pair: Pair) {
        pair.load(generated(400, false)).await;
        let kills = killed_whenever_it_gets_on(&pair, &[], 12).await;
        assert!(kills >= 2, "{kills} kills");
        pair.assert_equal().await;
        // And the same for what changes.
        pair.load(generated(400, true)).await;
        killed_whenever_it_gets_on(&pair, &["--since", "2026-03-11"], 4).await;
        pair.assert_equal().await;
    }
}

/// Runs the program until it comes to its end, and kills it whenever what it noted has changed, at most so often.
/// Says how often.
async fn killed_whenever_it_gets_on(pair: &Pair, arguments: &[&str], most: usize) -> usize {
    let mut kills = 0;
    loop {
        let noted = states(pair).await;
        let mut command = annuaire(&pair.database, &[&["sync", "--count", "20"], arguments].concat());
        let mut child = command.env("SAS_ANNUAIRE_URL", pair.base()).spawn().expect("it starts");
        let ended = loop {
            if child.try_wait().expect("its state").is_some() {
                break true;
            }
            if kills < most && states(pair).await != noted {
                child.kill().expect("killed");
                break false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let output = child.wait_with_output().expect("it ends");
        match output.status.code() {
            Some(0) => return kills,
            // The one before still had the right to write, as far as Postgres knew.
            Some(75) => {}
            _ if !ended => kills += 1,
            _ => panic!("{}", text(&output)),
        }
    }
}

async fn states(pair: &Pair) -> Vec<Option<SyncState>> {
    let mut states = vec![];
    for of in DirectoryType::ALL {
        states.push(SyncState::load(&pair.second, of).await.expect("an answer"));
    }
    states
}
