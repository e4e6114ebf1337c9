//! Behind PgBouncer, in each of its modes.

use std::str::FromStr;

use sas_endpoint::annuaire::store::Mirror;
use sas_endpoint::storage::{OpenError, Storage};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use crate::pgbouncer::PgBouncer;
use crate::process;
use crate::support::postgres::Cluster;
use crate::{is_there, use_all, write};

/// A server of its own; `None` also for that of `SAS_TEST_POSTGRES_URL`, whose socket nobody knows.
fn server() -> Option<Cluster> {
    Cluster::start("-c fsync=off").filter(Cluster::is_ours)
}

#[tokio::test]
async fn pooler_session_mode_is_supported() {
    let Some(server) = server() else { return };
    let Some(pooler) = PgBouncer::start(&server, "session", 60) else { return };
    for instance in ["first", "second"] {
        let storage = Storage::open(&pooler.url()).await.expect("opened");
        write(&storage, instance).await.expect("written");
        use_all(&storage).await;
        assert!(is_there(&storage, instance).await);
        let copy = Mirror::open(&pooler.url()).await.expect("opened");
        let mut writer = copy.writer().await.expect("an answer").expect("the right to write");
        writer.commit().await.expect("committed");
        assert!(copy.snapshot().await.expect("an answer").is_some());
        assert!(Mirror::exists(&pooler.url()).await.expect("an answer"));
        drop(writer);
        storage.close().await;
    }
    // The tables of the copy are in its schema, as without a pooler.
    let mut own = PgConnection::connect(server.url()).await.expect("a connection");
    let sql = "SELECT COUNT(*) FROM pg_tables WHERE tablename = 'segment' AND schemaname = 'annuaire'";
    let tables: i64 = sqlx::query_scalar(sql).fetch_one(&mut own).await.expect("an answer");
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn pooler_shared_sessions_are_refused_at_start_with_the_remedy() {
    let Some(server) = server() else { return };
    for (mode, size) in [("transaction", 20), ("transaction", 2), ("transaction", 1), ("statement", 20)] {
        let Some(pooler) = PgBouncer::start(&server, mode, size) else { return };
        // The first time, no statement has been prepared in any session of the server.
        for _ in 0..3 {
            let refusals = [
                Storage::open(&pooler.url()).await.err().expect("refused"),
                Mirror::open(&pooler.url()).await.err().expect("refused"),
            ];
            for refusal in refusals {
                let OpenError::Pooler { reason, .. } = &refusal else { panic!("{mode} {size}: {refusal}") };
                assert!(reason.contains("pool_mode = session"), "{mode} {size}: {reason}");
            }
        }
        // Another client keeps the session that was used last.
        let options = PgConnectOptions::from_str(&pooler.url()).expect("an address").extra_float_digits(None);
        let mut other = options.connect().await.expect("a connection");
        if mode == "transaction" && size > 1 {
            other.execute("BEGIN").await.expect("begun");
            let refusal = Storage::open(&pooler.url()).await.err().expect("refused");
            assert!(matches!(refusal, OpenError::Pooler { .. }), "{mode} {size}: {refusal}");
            other.execute("ROLLBACK").await.expect("ended");
        }
        let databases = process::databases(&pooler.url());
        let settings: Vec<_> = ["serve"].into_iter().chain(databases.iter().map(String::as_str)).collect();
        let ended = process::run(&settings, "");
        let log = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && log.contains("set pool_mode = session"), "{log}");
    }
    // Nothing was made.
    let mut own = PgConnection::connect(server.url()).await.expect("a connection");
    let sql = "SELECT COUNT(*) FROM pg_tables WHERE schemaname IN ('public', 'annuaire')";
    let tables: i64 = sqlx::query_scalar(sql).fetch_one(&mut own).await.expect("an answer");
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn pooler_refused_parameter_is_reported() {
    let Some(server) = server() else { return };
    let Some(pooler) = PgBouncer::start(&server, "session", 60) else { return };
    for parameter in ["options=-c%20geqo%3Doff", "options[geqo]=off"] {
        let refusal = Storage::open(&format!("{}&{parameter}", pooler.url())).await.err().expect("refused");
        let OpenError::Pooler { reason, .. } = &refusal else { panic!("{refusal}") };
        assert!(reason.contains("remove options from the database address"), "{reason}");
    }
}

#[tokio::test]
async fn pooler_without_enough_sessions_is_reported() {
    let Some(server) = server() else { return };
    let Some(pooler) = PgBouncer::start(&server, "session", 1) else { return };
    let refusal = Storage::open(&pooler.url()).await.err().expect("refused");
    let OpenError::Pooler { reason, .. } = &refusal else { panic!("{refusal}") };
    assert!(reason.contains("default_pool_size"), "{reason}");
}
