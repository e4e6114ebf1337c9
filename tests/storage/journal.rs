//! The journal in its database: added in commit order, listed newest first, kept within age and size.

use sas_endpoint::audit::LookupKey;
use sas_endpoint::deadline::Deadline;
use sas_endpoint::storage::journal::{JournalDatabase, JournalFilter, JournalRow, NewExchange};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use crate::support::Backend;
use crate::{Given, given, on_both_databases};

const NEVER: &str = "";
const NO_LIMIT: u64 = u64::MAX;

fn exchange(request_id: &str) -> NewExchange {
    NewExchange {
        request_id: request_id.to_owned(),
        at: "2026-03-01T08:00:00.000Z".to_owned(),
        method: "PUT".to_owned(),
        target: "/fhir/Practitioner?identifier=s|v".to_owned(),
        status: 201,
        interaction: "conditional-update".to_owned(),
        resource_type: Some("Practitioner".to_owned()),
        content: format!("content of {request_id}").into_bytes(),
        ..NewExchange::default()
    }
}

fn read(request_id: &str) -> NewExchange {
    NewExchange { is_read: true, method: "GET".to_owned(), interaction: "read".to_owned(), ..exchange(request_id) }
}

/// Runs statements as somebody would who has the database at this address.
async fn execute(backend: Backend, url: &str, statements: &'static str) -> Result<(), sqlx::Error> {
    match backend {
        Backend::Sqlite => SqliteConnection::connect(url).await?.execute(statements).await.map(|_| ()),
        Backend::Postgres => PgConnection::connect(url).await?.execute(statements).await.map(|_| ()),
    }
}

async fn open(given: &Given) -> JournalDatabase {
    JournalDatabase::open(&given.database.url).await.expect("the journal opens")
}

/// The request ids of those that match, newest first.
async fn found(journal: &JournalDatabase, filter: JournalFilter) -> Vec<String> {
    let rows = journal.list(&filter, 100).await.expect("a list");
    rows.into_iter().map(|row| row.request_id).collect()
}

async fn all(journal: &JournalDatabase) -> Vec<String> {
    found(journal, JournalFilter::default()).await
}

on_both_databases! { given;
    async fn journal_exchanges_are_added_and_read_newest_first(given: Given) {
        let journal = open(&given).await;
        assert!(journal.description().contains("journal"), "{}", journal.description());
        journal.add(&[exchange("a"), exchange("b")]).await.expect("added");
        journal.add(&[NewExchange { rules: vec!["one".to_owned(), "two".to_owned()], ..exchange("a") }])
            .await.expect("added");
        let rows = journal.list(&JournalFilter::default(), 2).await.expect("a list");
        let expected = JournalRow {
            id: 3,
            request_id: "a".to_owned(),
            at: "2026-03-01T08:00:00.000Z".to_owned(),
            method: "PUT".to_owned(),
            target: "/fhir/Practitioner?identifier=s|v".to_owned(),
            status: 201,
            interaction: "conditional-update".to_owned(),
            resource_type: Some("Practitioner".to_owned()),
            resource_id: None,
            caller: None,
            rules: " one two ".to_owned(),
            duration_us: 0,
            size: rows[0].size,
        };
        assert_eq!((rows.len(), &rows[0]), (2, &expected));
        assert!((100..1_000).contains(&rows[0].size), "{}", rows[0].size);
        let with_id = journal.with_request_id("a", 10).await.expect("a list");
        assert_eq!(with_id.iter().map(|row| row.id).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(journal.with_request_id("a", 1).await.expect("a list").len(), 1);
        assert_eq!(journal.content(2).await.expect("read").expect("a content"), b"content of b");
        assert_eq!(journal.content(4).await.expect("read"), None);
        let mut contents = journal.contents(&[3, 4, 1]).await.expect("read");
        contents.sort();
        assert_eq!(contents, [1, 3].map(|id| (id, b"content of a".to_vec())));
        journal.add(&[]).await.expect("nothing is added");
        assert_eq!(all(&journal).await, ["a", "b", "a"]);
        journal.close().await;
    }

    async fn journal_list_matches_all_conditions_of_its_filter(given: Given) {
        let journal = open(&given).await;
        let key = LookupKey(7);
        let exchanges = [
            NewExchange { at: "2026-03-01T08:00:00.000Z".to_owned(), caller: Some("x".to_owned()), ..exchange("a") },
            NewExchange { status: 422, rules: vec!["identifier-count".to_owned()], ..exchange("b") },
            NewExchange { keys: vec![key, LookupKey(-8)], at: "2026-03-02T08:00:00.000Z".to_owned(), ..read("c") },
            NewExchange { keys: vec![key, key], resource_type: Some("Appointment".to_owned()), ..exchange("d") },
            NewExchange { rules: vec!["identifier".to_owned()], ..exchange("e") },
        ];
        journal.add(&exchanges).await.expect("added");
        let text = |text: &str| Some(text.to_owned());
        for (filter, expected) in [
            (JournalFilter { before: Some(3), ..JournalFilter::default() }, &["b", "a"][..]),
            (JournalFilter { after: Some(3), ..JournalFilter::default() }, &["e", "d"]),
            (JournalFilter { since: text("2026-03-02"), ..JournalFilter::default() }, &["c"]),
            (JournalFilter { until: text("2026-03-01T08:00:00.000Z"), ..JournalFilter::default() }, &[]),
            (JournalFilter { status: Some((400, 499)), ..JournalFilter::default() }, &["b"]),
            (JournalFilter { interaction: text("read"), ..JournalFilter::default() }, &["c"]),
            (JournalFilter { resource_type: text("Appointment"), ..JournalFilter::default() }, &["d"]),
            (JournalFilter { caller: text("x"), ..JournalFilter::default() }, &["a"]),
            (JournalFilter { rule: text("identifier"), ..JournalFilter::default() }, &["e"]),
            (JournalFilter { rule: text("identifier_count"), ..JournalFilter::default() }, &[]),
            (JournalFilter { rule: text("%"), ..JournalFilter::default() }, &[]),
            (JournalFilter { keys: vec![key], ..JournalFilter::default() }, &["d", "c"]),
            (JournalFilter { keys: vec![key], before: Some(4), ..JournalFilter::default() }, &["c"]),
            (JournalFilter { keys: vec![key], interaction: text("read"), ..JournalFilter::default() }, &["c"]),
            (JournalFilter { keys: vec![LookupKey(9), LookupKey(-8)], ..JournalFilter::default() }, &["c"]),
            (JournalFilter { keys: vec![LookupKey(9)], ..JournalFilter::default() }, &[]),
            (
                JournalFilter { status: Some((201, 201)), caller: text("x"), since: text("2026"), ..JournalFilter::default() },
                &["a"],
            ),
        ] {
            assert_eq!(found(&journal, filter.clone()).await, expected, "{filter:?}");
            if filter.keys.is_empty() && filter.before.is_none() && filter.after.is_none() {
                let rows = journal.list(&JournalFilter::default(), 100).await.expect("a list");
                let matching = rows.iter().filter(|row| filter.matches(row)).map(|row| row.request_id.as_str());
                assert_eq!(matching.collect::<Vec<_>>(), expected, "{filter:?}");
            }
        }
    }

    async fn journal_neighbours_are_the_exchanges_about_the_same_before_and_behind(given: Given) {
        let journal = open(&given).await;
        let key = LookupKey(7);
        let about = |request_id, keys| NewExchange { keys, ..exchange(request_id) };
        let exchanges = [about("a", vec![key]), exchange("b"), about("c", vec![LookupKey(8), key]), about("d", vec![key])];
        journal.add(&exchanges).await.expect("added");
        for (id, expected) in [
            (1, [None, Some("c")]),
            (2, [Some("a"), Some("c")]),
            (3, [Some("a"), Some("d")]),
            (4, [Some("c"), None]),
            (i64::MAX, [Some("d"), None]),
        ] {
            let found = journal.neighbours(&[key], id).await.expect("a list");
            assert_eq!(found.each_ref().map(|row| row.as_ref().map(|row| row.request_id.as_str())), expected, "{id}");
        }
        assert_eq!(journal.neighbours(&[LookupKey(9)], 2).await.expect("a list"), [None, None]);
    }

    async fn journal_beyond_its_size_loses_reads_first_and_then_the_oldest(given: Given) {
        let journal = open(&given).await;
        let large = |exchange: NewExchange| NewExchange { content: vec![7; 100_000], ..exchange };
        let exchanges = [exchange("a"), read("b"), exchange("c"), read("d"), exchange("e"), read("f")].map(large);
        journal.add(&exchanges).await.expect("added");
        let (size, read_size) = journal.sizes().await.expect("sizes");
        assert!((600_000..610_000).contains(&size) && read_size * 2 == size, "{size} {read_size}");
        assert_eq!(journal.purge(NEVER, NO_LIMIT).await.expect("purged"), 0);
        // Reads may use a quarter: one of 100 kB does.
        assert_eq!(journal.purge(NEVER, 700_000).await.expect("purged"), 2);
        assert_eq!(all(&journal).await, ["f", "e", "c", "a"]);
        // The last read goes before anything else.
        assert_eq!(journal.purge(NEVER, 350_000).await.expect("purged"), 1);
        assert_eq!(all(&journal).await, ["e", "c", "a"]);
        assert_eq!(journal.purge(NEVER, 150_000).await.expect("purged"), 2);
        assert_eq!(all(&journal).await, ["e"]);
        assert_eq!(journal.purge(NEVER, 150_000).await.expect("purged"), 0);
        let (size, read_size) = journal.sizes().await.expect("sizes");
        assert!((100_000..102_000).contains(&size) && read_size == 0, "{size} {read_size}");
        assert_eq!(journal.content(1).await.expect("read"), None);
    }

    async fn journal_beyond_its_age_loses_what_is_older(given: Given) {
        let journal = open(&given).await;
        let old = |name: &str| NewExchange { at: "2026-02-01T08:00:00.000Z".to_owned(), keys: vec![LookupKey(1)], ..exchange(name) };
        let many: Vec<_> = (0..300).map(|_| old("old")).collect();
        journal.add(&many).await.expect("added");
        journal.add(&[exchange("new"), old("late")]).await.expect("added");
        let before = "2026-02-15T08:00:00.000Z";
        let mut purged = vec![];
        while let more @ 1.. = journal.purge(before, NO_LIMIT).await.expect("purged") {
            purged.push(more);
        }
        assert_eq!(purged, [256, 45]);
        assert_eq!(all(&journal).await, ["new"]);
        let about = JournalFilter { keys: vec![LookupKey(1)], ..JournalFilter::default() };
        assert_eq!(found(&journal, about).await, [""; 0]);
    }

    async fn journal_cleared_is_empty_and_goes_on_counting(given: Given) {
        let journal = open(&given).await;
        journal.add(&[exchange("a"), read("b")]).await.expect("added");
        assert_eq!(journal.clear().await.expect("cleared"), 2);
        assert_eq!((all(&journal).await, journal.sizes().await.expect("sizes")), (vec![], (0, 0)));
        journal.add(&[exchange("c")]).await.expect("added");
        assert_eq!(journal.list(&JournalFilter::default(), 1).await.expect("a list")[0].id, 3);
    }

    async fn journal_open_existing_creates_none(given: Given) {
        let url = &given.database.url;
        assert!(JournalDatabase::open_existing(url).await.expect("asked").is_none());
        assert!(JournalDatabase::open_existing(url).await.expect("asked").is_none(), "it was not created");
        open(&given).await.add(&[exchange("a")]).await.expect("added");
        let existing = JournalDatabase::open_existing(url).await.expect("opened").expect("a journal");
        assert_eq!(all(&existing.until(&Deadline::none())).await, ["a"]);
    }

    async fn journal_of_an_older_release_is_migrated_where_it_is_only_shown(given: Given) {
        let journal = open(&given).await;
        journal.add(&[exchange("a")]).await.expect("added");
        journal.close().await;
        // As the first release with a journal left it.
        let statements = match given.backend {
            Backend::Sqlite => "DROP INDEX exchange_refused; DELETE FROM _sqlx_migrations WHERE version = 2",
            Backend::Postgres => {
                "DROP INDEX journal.exchange_refused; DELETE FROM journal._sqlx_migrations WHERE version = 2"
            }
        };
        let url = match given.backend {
            Backend::Sqlite => given.database.url.replace("test.db", "test-journal.db"),
            Backend::Postgres => given.database.url.clone(),
        };
        execute(given.backend, &url, statements).await.expect("made older");
        let older = JournalDatabase::open_existing(&given.database.url).await.expect("opened").expect("a journal");
        assert_eq!(all(&older).await, ["a"]);
        assert_eq!(older.clear().await.expect("cleared"), 1);
        older.close().await;
        execute(given.backend, &url, statements).await.expect("the migration was applied");
    }

    async fn journal_of_two_instances_has_ids_in_commit_order(given: Given) {
        let (one, other) = (open(&given).await, open(&given).await);
        let add = async |journal: &JournalDatabase, name: &str| {
            for _ in 0..20 {
                journal.add(&[exchange(name), exchange(name)]).await.expect("added");
            }
        };
        tokio::join!(add(&one, "one"), add(&other, "other"));
        let rows = one.list(&JournalFilter::default(), 100).await.expect("a list");
        let ids: Vec<_> = rows.iter().rev().map(|row| row.id).collect();
        assert_eq!(ids, (1..=80).collect::<Vec<i64>>());
        let pairs = rows.chunks(2).all(|pair| pair[0].request_id == pair[1].request_id);
        assert!(pairs, "those of one transaction stand together");
    }
}

#[tokio::test]
async fn journal_of_a_sqlite_file_is_a_private_file_beside_it() {
    use std::os::unix::fs::PermissionsExt;

    let given = given(Backend::Sqlite).await.expect("a database");
    open(&given).await.add(&[exchange("a")]).await.expect("added");
    let accounts = given.database.url.trim_start_matches("sqlite://");
    let path = accounts.replace("test.db", "test-journal.db");
    let mode = std::fs::metadata(&path).expect("the journal").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}
