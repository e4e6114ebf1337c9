//! What an instance costs that does nothing, and after some work; on SQLite.

use std::time::Duration;

use super::shared::accounts::Accounts;
use super::shared::goals::{Goals, milliseconds, thousands};
use super::shared::server::{Server, binary_mebibytes, installed_mebibytes};
use super::shared::{Failure, client};
use super::sqlite;

const WRITES: usize = 10_000;

pub async fn measure() -> Result<Goals, Failure> {
    let mut starts = vec![];
    for _ in 0..5 {
        let database = sqlite().await?;
        starts.push(Server::start(&database.url).await?.started_in);
    }
    starts.sort_unstable();
    let start = starts[starts.len() / 2];

    let database = sqlite().await?;
    let server = Server::start(&database.url).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let at_rest = server.resident_mebibytes()?;
    client::put_many(server.address, &mut Accounts::default(), 64, WRITES)?;
    let after_writes = server.resident_mebibytes()?;

    let mut goals = Goals::default();
    let text = format!("{} ms", milliseconds(start));
    goals.judged("ready on an empty SQLite file, median of 5", text, "< 200 ms", start < Duration::from_millis(200));
    let mut size = |what: &str, mebibytes: f64, goal: f64| {
        goals.judged(what, format!("{mebibytes:.1} MiB"), &format!("< {goal:.0} MiB"), mebibytes < goal);
    };
    size("resident memory at rest", at_rest, 45.0);
    size(&format!("resident memory after {} writes", thousands(WRITES as f64)), after_writes, 80.0);
    match installed_mebibytes() {
        Some(size_of_it) => size("program to install (make release)", size_of_it, 32.0),
        None => size("release binary", binary_mebibytes()?, 32.0),
    }
    Ok(goals)
}
