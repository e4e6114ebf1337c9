//! Every public storage function, on both databases.

#[path = "../support/mod.rs"]
mod support;

mod exchanges;
mod feed;
mod journal;

use std::time::Duration;

use jiff::Timestamp;
use sas_endpoint::deadline::Deadline;
use sas_endpoint::fhir::date::{Range, instant};
use sas_endpoint::fhir::id::Id;
use sas_endpoint::fhir::identifier::{INTRN, Identifier, Token};
use sas_endpoint::fhir::query::date::{Comparison, DateBound, Interval};
use sas_endpoint::fhir::resource_type::ResourceType;
use sas_endpoint::storage::history::HistoryFilter;
use sas_endpoint::storage::registry::{Claim, Entry, Registry};
use sas_endpoint::storage::search::{Criterion, Key, Search, Sort};
use sas_endpoint::storage::{NewVersion, OpenError, StateKeys, Storage, StorageError, WriteSet};
use support::TestDatabase;

const ACCOUNT: ResourceType = ResourceType::Practitioner;
const APPOINTMENT: ResourceType = ResourceType::Appointment;

struct Given {
    storage: Storage,
    database: TestDatabase,
    backend: support::Backend,
}

async fn given(backend: support::Backend) -> Option<Given> {
    let database = TestDatabase::new(backend).await?;
    let storage = Storage::open(&database.url).await.expect("the database opens");
    Some(Given { storage, database, backend })
}

fn id(text: &str) -> Id {
    Id::parse(text).expect("an id")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn entry(resource_type: ResourceType, name: &str, version: i64, claims: &[(&str, &str, Claim)]) -> Entry {
    let identifiers = claims.iter().map(|(system, value, claim)| (Identifier::new(system, value), *claim));
    Entry {
        resource_type,
        id: id(name),
        version,
        last_updated: at("2026-03-01T08:00:00Z"),
        content_hash: format!("hash of {name} {version}"),
        active: true,
        status: None,
        start: None,
        identifiers: identifiers.collect(),
    }
}

/// Writes entries, each with a version whose content is `{"v":version}`; gives the state it found.
async fn write(storage: &Storage, wanted: &StateKeys, entries: Vec<Entry>) -> Result<Registry, StorageError> {
    let mut found = Registry::default();
    let decide = |registry: &mut Registry| {
        found = registry.clone();
        let version = |entry: &Entry| NewVersion {
            resource_type: entry.resource_type,
            id: entry.id.clone(),
            version: entry.version,
            last_updated: instant(entry.last_updated),
            interaction: if entry.version == 1 { "create" } else { "update" },
            content: format!("{{\"v\":{}}}", entry.version),
            change: String::new(),
        };
        let versions = entries.iter().map(version).collect();
        for entry in entries {
            registry.record(entry);
        }
        WriteSet { versions, events: vec![] }
    };
    storage.write(wanted, &[], decide).await?;
    Ok(found)
}

fn by_id(resource_type: ResourceType, names: &[&str]) -> StateKeys {
    StateKeys { ids: names.iter().map(|name| (resource_type, id(name))).collect(), ..StateKeys::default() }
}

fn by_value(resource_type: ResourceType, values: &[&str]) -> StateKeys {
    let values = values.iter().map(|value| (resource_type, (*value).to_owned()));
    StateKeys { values: values.collect(), ..StateKeys::default() }
}

fn all(resource_type: ResourceType) -> Search {
    Search { resource_type, criteria: vec![], sort: Sort::Id, after: None, count: 100 }
}

async fn found(storage: &Storage, search: Search) -> Vec<String> {
    let matches = storage.search(&search).await.expect("a search");
    if search.after.is_none() && !matches.more {
        assert_eq!(
            storage.count(&search).await.expect("a count"),
            i64::try_from(matches.versions.len()).expect("a number")
        );
    }
    matches.versions.into_iter().map(|version| version.id).collect()
}

/// Writes five versions. The clock of the third write was set back, and the times of the last two are equal.
async fn write_history(storage: &Storage) {
    for (resource_type, name, version, time) in [
        (ACCOUNT, "a", 1, "2026-03-01T08:00:00Z"),
        (APPOINTMENT, "b", 1, "2026-03-02T08:00:00Z"),
        (ACCOUNT, "c", 1, "2026-03-01T20:00:00Z"),
        (ACCOUNT, "a", 2, "2026-03-03T08:00:00Z"),
        (APPOINTMENT, "b", 2, "2026-03-03T08:00:00Z"),
    ] {
        let entry = Entry { last_updated: at(time), ..entry(resource_type, name, version, &[]) };
        write(storage, &by_id(resource_type, &[name]), vec![entry]).await.expect("written");
    }
}

/// The versions on all pages of a history, and the total of each page.
async fn listed(
    storage: &Storage,
    only: Option<ResourceType>,
    filter: HistoryFilter,
    count: usize,
) -> (String, Vec<Option<i64>>) {
    let (mut names, mut key, mut totals) = (vec![], None, vec![]);
    loop {
        let page = storage.log_history(only, key.as_ref(), &filter, count).await.expect("a page");
        names.extend(page.versions.iter().map(|(_, version)| format!("{}{}", version.id, version.version)));
        totals.push(page.total);
        key = page.next;
        if key.is_none() {
            return (names.join(" "), totals);
        }
    }
}

on_both_databases! { given;
    async fn storage_identifiers_of_a_resource_name_who_holds_them_now(given: Given) {
        let storage = given.storage.for_console(&Deadline::none());
        let claims = [("s", "1", Claim::Held), ("s", "2", Claim::Held), ("t", "1", Claim::Mentioned)];
        write(&storage, &StateKeys::default(), vec![entry(ACCOUNT, "a", 1, &claims)]).await.expect("written");
        // The identifiers of another type are others.
        write(&storage, &StateKeys::default(), vec![entry(APPOINTMENT, "x", 1, &[("t", "1", Claim::Held)])]).await.expect("written");
        let taken = vec![entry(ACCOUNT, "b", 1, &[("s", "1", Claim::Held)])];
        write(&storage, &by_id(ACCOUNT, &["a", "b"]), taken).await.expect("written");
        let of = async |name: &str, limit| {
            let found = storage.identifiers(ACCOUNT, &id(name), limit).await.expect("read");
            let shown = found.into_iter().map(|own| format!("{}|{} {} {:?}", own.identifier.system, own.identifier.value, own.claim.as_str(), own.holder));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(of("a", 9).await, ["s|2 held Some(\"a\")", "t|1 mentioned None", "s|1 released Some(\"b\")"]);
        assert_eq!(of("b", 9).await, ["s|1 held Some(\"b\")"]);
        assert_eq!((of("a", 1).await.len(), of("c", 9).await.len()), (1, 0));
    }

    async fn storage_opened_twice_is_migrated_once(given: Given) {
        let again = Storage::open(&given.database.url).await.expect("the database opens again");
        assert!(given.storage.is_ready().await.expect("an answer"));
        assert!(again.is_ready().await.expect("an answer"));
        let expected = match given.backend {
            support::Backend::Sqlite => "SQLite file ",
            support::Backend::Postgres => "Postgres database sas_test_",
        };
        assert!(again.description().to_string().starts_with(expected), "{}", again.description());
        assert!(again.connections().0 >= 1);
        again.close().await;
        assert!(again.is_ready().await.is_err());
    }

    async fn storage_versions_are_read_as_written(given: Given) {
        let storage = &given.storage;
        write(storage, &StateKeys::default(), vec![entry(ACCOUNT, "a", 1, &[])]).await.expect("written");
        write(storage, &by_id(ACCOUNT, &["a"]), vec![entry(ACCOUNT, "a", 2, &[])]).await.expect("written");
        let current = storage.read(ACCOUNT, &id("a")).await.expect("read").expect("there");
        assert_eq!((current.version, current.content.as_str(), current.interaction.as_str()), (2, "{\"v\":2}", "update"));
        let first = storage.read_version(ACCOUNT, &id("a"), 1).await.expect("read").expect("there");
        assert_eq!((first.version, first.content.as_str(), first.interaction.as_str()), (1, "{\"v\":1}", "create"));
        assert_eq!(first.last_updated, "2026-03-01T08:00:00.000Z");
        assert_eq!(storage.read_unchanged(ACCOUNT, &id("a"), 1).await.expect("read"), Some(first));
        assert_eq!(storage.read_version(ACCOUNT, &id("a"), 3).await.expect("read"), None);
        assert_eq!(storage.read(ACCOUNT, &id("b")).await.expect("read"), None);
        assert_eq!(storage.read(APPOINTMENT, &id("a")).await.expect("read"), None, "ids are a type's own");
    }

    async fn storage_history_is_paged_from_the_newest_version(given: Given) {
        let storage = &given.storage;
        for version in 1..=5 {
            write(storage, &by_id(ACCOUNT, &["a"]), vec![entry(ACCOUNT, "a", version, &[])]).await.expect("written");
        }
        let page = async |before, filter: HistoryFilter| {
            let page = storage.history(ACCOUNT, &id("a"), before, &filter, 2).await.expect("read").expect("there");
            (page.total, page.versions.iter().map(|version| version.version).collect::<Vec<_>>())
        };
        let all = HistoryFilter::default();
        assert_eq!(page(None, all).await, (5, vec![5, 4]));
        assert_eq!(page(Some(4), all).await, (5, vec![3, 2]));
        assert_eq!(page(Some(2), all).await, (5, vec![1]));
        let since = HistoryFilter { since: Some(at("2026-03-02T00:00:00Z")), at: None };
        assert_eq!(page(None, since).await, (0, vec![]));
        assert!(storage.history(ACCOUNT, &id("b"), None, &all, 2).await.expect("read").is_none());
    }

    async fn storage_history_of_all_is_in_the_order_of_time(given: Given) {
        let storage = &given.storage;
        write_history(storage).await;
        let all = HistoryFilter::default();
        for count in 1..=6 {
            let (names, totals) = listed(storage, None, all, count).await;
            assert_eq!(names, "b2 a2 b1 c1 a1", "{count} a page");
            assert_eq!(totals[0], Some(5), "{count} a page");
            assert!(totals[1..].iter().all(Option::is_none), "{count} a page");
            assert_eq!(listed(storage, Some(ACCOUNT), all, count).await.0, "a2 c1 a1");
            assert_eq!(listed(storage, Some(APPOINTMENT), all, count).await.0, "b2 b1");
        }
        assert_eq!(listed(storage, None, all, 0).await, (String::new(), vec![Some(5)]));
        let hasty = storage.clone().with_count_timeout(Duration::ZERO);
        assert_eq!(hasty.log_history(None, None, &all, 2).await.expect("a page").total, None);
        assert!(matches!(hasty.log_history(None, None, &all, 0).await, Err(StorageError::DeadlineExceeded)));
    }

    async fn storage_history_since_and_at_filter_by_time(given: Given) {
        let storage = &given.storage;
        write_history(storage).await;
        let since = |time| HistoryFilter { since: Some(at(time)), at: None };
        assert_eq!(listed(storage, None, since("2026-03-01T20:00:00Z"), 2).await.0, "b2 a2 b1 c1");
        let (names, totals) = listed(storage, None, since("2026-03-03T08:00:00.001Z"), 2).await;
        assert_eq!((names.as_str(), totals), ("", vec![Some(0)]));
        for (start, end, expected) in [
            (Some("2026-03-01T20:00:00Z"), Some("2026-03-01T20:00:01Z"), "c1 a1"),
            (Some("2026-03-03T08:00:00Z"), None, "b2 a2 c1"),
            (None, Some("2026-03-02T00:00:00Z"), "c1 a1"),
            (Some("2026-03-02T00:00:00Z"), Some("2026-03-04T00:00:00Z"), "b2 a2 b1 c1 a1"),
            (Some("2026-03-03T00:00:00Z"), Some("2026-03-02T00:00:00Z"), ""),
            (Some("2026-02-01T00:00:00Z"), Some("2026-03-01T08:00:00Z"), ""),
        ] {
            let filter = HistoryFilter { since: None, at: Some(Interval { start: start.map(at), end: end.map(at) }) };
            for count in [1, 2, 9] {
                assert_eq!(listed(storage, None, filter, count).await.0, expected, "{filter:?}, {count} a page");
            }
            let page = storage.history(ACCOUNT, &id("a"), None, &filter, 9).await.expect("read").expect("there");
            let names: Vec<_> = page.versions.iter().map(|version| format!("a{}", version.version)).collect();
            let of_a: Vec<_> = expected.split(' ').filter(|name| name.starts_with('a')).collect();
            assert_eq!((names.len(), names.join(" ")), (usize::try_from(page.total).expect("a number"), of_a.join(" ")));
        }
    }

    async fn storage_count_beyond_its_deadline_is_abandoned_and_pages_are_not(given: Given) {
        write(&given.storage, &StateKeys::default(), vec![entry(ACCOUNT, "a", 1, &[])]).await.expect("written");
        let hasty = given.storage.clone().with_count_timeout(Duration::ZERO);
        assert!(matches!(hasty.count(&all(ACCOUNT)).await, Err(StorageError::DeadlineExceeded)));
        assert_eq!(hasty.search(&all(ACCOUNT)).await.expect("a page").versions.len(), 1);
        // The time of a request counts as well as that of a count.
        let late = given.storage.until(&Deadline::after(Duration::ZERO));
        assert!(matches!(late.count(&all(ACCOUNT)).await, Err(StorageError::DeadlineExceeded)));
        let in_time = given.storage.until(&Deadline::after(Duration::from_mins(1)));
        assert_eq!(in_time.count(&all(ACCOUNT)).await.expect("a number"), 1);
        assert!(in_time.read(ACCOUNT, &id("a")).await.expect("read").is_some());
    }

    async fn write_batch_reads_the_requested_state_only(given: Given) {
        let storage = &given.storage;
        let entries = vec![
            entry(ACCOUNT, "a", 1, &[("s", "1", Claim::Held), ("s", "old", Claim::Released)]),
            entry(ACCOUNT, "b", 1, &[("s", "2", Claim::Held), ("other", "1", Claim::Mentioned)]),
            entry(ACCOUNT, "c", 1, &[("s", "3", Claim::Held)]),
            entry(APPOINTMENT, "d", 1, &[("s", "1", Claim::Held)]),
        ];
        write(storage, &StateKeys::default(), entries.clone()).await.expect("written");
        let state = write(storage, &by_value(ACCOUNT, &["1", "old"]), vec![]).await.expect("read");
        assert_eq!(state.entry(ACCOUNT, &id("a")), Some(&entries[0]), "found by what it holds, whole");
        assert_eq!(state.entry(ACCOUNT, &id("b")), Some(&entries[1]), "found by what it mentions");
        assert_eq!(state.entry(ACCOUNT, &id("c")), None);
        assert_eq!(state.entry(APPOINTMENT, &id("d")), None, "another type");
        assert_eq!(state.holder(ACCOUNT, &Identifier::new("s", "1")), Some(&entries[0]));
        assert_eq!(state.holder(ACCOUNT, &Identifier::new("s", "old")), None, "what was released has no holder");
        let held = StateKeys { identifiers: vec![(ACCOUNT, Identifier::new("other", "1")), (ACCOUNT, Identifier::new("s", "3"))], ..StateKeys::default() };
        let state = write(storage, &held, vec![]).await.expect("read");
        assert_eq!(state.entry(ACCOUNT, &id("c")), Some(&entries[2]), "found by what it holds");
        assert_eq!(state.entry(ACCOUNT, &id("b")), None, "what is only mentioned is not held");
        let state = write(storage, &by_id(APPOINTMENT, &["d", "e"]), vec![]).await.expect("read");
        assert_eq!(state.entry(APPOINTMENT, &id("d")), Some(&entries[3]));
    }

    async fn write_batch_moves_an_identifier(given: Given) {
        let storage = &given.storage;
        write(storage, &StateKeys::default(), vec![entry(ACCOUNT, "a", 1, &[("s", "1", Claim::Held)])]).await.expect("written");
        let taker = entry(ACCOUNT, "b", 1, &[("s", "1", Claim::Held)]);
        write(storage, &by_value(ACCOUNT, &["1"]), vec![taker.clone()]).await.expect("written");
        let state = write(storage, &by_id(ACCOUNT, &["a", "b"]), vec![]).await.expect("read");
        assert_eq!(state.holder(ACCOUNT, &Identifier::new("s", "1")), Some(&taker));
        let former = state.entry(ACCOUNT, &id("a")).expect("there");
        assert_eq!(former.identifiers[&Identifier::new("s", "1")], Claim::Released);
    }

    async fn write_batch_with_second_holder_is_refused_by_the_database(given: Given) {
        let storage = &given.storage;
        write(storage, &StateKeys::default(), vec![entry(ACCOUNT, "a", 1, &[("s", "1", Claim::Held)])]).await.expect("written");
        // A writer that did not look: the batch knows nothing of "a".
        let blind = vec![entry(ACCOUNT, "b", 1, &[("s", "2", Claim::Held)]), entry(ACCOUNT, "c", 1, &[("s", "1", Claim::Held)])];
        let refused = write(storage, &StateKeys::default(), blind).await.expect_err("refused");
        let is_unique_violation = format!("{refused:?}").to_ascii_lowercase().contains("unique");
        assert!(matches!(refused, StorageError::Internal(_)) && is_unique_violation, "{refused:?}");
        assert_eq!(found(storage, all(ACCOUNT)).await, ["a"]);
    }

    async fn write_batch_larger_than_a_statement_is_written_completely(given: Given) {
        let names: Vec<_> = (0..300).map(|number| format!("n{number:03}")).collect();
        let value = |name: &str| format!("value of {name}");
        let entries = names.iter().map(|name| entry(ACCOUNT, name, 1, &[("s", &value(name), Claim::Held)])).collect();
        let values: Vec<_> = names.iter().map(|name| value(name)).collect();
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        write(&given.storage, &by_value(ACCOUNT, &values), entries).await.expect("written");
        let search = Search { count: 1000, ..all(ACCOUNT) };
        assert_eq!(found(&given.storage, search).await, names);
    }

    async fn storage_search_by_identifier_finds_held_and_mentioned(given: Given) {
        let storage = &given.storage;
        write(storage, &StateKeys::default(), vec![
            entry(ACCOUNT, "a", 1, &[("s", "1", Claim::Held), ("s", "old", Claim::Released)]),
            entry(ACCOUNT, "b", 1, &[(INTRN, "ABC", Claim::Held), ("t", "1", Claim::Mentioned)]),
        ]).await.expect("written");
        let by = async |tokens: &[&str]| {
            let tokens = tokens.iter().map(|token| Token::parse(token).expect("a token")).collect();
            found(storage, Search { criteria: vec![Criterion::Identifier(tokens)], ..all(ACCOUNT) }).await
        };
        assert_eq!(by(&["s|1"]).await, ["a"]);
        assert_eq!(by(&["1"]).await, ["a", "b"]);
        assert_eq!(by(&["t|"]).await, ["b"]);
        assert_eq!(by(&["|1"]).await, [""; 0]);
        assert_eq!(by(&["s|old"]).await, [""; 0]);
        assert_eq!(by(&["s|old", "ABC"]).await, ["b"], "an INTRN is compared without case");
    }

    async fn storage_search_combines_criteria_and_continues_by_key(given: Given) {
        let storage = &given.storage;
        let entries = (0..6).map(|number| Entry {
            last_updated: at("2026-03-01T08:00:00Z") + jiff::SignedDuration::from_secs(number / 2),
            active: number % 2 == 0,
            status: Some(if number < 3 { "booked" } else { "cancelled" }.to_owned()),
            start: Some(at("2026-04-01T08:00:00Z") + jiff::SignedDuration::from_hours(24 * number)),
            ..entry(APPOINTMENT, &format!("a{number}"), 1, &[])
        });
        write(storage, &StateKeys::default(), entries.collect()).await.expect("written");
        let by = async |criteria: Vec<Criterion>| found(storage, Search { criteria, ..all(APPOINTMENT) }).await;
        assert_eq!(by(vec![Criterion::Id(vec![id("a1"), id("a4"), id("zz")])]).await, ["a1", "a4"]);
        assert_eq!(by(vec![Criterion::Active(vec![true]), Criterion::Status(vec!["booked".into()])]).await, ["a0", "a2"]);
        assert_eq!(by(vec![Criterion::Status(vec!["booked".into(), "cancelled".into()])]).await.len(), 6);
        assert_eq!(by(vec![Criterion::Status(vec![])]).await, [""; 0]);
        for (comparison, expected) in [
            (Comparison::Equal, &["a2"][..]),
            (Comparison::NotEqual, &["a0", "a1", "a3", "a4", "a5"]),
            (Comparison::Greater, &["a3", "a4", "a5"]),
            (Comparison::GreaterOrEqual, &["a2", "a3", "a4", "a5"]),
            (Comparison::Less, &["a0", "a1"]),
            (Comparison::LessOrEqual, &["a0", "a1", "a2"]),
        ] {
            let range = Range::parse("2026-04-03").expect("a date");
            let bound = DateBound { comparison, range };
            assert_eq!(by(vec![Criterion::Start(vec![bound])]).await, expected, "{comparison:?}");
        }
        let updated = DateBound { comparison: Comparison::Equal, range: Range::parse("2026-03-01T08:00:01Z").expect("a date") };
        assert_eq!(by(vec![Criterion::LastUpdated(vec![updated])]).await, ["a2", "a3"]);

        for (sort, expected) in [
            (Sort::Id, ["a0", "a1", "a2", "a3", "a4", "a5"]),
            (Sort::LastUpdated, ["a0", "a1", "a2", "a3", "a4", "a5"]),
            (Sort::LastUpdatedDescending, ["a5", "a4", "a3", "a2", "a1", "a0"]),
        ] {
            let mut walked = vec![];
            let mut search = Search { sort, count: 4, ..all(APPOINTMENT) };
            loop {
                let page = storage.search(&search).await.expect("a page");
                search.after = page.versions.last().map(|last| Key { last_updated: last.last_updated.clone(), id: id(&last.id) });
                walked.extend(page.versions.into_iter().map(|version| version.id));
                if !page.more {
                    break;
                }
            }
            assert_eq!(walked, expected, "{sort:?}");
        }
    }
}

#[tokio::test]
async fn storage_url_of_unknown_database_is_refused() {
    assert!(matches!(Storage::open("mysql://x").await, Err(OpenError::Scheme)));
    let Err(OpenError::Connect { .. }) = Storage::open("sqlite:///nowhere/at/all.db").await else {
        panic!("a folder that does not exist");
    };
}

on_both_databases! { given;
    async fn storage_open_existing_creates_no_database(given: Given) {
        assert!(Storage::open_existing(&given.database.url).await.expect("it is there").is_ready().await.expect("asked"));
        let missing = std::env::temp_dir().join(format!("sas-endpoint-missing-{}.db", std::process::id()));
        let opened = Storage::open_existing(&format!("sqlite://{}", missing.display())).await;
        assert!(matches!(opened, Err(OpenError::Missing { .. })));
        assert!(!missing.exists());
    }

    async fn storage_open_existing_of_another_schema_is_refused_and_not_migrated(given: Given) {
        let open = async || match Storage::open_existing(&given.database.url).await {
            Ok(storage) => {
                assert_eq!(storage.kept_exchanges_key().await.expect("an answer").map(|_| ()), None);
                String::new()
            }
            Err(error) => error.to_string(),
        };
        let execute = async |sql| exchanges::execute(&given, sql).await.expect("executed");
        assert_eq!(open().await, "");
        execute("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
            SELECT 999, description, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1").await;
        let newer = open().await;
        assert!(newer.contains("schema version 999") && newer.contains("use the version of the program that serves it"), "{newer}");
        execute("DELETE FROM _sqlx_migrations WHERE version = 999 OR version > 3").await;
        for _ in 0..2 {
            let older = open().await;
            assert!(older.contains("schema version 3") && older.contains("`sas-endpoint migrate`"), "{older}");
        }
        execute("DROP TABLE _sqlx_migrations").await;
        for _ in 0..2 {
            assert!(open().await.contains("schema version 0"));
        }
    }
}

#[test]
fn storage_every_public_function_is_tested_here() {
    let suite = concat!(include_str!("main.rs"), include_str!("exchanges.rs"), include_str!("feed.rs"));
    let doors = [
        include_str!("../../src/storage/database.rs"),
        include_str!("../../src/storage/exchanges.rs"),
        include_str!("../../src/storage/feed.rs"),
        include_str!("../../src/storage/read.rs"),
        include_str!("../../src/storage/search.rs"),
        include_str!("../../src/storage/write.rs"),
    ];
    let declarations = doors.iter().flat_map(|door| door.split("pub ").skip(1));
    let functions = declarations.filter_map(|rest| rest.trim_start_matches("async ").strip_prefix("fn "));
    let names: Vec<_> = functions.filter_map(|rest| rest.split('(').next()).collect();
    assert!(names.contains(&"write") && names.len() > 8, "{names:?}");
    for name in names {
        assert!(suite.contains(&format!(".{name}(")) || suite.contains(&format!("::{name}(")), "{name} is not tested");
    }
}

/// A disk that is full makes SQLite roll back by itself; a trigger does the same without one.
#[tokio::test]
async fn storage_writes_continue_after_sqlite_ended_a_transaction() {
    let Given { storage, database, .. } = given(support::Backend::Sqlite).await.expect("SQLite is always there");
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&database.url).await.expect("a connection");
    let trigger = "CREATE TRIGGER full BEFORE INSERT ON resource BEGIN SELECT RAISE(ROLLBACK, 'full'); END";
    sqlx::query(trigger).execute(&mut other).await.expect("a trigger");
    let first = || vec![entry(ACCOUNT, "a", 1, &[])];
    write(&storage, &StateKeys::default(), first()).await.expect_err("nothing is taken");
    sqlx::query("DROP TRIGGER full").execute(&mut other).await.expect("dropped");
    write(&storage, &StateKeys::default(), first()).await.expect("taken");
}
