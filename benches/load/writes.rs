//! Conditional PUT of an account over 1 to 256 connections, beside the ceiling of its database.

use std::fmt;
use std::time::Duration;

use super::shared::accounts::Accounts;
use super::shared::bodies::body;
use super::shared::goals::{Goals, milliseconds, thousands};
use super::shared::measured::Measured;
use super::shared::server::Server;
use super::shared::support::postgres::Cluster;
use super::shared::table::Table;
use super::shared::{Failure, client, machine};
use super::{ceiling, round_trips, sqlite};
use sas_endpoint::fhir::resource_type::ResourceType;

const CONNECTIONS: [usize; 4] = [1, 8, 64, 256];

/// The number of connections at which the server's processor time is compared with its goal.
const BUSY: usize = 64;

const LONG: Duration = Duration::from_millis(250);

pub enum Database {
    Sqlite,
    Postgres(Cluster),
}

impl Database {
    /// The shares of the ceiling that are the goals, in per cent.
    fn shares(&self) -> [f64; 4] {
        match self {
            Self::Sqlite => [25.0, 50.0, 75.0, 80.0],
            Self::Postgres(_) => [10.0, 25.0, 50.0, 55.0],
        }
    }

    /// The median of one connection that is the goal.
    fn latency(&self) -> Duration {
        match self {
            Self::Sqlite => Duration::from_micros(400),
            Self::Postgres(_) => Duration::from_micros(800),
        }
    }
}

/// What was measured, in full and beside the goals.
pub struct Report {
    table: Table,
    goals: Goals,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.table, self.goals)
    }
}

/// One row for each number of connections.
pub async fn measure(duration: Duration, database: &Database) -> Result<Report, Failure> {
    println!(
        "Conditional PUT of a Practitioner of {} bytes, half creations, half updates; {} s a row after 1 s of warming \
         up; SAS_LOG=warn; a new database for each row and for each ceiling. The ceiling: the rows that the endpoint has \
         just written, without it, min(connections, {}) writes to a transaction, which reads the state first.\n",
        body(ResourceType::Practitioner).len(),
        duration.as_secs_f64(),
        ceiling::MAX_TRANSACTION,
    );
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
        "failures",
        "server CPU µs",
        "client CPU µs",
        "fsync p50/p95 ms",
    ]);
    let mut rows = vec![];
    for connections in CONNECTIONS {
        let fsync = machine::fsync()?;
        let (measured, ceiling) = match database {
            Database::Sqlite => {
                let (written, empty) = (sqlite().await?, sqlite().await?);
                measure_row(&written.url, &empty.url, connections, duration).await?
            }
            Database::Postgres(cluster) => {
                let (written, empty) = (cluster.new_database().await, cluster.new_database().await);
                measure_row(&written, &empty, connections, duration).await?
            }
        };
        table.row(cells(connections, &measured, ceiling, fsync));
        rows.push((measured, ceiling));
    }
    let mut goals = Goals::default();
    compare(database, &rows, &mut goals);
    if let Database::Postgres(cluster) = database {
        round_trips::measure(&cluster.new_database().await, &mut goals).await?;
    }
    Ok(Report { table, goals })
}

/// Compares what was measured, with its ceiling, at each number of connections.
fn compare(database: &Database, rows: &[(Measured, f64)], goals: &mut Goals) {
    for ((connections, share), (measured, ceiling)) in CONNECTIONS.into_iter().zip(database.shares()).zip(rows) {
        let of_ceiling = 100.0 * measured.rate() / ceiling;
        let what = format!("of the ceiling, connections: {connections}");
        goals.judged(&what, format!("{of_ceiling:.0} %"), &format!("≥ {share:.0} %"), of_ceiling >= share);
        if connections == BUSY && matches!(database, Database::Sqlite) {
            let used = measured.per_answer(measured.server_time).as_secs_f64() * 1e6;
            let what = format!("server CPU of a request, connections: {connections}");
            goals.judged(&what, format!("{used:.0} µs"), "≤ 90 µs", used <= 90.0);
        }
    }
    let longest = rows.iter().map(|(measured, _)| measured.percentile(1.0)).max().unwrap_or_default();
    goals.judged("longest answer", format!("{} ms", milliseconds(longest)), "≤ 250 ms", longest <= LONG);
    let failures: usize = rows.iter().map(|(measured, _)| measured.failures).sum();
    goals.judged("answers with another status", failures.to_string(), "0", failures == 0);
    let (p50, goal) = (rows[0].0.percentile(0.5), database.latency());
    let goal_text = format!("≤ {} ms", goal.as_secs_f64() * 1e3);
    goals.judged("p50, connections: 1", format!("{} ms", milliseconds(p50)), &goal_text, p50 <= goal);
}

/// The endpoint's writes, and the ceiling per second.
async fn measure_row(
    written: &str,
    empty: &str,
    connections: usize,
    duration: Duration,
) -> Result<(Measured, f64), Failure> {
    let server = Server::start(written).await?;
    let mut accounts = Accounts::default();
    let measured = client::put(server.address, server.process(), &mut accounts, connections, duration)?;
    drop(server);
    let ceiling = ceiling::writes_per_second(written, empty, connections, duration).await?;
    Ok((measured, ceiling))
}

fn cells(connections: usize, measured: &Measured, ceiling: f64, fsync: (Duration, Duration)) -> [String; 13] {
    let rate = measured.rate();
    let latency = |share| milliseconds(measured.percentile(share));
    let per_answer = |time| format!("{:.0}", measured.per_answer(time).as_secs_f64() * 1e6);
    [
        connections.to_string(),
        thousands(rate),
        thousands(ceiling),
        format!("{:.0} %", 100.0 * rate / ceiling),
        latency(0.50),
        latency(0.95),
        latency(0.99),
        latency(1.0),
        measured.over(LONG).to_string(),
        measured.failures.to_string(),
        per_answer(measured.server_time),
        per_answer(measured.client_time),
        format!("{}/{}", milliseconds(fsync.0), milliseconds(fsync.1)),
    ]
}
