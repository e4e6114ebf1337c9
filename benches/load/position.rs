//! What the position of a version, its change and its index by time cost a write, on SQLite.
//!
//! No setting turns them off. So the endpoint's own statements write the same accounts into two databases by turns: one as it
//! is, one whose table of versions is as before there were events: its row numbers are not kept, no index is by time, and
//! changes are empty. The difference of the medians is compared with the time that a write over HTTP takes, at as many connections as
//! a transaction has writes.

use std::time::{Duration, Instant};

use sas_endpoint::audit::Key;
use sas_endpoint::storage::{StateKeys, Storage, WriteSet};
use sqlx::{Connection, Executor, SqliteConnection};

use super::record::{Account, NextVersion};
use super::shared::accounts::{Accounts, Request};
use super::shared::goals::Goals;
use super::shared::measured::Measured;
use super::shared::server::Server;
use super::shared::{Failure, client};
use super::sqlite;

/// Writes of a transaction, and connections over HTTP.
const BATCHES: [usize; 2] = [1, 64];

/// Transactions before the clock starts.
const WARMING_UP: usize = 50;

const FORMER_SCHEMA: &str = "DROP INDEX resource_version_time; \
     DROP TABLE resource_version; \
     CREATE TABLE resource_version ( \
         position INTEGER PRIMARY KEY, resource_type TEXT NOT NULL, id TEXT NOT NULL, version BIGINT NOT NULL, \
         last_updated TEXT NOT NULL, interaction TEXT NOT NULL, content TEXT NOT NULL, change TEXT, \
         UNIQUE (resource_type, id, version))";

pub async fn measure(duration: Duration) -> Result<Goals, Failure> {
    let mut goals = Goals::default();
    for batch in BATCHES {
        let database = sqlite().await?;
        let server = Server::start(&database.url).await?;
        let over_http = client::put(server.address, server.process(), &mut Accounts::default(), batch, duration)?;
        drop(server);
        let whole = 1e6 / over_http.rate();
        let (current, former) = (sqlite().await?, sqlite().await?);
        Storage::open(&former.url).await?.close().await;
        let mut connection = SqliteConnection::connect(&former.url).await?;
        connection.execute(FORMER_SCHEMA).await?;
        connection.close().await?;
        let [with, without] = by_turns([&current.url, &former.url], batch, duration).await?;
        let [with, without] = [with, without].map(|time| time.percentile(0.5).as_secs_f64() * 1e6 / batch as f64);
        let share = 100.0 * (with - without) / whole;
        goals.told(&format!("conditional PUT, connections: {batch}, time per write"), format!("{whole:.0} µs"), "");
        goals.told("  its part of a transaction, p50", format!("{with:.1} µs"), "");
        goals.told("  the same without position, change and index", format!("{without:.1} µs"), "");
        let what = format!("cost of position and change, connections: {batch}");
        goals.judged(&what, format!("{share:.1} %"), "≤ 3 %", share <= 3.0);
    }
    Ok(goals)
}

/// Transactions of creations, then of updates of the same accounts, into each database by turns.
async fn by_turns(urls: [&str; 2], batch: usize, duration: Duration) -> Result<[Measured; 2], Failure> {
    let storages = [Storage::open(urls[0]).await?, Storage::open(urls[1]).await?];
    let key = Key::from_bytes(&[7; 32]);
    let mut request = Request::new();
    let mut latencies = [vec![], vec![]];
    let mut accounts: Vec<Option<Account>> = (0..batch).map(|_| None).collect();
    let start = Instant::now();
    for number in 0.. {
        if start.elapsed() > 2 * duration {
            break;
        }
        let mut keys = StateKeys::default();
        for (place, account) in accounts.iter_mut().enumerate() {
            let previous = account.take().filter(|_| number % 2 == 1);
            request.set((number / 2 * batch + place) as u64, number as u64);
            let (next, own) = Account::new(request.body(), previous)?;
            keys.identifiers.extend(own.identifiers);
            *account = Some(next);
        }
        // Which is first changes, as the disk may be slower at one moment than at the next.
        for turn in [number / 2 % 2, 1 - number / 2 % 2] {
            let mut set = WriteSet::default();
            let mut entries = vec![];
            for account in accounts.iter().flatten() {
                let NextVersion { entry, mut version } = account.version.clone();
                if turn == 0 {
                    version.change = change(&account.version);
                }
                set.versions.push(version);
                set.events.push(account.event(&key));
                entries.push(entry);
            }
            let began = Instant::now();
            let write = storages[turn].write(&keys, &[], move |registry| {
                for entry in entries {
                    registry.record(entry);
                }
                set
            });
            write.await?;
            if number >= WARMING_UP {
                latencies[turn].push(began.elapsed());
            }
        }
    }
    for storage in storages {
        storage.close().await;
    }
    Ok(latencies.map(Measured::of))
}

/// The change of a version, as the endpoint stores it.
fn change(NextVersion { entry, version }: &NextVersion) -> String {
    let held = entry.identifiers.keys().filter(|identifier| identifier.is_account_key());
    let identifiers: Vec<_> =
        held.map(|identifier| serde_json::json!({ "system": identifier.system, "value": identifier.value })).collect();
    let types = if version.version == 1 {
        vec!["practitioner.created", "practitioner.enabled"]
    } else {
        vec!["practitioner.updated"]
    };
    serde_json::json!({ "types": types, "identifiers": identifiers }).to_string()
}
