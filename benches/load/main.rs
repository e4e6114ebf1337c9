//! What the program carries as a whole, over HTTP, beside what its database carries without it.
//!
//! * conditional PUT of an account of 2.5 kB, half creations and half updates, over 1 to 256
//!   connections, on SQLite and on Postgres; before each row the ceiling of the same minute: the
//!   same rows written straight to that database, 128 resources a transaction;
//! * the start, the memory, and the binary.
//!
//! The client, the server and Postgres share the cores of one machine. A disk's fsync is seen to
//! vary twentyfold within minutes: a rate means something only beside the probe and the ceiling of its row.
//!
//! `cargo bench --bench load [-- --seconds N]`: how long each row is measured (default 4).

#[path = "../bodies/mod.rs"]
mod bodies;
mod ceiling;
#[allow(dead_code, reason = "the other bench uses the rest")]
#[path = "../shared/client.rs"]
mod client;
#[allow(dead_code, reason = "the other bench uses the rest")]
#[path = "../shared/machine.rs"]
mod machine;
#[allow(dead_code, reason = "the other bench uses the rest")]
#[path = "../shared/server.rs"]
mod server;
#[allow(dead_code, reason = "the suites use the rest")]
#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../shared/table.rs"]
mod table;

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use client::Accounts;
use sas_endpoint::fhir::resource_type::ResourceType;
use server::Server;
use support::postgres::Cluster;
use support::{Backend, TestDatabase};
use table::Table;

type Failure = Box<dyn std::error::Error>;

const CONNECTIONS: [usize; 4] = [1, 8, 64, 256];

/// Like a server that means it.
const DURABLE: &str = "-c fsync=on -c full_page_writes=on -c synchronous_commit=on -c shared_buffers=256MB";

fn main() -> ExitCode {
    // One thread: the server needs the cores more.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match runtime.block_on(run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let duration = duration()?;
    println!("{}\n", machine::description(&std::env::temp_dir())?);
    println!(
        "Conditional PUT of a Practitioner of {} bytes, half creations, half updates; {} s a row after 1 s of \
         warming up; SAS_LOG=warn; a new database for each row and for each ceiling. The ceiling: the same rows \
         written straight to that database, {} resources a transaction.\n",
        bodies::body(ResourceType::Practitioner).len(),
        duration.as_secs_f64(),
        ceiling::TRANSACTION,
    );

    println!("### SQLite (WAL, synchronous=FULL)\n");
    let database = async || TestDatabase::new(Backend::Sqlite).await.map(|database| (database.url.clone(), database));
    println!("{}", writes(duration, database).await?);

    if let Some(cluster) = Cluster::start(DURABLE) {
        let url = cluster.new_database().await;
        println!("### Postgres ({})\n", machine::postgres(&url).await?);
        let database = async || Some((cluster.new_database().await, ()));
        println!("{}", writes(duration, database).await?);
    }

    println!("### Start, memory, size\n");
    println!("{}", footprint().await?);
    Ok(())
}

/// The time each row is measured.
fn duration() -> Result<Duration, Failure> {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok(Duration::from_secs(4)),
        (Some("--seconds"), Some(seconds)) => Ok(Duration::try_from_secs_f64(seconds.parse()?)?),
        _ => Err("usage: cargo bench --bench load [-- --seconds N]".into()),
    }
}

/// One row for each number of connections. `database` makes an empty one, and what keeps it alive.
async fn writes<Keeper>(
    duration: Duration,
    database: impl AsyncFn() -> Option<(String, Keeper)>,
) -> Result<Table, Failure> {
    let mut table = Table::new(&[
        "connections",
        "requests/s",
        "ceiling/s",
        "of ceiling",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "max ms",
        "over 250 ms",
        "fsync p50/p95 ms",
    ]);
    for connections in CONNECTIONS {
        let (median, p95) = machine::fsync()?;
        let (url, _keeper) = database().await.ok_or("there is no database")?;
        let ceiling = ceiling::resources_per_second(&url, duration).await?;
        let (url, _keeper) = database().await.ok_or("there is no database")?;
        let server = Server::start(&url).await?;
        let measured = client::put(server.address, &Rc::new(Accounts::default()), connections, duration).await?;
        drop(server);
        let rate = measured.rate();
        table.row([
            connections.to_string(),
            format!("{rate:.0}"),
            format!("{ceiling:.0}"),
            format!("{:.0} %", 100.0 * rate / ceiling),
            milliseconds(measured.percentile(0.50)),
            milliseconds(measured.percentile(0.95)),
            milliseconds(measured.percentile(0.99)),
            milliseconds(measured.percentile(1.0)),
            measured.over(Duration::from_millis(250)).to_string(),
            format!("{}/{}", milliseconds(median), milliseconds(p95)),
        ]);
    }
    Ok(table)
}

/// What an instance costs that does nothing, and after some work; on SQLite.
async fn footprint() -> Result<Table, Failure> {
    const WRITES: usize = 10_000;
    let mut starts = vec![];
    for _ in 0..5 {
        let database = TestDatabase::new(Backend::Sqlite).await.ok_or("there is no database")?;
        starts.push(Server::start(&database.url).await?.started_in);
    }
    starts.sort_unstable();
    let database = TestDatabase::new(Backend::Sqlite).await.ok_or("there is no database")?;
    let server = Server::start(&database.url).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let at_rest = server.resident_mebibytes()?;
    client::put_many(server.address, &Rc::new(Accounts::default()), 64, WRITES).await?;
    let after_writes = server.resident_mebibytes()?;

    let mut table = Table::new(&["", "measured", "goal"]);
    let start = format!("{} ms", milliseconds(starts[starts.len() / 2]));
    table.row(["ready on an empty SQLite file, median of 5".into(), start, "< 200 ms".into()]);
    table.row(["resident memory at rest".into(), format!("{at_rest:.1} MiB"), "< 40 MiB".into()]);
    table.row([format!("resident memory after {WRITES} writes"), format!("{after_writes:.1} MiB"), "< 80 MiB".into()]);
    table.row(["release binary".into(), format!("{:.1} MiB", server::binary_mebibytes()?), "< 30 MiB".into()]);
    Ok(table)
}

fn milliseconds(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    if milliseconds < 10.0 { format!("{milliseconds:.2}") } else { format!("{milliseconds:.0}") }
}
