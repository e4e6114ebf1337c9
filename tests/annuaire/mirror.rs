//! What the mirror keeps, and what its searches find.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sas_endpoint::annuaire::search::{Criterion, Matching, Token, Total};
use sas_endpoint::annuaire::store::index_entry::Field;
use sas_endpoint::annuaire::store::resource::ParsedResource;
use sas_endpoint::annuaire::store::{ChangeCounts, Mirror, Snapshot, Writer};
use sas_endpoint::error::Error;
use sas_endpoint::fhir::directory_type::DirectoryType;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::polling::poll_until;
use crate::support::{Backend, TestDatabase};

/// A second is enough for a count, except on a machine that does much else, in a build for tests.
pub const COUNT_TIMEOUT: Duration = Duration::from_mins(2);

/// The writer of a mirror that nobody else writes to. A child that another test is just starting has the lock of a former
/// writer, too, until it executes its program.
pub async fn writer(mirror: &Mirror) -> Writer {
    let mut writer = None;
    poll_until("the lock is free", async || {
        writer = mirror.writer().await.expect("the database answers");
        writer.is_some()
    })
    .await;
    writer.expect("it is there")
}

/// A mirror of one test.
pub struct TestMirror {
    pub mirror: Mirror,
    pub database: Arc<TestDatabase>,
}

impl TestMirror {
    pub async fn empty(backend: Backend) -> Option<Self> {
        let database = Arc::new(TestDatabase::new(backend).await?);
        let mirror = Mirror::open(&database.url).await.expect("the mirror opens").with_count_timeout(COUNT_TIMEOUT);
        Some(Self { mirror, database })
    }

    pub async fn writer(&self) -> Writer {
        writer(&self.mirror).await
    }

    /// Adds resources and commits.
    pub async fn load(&self, resources: &[Value]) -> ChangeCounts {
        let mut writer = self.writer().await;
        let counts = writer.add(prepared(resources), false).await.expect("added");
        writer.commit().await.expect("committed");
        counts
    }

    pub async fn now(&self) -> Snapshot {
        self.mirror.snapshot().await.expect("the database answers").expect("something was committed")
    }

    /// The ids that a search finds, in the order of a walk with pages of `size`.
    pub async fn walk(&self, at: &Snapshot, of: DirectoryType, criteria: &[Criterion], size: usize) -> Vec<String> {
        let (mut ids, mut after) = (vec![], 0);
        loop {
            let page = self.mirror.page(of, criteria, at, after, size).await.expect("a page");
            assert!(page.matches.len() <= size);
            ids.extend(page.matches.into_iter().map(|stored| stored.id));
            after = page.seen;
            if !page.more {
                let (first, shared) =
                    self.mirror.first_page(of, criteria, at, size, Total::Wanted).await.expect("a page with its total");
                assert_eq!(shared, Some(ids.len() as u64), "counted behind the first page");
                assert!(first.matches.iter().map(|stored| &stored.id).eq(ids.iter().take(size)));
                let total = self.mirror.total(of, criteria, at, Total::Wanted).await.expect("a total");
                assert_eq!(total, Some(ids.len() as u64));
                return ids;
            }
        }
    }

    pub async fn practitioners(&self, criteria: &[Criterion]) -> Vec<String> {
        self.walk(&self.now().await, DirectoryType::Practitioner, criteria, 3).await
    }
}

pub fn prepared(resources: &[Value]) -> Vec<ParsedResource> {
    resources.iter().map(|resource| ParsedResource::parse(&resource.to_string()).expect("a resource")).collect()
}

/// A practitioner whose number makes everything else.
pub fn practitioner(number: usize, family: &str, day: &str) -> Value {
    json!({
        "resourceType": "Practitioner",
        "id": format!("003-{number}"),
        "meta": { "versionId": "1", "lastUpdated": format!("{day}T10:00:00.000+01:00") },
        "identifier": [{ "system": "https://rpps.esante.gouv.fr", "value": format!("1000{number:07}") }],
        "active": true,
        "name": [{ "family": family, "given": ["Zoé"] }],
        "qualification": [{ "code": { "coding": [{ "system": "urn:profession", "code": if number.is_multiple_of(2) { "10" } else { "60" } }] } }],
    })
}

fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("003-{number}")).collect()
}

fn family(matching: Matching, value: &str) -> Criterion {
    Criterion::Text { fields: &[Field::Family], matching, values: vec![value.to_owned()] }
}

fn code(code: &str, not: bool) -> Criterion {
    Criterion::Token { field: Field::QualificationCode, values: vec![Token::Code(code.to_owned())], not }
}

on_both_databases! { TestMirror::empty;
    async fn snapshot_mirror_empty_has_none(test: TestMirror) {
        assert_eq!(test.mirror.snapshot().await.expect("an answer"), None);
    }

    async fn search_committed_resources_are_found_in_order_on_every_page(test: TestMirror) {
        let all: Vec<_> = (1..=20).map(|number| practitioner(number, "MARTIN", "2025-03-04")).collect();
        assert_eq!(test.load(&all[..12]).await, ChangeCounts { new: 12, ..ChangeCounts::default() });
        assert_eq!(test.load(&all[10..]).await, ChangeCounts { new: 8, unchanged: 2, ..ChangeCounts::default() });
        assert_eq!(test.practitioners(&[]).await, ids(1..=20));
        assert_eq!(test.practitioners(&[code("10", false)]).await, ids((2..=20).step_by(2)));
        assert_eq!(test.practitioners(&[code("10", true)]).await, ids((1..=19).step_by(2)));
        assert_eq!(test.practitioners(&[family(Matching::Prefix, "mart")]).await, ids(1..=20));
        assert_eq!(test.practitioners(&[family(Matching::Contains, "ÀRTi")]).await, ids(1..=20));
        assert_eq!(test.practitioners(&[family(Matching::Exact, "Martin")]).await, ids([]));
        assert_eq!(test.practitioners(&[family(Matching::Exact, "MARTIN"), code("10", false)]).await, ids((2..=20).step_by(2)));
    }

    async fn search_values_with_a_long_common_prefix_are_distinguished(test: TestMirror) {
        let long = |letter: &str, length: usize| letter.repeat(length);
        let all = (190..=205).map(|length| {
            let mut resource = practitioner(length, &long("x", length), "2025-03-04");
            resource["qualification"][0]["code"]["coding"][0]["code"] = json!(long("y", length));
            resource
        });
        test.load(&all.collect::<Vec<_>>()).await;
        for length in 190..=205 {
            assert_eq!(test.practitioners(&[family(Matching::Exact, &long("x", length))]).await, ids([length]));
            assert_eq!(test.practitioners(&[family(Matching::Prefix, &long("X", length))]).await, ids(length..=205));
            assert_eq!(test.practitioners(&[code(&long("y", length), false)]).await, ids([length]));
            assert_eq!(test.practitioners(&[code(&long("y", length), true)]).await.len(), 15);
        }
    }

    async fn search_characters_folded_by_the_index_are_distinguished(test: TestMirror) {
        let zero = practitioner(1, "a\0b", "2025-03-04");
        let one = practitioner(2, "a\u{1}b", "2025-03-04");
        test.load(&[zero, one]).await;
        for matching in [Matching::Prefix, Matching::Contains, Matching::Exact] {
            assert_eq!(test.practitioners(&[family(matching, "a\0b")]).await, ids([1]), "{matching:?}");
            assert_eq!(test.practitioners(&[family(matching, "a\u{1}b")]).await, ids([2]), "{matching:?}");
        }
        assert_eq!(test.practitioners(&[family(Matching::Contains, "\u{1}")]).await, ids([2]));
    }

    async fn search_contains_accents_alone_matches_every_text(test: TestMirror) {
        let mut nameless = practitioner(2, "", "2025-03-04");
        nameless["name"] = json!([]);
        test.load(&[practitioner(1, "MARTIN", "2025-03-04"), nameless]).await;
        for fields in [&[Field::Family][..], &[Field::Family, Field::Given, Field::Name]] {
            for matching in [Matching::Prefix, Matching::Contains] {
                let accent = Criterion::Text { fields, matching, values: vec!["\u{301}".to_owned()] };
                assert_eq!(test.practitioners(&[accent]).await, ids([1]));
            }
        }
    }

    async fn search_missing_last_updated_matches_no_resource(test: TestMirror) {
        test.load(&[practitioner(1, "MARTIN", "2025-03-04")]).await;
        let missing = |missing| Criterion::Missing { fields: &[Field::LastUpdated], missing };
        assert_eq!(test.practitioners(&[missing(false)]).await, ids([1]));
        assert_eq!(test.practitioners(&[missing(true)]).await, ids([]));
    }

    async fn commit_resource_added_and_removed_within_it_is_invisible(test: TestMirror) {
        test.load(&[practitioner(1, "MARTIN", "2025-03-04")]).await;
        let before = test.now().await;
        let mut writer = test.writer().await;
        for (number, family) in [(1, "DURAND"), (2, "DURAND"), (1, "PETIT"), (2, "PETIT")] {
            writer.add(prepared(&[practitioner(number, family, "2025-03-05")]), false).await.expect("added");
        }
        writer.commit().await.expect("committed");
        assert_eq!(test.practitioners(&[]).await, ids([1, 2]));
        assert_eq!(test.practitioners(&[family(Matching::Prefix, "durand")]).await, ids([]));
        assert_eq!(test.walk(&before, DirectoryType::Practitioner, &[], 1).await, ids([1]));
        let known = async |at| {
            let stored = test.mirror.by_ids(at, DirectoryType::Practitioner, &ids([1, 2])).await.expect("an answer");
            stored.into_iter().map(|stored| stored.body.contains("PETIT")).collect::<Vec<_>>()
        };
        assert_eq!(known(&before).await, [false]);
        assert_eq!(known(&test.now().await).await, [true, true]);
    }

    async fn sweep_removed_resource_may_return(test: TestMirror) {
        let all: Vec<_> = (1..=3).map(|number| practitioner(number, "MARTIN", "2025-03-04")).collect();
        test.load(&all).await;
        let mut writer = test.writer().await;
        writer.forget_seen(DirectoryType::Practitioner).await.expect("forgotten");
        writer.add(prepared(&all[..1]), true).await.expect("added");
        assert!(writer.sweep(DirectoryType::Practitioner, 1.0).await.expect("swept").removed);
        // Before the removal is even committed, with the very same content.
        assert_eq!(writer.add(prepared(&all[1..2]), true).await.expect("added").new, 1);
        writer.commit().await.expect("committed");
        drop(writer);
        let between = test.now().await;
        assert_eq!(test.practitioners(&[]).await, ids([1, 2]));
        test.load(&all[2..]).await;
        assert_eq!(test.practitioners(&[]).await, ids([1, 2, 3]));
        assert_eq!(test.walk(&between, DirectoryType::Practitioner, &[], 2).await, ids([1, 2]));
    }

    async fn walk_sees_the_mirror_of_its_first_page(test: TestMirror) {
        test.load(&(1..=9).map(|number| practitioner(number, "MARTIN", "2025-03-04")).collect::<Vec<_>>()).await;
        let before = test.now().await;
        test.load(&[practitioner(4, "DURAND", "2025-03-05"), practitioner(10, "MARTIN", "2025-03-05")]).await;
        let martins = [family(Matching::Prefix, "martin")];
        assert_eq!(test.walk(&before, DirectoryType::Practitioner, &martins, 2).await, ids(1..=9));
        assert_eq!(test.practitioners(&martins).await, ids([1, 2, 3, 5, 6, 7, 8, 9, 10]));
        assert_eq!(test.practitioners(&[family(Matching::Prefix, "durand")]).await, ids([4]));
        let stored = test.mirror.by_ids(&before, DirectoryType::Practitioner, &ids([4, 10])).await.expect("an answer");
        assert_eq!(stored.len(), 1);
        assert!(stored[0].body.contains("MARTIN"));
        let stored = test.mirror.read(DirectoryType::Practitioner, "003-4").await.expect("an answer").expect("a resource");
        assert!(stored.body.contains("DURAND"));
    }

    async fn add_older_resource_is_not_stored(test: TestMirror) {
        test.load(&[practitioner(1, "MARTIN", "2025-03-04")]).await;
        assert_eq!(test.load(&[practitioner(1, "DURAND", "2025-03-03")]).await, ChangeCounts { older: 1, ..ChangeCounts::default() });
        assert_eq!(test.practitioners(&[family(Matching::Prefix, "martin")]).await, ids([1]));
    }

    async fn sweep_unseen_resources_are_removed_unless_too_many(test: TestMirror) {
        let all: Vec<_> = (1..=20).map(|number| practitioner(number, "MARTIN", "2025-03-04")).collect();
        test.load(&all).await;
        let before = test.now().await;
        let mut writer = test.writer().await;
        writer.forget_seen(DirectoryType::Practitioner).await.expect("forgotten");
        writer.add(prepared(&all[..10]), true).await.expect("added");
        let swept = writer.sweep(DirectoryType::Practitioner, 0.15).await.expect("looked at");
        assert_eq!((swept.of, swept.unseen, swept.removed), (20, 10, false));
        writer.add(prepared(&all[10..18]), true).await.expect("added");
        let swept = writer.sweep(DirectoryType::Practitioner, 0.15).await.expect("looked at");
        assert_eq!((swept.of, swept.unseen, swept.removed), (20, 2, true));
        writer.commit().await.expect("committed");
        assert_eq!(test.practitioners(&[]).await, ids(1..=18));
        assert_eq!(test.walk(&before, DirectoryType::Practitioner, &[], 7).await, ids(1..=20));
        assert_eq!(test.mirror.read(DirectoryType::Practitioner, "003-20").await.expect("an answer"), None);
    }

    async fn walk_snapshot_purged_is_gone(test: TestMirror) {
        test.load(&(1..=5).map(|number| practitioner(number, "MARTIN", "2025-03-04")).collect::<Vec<_>>()).await;
        let before = test.now().await;
        test.load(&[practitioner(4, "DURAND", "2025-03-05")]).await;
        test.writer().await.purge(Timestamp::from_second(0).expect("a time")).await.expect("purged");
        assert_eq!(test.walk(&before, DirectoryType::Practitioner, &[], 2).await, ids(1..=5));
        test.writer().await.purge(Timestamp::MAX).await.expect("purged");
        let gone = test.mirror.page(DirectoryType::Practitioner, &[], &before, 0, 2).await;
        assert!(matches!(gone, Err(Error::Gone)));
        assert_eq!(test.practitioners(&[]).await, ids([1, 2, 3, 5, 4]));
    }

    async fn search_chain_over_many_resources_finds_the_same(test: TestMirror) {
        let role = |number: usize| json!({
            "resourceType": "PractitionerRole",
            "id": format!("005-{number}"),
            "meta": { "versionId": "1", "lastUpdated": "2025-03-04T10:00:00.000+01:00" },
            "active": !number.is_multiple_of(3),
            "practitioner": { "reference": format!("Practitioner/003-{number}") },
        });
        test.load(&(1..=2_500).map(|number| practitioner(number, "MARTIN", "2025-03-04")).collect::<Vec<_>>()).await;
        test.load(&(1..=2_500).filter(|number| number % 2 == 0).map(role).collect::<Vec<_>>()).await;
        let at = test.now().await;
        for profession in ["10", "60", "70"] {
            let chain = Criterion::Chain {
                field: Field::Practitioner,
                target: DirectoryType::Practitioner,
                criterion: Box::new(code(profession, false)),
            };
            let found = test.walk(&at, DirectoryType::PractitionerRole, &[chain], 400).await;
            assert_eq!(found.len(), if profession == "10" { 1_250 } else { 0 });
        }
        let missing = Criterion::Missing { fields: &[Field::Active], missing: false };
        for (criterion, expected) in [
            (missing, ids((2..=2_500).step_by(2))),
            (
                Criterion::Token { field: Field::Active, values: vec![Token::Code("false".to_owned())], not: false },
                ids((6..=2_500).step_by(6)),
            ),
        ] {
            let has = Criterion::Has {
                source: DirectoryType::PractitionerRole,
                field: Field::Practitioner,
                criterion: Box::new(criterion),
            };
            assert_eq!(test.walk(&at, DirectoryType::Practitioner, &[has], 400).await, expected);
        }
    }

    async fn total_timeout_omits_the_total_and_not_the_page(test: TestMirror) {
        test.load(&(1..=5).map(|number| practitioner(number, "MARTIN", "2025-03-04")).collect::<Vec<_>>()).await;
        let (at, of) = (test.now().await, DirectoryType::Practitioner);
        let hasty = test.mirror.clone().with_count_timeout(Duration::ZERO);
        assert_eq!(hasty.total(of, &[], &at, Total::Wanted).await.expect("an answer"), None);
        assert_eq!(hasty.page(of, &[], &at, 0, 5).await.expect("a page").matches.len(), 5);
        assert_eq!(test.mirror.total(of, &[], &at, Total::Wanted).await.expect("an answer"), Some(5));
    }

    async fn compaction_many_small_commits_leave_few_segments_and_the_same_results(test: TestMirror) {
        for number in 1..=30 {
            test.load(&[practitioner(number, "MARTIN", "2025-03-04")]).await;
            if number % 3 == 0 {
                test.load(&[practitioner(number / 3, "DURAND", "2025-03-05")]).await;
            }
        }
        test.writer().await.purge(Timestamp::MAX).await.expect("purged");
        let mut found = test.practitioners(&[]).await;
        found.sort();
        let mut all = ids(1..=30);
        all.sort();
        assert_eq!(found, all);
        assert_eq!(test.practitioners(&[family(Matching::Prefix, "durand")]).await.len(), 10);
        assert_eq!(test.practitioners(&[family(Matching::Prefix, "martin")]).await.len(), 20);
    }

    async fn writer_is_exclusive_and_uncommitted_writes_are_invisible(test: TestMirror) {
        test.load(&[practitioner(1, "MARTIN", "2025-03-04")]).await;
        let mut writer = test.writer().await;
        assert!(test.mirror.writer().await.expect("an answer").is_none());
        writer.add(prepared(&[practitioner(2, "MARTIN", "2025-03-04")]), false).await.expect("added");
        writer.write_metadata("place", "here").await.expect("noted");
        assert_eq!(test.practitioners(&[]).await, ids([1]));
        drop(writer);
        // The connection ends in the background; the right to write with it.
        let mut next = None;
        let has_right = async || {
            next = test.mirror.writer().await.expect("an answer");
            next.is_some()
        };
        poll_until("the right to write comes back", has_right).await;
        let mut writer = next.expect("a writer");
        writer.commit().await.expect("nothing");
        assert_eq!(test.practitioners(&[]).await, ids([1]));
        assert_eq!(test.mirror.read_metadata("place").await.expect("an answer"), None);
    }
}

on_both_databases! { TestDatabase::new;
    async fn mirror_created_by_several_processes_at_once_is_one(database: TestDatabase) {
        let opened = futures_util::future::join_all((0..6).map(|_| Mirror::open(&database.url))).await;
        let keys: Vec<_> = opened.into_iter().map(|mirror| *mirror.expect("the mirror opens").page_key()).collect();
        assert!(keys.iter().all(|key| *key == keys[0]));
    }
}

#[tokio::test]
async fn writer_is_exclusive_through_links_and_relative_paths() {
    let folder = crate::support::folder("writer-links");
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, folder.path().join(name)).expect("a link");
    };
    link("a.db", "link.db");
    link("link.db", "second.db");
    link(".", "folder");
    // The first name leads to a file that is yet to be made.
    let open = async |name: &str| {
        Mirror::open(&format!("sqlite://{}/{name}", folder.path().display())).await.expect("the mirror opens")
    };
    for first in ["second.db", "a.db", "folder/link.db"] {
        let mirror = open(first).await;
        let writer = writer(&mirror).await;
        for name in ["a.db", "link.db", "second.db", "folder/a.db", "folder/second.db"] {
            assert!(open(name).await.writer().await.expect("an answer").is_none(), "{name} beside {first}");
        }
        drop(writer);
        poll_until("the right to write comes back", async || mirror.writer().await.expect("an answer").is_some()).await;
    }
}
