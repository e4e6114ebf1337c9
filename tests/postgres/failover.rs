//! Another server takes over the name of the database host while the program runs.

use sas_endpoint::annuaire::store::Mirror;
use sas_endpoint::error::Error;
use sas_endpoint::storage::Storage;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::proxy::Proxy;
use crate::support::polling::poll_until;
use crate::support::postgres::Cluster;
use crate::{is_there, use_all, write};

/// Two servers with the schemas of this program, and a name that is of the first.
async fn given() -> Option<(Cluster, Cluster, Proxy, String)> {
    let (first, second) = (Cluster::start("-c fsync=off")?, Cluster::start("-c fsync=off")?);
    if !first.is_ours() {
        // Nobody stops the server of `SAS_TEST_POSTGRES_URL`.
        return None;
    }
    for server in [&first, &second] {
        Storage::open(server.url()).await.expect("a schema").close().await;
        Mirror::open(server.url()).await.expect("a schema");
    }
    let proxy = Proxy::start(first.socket_folder()).await;
    let url = format!("postgres://sas@127.0.0.1:{}/postgres?sslmode=disable", proxy.address.port());
    Some((first, second, proxy, url))
}

async fn execute(server: &Cluster, sql: &str) {
    let mut own = PgConnection::connect(server.url()).await.expect("a connection");
    for statement in sql.split(';') {
        own.execute(AssertSqlSafe(statement)).await.expect("executed");
    }
    own.close().await.expect("closed");
}

/// How many connections of the program this server has, by the network.
async fn connections(server: &Cluster) -> i64 {
    let mut own = PgConnection::connect(server.url()).await.expect("a connection");
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'sas-endpoint'";
    sqlx::query_scalar(sql).fetch_one(&mut own).await.expect("an answer")
}

/// Makes a primary what it is after a failover. Sessions that are open notice as soon as the server tells them.
async fn set_read_only(server: &Cluster, is_read_only: bool) {
    let value = if is_read_only { "on" } else { "off" };
    execute(server, &format!("ALTER SYSTEM SET default_transaction_read_only = {value};SELECT pg_reload_conf()")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_failover_to_another_server_writes_and_reads_follow_without_restart() {
    let Some((first, second, proxy, url)) = given().await else { return };
    let storage = Storage::open(&url).await.expect("opened");
    let copy = Mirror::open(&url).await.expect("opened");
    write(&storage, "a").await.expect("written");
    use_all(&storage).await;
    assert!(copy.snapshot().await.is_ok_and(|snapshot| snapshot.is_none()));
    let writer = copy.writer().await.expect("an answer").expect("the right to write");
    let open = connections(&first).await;
    assert!(open >= 6, "{open}");

    proxy.switch(second.socket_folder());
    set_read_only(&first, true).await;
    // Where the server has not told the session yet, the first server takes one more.
    let mut number = 0;
    poll_until("writes arrive at the second server", async || {
        number += 1;
        match write(&storage, &format!("b{number}")).await.map_err(Error::from) {
            Ok(()) => {}
            Err(Error::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
        connections(&second).await > 0 && is_there(&storage, &format!("b{number}")).await
    })
    .await;
    // Every other connection follows, and none stays behind.
    poll_until("reads arrive at the second server", async || !is_there(&storage, "a").await).await;
    poll_until("the first server has no connection", async || {
        use_all(&storage).await;
        let _ = copy.snapshot().await;
        // That of the copy's writer is its own.
        connections(&first).await <= 1
    })
    .await;
    for after in 0..3 {
        write(&storage, &format!("c{after}")).await.expect("written");
    }

    // The run of the copy that was under way fails; the next one connects to the new server.
    let mut writer = writer;
    let failed = writer.commit().await.expect_err("the server is read-only");
    assert!(matches!(failed, Error::Unavailable(_)), "{failed}");
    drop(writer);
    let mut writer = copy.writer().await.expect("an answer").expect("the right to write");
    writer.commit().await.expect("committed");
    assert!(copy.snapshot().await.is_ok_and(|snapshot| snapshot.is_some()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_read_only_server_alone_reads_go_on_and_writes_come_back() {
    let Some((first, _second, _proxy, url)) = given().await else { return };
    let storage = Storage::open(&url).await.expect("opened");
    write(&storage, "a").await.expect("written");
    set_read_only(&first, true).await;
    let mut number = 0;
    poll_until("the server refuses writes", async || {
        number += 1;
        let written = write(&storage, &format!("b{number}")).await.map_err(Error::from);
        assert!(matches!(written, Ok(()) | Err(Error::Unavailable(_))), "{written:?}");
        written.is_err()
    })
    .await;
    for _ in 0..20 {
        use_all(&storage).await;
        assert!(is_there(&storage, "a").await);
    }
    set_read_only(&first, false).await;
    poll_until("the server takes writes", async || {
        number += 1;
        write(&storage, &format!("b{number}")).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_shutdown_by_administrator_next_write_succeeds() {
    let Some((mut first, second, proxy, url)) = given().await else { return };
    let storage = Storage::open(&url).await.expect("opened");
    write(&storage, "a").await.expect("written");
    use_all(&storage).await;
    // 57P01: sessions are ended, the server stays.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sas-endpoint'";
    execute(&first, end).await;
    write(&storage, "b").await.expect("written");
    use_all(&storage).await;
    assert!(is_there(&storage, "a").await && is_there(&storage, "b").await);
    // 57P02: the whole server is, and another one has its name.
    first.stop_at_once();
    proxy.switch(second.socket_folder());
    write(&storage, "c").await.expect("written");
    use_all(&storage).await;
    assert!(is_there(&storage, "c").await && !is_there(&storage, "a").await);
}
