//! The change feed: how fast it is read, how soon an event arrives, and what those who wait cost; on SQLite.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::shared::accounts::Accounts;
use super::shared::goals::{Goals, milliseconds, thousands};
use super::shared::measured::Measured;
use super::shared::server::Server;
use super::shared::{Failure, client, http};
use super::sqlite;

/// Events of the log that is read.
const EVENTS: usize = 40_000;

/// Those who wait at the same time; each address may have 32.
const WAITING: usize = 10_000;
const WAITING_PER_ADDRESS: usize = 32;

/// Writes whose event is awaited, one after the other.
const WRITES: usize = 200;

/// Bounds that let all of them wait.
const BOUNDS: [(&str, &str); 3] = [
    ("SAS_MAX_EVENT_STREAMS", "20000"),
    ("SAS_MAX_CONNECTIONS", "20000"),
    ("SAS_MAX_CONNECTIONS_PER_ADDRESS", "20000"),
];

#[derive(Deserialize)]
struct Page {
    next: i64,
}

pub async fn measure() -> Result<Goals, Failure> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let database = sqlite().await?;
    let server = Server::start_configured(&database.url, &BOUNDS).await?;
    let mut accounts = Accounts::default();
    client::put_many(server.address, &mut accounts, 64, EVENTS)?;
    let mut goals = Goals::default();
    for (content, goal) in [("reference", Some(20_000.0)), ("full", None)] {
        let (rate, megabytes) = read_all(server.address, content).await?;
        let what = format!("events read over one connection, `content={content}`");
        let text = format!("{}/s, {megabytes:.0} MB/s", thousands(rate));
        match goal {
            Some(goal) => goals.judged(&what, text, "≥ 20,000/s", rate >= goal),
            None => goals.told(&what, text, ""),
        }
    }
    let arrival = arrival(server.address, &mut accounts).await?;
    let text =
        format!("p50 {}, p99 {} ms", milliseconds(arrival.percentile(0.5)), milliseconds(arrival.percentile(0.99)));
    goals.told("from a write's answer to its event in a stream", text, "");
    waiting(&server, &mut accounts, &mut goals).await?;
    Ok(goals)
}

async fn get(sender: &mut SendRequest<Full<Bytes>>, path: &str) -> Result<Bytes, Failure> {
    let request = Request::get(path).header("host", "localhost").body(Full::default())?;
    let answer = sender.send_request(request).await?;
    if answer.status() != 200 {
        return Err(format!("{path}: {}", answer.status()).into());
    }
    Ok(answer.into_body().collect().await?.to_bytes())
}

/// Reads the whole log: events and megabytes per second.
async fn read_all(address: SocketAddr, content: &str) -> Result<(f64, f64), Failure> {
    let mut sender = http::connect(address).await?;
    let (start, mut after, mut bytes) = (Instant::now(), 0, 0);
    loop {
        let answer = get(&mut sender, &format!("/events?limit=1000&content={content}&after={after}")).await?;
        let page: Page = serde_json::from_slice(&answer)?;
        if page.next == after {
            break;
        }
        (after, bytes) = (page.next, bytes + answer.len());
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok((after as f64 / seconds, bytes as f64 / 1e6 / seconds))
}

/// The last position of the log.
async fn head(address: SocketAddr) -> Result<i64, Failure> {
    let mut sender = http::connect(address).await?;
    let mut after = 0;
    loop {
        let page: Page =
            serde_json::from_slice(&get(&mut sender, &format!("/events?limit=1000&after={after}")).await?)?;
        if page.next == after {
            return Ok(after);
        }
        after = page.next;
    }
}

/// How long after the answer to a write its event arrives in a stream.
async fn arrival(address: SocketAddr, accounts: &mut Accounts) -> Result<Measured, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nlast-event-id: {}\r\n\r\n",
        head(address).await?
    );
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; 64 << 10];
    let count = stream.read(&mut buffer).await?;
    if !buffer[..count].starts_with(b"HTTP/1.1 200") {
        return Err("there is no stream".into());
    }
    let mut latencies = vec![];
    for _ in 0..WRITES {
        client::put_many(address, accounts, 1, 1)?;
        let written = Instant::now();
        loop {
            let count = stream.read(&mut buffer).await?;
            if buffer[..count].windows(5).any(|window| window == b"data:") {
                break;
            }
        }
        latencies.push(written.elapsed());
    }
    Ok(Measured::of(latencies))
}

/// What those who wait cost, and how long it takes until all have the event of one write.
async fn waiting(server: &Server, accounts: &mut Accounts, goals: &mut Goals) -> Result<(), Failure> {
    let before = server.threads()?;
    let position = head(server.address).await?;
    let request = format!("GET /events?wait=25&after={position} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut connections = Vec::with_capacity(WAITING);
    for number in 0..WAITING {
        let network = u32::from(Ipv4Addr::new(127, 1, 0, 1)) + u32::try_from(number / WAITING_PER_ADDRESS)?;
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::from(network), 0)))?;
        let mut stream = socket.connect(server.address).await?;
        stream.write_all(request.as_bytes()).await?;
        connections.push(stream);
    }
    // The last ones are read by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (memory, threads) = (server.resident_mebibytes()?, server.threads()?);
    client::put_many(server.address, accounts, 1, 1)?;
    let written = Instant::now();
    let mut answered = 0;
    let mut buffer = vec![0; 4096];
    for stream in &mut connections {
        let count = stream.read(&mut buffer).await?;
        answered += usize::from(buffer[..count].starts_with(b"HTTP/1.1 200"));
    }
    let what = format!("resident memory, {} long polls", thousands(WAITING as f64));
    goals.judged(&what, format!("{memory:.0} MiB"), "≤ 300 MiB", memory <= 300.0);
    let more = threads.saturating_sub(before);
    goals.judged("further threads, of which each connection to SQLite has one", more.to_string(), "≤ 2", more <= 2);
    let what = format!("until all have the event of one write ({} of them)", thousands(answered as f64));
    goals.told(&what, format!("{} ms", milliseconds(written.elapsed())), "");
    Ok(())
}
