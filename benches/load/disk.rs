//! How much disk a write takes, and whether throughput and memory stay the same as the database grows; on SQLite.

use std::path::Path;

use super::shared::accounts::Accounts;
use super::shared::goals::{Goals, thousands};
use super::shared::server::Server;
use super::shared::{Failure, client};
use super::sqlite;

const CONNECTIONS: usize = 64;

/// The first tenth of the writes, what lies between, and the last tenth.
pub async fn measure(writes: usize) -> Result<Goals, Failure> {
    let database = sqlite().await?;
    let server = Server::start(&database.url).await?;
    let mut accounts = Accounts::default();
    let tenth = writes / 10;
    let mut put = |writes| client::put_many(server.address, &mut accounts, CONNECTIONS, writes);
    let first = put(tenth)?;
    let memory_before = server.resident_mebibytes()?;
    let between = put(writes - 2 * tenth)?;
    let last = put(tenth)?;
    let memory_after = server.resident_mebibytes()?;
    let failures = first.failures + between.failures + last.failures;
    if failures > 0 {
        return Err(format!("{failures} writes failed").into());
    }
    drop(server);

    let file = database.url.trim_start_matches("sqlite://");
    let (data, log) = (size(file), size(format!("{file}-wal")));
    let mut goals = Goals::default();
    let kilobytes = data as f64 / writes as f64 / 1e3;
    let what = format!("size of a write, of {}", thousands(writes as f64));
    goals.judged(&what, format!("{kilobytes:.2} kB"), "≤ 4.7 kB", kilobytes <= 4.7);
    let text = format!("{:.2} GB, and a log of {:.3} GB", data as f64 / 1e9, log as f64 / 1e9);
    goals.told("size of the database", text, "");
    let rates = [&first, &last].map(|part| thousands(part.rate())).join(", ");
    goals.told("writes per second, first and last tenth", rates, "flat");
    goals.told("resident memory after them", format!("{memory_before:.1}, {memory_after:.1} MiB"), "flat");
    Ok(goals)
}

/// The size of a file, 0 if there is none.
fn size(file: impl AsRef<Path>) -> u64 {
    std::fs::metadata(file).map(|file| file.len()).unwrap_or_default()
}
