//! Clients that do not read responses, and clients that connect and send nothing. On SQLite only, as the database
//! does not matter.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::ledger::{Figure, Goal, Outcome, Unit};
use crate::platform::wait_for;
use crate::process::{Serving, databases, exchange_within, on_free_ports};
use crate::scenarios::{Extent, runtime};
use crate::support::{Backend, folder};

const T: &str = "urn:oid:1.2.250.1.213.3.6";
const REGULATOR: &str = include_str!("../fixtures/regulator.json");

const CLIENTS: u8 = 150;
/// Addresses of this machine that clients come from.
const ADDRESSES: u8 = 4;
/// So many of these accounts make a page of 9 MB, where it ends.
const ACCOUNTS: usize = 9;
const ACCOUNT_BYTES: usize = (1 << 20) - (8 << 10);
/// An answer that has not begun by then never will.
const TIMEOUT: Duration = Duration::from_mins(1);
/// In MiB.
const MAX_MEMORY_AFTERWARDS: f64 = 80.0;
/// Idle connections of each address.
const IDLE: usize = 1024;

/// Serves from a new file in this folder, with time-outs that nobody meets.
fn serve() -> (Serving, TempDir) {
    let folder = folder("faults-answers");
    let url = format!("sqlite://{}/answers.db", folder.path().display());
    let timeouts = ["--header-timeout", "10m", "--body-timeout", "10m", "--idle-timeout", "10m", "--log", "error"];
    (Serving::spawn(on_free_ports(&timeouts).args(databases(&url))), folder)
}

pub fn unread(_: Backend, _: Extent) -> Outcome {
    let (serving, _folder) = serve();
    for number in 0..ACCOUNTS {
        let (status, body) = put(&serving, number, ACCOUNT_BYTES);
        assert_eq!(status, 201, "{body:.1000}");
    }
    let (runtime, address) = (runtime(), serving.address.parse().expect("an address"));
    let before = memory(&serving, "VmRSS:");
    // Only what is measured counts for the peak.
    std::fs::write(format!("/proc/{}/clear_refs", serving.id()), "5").expect("the peak is reset");
    let clients = runtime.block_on(async {
        let clients: Vec<_> = (0..CLIENTS).map(|number| tokio::spawn(leave_unread(number, address))).collect();
        futures_util::future::join_all(clients).await
    });
    let clients: Vec<Client> = clients.into_iter().map(|client| client.expect("it ends")).collect();
    let (write, wrote_in) = timed(|| put(&serving, ACCOUNTS, 0).0);
    let (read, read_in) = timed(|| status(&serving.address, "/fhir/metadata"));
    let (peak, held) = (memory(&serving, "VmHWM:"), memory(&serving, "VmRSS:"));
    let unread = clients.iter().filter(|client| client.unread.is_some()).count();
    let refused = clients.iter().filter(|client| client.refused).count();
    let wrong = clients.iter().map(|client| client.wrong).sum::<usize>();
    drop(clients);
    wait_for("a page to be served again", || status(&serving.address, "/fhir/Practitioner?_count=1000") == 200);
    let (after, given_back_in) = timed(|| memory_given_back(&serving));
    let bound = |name: &str, value, bound| Figure::new(name, value, Unit::Mebibytes, Goal::AtMost(bound));
    let mut figures = vec![
        Figure::new("answers of 9 MB that are held unread", unread as f64, Unit::Count, Goal::AtMost(7.0)),
        Figure::new("of them at least", unread as f64, Unit::Count, Goal::AtLeast(4.0)),
        bound("peak memory with 150 clients that do not read", peak, 200.0),
        Figure::new("memory before them", before, Unit::Mebibytes, Goal::None),
        Figure::new("memory while answers are unread", held, Unit::Mebibytes, Goal::None),
        bound("memory once they have gone and a page was served", after, MAX_MEMORY_AFTERWARDS),
        Figure::duration("until then", given_back_in, Duration::from_secs(10)),
        Figure::duration("an account PUT meanwhile", wrote_in, Duration::from_millis(250)),
        Figure::duration("the CapabilityStatement meanwhile", read_in, Duration::from_millis(250)),
    ];
    figures.push(Figure::exactly("the others: 503, Retry-After, responses-unread", refused, CLIENTS as usize - unread));
    figures.push(Figure::exactly("answers that are neither", wrong, 0));
    figures.push(Figure::exactly("status of the PUT", write.into(), 201));
    figures.push(Figure::exactly("status of the CapabilityStatement", read.into(), 200));
    Outcome::Measured(figures)
}

/// Creates an account with a name of so many bytes more.
fn put(serving: &Serving, number: usize, bytes: usize) -> (u16, String) {
    let identifier = format!("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a{number:02}");
    let mut account: Value = serde_json::from_str(REGULATOR).expect("a fixture");
    account["identifier"][0]["value"] = json!(identifier);
    account["name"][0]["text"] = json!("x".repeat(bytes.max(1)));
    let path = format!("/Practitioner?identifier={T}|{identifier}");
    serving.put(&path, &account.to_string()).expect("an answer")
}

fn status(address: &str, path: &str) -> u16 {
    let answer = exchange_within(Some(TIMEOUT), address, &format!("GET {path} HTTP/1.1\r\n"), "");
    answer.map_or(0, |answer| answer.status)
}

fn timed<T>(action: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    (action(), began.elapsed())
}

/// A line of the process's status, in MiB.
fn memory(serving: &Serving, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

/// The memory of the process once it is back below its bound, or after ten seconds of small requests: allocators give
/// back as time goes by, and while they are asked for something.
fn memory_given_back(serving: &Serving) -> f64 {
    let began = Instant::now();
    loop {
        let now = memory(serving, "VmRSS:");
        if now <= MAX_MEMORY_AFTERWARDS || began.elapsed() > Duration::from_secs(10) {
            return now;
        }
        status(&serving.address, "/fhir/metadata");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What became of a client.
#[derive(Default)]
struct Client {
    /// Its answer is on its way, and it does not read it.
    unread: Option<TcpStream>,
    /// It was refused: too many responses are unread.
    refused: bool,
    /// Answers that are neither that nor a passing 503 with Retry-After.
    wrong: usize,
}

/// Asks for the page until it is given or refused for what is unread, and reads no more than the beginning of it.
async fn leave_unread(number: u8, to: SocketAddr) -> Client {
    let (mut client, began) = (Client::default(), Instant::now());
    while began.elapsed() < TIMEOUT {
        let mut stream = connect(1 + number % ADDRESSES, to).await.expect("it listens");
        let request = "GET /fhir/Practitioner?_count=1000 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut beginning = [0; 12];
        if stream.read_exact(&mut beginning).await.is_err() {
            client.wrong += 1;
        } else if beginning.ends_with(b" 200") {
            client.unread = Some(stream);
            return client;
        } else {
            let mut rest = String::new();
            stream.read_to_string(&mut rest).await.expect("a refusal");
            if !beginning.ends_with(b" 503") || !rest.contains("retry-after: ") {
                client.wrong += 1;
            } else if rest.contains("\"responses-unread\"") {
                client.refused = true;
                return client;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    client
}

/// A connection from this address of loopback, whose client takes little before it reads.
async fn connect(address: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    socket.bind(([127, 0, 0, address], 0).into())?;
    socket.connect(to).await
}

/// A new connection on which a request is answered 200, and which stays open.
async fn ask(to: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = connect(1, to).await?;
    stream.write_all(b"GET /fhir/metadata HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).await?;
    if beginning.ends_with(b" 200") { Ok(stream) } else { Err(std::io::Error::other("another status")) }
}

pub fn idle(_: Backend, _: Extent) -> Outcome {
    let wanted = (IDLE * usize::from(ADDRESSES) + 256) as u64;
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit > wanted + 320 => {}
        _ => return Outcome::NotRun(format!("{wanted} files must be allowed to be open (ulimit -n)")),
    }
    let (serving, _folder) = serve();
    let address: SocketAddr = serving.address.parse().expect("an address");
    let ops: SocketAddr = serving.ops_address.parse().expect("an address");
    let runtime = runtime();
    // Silent, between two requests, with a head that does not come.
    let requests = ["", "GET /fhir/metadata HTTP/1.1\r\nhost: localhost\r\n\r\n", "GET /fhir/metadata HTTP/1.1\r\nx: "];
    let held = runtime.block_on(async {
        let mut held = vec![];
        for number in 0..IDLE * usize::from(ADDRESSES) {
            let place = u8::try_from(2 + number / IDLE).expect("few");
            let to = if number % IDLE < 32 { ops } else { address };
            let mut stream = connect(place, to).await.expect("it listens");
            stream.write_all(requests[number % 3].as_bytes()).await.expect("sent");
            held.push(stream);
        }
        // Those of the operator's listener are more than these: fill up what is left.
        for number in 0..32 * usize::from(ADDRESSES) {
            let place = u8::try_from(2 + number / 32).expect("few");
            held.push(connect(place, address).await.expect("it listens"));
        }
        held
    });
    let newcomers = runtime.block_on(async {
        let mut newcomers = vec![];
        for _ in 0..100 {
            let began = Instant::now();
            newcomers.push((ask(address).await, began.elapsed()));
        }
        newcomers
    });
    let (ready, ready_in) = timed(|| status(&serving.ops_address, "/health/ready"));
    let answered = newcomers.iter().filter(|(answered, _)| answered.is_ok()).count();
    let slowest = newcomers.iter().map(|(_, took)| *took).max().unwrap_or_default();
    let metrics = serving.ops("/metrics").map_or_else(|error| error.to_string(), |(_, text)| text);
    let evicted = metrics.lines().find_map(|line| line.strip_prefix("sas_connections_evicted_total "));
    let evicted = evicted.and_then(|number| number.parse().ok()).unwrap_or_default();
    drop(held);
    let mut figures = vec![
        Figure::duration("slowest of 100 new connections, connected and answered", slowest, Duration::from_secs(1)),
        Figure::duration("/health/ready", ready_in, Duration::from_millis(500)),
        Figure::new("idle connections closed for new ones", evicted, Unit::Count, Goal::AtLeast(164.0)),
    ];
    figures.push(Figure::exactly("new connections answered 200", answered, 100));
    figures.push(Figure::exactly("status of /health/ready", ready.into(), 200));
    Outcome::Measured(figures)
}
