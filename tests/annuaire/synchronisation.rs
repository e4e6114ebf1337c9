//! Bringing the mirror up to date from a directory that changes, fails, and is cut off from us.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sas_endpoint::annuaire::ingest::progress::{Length, Progress, Quiet, Step};
use sas_endpoint::annuaire::ingest::run_log::{RunRecord, read_run_records};
use sas_endpoint::annuaire::ingest::sync_state::SyncState;
use sas_endpoint::annuaire::status::status;
use sas_endpoint::annuaire::store::ChangeCounts;
use sas_endpoint::annuaire::sync::schedule::{Schedule, run_on_schedule};
use sas_endpoint::annuaire::sync::{Failure, Request, Settings, SyncMode, run};
use sas_endpoint::fhir::directory_type::DirectoryType;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use crate::mirror::TestMirror;
use crate::on_both_databases;
use crate::played::{Played, T0, World, clock_at, directory, outcome, page, resource};
use crate::support::Backend;
use crate::support::polling::poll_until;

/// Pages of `directory(4)` in a full run: 3, 4, 3, 2 and 1 of whole types, and 1 of changes for each.
const PAGES: u64 = 18;

pub async fn synchronise(test: &TestMirror, settings: &Settings) -> Result<RunRecord, Failure> {
    ask(test, settings, SyncMode::Due).await
}

/// The right to write may need a moment to come back from a run that was cut off.
pub async fn ask(test: &TestMirror, settings: &Settings, asked: SyncMode) -> Result<RunRecord, Failure> {
    let request = Request { asked, ..Request::default() };
    loop {
        match run(&test.mirror, settings, &request, &Quiet).await {
            Err(Failure::Busy) => tokio::task::yield_now().await,
            outcome => return outcome,
        }
    }
}

pub async fn state(test: &TestMirror, of: DirectoryType) -> SyncState {
    SyncState::load(&test.mirror, of).await.expect("an answer").unwrap_or_default()
}

/// What a mirror is that was made in one go.
async fn expected(played: &Played, backend: Backend) -> [String; 5] {
    let test = TestMirror::empty(backend).await.expect("a mirror");
    synchronise(&test, &played.settings()).await.expect("synchronised");
    test.mirror.content_hashes().await.expect("hashes")
}

pub async fn hashes(test: &TestMirror) -> [String; 5] {
    test.mirror.content_hashes().await.expect("hashes")
}

pub async fn has(test: &TestMirror, of: DirectoryType, id: &str) -> bool {
    test.mirror.read(of, id).await.expect("an answer").is_some()
}

fn changed(number: usize) -> Value {
    let mut resource = resource("Practitioner", number, "2026-03-10");
    resource["meta"]["versionId"] = json!(2);
    resource["active"] = json!(false);
    resource
}

/// Tells when so many pages were taken.
struct After {
    pages: AtomicU64,
    reached: Notify,
}

impl Progress for After {
    fn begin(&self, _: &str, _: Length, _: Step) {}
    fn advance(&self, _: Step) {
        if self.pages.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.reached.notify_one();
        }
    }
    fn end(&self) {}
}

/// Runs until so many pages were taken, and is then cut off. Says whether it came to its end before.
async fn cut_off_after(test: &TestMirror, settings: &Settings, asked: SyncMode, pages: u64) -> bool {
    let after = After { pages: AtomicU64::new(pages), reached: Notify::new() };
    let request = Request { asked, ..Request::default() };
    loop {
        tokio::select! {
            biased;
            () = after.reached.notified() => return false,
            done = run(&test.mirror, settings, &request, &after) => match done {
                Err(Failure::Busy) => tokio::task::yield_now().await,
                done => return done.is_ok(),
            }
        }
    }
}

on_both_databases! { TestMirror::empty;
    async fn sync_first_run_is_full_and_the_next_are_deltas(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let record = synchronise(&test, &played.settings()).await.expect("synchronised");
        let asked = played.asked();
        assert_eq!(asked[..2], ["Organization?_count=3&_total=accurate", "_page?id=0-3"]);
        assert_eq!(asked[3], "Organization?_lastUpdated=ge2026-03-09&_count=3&_total=accurate");
        assert_eq!(asked.len() as u64, PAGES);
        assert_eq!(record.total(), ChangeCounts { new: 32, ..ChangeCounts::default() });
        let of = DirectoryType::Practitioner;
        let mark = state(&test, of).await;
        assert_eq!((mark.high_water_mark, mark.last_full_sync, mark.cursor), (T0.parse().ok(), T0.parse().ok(), None));

        {
            let mut world = played.world();
            (4..=8).for_each(|number| world.put(changed(number)));
            world.put(resource("Device", 1, "2026-03-10"));
            world.date = "Tue, 10 Mar 2026 17:30:00 GMT".to_owned();
        }
        let record = synchronise(&test, &played.settings()).await.expect("synchronised");
        assert_eq!(record.total(), ChangeCounts { new: 1, changed: 5, ..ChangeCounts::default() });
        assert_eq!(record.parts.iter().map(|part| part.kind.as_str()).collect::<Vec<_>>(), ["delta"; 5]);
        let asked = played.asked();
        assert_eq!(asked[1], "Practitioner?_lastUpdated=ge2026-03-09&_count=3&_total=accurate");
        assert_eq!(asked.len(), 6);
        assert_eq!(state(&test, of).await.high_water_mark, "2026-03-10T17:30:00Z".parse().ok());
        let stored = test.mirror.read(of, "003-4").await.expect("an answer").expect("a resource");
        assert!(stored.body.contains(r#""versionId":"2""#));
    }

    async fn sync_upstream_errors_do_not_change_the_result(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let answers = [
            outcome(429, "slow down").insert_header("retry-after", "1"),
            outcome(500, "Unknown error"),
            outcome(502, ""),
            page(""),
            page(r#"{"resourceType":"Bundle","type":"searchset","entry":[{"#),
        ];
        played.plan((1..40).step_by(2).zip(answers.into_iter().cycle()));
        let record = synchronise(&test, &played.settings()).await.expect("synchronised all the same");
        assert_eq!(record.total().new, 32);
        assert_eq!(played.asked().len() as u64, 2 * PAGES);
    }

    async fn sync_page_expired_restarts_its_type(test: TestMirror) {
        for answer in [
            outcome(400, "bad"),
            outcome(404, ""),
            outcome(410, "gone"),
            outcome(500, "The url can't be processed. Maybe it is too old or corrupted."),
        ] {
            let played = Played::with(directory(4)).await;
            played.world().expired = answer;
            // In the middle of the practitioners, who come after four pages of organizations.
            played.before(6, World::forget_walks);
            let settings = played.settings();
            ask(&test, &settings, SyncMode::Full).await.expect("synchronised");
            let asked = played.asked();
            assert_eq!(asked[4..7], ["Practitioner?_count=3&_total=accurate", "_page?id=2-3", "Practitioner?_count=3&_total=accurate"]);
            assert_eq!(asked.len() as u64, PAGES + 2);
        }
    }

    async fn sync_pages_always_expired_fails_and_sets_no_mark(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let gone = outcome(410, "gone");
        played.plan([2, 4, 6, 8].into_iter().map(|number| (number, gone.clone())));
        let failure = synchronise(&test, &played.settings()).await.expect_err("it expires each time").to_string();
        assert!(failure.ends_with("answers 410: gone"), "{failure}");
        assert_eq!(played.asked(), ["Organization?_count=3&_total=accurate", "_page?id=0-3", "Organization?_count=3&_total=accurate", "_page?id=1-3",
            "Organization?_count=3&_total=accurate", "_page?id=2-3", "Organization?_count=3&_total=accurate", "_page?id=3-3"]);
        let organizations = state(&test, DirectoryType::Organization).await;
        assert_eq!((organizations.high_water_mark, organizations.cursor.map(|walk| walk.received)), (None, Some(3)));
        let record = read_run_records(&test.mirror).await.expect("records").remove(0);
        assert!(!record.outcome.expect("an outcome").succeeded);
        synchronise(&test, &played.settings()).await.expect("the next run goes on");
    }

    async fn sync_interrupted_anywhere_is_resumed(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let settings = played.settings();
        let mut cut_off = 0;
        for pages in 1..PAGES {
            // Something to change, something to remove, something new.
            played.world().put(resource("PractitionerRole", 3, &format!("2026-02-{pages:02}")));
            played.world().put(resource("Organization", 100 + usize::try_from(pages).expect("few pages"), "2026-01-15"));
            played.world().remove(&format!("001-01-{}", 99 + pages));
            // A run whose last pages come all at once may be at its end before it can be cut off.
            cut_off += u64::from(!cut_off_after(&test, &settings, SyncMode::Full, pages).await);
            ask(&test, &settings, SyncMode::Full).await.expect("the next run comes to its end");
            assert_eq!(hashes(&test).await, expected(&played, Backend::Sqlite).await, "cut off after {pages}");
        }
        assert!(cut_off > PAGES / 2, "{cut_off}");
        assert_eq!(state(&test, DirectoryType::PractitionerRole).await.cursor, None);
    }

    async fn sync_interrupted_repeatedly_completes(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let mut runs = 1;
        // Types that are done take a page of changes each time; the last page may not have been committed.
        while !cut_off_after(&test, &played.settings(), SyncMode::Due, 6).await {
            runs += 1;
        }
        assert!(runs > PAGES / 6, "{runs} runs");
        assert_eq!(hashes(&test).await, expected(&played, Backend::Sqlite).await);
    }

    async fn sync_resume_starts_at_the_interrupted_page(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let failing = outcome(503, "maintenance");
        played.plan((6..14).map(|number| (number, failing.clone())));
        synchronise(&test, &played.settings()).await.expect_err("the directory is away");
        assert_eq!(state(&test, DirectoryType::Organization).await.high_water_mark, T0.parse().ok());
        let practitioners = state(&test, DirectoryType::Practitioner).await;
        assert_eq!(practitioners.high_water_mark, None);
        played.asked();
        synchronise(&test, &played.settings()).await.expect("the next run");
        let asked = played.asked();
        // Organizations are done: their delta is due. Practitioners go on.
        assert_eq!(asked[..2], ["Organization?_lastUpdated=ge2026-03-09&_count=3&_total=accurate", "_page?id=2-3"]);
        assert_eq!(hashes(&test).await, expected(&played, Backend::Sqlite).await);
    }

    async fn sync_changes_during_a_full_walk_come_with_its_delta(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        played.before(6, |world| {
            world.put(changed(2));
            world.put(changed(200));
            world.remove("003-3");
        });
        synchronise(&test, &played.settings()).await.expect("synchronised");
        let of = DirectoryType::Practitioner;
        let stored = test.mirror.read(of, "003-2").await.expect("an answer").expect("a resource");
        assert!(stored.body.contains(r#""active":false"#));
        assert!(has(&test, of, "003-200").await);
        // It was there when the walk began; the next full walk removes it.
        assert!(has(&test, of, "003-3").await);
        ask(&test, &played.settings(), SyncMode::Full).await.expect("synchronised");
        assert!(!has(&test, of, "003-3").await);
    }

    async fn sync_resource_left_out_of_the_full_walk_is_not_removed(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        synchronise(&test, &played.settings()).await.expect("synchronised");
        played.asked();
        // Its address of the next page outlived the versions it stood for.
        played.world().resources.retain(|resource| resource["id"] != "003-7");
        played.before(8, |world| world.put(changed(7)));
        let record = ask(&test, &played.settings(), SyncMode::Full).await.expect("synchronised");
        assert_eq!(record.total().removed, 0, "not even for a moment");
        assert!(has(&test, DirectoryType::Practitioner, "003-7").await);
    }

    async fn sync_entries_reordered_or_repeated_are_stored_once(test: TestMirror) {
        let mut resources = directory(4);
        let expected = expected(&Played::with(resources.clone()).await, Backend::Sqlite).await;
        resources.extend(directory(2));
        resources.reverse();
        let played = Played::with(resources).await;
        synchronise(&test, &played.settings()).await.expect("synchronised");
        assert_eq!(hashes(&test).await, expected);
    }

    async fn sync_unreadable_resources_are_rejected_and_reported(test: TestMirror) {
        let mut resources = directory(4);
        resources[1] = json!({ "resourceType": "Organization", "id": "001-01-2", "meta": { "lastUpdated": "1 March" } });
        resources.insert(0, json!({ "resourceType": "Organization", "id": "~", "meta": {} }));
        let played = Played::with(resources).await;
        let record = synchronise(&test, &played.settings()).await.expect("synchronised");
        assert_eq!((record.total().new, record.total().rejected), (31, 2));
        let status = status(&test.mirror, true, T0.parse().expect("an instant")).await.expect("a status");
        assert_eq!(status.rejected_count, 2);
        let names: Vec<_> = status.rejected.iter().map(|rejected| rejected.name.as_str()).collect();
        assert_eq!(names, ["001-01-2 (entry 3 of a page of Organization)", "entry 1 of a page of Organization"]);
        assert_eq!(status.types[0].active, 7);
        assert_eq!(status.types[0].age_seconds, Some(0));
        assert!(status.types.iter().all(|of| of.hash.is_some()));
        assert_eq!(status.runs, [record]);
    }

    async fn sync_resource_become_unreadable_stays(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        synchronise(&test, &played.settings()).await.expect("synchronised");
        let expected = hashes(&test).await;
        let unreadable = json!({ "resourceType": "Practitioner", "id": "003-12", "meta": { "lastUpdated": "1 March" } });
        played.world().put(unreadable);
        let record = ask(&test, &played.settings(), SyncMode::Full).await.expect("synchronised");
        assert_eq!((record.total().removed, record.total().rejected), (0, 1));
        assert_eq!(hashes(&test).await, expected);
        played.world().remove("003-12");
        let record = ask(&test, &played.settings(), SyncMode::Full).await.expect("synchronised");
        assert_eq!(record.total().removed, 1);
    }

    async fn sync_missing_resources_are_removed_unless_too_many(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        synchronise(&test, &played.settings()).await.expect("synchronised");
        played.world().remove("003-12");
        synchronise(&test, &played.settings()).await.expect("a delta does not see that");
        assert!(has(&test, DirectoryType::Practitioner, "003-12").await);
        let record = ask(&test, &played.settings(), SyncMode::Full).await.expect("synchronised");
        assert_eq!((record.total().removed, record.warnings.len()), (1, 0));
        assert!(!has(&test, DirectoryType::Practitioner, "003-12").await);

        played.world().resources.retain(|resource| resource["resourceType"] != "Practitioner");
        let record = ask(&test, &played.settings(), SyncMode::Full).await.expect("synchronised");
        assert_eq!(record.total().removed, 0);
        let sentence = "11 of 11 resources of type Practitioner are no longer in the directory";
        assert!(record.warnings[0].starts_with(sentence) && record.summary().contains(sentence));
        assert!(has(&test, DirectoryType::Practitioner, "003-1").await);
        let practitioners = state(&test, DirectoryType::Practitioner).await;
        assert_eq!(practitioners.held_back.map(|held_back| held_back.unseen), Some(11));
        assert_eq!(practitioners.high_water_mark, T0.parse().ok());

        played.world().resources = directory(4);
        ask(&test, &played.settings(), SyncMode::Full).await.expect("synchronised");
        assert_eq!(state(&test, DirectoryType::Practitioner).await.held_back, None);
    }

    async fn sync_old_mark_or_other_upstream_makes_a_full_run(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        synchronise(&test, &played.settings()).await.expect("synchronised");
        for (now, first) in [
            ("2026-04-04T05:00:00Z", "Organization?_lastUpdated=ge2026-03-09&_count=3&_total=accurate"),
            ("2026-04-04T06:00:00Z", "Organization?_count=3&_total=accurate"),
        ] {
            played.asked();
            let settings = Settings { clock: clock_at(now), ..played.settings() };
            synchronise(&test, &settings).await.expect("synchronised");
            assert_eq!(played.asked()[0], first);
        }
        let other = Played::with(directory(4)).await;
        synchronise(&test, &other.settings()).await.expect("synchronised");
        assert_eq!(other.asked()[0], "Organization?_count=3&_total=accurate");
    }

    async fn sync_other_upstream_unreachable_keeps_the_state(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        synchronise(&test, &played.settings()).await.expect("synchronised");
        let before = state(&test, DirectoryType::Organization).await;
        let other = Played::with(vec![]).await;
        other.plan((1..=16).map(|number| (number, outcome(403, ""))));
        for asked in [SyncMode::Due, SyncMode::Full] {
            ask(&test, &other.settings(), asked).await.expect_err("it does not answer");
        }
        assert_eq!(state(&test, DirectoryType::Organization).await, before);
        assert!(!read_run_records(&test.mirror).await.expect("records")[0].outcome.as_ref().expect("an outcome").succeeded);
    }

    async fn sync_next_links_in_a_cycle_fail(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let leading_to = |name: &str| {
            let next = json!({ "relation": "next", "url": format!("{}/_page?id={name}", played.base()) });
            page(&json!({ "resourceType": "Bundle", "type": "searchset", "entry": [], "link": [next] }).to_string())
        };
        played.plan([(1, leading_to("a")), (2, leading_to("b")), (3, leading_to("a"))]);
        let failure = ask(&test, &played.settings(), SyncMode::Full).await.expect_err("it never ends");
        assert!(failure.to_string().contains("its next link leads to a page already read"), "{failure}");
        assert_eq!(played.asked().len(), 3);
    }

    async fn sync_since_and_types_limit_the_run(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let asked = SyncMode::Since("2025-12-01".parse().expect("a day"));
        let request = Request { asked, types: vec![DirectoryType::Device, DirectoryType::HealthcareService], ..Request::default() };
        run(&test.mirror, &played.settings(), &request, &Quiet).await.expect("synchronised");
        assert_eq!(played.asked(), [
            "HealthcareService?_lastUpdated=ge2025-12-01&_count=3&_total=accurate",
            "_page?id=0-3",
            "Device?_lastUpdated=ge2025-12-01&_count=3&_total=accurate",
        ]);
        // Changes alone make no mirror whole.
        assert_eq!(state(&test, DirectoryType::Device).await.high_water_mark, None);
        ask(&test, &played.settings(), SyncMode::Full).await.expect("synchronised");
        assert_eq!(state(&test, DirectoryType::Device).await.high_water_mark, T0.parse().ok());
        // A day after the mark leaves out what came between: the mark stays.
        played.world().date = "Tue, 17 Mar 2026 05:30:00 GMT".to_owned();
        let asked = SyncMode::Since("2026-03-15".parse().expect("a day"));
        ask(&test, &played.settings(), asked).await.expect("synchronised");
        assert_eq!(state(&test, DirectoryType::Device).await.high_water_mark, T0.parse().ok());
    }

    async fn schedule_runs_when_due_and_stops_on_shutdown(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let schedule: Schedule = "every 6h".parse().expect("a schedule");
        // The first run is due at once; the next one not, by a clock that stands still.
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(run_on_schedule(test.mirror.clone(), schedule.clone(), played.settings(), stopping));
        let has_run = async || read_run_records(&test.mirror).await.expect("records").first().is_some_and(|record| record.outcome.is_some());
        poll_until("the first run ends", has_run).await;
        stop.send_replace(true);
        running.await.expect("it stops");
        assert_eq!(played.asked().len() as u64, PAGES);
        assert_eq!(hashes(&test).await, expected(&played, Backend::Sqlite).await);

        // Six hours later, in the middle of a run.
        played.asked();
        played.plan([(2, outcome(200, "").set_delay(Duration::from_hours(1)))]);
        let (stop, stopping) = watch::channel(false);
        let later = Settings { clock: clock_at("2026-03-10T11:32:00Z"), ..played.settings() };
        let running = tokio::spawn(run_on_schedule(test.mirror.clone(), schedule, later, stopping));
        poll_until("the second page is asked for", async || played.world().asked.len() >= 2).await;
        stop.send_replace(true);
        running.await.expect("it stops at once");
    }

    async fn sync_is_exclusive_to_one_process(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let _writer = test.writer().await;
        let request = Request::default();
        let busy = run(&test.mirror, &played.settings(), &request, &Quiet).await.expect_err("another writes");
        assert!(matches!(busy, Failure::Busy));
        assert!(busy.to_string().contains("another process"));
        assert!(played.asked().is_empty());
    }

    async fn run_log_keeps_the_last_runs_only(test: TestMirror) {
        let played = Played::with(vec![]).await;
        for _ in 0..22 {
            synchronise(&test, &played.settings()).await.expect("synchronised");
        }
        assert_eq!(read_run_records(&test.mirror).await.expect("records").len(), 20);
    }
}
