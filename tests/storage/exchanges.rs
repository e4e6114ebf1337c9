//! The audit log in the database: committed with its change, immutable, deleted when expired.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sas_endpoint::audit::{AuditEvent, Caller, HashedIdentifier, Key, LookupKey};
use sas_endpoint::deadline::Deadline;
use sas_endpoint::fhir::date::instant;
use sas_endpoint::fhir::identifier::{Identifier, Token};
use sas_endpoint::storage::exchanges::AuditQuery;
use sas_endpoint::storage::registry::Claim;
use sas_endpoint::storage::{NewVersion, StateKeys, StorageError, WriteSet};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::support::Backend;
use crate::{ACCOUNT, Given, entry, given, id, on_both_databases, write};

fn record(number: usize, at: &str, hash: &str) -> AuditEvent {
    AuditEvent {
        at: at.to_owned(),
        request_id: number.to_string(),
        caller: Caller::default(),
        interaction: "read".to_owned(),
        resource_type: Some("Practitioner".to_owned()),
        id: Some("1".to_owned()),
        id_hash: None,
        before: Some(1),
        after: Some(2),
        matched_by: None,
        write_outcome: None,
        status: 200,
        rules: vec!["a-rule".to_owned()],
        fault: None,
        identifiers: vec![HashedIdentifier { system: Some("urn:oid:1".to_owned()), hash: Some(hash.to_owned()) }],
        identifiers_left_out: 0,
        duration_ms: 0.25,
    }
}

const OLD: &str = "2025-03-01T08:00:00.000Z";
const NEW: &str = "2026-03-01T08:00:00.000Z";

fn about(hash: &str) -> AuditQuery {
    AuditQuery {
        lookup_keys: vec![LookupKey::from_hash(hash).expect("a hash")],
        limit: usize::MAX,
        ..AuditQuery::default()
    }
}

fn everything() -> AuditQuery {
    AuditQuery { limit: usize::MAX, ..AuditQuery::default() }
}

/// A request id as ours of this time; the same each time.
fn id_at(time: Timestamp) -> String {
    let milliseconds = time.as_millisecond().try_into().expect("after 1970");
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[7; 10]).into_uuid().to_string()
}

/// Runs a statement as somebody would who has the database.
pub async fn execute(given: &Given, sql: &'static str) -> Result<(), sqlx::Error> {
    match given.backend {
        Backend::Sqlite => {
            sqlx::query(sql).execute(&mut SqliteConnection::connect(&given.database.url).await?).await.map(|_| ())
        }
        Backend::Postgres => {
            sqlx::query(sql).execute(&mut PgConnection::connect(&given.database.url).await?).await.map(|_| ())
        }
    }
}

on_both_databases! {
    given;

    async fn audit_key_fingerprint_matches_its_key(given: Given) {
        let (key, other) = (Key::from_bytes(b"one"), Key::from_bytes(b"other"));
        assert_eq!(given.storage.key_fingerprint_matches(&key).await.expect("asked"), None);
        given.storage.set_key_fingerprint(&key).await.expect("noted");
        assert_eq!(given.storage.key_fingerprint_matches(&key).await.expect("asked"), Some(true));
        assert_eq!(given.storage.key_fingerprint_matches(&other).await.expect("asked"), Some(false));
        given.storage.set_key_fingerprint(&other).await.expect("noted instead");
        assert_eq!(given.storage.key_fingerprint_matches(&other).await.expect("asked"), Some(true));
    }

    async fn audit_event_is_read_as_written(given: Given) {
        let (one, two) = (record(1, OLD, "00000000000000aa"), record(2, NEW, "00000000000000bb"));
        given.storage.add_events(&[one.clone(), two.clone()]).await.expect("recorded");
        let both = vec![one.clone(), two.clone()];
        for (asked, expected) in [
            (everything(), both),
            (about("00000000000000bb"), vec![two.clone()]),
            (AuditQuery { until: Some(NEW.to_owned()), ..everything() }, vec![one]),
            (AuditQuery { limit: 1, since: Some(OLD.to_owned()), ..everything() }, vec![two]),
        ] {
            assert_eq!(given.storage.exchanges(&asked, |_| true).await.expect("records"), expected, "{asked:?}");
        }
    }

    async fn audit_events_are_read_by_pages_and_for_a_bounded_time(given: Given) {
        let records: Vec<_> = (0..1_203).map(|number| record(number, NEW, "00000000000000aa")).collect();
        for some in records.chunks(256) {
            given.storage.add_events(some).await.expect("recorded");
        }
        for all in [everything(), about("00000000000000aa")] {
            // Every third one matches: 401 of them, in pages of 200.
            let keep = |record: &AuditEvent| record.request_id.parse::<u32>().is_ok_and(|number| number % 3 == 0);
            let (mut asked, mut found, mut pages) = (AuditQuery { limit: 200, ..all.clone() }, vec![], vec![]);
            loop {
                let page = given.storage.exchanges_page(&asked, keep).await.expect("records");
                pages.push(page.events.len());
                found.splice(0..0, page.events);
                asked.before = page.reached;
                if page.reached.is_none() {
                    break;
                }
            }
            let expected: Vec<_> = records.iter().filter(|record| keep(record)).cloned().collect();
            assert_eq!((pages, found == expected), (vec![200, 200, 1], true), "{asked:?}");
            // Its time is over before it begins: it says where to go on.
            let ended = AuditQuery { end: Some(Instant::now()), ..all };
            let page = given.storage.exchanges_page(&ended, |_| false).await.expect("records");
            assert!(page.events.is_empty() && page.reached.is_some(), "{page:?}");
        }
    }

    async fn write_batch_failed_leaves_no_change_and_no_audit_event(given: Given) {
        let version = NewVersion {
            resource_type: ACCOUNT,
            id: id("a"),
            version: 1,
            last_updated: NEW.to_owned(),
            interaction: "create",
            content: "{}".to_owned(),
            change: String::new(),
        };
        let records = vec![record(1, NEW, "00000000000000aa")];
        let additions = WriteSet { versions: vec![version.clone(), version], events: records };
        let others = [record(2, NEW, "00000000000000aa")];
        given.storage.write(&StateKeys::default(), &others, |_| additions).await.expect_err("one version twice");
        assert_eq!(given.storage.exchanges(&everything(), |_| true).await.expect("records"), []);
        assert_eq!(given.storage.exchanges(&about("00000000000000aa"), |_| true).await.expect("records"), []);
    }

    async fn audit_events_are_found_among_many(given: Given) {
        let records: Vec<_> = (0..3000)
            .map(|number| record(number, NEW, if number % 1000 == 0 { "00000000000000aa" } else { "00000000000000bb" }))
            .collect();
        for some in records.chunks(256) {
            given.storage.add_events(some).await.expect("recorded");
        }
        let found = given.storage.exchanges(&about("00000000000000aa"), |_| true).await.expect("records");
        assert_eq!(found.iter().map(|record| record.request_id.as_str()).collect::<Vec<_>>(), ["0", "1000", "2000"]);
    }

    async fn audit_event_of_a_request_is_found_by_the_time_in_its_id(given: Given) {
        let start = crate::at("2026-03-01T08:00:00Z");
        let at = |second: i64| start + SignedDuration::from_secs(second);
        // A second apart, and some committed late: thousands of numbers behind their time.
        let late = [5, 9000];
        let in_time = (0..10_000).filter(|number| !late.contains(number));
        let numbers = in_time.clone().take(9500).chain(late).chain(in_time.skip(9500));
        let records: Vec<_> = numbers
            .map(|number| AuditEvent { request_id: id_at(at(number)), ..record(0, &instant(at(number)), "00000000000000aa") })
            .collect();
        for some in records.chunks(500) {
            given.storage.add_events(some).await.expect("recorded");
        }
        let storage = &given.storage;
        for number in [0, 5, 4242, 9000, 9499, 9500, 9999] {
            let id = id_at(at(number));
            let by_time = storage.event_of_request_at(&id, at(number)).await.expect("read").map(|event| event.at);
            assert_eq!(by_time, (number != 5).then(|| instant(at(number))), "{number}");
            let found = storage.event_of_request(&id).await.expect("read").map(|event| event.at);
            assert_eq!(found, Some(instant(at(number))), "{number}");
        }
        for unknown in [id_at(at(-3600)), id_at(at(20_000)), "unknown".to_owned()] {
            assert_eq!(storage.event_of_request(&unknown).await.expect("read"), None, "{unknown}");
        }
    }

    async fn audit_event_of_a_request_that_is_not_found_in_time_is_no_absent_one(given: Given) {
        given.storage.add_events(&[record(1, NEW, "00000000000000aa")]).await.expect("recorded");
        let deadline = Deadline::after(Duration::ZERO);
        let found = deadline.limit(given.storage.until(&deadline).event_of_request("1")).await;
        assert!(matches!(found, Err(StorageError::DeadlineExceeded)), "{found:?}");
    }

    async fn purge_removes_expired_audit_events_only(given: Given) {
        let old: Vec<_> = (0..2500).map(|number| record(number, OLD, "00000000000000aa")).collect();
        given.storage.add_events(&old).await.expect("recorded");
        given.storage.add_events(&[record(2500, NEW, "00000000000000aa")]).await.expect("recorded");
        let mut purged = vec![];
        while purged.last() != Some(&0) {
            purged.push(given.storage.purge_exchanges(NEW).await.expect("purged"));
        }
        assert_eq!(purged, [500, 500, 500, 500, 500, 0]);
        for asked in [everything(), about("00000000000000aa")] {
            let found = given.storage.exchanges(&asked, |_| true).await.expect("records");
            assert_eq!(found, [record(2500, NEW, "00000000000000aa")]);
        }
        // Numbers increase, and start again once the table is empty.
        while given.storage.purge_exchanges("A").await.expect("purged") > 0 {}
        given.storage.add_events(&[record(1, NEW, "00000000000000aa")]).await.expect("recorded");
        assert_eq!(given.storage.exchanges(&about("00000000000000aa"), |_| true).await.expect("records").len(), 1);
    }

    async fn purge_removes_expired_audit_events_written_after_newer_ones(given: Given) {
        let new: Vec<_> = (0..600).map(|number| record(number, NEW, "00000000000000aa")).collect();
        given.storage.add_events(&new).await.expect("recorded");
        given.storage.add_events(&[record(600, OLD, "00000000000000bb")]).await.expect("recorded");
        assert_eq!(given.storage.purge_exchanges(NEW).await.expect("purged"), 1);
        assert_eq!(given.storage.exchanges(&everything(), |_| true).await.expect("records"), new);
        assert_eq!(given.storage.exchanges(&about("00000000000000bb"), |_| true).await.expect("records"), []);
    }

    async fn audit_event_cannot_be_changed(given: Given) {
        given.storage.add_events(&[record(1, NEW, "00000000000000aa")]).await.expect("recorded");
        for sql in ["UPDATE exchange SET record = '{}'", "UPDATE exchange_subject SET subject = 0"] {
            let error = execute(&given, sql).await.expect_err("refused");
            assert!(error.to_string().contains("a record of an exchange is never changed"), "{error}");
        }
    }

    async fn audit_identifier_holders_include_former_ones(given: Given) {
        let national = Identifier::new("s", "1");
        let entries = vec![
            entry(ACCOUNT, "held", 1, &[("s", "1", Claim::Held)]),
            entry(ACCOUNT, "released", 1, &[("s", "1", Claim::Released)]),
            entry(ACCOUNT, "mentioned", 1, &[("s", "1", Claim::Mentioned)]),
            entry(ACCOUNT, "another", 1, &[("s", "2", Claim::Held)]),
        ];
        write(&given.storage, &StateKeys::default(), entries).await.expect("written");
        let mut holders = given.storage.holders(&national).await.expect("holders");
        holders.sort_unstable();
        let expected = ["held", "released"].map(|name| ("Practitioner".to_owned(), name.to_owned()));
        assert_eq!(holders, expected);
    }

    async fn storage_write_probe_can_be_repeated(given: Given) {
        for _ in 0..2 {
            given.storage.try_writing(NEW).await.expect("written");
        }
        assert_eq!(given.storage.exchanges(&everything(), |_| true).await.expect("records"), []);
    }

    async fn audit_key_is_generated_once(given: Given) {
        let token = Token::parse("s|v").expect("a token");
        let (one, two) = tokio::join!(given.storage.exchanges_key(), given.storage.exchanges_key());
        assert_eq!(one.expect("a key").token(&token), two.expect("a key").token(&token));
    }
}
