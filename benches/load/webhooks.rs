//! Webhooks to a receiver on loopback: how many events a second, and how soon after a write; on SQLite.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::shared::accounts::Accounts;
use super::shared::goals::{Goals, milliseconds, thousands};
use super::shared::measured::Measured;
use super::shared::server::Server;
use super::shared::{Failure, client};
use super::sqlite;

/// Events that wait when the first is delivered.
const EVENTS: usize = 20_000;

/// Writes whose event is awaited, one after the other.
const WRITES: usize = 200;

/// An event that has not come by then is lost.
const EVENT_TIMEOUT: Duration = Duration::from_mins(1);

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

pub async fn measure() -> Result<Goals, Failure> {
    let database = sqlite().await?;
    let mut accounts = Accounts::default();
    let server = Server::start(&database.url).await?;
    client::put_many(server.address, &mut accounts, 64, EVENTS)?;
    drop(server);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.toml");
    let url = format!("http://{}/", listener.local_addr()?);
    let text = format!("[[webhook]]\nname = \"bench\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nfrom = 0\n");
    std::fs::write(&file, text)?;
    let (sender, arrivals) = channel();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let sender = sender.clone();
            std::thread::spawn(move || receive(stream, &sender));
        }
    });
    let settings = [("SAS_CONFIG", file.to_str().ok_or("the folder has no name in UTF-8")?)];
    let server = Server::start_configured(&database.url, &settings).await?;
    let first = arrivals.recv_timeout(EVENT_TIMEOUT)?;
    let mut last = first;
    for _ in 1..EVENTS {
        last = arrivals.recv_timeout(EVENT_TIMEOUT)?;
    }
    let rate = (EVENTS - 1) as f64 / last.duration_since(first).as_secs_f64();
    let mut goals = Goals::default();
    goals.judged("events delivered by a webhook", format!("{}/s", thousands(rate)), "≥ 1,000/s", rate >= 1000.0);
    let latency = latency(&server, &mut accounts, &arrivals)?;
    let half = latency.percentile(0.5);
    let text = format!("p50 {}, p99 {} ms", milliseconds(half), milliseconds(latency.percentile(0.99)));
    let what = "from a write's answer to its event at the receiver, idle";
    goals.judged(what, text, "p50 ≤ 50 ms", half <= Duration::from_millis(50));
    Ok(goals)
}

/// How long after the answer to a write its event arrives; nothing where it came first.
fn latency(server: &Server, accounts: &mut Accounts, arrivals: &Receiver<Instant>) -> Result<Measured, Failure> {
    let mut latencies = vec![];
    for _ in 0..WRITES {
        client::put_many(server.address, accounts, 1, 1)?;
        let written = Instant::now();
        latencies.push(arrivals.recv_timeout(EVENT_TIMEOUT)?.saturating_duration_since(written));
    }
    Ok(Measured::of(latencies))
}

/// Answers 204 to each request of a connection, and reports when it came.
fn receive(stream: TcpStream, sender: &Sender<Instant>) -> Option<()> {
    let mut answers = stream.try_clone().ok()?;
    let (mut requests, mut line) = (BufReader::new(stream), String::new());
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if requests.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        requests.read_exact(&mut vec![0; length]).ok()?;
        sender.send(Instant::now()).ok()?;
        answers.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    }
}
