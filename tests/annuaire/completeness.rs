//! A directory that sends less than it announced: the mirror keeps what it has, and does not count as up to date.

use sas_endpoint::annuaire::ingest::progress::Quiet;
use sas_endpoint::annuaire::ingest::run_log::{RunRecord, read_run_records};
use sas_endpoint::annuaire::ingest::sync_state::{DeletionsSuppressed, SyncPhase, SyncState};
use sas_endpoint::annuaire::sync::{Failure, Request, SyncMode, run};
use sas_endpoint::fhir::directory_type::DirectoryType;
use serde_json::{Value, json};

use crate::mirror::TestMirror;
use crate::on_both_databases;
use crate::played::{Played, T0, clock_at, directory, outcome, resource};
use crate::support::Backend;
use crate::synchronisation::{hashes, state};

const OF: DirectoryType = DirectoryType::Practitioner;

/// The pages of a full walk over twelve practitioners; the fifth request is for the changes since it began.
const PAGES: usize = 4;

/// What becomes of a page.
type Fault = fn(&mut Value);

/// Ways to lose some of the resources of a walk: a name, the number of the page, what becomes of it.
const FAULTS: [(&str, usize, Fault); 13] = [
    ("empty last page", PAGES, |page| page["entry"] = json!([])),
    ("empty page without next", 3, |page| {
        page["entry"] = json!([]);
        without_next(page);
    }),
    ("page without entries and next", 3, |page| {
        page.as_object_mut().expect("a bundle").remove("entry");
        without_next(page);
    }),
    ("next missing on the first page", 1, without_next),
    ("next missing in the middle", 2, without_next),
    ("short page in the middle", 2, |page| _ = entries(page).pop()),
    ("short first page", 1, |page| _ = entries(page).remove(0)),
    ("empty page in the middle", 3, |page| page["entry"] = json!([])),
    ("total that drops", 2, |page| {
        page["total"] = json!(6);
        without_next(page);
    }),
    ("entry twice", 2, |page| {
        let first = entries(page)[0].clone();
        *entries(page).last_mut().expect("an entry") = first;
    }),
    ("entry without a resource", 3, |page| entries(page)[1] = json!({})),
    ("outcome in place of a match", 2, |page| {
        let outcome = json!({ "resourceType": "OperationOutcome", "id": "o", "issue": [] });
        entries(page)[0] = json!({ "resource": outcome, "search": { "mode": "outcome" } });
        // The national directory does not tell how an entry came in.
        entries(page)[1] = json!({ "resource": outcome });
    }),
    ("included resource in place of a match", 2, |page| {
        let organization = resource("Organization", 900, "2026-01-15");
        entries(page)[0] = json!({ "resource": organization, "search": { "mode": "include" } });
    }),
];

fn without_next(page: &mut Value) {
    page["link"].as_array_mut().expect("links").retain(|link| link["relation"] != "next");
}

fn entries(page: &mut Value) -> &mut Vec<Value> {
    page["entry"].as_array_mut().expect("entries")
}

async fn synchronise(
    test: &TestMirror,
    played: &Played,
    asked: SyncMode,
    allow_deletions: bool,
) -> Result<RunRecord, Failure> {
    let request = Request { asked, types: vec![OF], allow_deletions };
    loop {
        match run(&test.mirror, &played.settings(), &request, &Quiet).await {
            Err(Failure::Busy) => tokio::task::yield_now().await,
            outcome => return outcome,
        }
    }
}

/// What a mirror is that was made of this directory in one go.
async fn whole(played: &Played) -> [String; 5] {
    let test = TestMirror::empty(Backend::Sqlite).await.expect("a mirror");
    synchronise(&test, played, SyncMode::Full, false).await.expect("synchronised");
    hashes(&test).await
}

/// What marks and times a state holds, without the walk under way.
fn marks(state: &SyncState) -> (Option<jiff::Timestamp>, Option<jiff::Timestamp>, Option<DeletionsSuppressed>) {
    (state.high_water_mark, state.last_full_sync, state.held_back)
}

async fn last_run_failed(test: &TestMirror) -> bool {
    !read_run_records(&test.mirror).await.expect("records")[0].outcome.as_ref().expect("an outcome").succeeded
}

#[tokio::test]
async fn sync_full_cut_short_leaves_an_empty_mirror_incomplete() {
    let played = Played::with(directory(4)).await;
    for (name, page, fault) in FAULTS {
        played.asked();
        played.alter(page, fault);
        let test = TestMirror::empty(Backend::Sqlite).await.expect("a mirror");
        synchronise(&test, &played, SyncMode::Due, false).await.expect_err(name);
        assert_eq!(marks(&state(&test, OF).await), (None, None, None), "{name}");
        synchronise(&test, &played, SyncMode::Due, false).await.expect(name);
        assert_eq!(hashes(&test).await[1], whole(&played).await[1], "{name}");
    }
}

on_both_databases! { TestMirror::empty;
    async fn sync_full_cut_short_keeps_mirror_and_marks_and_is_resumed(test: TestMirror) {
        for (name, page, fault) in FAULTS {
            let played = Played::with(directory(4)).await;
            synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
            let (before, state_before) = (hashes(&test).await, state(&test, OF).await);
            played.asked();
            played.world().date = "Wed, 11 Mar 2026 05:30:00 GMT".to_owned();
            played.alter(page, fault);
            let failure = synchronise(&test, &played, SyncMode::Full, false).await.expect_err(name).to_string();
            assert!(failure.contains("announced 12 resources for Practitioner and sent "), "{name}: {failure}");
            assert!(last_run_failed(&test).await, "{name}");
            let stopped = state(&test, OF).await;
            assert_eq!(marks(&stopped), marks(&state_before), "{name}");
            assert_eq!(stopped.cursor.expect("a walk to resume").phase, SyncPhase::Full, "{name}");
            let copied = hashes(&test).await;
            assert_eq!(copied[1], before[1], "{name}");
            synchronise(&test, &played, SyncMode::Due, false).await.expect(name);
            assert_eq!(state(&test, OF).await.last_full_sync, "2026-03-11T05:30:00Z".parse().ok(), "{name}");
            assert_eq!(hashes(&test).await[1], before[1], "{name}");
        }
    }

    async fn sync_delta_cut_short_keeps_the_mark_and_is_resumed(test: TestMirror) {
        for (name, page, fault) in FAULTS {
            let played = Played::with(directory(4)).await;
            synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
            let before = state(&test, OF).await;
            {
                let mut world = played.world();
                (1..=12).for_each(|number| world.put(resource("Practitioner", number, "2026-03-10")));
                world.date = "Wed, 11 Mar 2026 05:30:00 GMT".to_owned();
            }
            played.asked();
            played.alter(page, fault);
            let failure = synchronise(&test, &played, SyncMode::Due, false).await.expect_err(name).to_string();
            assert!(failure.contains("announced 12 resources for Practitioner since 2026-03-09"), "{name}: {failure}");
            assert_eq!(marks(&state(&test, OF).await), marks(&before), "{name}");
            synchronise(&test, &played, SyncMode::Due, false).await.expect(name);
            assert_eq!(state(&test, OF).await.high_water_mark, "2026-03-11T05:30:00Z".parse().ok(), "{name}");
            assert_eq!(hashes(&test).await[1], whole(&played).await[1], "{name}");
        }
    }

    async fn sync_delta_after_a_full_cut_short_sweeps_nothing(test: TestMirror) {
        for (name, page, fault) in FAULTS {
            let played = Played::with(directory(4)).await;
            synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
            let before = state(&test, OF).await;
            played.asked();
            // One is gone from the directory, and all others change while it is walked over.
            played.world().remove("003-12");
            played.before(PAGES, |world| {
                (1..=12).for_each(|number| world.put(resource("Practitioner", number, "2026-03-10")));
                world.remove("003-12");
                world.put(resource("Practitioner", 13, "2026-03-10"));
            });
            played.alter(PAGES + page, fault);
            synchronise(&test, &played, SyncMode::Full, false).await.expect_err(name);
            let stopped = state(&test, OF).await;
            assert_eq!(marks(&stopped), marks(&before), "{name}");
            assert!(matches!(stopped.cursor.expect("a walk").phase, SyncPhase::Delta { completes: Some(_), .. }), "{name}");
            assert!(test.mirror.read(OF, "003-12").await.expect("an answer").is_some(), "{name}");
            let record = synchronise(&test, &played, SyncMode::Due, false).await.expect(name);
            assert_eq!(record.total().removed, 1, "{name}");
            assert_eq!(hashes(&test).await[1], whole(&played).await[1], "{name}");
        }
    }

    async fn sync_resume_requests_only_the_last_page(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        played.alter(3, |page| {
            page["entry"] = json!([]);
            without_next(page);
        });
        synchronise(&test, &played, SyncMode::Full, false).await.expect_err("it is cut short");
        played.asked();
        synchronise(&test, &played, SyncMode::Due, false).await.expect("the rest comes");
        let asked = played.asked();
        assert_eq!(asked[..2], ["_page?id=0-6", "_page?id=0-9"]);
        assert_eq!(asked.len(), 3, "{asked:?}");
    }

    async fn sync_type_always_cut_short_fails_and_other_types_continue(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let request = Request { asked: SyncMode::Due, types: DirectoryType::ALL.to_vec(), allow_deletions: false };
        for _ in 0..4 {
            played.asked();
            // Organizations come first; whichever page is asked for, it is the last.
            (1..=4).for_each(|number| played.alter(number, |page| {
                if page["entry"][0]["resource"]["resourceType"] == "Organization" {
                    entries(page).clear();
                    without_next(page);
                }
            }));
            let failure = run(&test.mirror, &played.settings(), &request, &Quiet).await.expect_err("it is cut short");
            assert!(failure.to_string().contains("announced 8 resources for Organization"), "{failure}");
            played.world().plan.clear();
            assert_eq!(state(&test, DirectoryType::Organization).await.high_water_mark, None);
            assert_eq!(state(&test, DirectoryType::Device).await.high_water_mark, T0.parse().ok());
        }
        run(&test.mirror, &played.settings(), &request, &Quiet).await.expect("all of it");
        assert_eq!(state(&test, DirectoryType::Organization).await.high_water_mark, T0.parse().ok());
    }

    async fn sync_resume_keeps_total_and_count(test: TestMirror) {
        for (name, fault) in [
            ("without next", without_next as Fault),
            ("short", |page| _ = entries(page).pop()),
            ("entries of the first page", |page| {
                page["entry"] = (1..=3).map(|number| json!({ "resource": resource("Practitioner", number, "2026-01-15") })).collect();
            }),
        ] {
            let played = Played::with(directory(4)).await;
            synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
            let before = state(&test, OF).await;
            // The third page does not come in this run, and less than it holds in the next.
            played.asked();
            played.plan((3..=10).map(|number| (number, outcome(503, "maintenance"))));
            synchronise(&test, &played, SyncMode::Full, false).await.expect_err("the directory is away");
            assert_eq!(played.asked().len(), 10);
            played.alter(1, fault);
            let failure = synchronise(&test, &played, SyncMode::Due, false).await.expect_err(name).to_string();
            assert!(failure.contains("announced 12 resources"), "{name}: {failure}");
            assert_eq!(marks(&state(&test, OF).await), marks(&before), "{name}");
            let record = synchronise(&test, &played, SyncMode::Due, false).await.expect(name);
            assert_eq!(record.total().removed, 0, "{name}");
        }
    }

    async fn sync_unreadable_resources_count_as_received(test: TestMirror) {
        let mut resources = directory(4);
        let unreadable = |id: &str| json!({ "resourceType": "Practitioner", "id": id, "meta": { "lastUpdated": "1 March" } });
        resources.retain(|resource| resource["id"] != "003-3");
        resources.extend(["003-3", "~"].map(unreadable));
        let played = Played::with(resources).await;
        for asked in [SyncMode::Full, SyncMode::Due, SyncMode::Full] {
            synchronise(&test, &played, asked, false).await.expect("all of it came");
        }
        played.asked();
        played.alter(2, |page| _ = entries(page).pop());
        synchronise(&test, &played, SyncMode::Full, false).await.expect_err("not all of it came");
    }

    async fn sync_included_resources_are_stored_and_not_counted(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        played.alter(2, |page| {
            let (other, organization) = (resource("Practitioner", 900, "2026-01-15"), resource("Organization", 900, "2026-01-15"));
            for along in [other, organization] {
                entries(page).push(json!({ "resource": along, "search": { "mode": "include" } }));
            }
            entries(page).push(json!({ "resource": { "resourceType": "OperationOutcome" }, "search": { "mode": "outcome" } }));
        });
        // Two more than announced, if includes counted: one that is missing would not be missed.
        played.alter(3, |page| _ = entries(page).pop());
        let failure = synchronise(&test, &played, SyncMode::Full, false).await.expect_err("one is missing").to_string();
        assert!(failure.contains("announced 12 resources for Practitioner and sent 11"), "{failure}");
        assert!(test.mirror.read(DirectoryType::Organization, "001-01-900").await.expect("an answer").is_some());
    }

    async fn sync_delta_without_total_advances_the_mark_only_at_a_certain_end(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        played.world().tells_total = false;
        synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
        let mut day = 11;
        let mut delta = async |changes: usize, fault: Option<(usize, Fault)>| {
            {
                let mut world = played.world();
                (1..=changes).for_each(|number| world.put(resource("Practitioner", number, "2026-03-20")));
                world.date = format!("{} Mar 2026 05:30:00 GMT", ["Wed, 11", "Thu, 12", "Fri, 13", "Sat, 14"][day - 11]);
            }
            day += 1;
            played.asked();
            if let Some((page, fault)) = fault {
                played.alter(page, fault);
            }
            let before = state(&test, OF).await.high_water_mark;
            let done = synchronise(&test, &played, SyncMode::Due, false).await;
            (done, state(&test, OF).await.high_water_mark != before)
        };
        // One page, empty or not, and a last page with entries.
        assert!(matches!(delta(0, None).await, (Ok(_), true)));
        assert!(matches!(delta(2, None).await, (Ok(_), true)));
        assert!(matches!(delta(7, None).await, (Ok(_), true)));
        let empty: Fault = |page| {
            page["entry"] = json!([]);
            without_next(page);
        };
        let (done, moved) = delta(7, Some((2, empty))).await;
        let failure = done.expect_err("nobody knows").to_string();
        assert!(failure.contains("sent no total for Practitioner since") && !moved, "{failure}");
        synchronise(&test, &played, SyncMode::Due, false).await.expect("the next run goes on");
        assert_eq!(state(&test, OF).await.high_water_mark, "2026-03-14T05:30:00Z".parse().ok());
    }

    async fn sync_full_without_total_completes_whatever_its_delta_ends_with(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        played.world().tells_total = false;
        // The changes since the walk began: two pages, of which the last is empty.
        (1..=7).for_each(|number| played.world().put(resource("Practitioner", number, "2026-03-20")));
        played.asked();
        played.alter(7, |page| {
            page["entry"] = json!([]);
            without_next(page);
        });
        synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
        let state = state(&test, OF).await;
        assert_eq!(state.last_full_sync, T0.parse().ok());
        assert_eq!(state.high_water_mark, state.last_full_sync, "the next run asks for the changes again");
    }

    async fn sync_full_without_total_is_limited_by_the_share_it_removes(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        played.world().tells_total = false;
        synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
        played.asked();
        played.alter(3, without_next);
        let record = synchronise(&test, &played, SyncMode::Full, false).await.expect("nobody knows");
        assert!(record.held_back && record.total().removed == 0);
        // What a later page tells is better than nothing.
        played.asked();
        played.alter(2, |page| page["total"] = json!(12));
        played.alter(3, without_next);
        synchronise(&test, &played, SyncMode::Full, false).await.expect_err("9 of 12 came");
    }

    async fn sync_deletions_suppressed_deltas_continue_until_allowed(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
        played.world().resources.retain(|resource| resource["id"].as_str() <= Some("003-6"));
        played.world().date = "Wed, 11 Mar 2026 05:30:00 GMT".to_owned();
        let record = synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
        let held_back = state(&test, OF).await;
        assert!(record.held_back && record.warnings[0].contains("annuaire sync --allow-deletions"), "{:?}", record.warnings);
        assert_eq!(held_back.last_full_sync, T0.parse().ok(), "the former one");
        assert_eq!(held_back.high_water_mark, "2026-03-11T05:30:00Z".parse().ok());

        played.world().put(resource("Practitioner", 50, "2026-03-20"));
        played.asked();
        let record = synchronise(&test, &played, SyncMode::Due, false).await.expect("synchronised");
        assert!(!record.held_back && record.total().new == 1);
        assert_eq!(played.asked(), ["Practitioner?_lastUpdated=ge2026-03-10&_count=3&_total=accurate"]);
        assert!(state(&test, OF).await.held_back.is_some(), "it is still told");

        let record = synchronise(&test, &played, SyncMode::Due, true).await.expect("synchronised");
        assert!(record.total().removed > 1 && !record.held_back, "{record:?}");
        let done = state(&test, OF).await;
        assert_eq!((done.held_back, done.last_full_sync), (None, "2026-03-11T05:30:00Z".parse().ok()));
        assert_eq!(hashes(&test).await[1], whole(&played).await[1]);

        // It holds for that run alone, and for what is not held back nothing changes.
        played.asked();
        synchronise(&test, &played, SyncMode::Due, true).await.expect("synchronised");
        assert_eq!(played.asked(), ["Practitioner?_lastUpdated=ge2026-03-10&_count=3&_total=accurate"]);
        played.world().resources.retain(|resource| resource["id"] == "003-50");
        assert!(synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised").held_back);
    }

    async fn sync_first_full_over_a_load_suppressed_deltas_continue(test: TestMirror) {
        let loaded: Vec<_> = (100..=120).map(|number| resource("Practitioner", number, "2026-01-15")).collect();
        test.load(&loaded).await;
        let played = Played::with(directory(4)).await;
        assert!(synchronise(&test, &played, SyncMode::Due, false).await.expect("synchronised").held_back);
        assert_eq!(state(&test, OF).await.last_full_sync, None);
        played.asked();
        synchronise(&test, &played, SyncMode::Due, false).await.expect("synchronised");
        assert_eq!(played.asked(), ["Practitioner?_lastUpdated=ge2026-03-09&_count=3&_total=accurate"]);
    }

    async fn sync_gateway_404_on_a_next_page_is_retried_before_a_restart(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let lost = wiremock::ResponseTemplate::new(404).set_body_string("<html>no Route matched</html>");
        played.plan([(2, lost.clone()), (3, lost.clone()), (5, lost.clone())]);
        synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
        let asked = played.asked();
        assert_eq!(asked.iter().filter(|address| address.starts_with("Practitioner?_count")).count(), 1, "{asked:?}");
        assert_eq!(asked[1..4], ["_page?id=0-3"; 3]);
        // One that stays ends in a walk that begins again.
        played.plan((2..=9).map(|number| (number, lost.clone())));
        synchronise(&test, &played, SyncMode::Full, false).await.expect("synchronised");
        let asked = played.asked();
        assert_eq!(asked[1..9], ["_page?id=2-3"; 8]);
        assert_eq!(asked[9], "Practitioner?_count=3&_total=accurate");
    }

    async fn purge_uses_the_clock_that_dates_revisions(test: TestMirror) {
        let played = Played::with(directory(4)).await;
        let request = Request { asked: SyncMode::Full, types: vec![OF], allow_deletions: false };
        let mut settings = played.settings();
        let mut seen = vec![];
        for now in ["2016-03-10T06:31:00Z", "2016-03-11T06:31:00Z", "2016-03-13T06:31:00Z"] {
            settings.clock = clock_at(now);
            played.world().put(resource("Practitioner", 1, &now[..10].replace("2016", "2026")));
            run(&test.mirror, &settings, &request, &Quiet).await.expect("synchronised");
            seen.push(test.mirror.snapshot().await.expect("an answer").expect("a snapshot"));
            played.world().put(json!({ "resourceType": "Practitioner", "id": "~", "meta": {} }));
        }
        // A day is kept, by the clock of the settings, whatever the machine's is.
        let is_kept = async |at| test.mirror.by_ids(at, OF, &["003-1".to_owned()]).await.is_ok();
        assert!(!is_kept(&seen[0]).await, "what it saw was superseded two days ago");
        assert!(is_kept(&seen[2]).await);
        let rejected = test.mirror.rejected(1).await.expect("an answer").remove(0);
        assert!(rejected.at.starts_with("2016-03-13T"), "{}", rejected.at);
    }
}
