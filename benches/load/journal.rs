//! What the journal costs writes, and how fast the console shows it; on SQLite.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;

use super::pairs::Pairs;
use super::shared::accounts::Accounts;
use super::shared::goals::{Goals, milliseconds, text};
use super::shared::measured::Measured;
use super::shared::server::Server;
use super::shared::{Failure, client, http};
use super::sqlite;

/// Exchanges among which pages are measured.
const EXCHANGES: usize = 100_000;

/// How often each page is asked for.
const REQUESTS: usize = 50;

/// Pages; `EXCHANGE` stands for the path of one.
const PAGES: [&str; 14] = [
    "/console",
    "/console?hours=24",
    "/console/exchanges",
    "/console/exchanges?status=4xx",
    "/console/exchanges?interaction=conditional-update",
    "/console/exchanges?type=Practitioner",
    "/console/exchanges?since=24h",
    "/console/exchanges?rule=identifier-count",
    "EXCHANGE",
    "/console/accounts",
    "/console/appointments",
    "/console/validate",
    "/console/rules",
    "/console/webhooks",
];

/// Throughput and latency with a journal, of those without.
pub async fn cost(duration: Duration) -> Result<Goals, Failure> {
    let mut goals = Goals::default();
    for connections in [64, 1] {
        let pairs = Pairs::measure([("SAS_JOURNAL", "off"), ("SAS_JOURNAL", "full")], connections, duration).await?;
        goals.told(&format!("connections: {connections}; without a journal / with one"), pairs.text(), "");
        if connections == 1 {
            let [without, with] = pairs.p50();
            let more = 100.0 * (with / without - 1.0);
            goals.judged("  p50, more than without", format!("{more:.0} %"), "≤ 15 %", more <= 15.0);
        } else {
            let share = pairs.share();
            goals.judged("  throughput, of that without", format!("{share:.0} %"), "≥ 80 %", share >= 80.0);
        }
        goals.told("  resident memory with a journal", format!("{:.0} MiB", pairs.memory), "");
    }
    Ok(goals)
}

/// Each page over a journal with many exchanges.
pub async fn pages() -> Result<Goals, Failure> {
    let database = sqlite().await?;
    let settings = [("SAS_JOURNAL", "full"), ("SAS_JOURNAL_SIZE", "1GiB")];
    let server = Server::start_configured(&database.url, &settings).await?;
    client::put_many(server.address, &mut Accounts::default(), 16, EXCHANGES)?;
    let list = get(server.ops, "/console/exchanges").await?.1;
    let link = list.split("href=\"/console/exchanges/").nth(1).and_then(|rest| rest.split('"').next());
    let exchange = format!("/console/exchanges/{}", link.ok_or("no exchange is listed")?.replace("&#38;", "&"));
    let mut goals = Goals::default();
    for page in PAGES {
        let path = if page == "EXCHANGE" { &exchange } else { page };
        let mut latencies = vec![];
        for _ in 0..REQUESTS {
            let (latency, _) = get(server.ops, path).await?;
            latencies.push(latency);
        }
        let measured = Measured::of(latencies);
        let p95 = measured.percentile(0.95);
        let name = if page == "EXCHANGE" { "/console/exchanges/ID" } else { page };
        let figures = format!("p95 {}; {}", milliseconds(p95), text(&measured));
        goals.judged(&format!("`{name}`"), figures, "p95 ≤ 100 ms", p95 <= Duration::from_millis(100));
    }
    Ok(goals)
}

/// A page, and how long it took.
async fn get(ops: SocketAddr, path: &str) -> Result<(Duration, String), Failure> {
    let mut sender = http::connect(ops).await?;
    let start = Instant::now();
    let request = Request::get(path).header("host", "localhost").body(Full::<Bytes>::default())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let page = answer.into_body().collect().await?.to_bytes();
    let latency = start.elapsed();
    if status != 200 {
        return Err(format!("{path}: {status}").into());
    }
    Ok((latency, String::from_utf8_lossy(&page).into_owned()))
}
