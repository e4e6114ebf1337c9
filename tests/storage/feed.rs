//! The log of versions: positions in commit order, also of former releases, and the id that a restored copy changes.

use std::ops::ControlFlow;

use sas_endpoint::deadline::Deadline;
use sas_endpoint::storage::feed::{LoggedVersion, Position};
use sas_endpoint::storage::{NewVersion, StateKeys, Storage, WriteSet};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, PgConnection, SqlSafeStr, SqliteConnection};

use crate::exchanges::execute;
use crate::support::{Backend, TestDatabase};
use crate::{ACCOUNT, APPOINTMENT, Given, entry, given, on_both_databases, write};

/// All versions behind a position, as `visit_log` passes them.
async fn log(storage: &Storage, after: Position, count: usize) -> (Vec<LoggedVersion>, Position) {
    let mut versions = vec![];
    let visit = |version| {
        versions.push(version);
        ControlFlow::Continue(())
    };
    let last = storage.visit_log(after, count, visit).await.expect("read");
    (versions, last)
}

fn described(versions: &[LoggedVersion]) -> Vec<(Position, &str, i64)> {
    versions.iter().map(|version| (version.position, version.id.as_str(), version.version)).collect()
}

on_both_databases! { given;
    async fn feed_positions_ascend_in_the_order_of_commits(given: Given) {
        let storage = &given.storage;
        assert_eq!(storage.head().await.expect("read"), 0);
        write(storage, &StateKeys::default(), vec![entry(ACCOUNT, "b", 1, &[]), entry(APPOINTMENT, "a", 1, &[])])
            .await.expect("written");
        write(storage, &crate::by_id(ACCOUNT, &["b"]), vec![entry(ACCOUNT, "b", 2, &[])]).await.expect("written");
        let (versions, last) = log(storage, 0, 10).await;
        assert_eq!(described(&versions), [(1, "b", 1), (2, "a", 1), (3, "b", 2)]);
        assert_eq!((last, storage.head().await.expect("read")), (3, 3));
        assert_eq!(versions[2].previous.as_deref(), Some("{\"v\":1}"));
        assert_eq!((versions[0].previous.as_deref(), versions[0].change.as_deref()), (None, Some("")));
        let (versions, last) = log(storage, 1, 1).await;
        assert_eq!((described(&versions), last), (vec![(2, "a", 1)], 2));
        let (versions, last) = log(storage, 3, 10).await;
        assert_eq!((versions.len(), last), (0, 3));
        let stopped = storage.visit_log(0, 10, |_| ControlFlow::Break(())).await.expect("read");
        assert_eq!(stopped, 1, "the last that was passed");
    }

    async fn feed_log_of_a_resource_is_paged_newest_first_with_the_version_before(given: Given) {
        let storage = &given.storage.for_console(&Deadline::none());
        for version in 1..=3 {
            write(storage, &crate::by_id(ACCOUNT, &["a"]), vec![entry(ACCOUNT, "a", version, &[])]).await.expect("written");
            write(storage, &crate::by_id(ACCOUNT, &["b"]), vec![entry(ACCOUNT, "b", version, &[])]).await.expect("written");
        }
        let (name, previous) = (crate::id("a"), |n: i64| format!("{{\"v\":{n}}}"));
        for (before, count, expected, has_more) in [
            (None, 2, vec![(5, 3, Some(previous(2))), (3, 2, Some(previous(1)))], true),
            (None, 3, vec![(5, 3, Some(previous(2))), (3, 2, Some(previous(1))), (1, 1, None)], false),
            (Some(2), 2, vec![(1, 1, None)], false),
            (Some(1), 2, vec![], false),
        ] {
            let (versions, more) = storage.log_of_resource(ACCOUNT, &name, before, count).await.expect("read");
            let found: Vec<_> = versions.into_iter().map(|found| (found.position, found.version, found.previous)).collect();
            assert_eq!((found, more), (expected, has_more), "{before:?} {count}");
        }
        // What has no room on a page is not read.
        let large = NewVersion {
            resource_type: ACCOUNT,
            id: name.clone(),
            version: 4,
            last_updated: "2026-03-01T08:00:00.000Z".to_owned(),
            interaction: "update",
            content: "x".repeat(9 << 20),
            change: String::new(),
        };
        let set = || WriteSet { versions: vec![large.clone()], events: vec![] };
        storage.write(&StateKeys::default(), &[], |_| set()).await.expect("written");
        let (versions, more) = storage.log_of_resource(ACCOUNT, &name, None, 3).await.expect("read");
        assert_eq!((versions.len(), versions[0].version, versions[0].previous.clone(), more), (1, 4, None, true));
    }

    async fn feed_positions_of_deleted_versions_are_not_given_again(given: Given) {
        let storage = &given.storage;
        assert_eq!(storage.last_position().await.expect("read"), 0);
        write(storage, &StateKeys::default(), vec![entry(ACCOUNT, "a", 1, &[]), entry(ACCOUNT, "b", 1, &[])])
            .await.expect("written");
        execute(&given, "DELETE FROM resource_version WHERE id = 'b'").await.expect("deleted");
        assert_eq!((storage.head().await.expect("read"), storage.last_position().await.expect("read")), (1, 2));
        write(storage, &StateKeys::default(), vec![entry(ACCOUNT, "c", 1, &[])]).await.expect("written");
        let (versions, _) = log(storage, 0, 10).await;
        assert_eq!(described(&versions), [(1, "a", 1), (3, "c", 1)]);
    }

    async fn feed_log_has_one_id_until_it_is_restored(given: Given) {
        let storage = &given.storage;
        assert_eq!(storage.log_id().await.expect("read"), None);
        let id = storage.open_log().await.expect("made");
        assert_eq!(storage.open_log().await.expect("kept"), id);
        assert_eq!(storage.log_id().await.expect("read"), Some(id.clone()));
        // As in a dump of another database.
        execute(&given, "UPDATE note SET value = 'elsewhere' WHERE name = 'log-origin'").await.expect("written");
        let restored = storage.open_log().await.expect("made");
        assert_ne!(restored, id);
        assert_eq!(storage.open_log().await.expect("kept"), restored);
    }
}

/// The migrations of the release before positions.
fn former_migrations(backend: Backend) -> Migrator {
    macro_rules! migration {
        ($version:literal, $name:literal, $file:literal) => {
            Migration::new(
                $version,
                $name.into(),
                MigrationType::Simple,
                include_str!(concat!("../../migrations/", $file)).into_sql_str(),
                false,
            )
        };
    }
    let exchange = match backend {
        Backend::Sqlite => migration!(4, "exchange", "0004_exchange.sqlite.sql"),
        Backend::Postgres => migration!(4, "exchange", "0004_exchange.postgres.sql"),
    };
    Migrator::with_migrations(vec![
        migration!(1, "resource", "0001_resource.sql"),
        migration!(2, "resource version", "0002_resource_version.sql"),
        migration!(3, "identifier", "0003_identifier.sql"),
        exchange,
        migration!(5, "identifier system", "0005_identifier_system.sql"),
    ])
}

/// As a former release inserts a version.
const INSERT: &str =
    "INSERT INTO resource_version (resource_type, id, version, last_updated, interaction, content) VALUES ";

/// Versions in another order than that of time; all of one moment, but for the first and the last.
const FORMER: &str = "\
    ('Practitioner', 'p', 2, '2026-03-01T08:00:01.000Z', 'update', '{\"v\":2}'), \
    ('Practitioner', 'p', 1, '2026-03-01T08:00:01.000Z', 'create', '{\"v\":1}'), \
    ('Practitioner', 'B', 1, '2026-03-01T08:00:01.000Z', 'create', '{\"v\":1}'), \
    ('Appointment', 'x', 1, '2026-03-01T08:00:01.000Z', 'create', '{\"v\":1}'), \
    ('Practitioner', 'a', 1, '2026-03-01T08:00:01.000Z', 'create', '{\"v\":1}'), \
    ('Practitioner', 'z', 2, '2026-03-01T07:59:59.000Z', 'update', '{\"v\":2}'), \
    ('Practitioner', 'z', 1, '2026-03-01T08:00:00.000Z', 'create', '{\"v\":1}')";

/// An empty database of the former release.
async fn former(backend: Backend) -> Option<(Backend, TestDatabase)> {
    let database = TestDatabase::new(backend).await?;
    let migrator = former_migrations(backend);
    match backend {
        Backend::Sqlite => {
            let options = format!("{}?mode=rwc", database.url);
            let mut connection = SqliteConnection::connect(&options).await.expect("a file");
            migrator.run(&mut connection).await.expect("migrated");
        }
        Backend::Postgres => {
            let mut connection = PgConnection::connect(&database.url).await.expect("a database");
            migrator.run(&mut connection).await.expect("migrated");
        }
    }
    Some((backend, database))
}

async fn insert(backend: Backend, database: &TestDatabase, rows: &str) {
    let sql = sqlx::AssertSqlSafe(format!("{INSERT}{rows}"));
    match backend {
        Backend::Sqlite => {
            let mut connection = SqliteConnection::connect(&database.url).await.expect("it opens");
            sqlx::raw_sql(sql).execute(&mut connection).await.expect("written");
        }
        Backend::Postgres => {
            let mut connection = PgConnection::connect(&database.url).await.expect("it opens");
            sqlx::raw_sql(sql).execute(&mut connection).await.expect("written");
        }
    }
}

on_both_databases! { former;
    async fn feed_versions_of_a_former_release_are_migrated_in_the_order_of_time(given: (Backend, TestDatabase)) {
        let (backend, database) = given;
        insert(backend, &database, FORMER).await;
        let storage = Storage::open(&database.url).await.expect("it is migrated");
        let (versions, _) = log(&storage, 0, 100).await;
        // Versions of one resource ascend, though the clock was set back.
        assert_eq!(
            described(&versions),
            [(1, "z", 1), (2, "z", 2), (3, "x", 1), (4, "B", 1), (5, "a", 1), (6, "p", 1), (7, "p", 2)]
        );
        assert!(versions.iter().all(|version| version.change.is_none()));
        assert_eq!(versions[6].previous.as_deref(), Some("{\"v\":1}"));
        // During a rolling update, an instance of the former release writes on.
        insert(backend, &database, "('Practitioner', 'n', 1, '2026-03-01T06:00:00.000Z', 'create', '{\"v\":1}')").await;
        write(&storage, &StateKeys::default(), vec![entry(ACCOUNT, "o", 1, &[])]).await.expect("written");
        let (versions, _) = log(&storage, 7, 100).await;
        assert_eq!(described(&versions), [(8, "n", 1), (9, "o", 1)]);
        storage.close().await;
    }
}

#[tokio::test]
async fn feed_log_of_a_restored_backup_has_another_id() {
    let Given { storage, database, .. } = given(Backend::Sqlite).await.expect("SQLite is always there");
    let id = storage.open_log().await.expect("made");
    let copy = crate::support::folder("restored");
    let file = copy.path().join("copy.db");
    sas_endpoint::storage::backup::backup(&database.url, &file).await.expect("copied");
    let copy = Storage::open(&format!("sqlite://{}", file.display())).await.expect("it opens");
    assert_ne!(copy.open_log().await.expect("made"), id);
    assert_eq!(storage.open_log().await.expect("kept"), id);
}

/// `pg_control_system` is open to every role.
#[tokio::test]
async fn feed_log_is_opened_by_a_role_without_rights_on_the_server() {
    let Some(Given { storage, database, .. }) = given(Backend::Postgres).await else { return };
    let mut connection = PgConnection::connect(&database.url).await.expect("it opens");
    let role = format!("plain_{}", std::process::id());
    let sql = format!(
        "CREATE ROLE {role}; SET ROLE {role}; SELECT system_identifier FROM pg_control_system(); RESET ROLE; DROP ROLE {role}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.expect("it may ask");
    storage.close().await;
}
