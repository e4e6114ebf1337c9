//! Clients over keep-alive connections, each of which waits for one answer before its next request.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use sas_endpoint::fhir::identifier::INTRN;
use sas_endpoint::fhir::resource_type::ResourceType;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use super::{Failure, bodies};

/// What happens before this is not counted: caches and connections are filled.
const WARMING_UP: Duration = Duration::from_secs(1);

/// Accounts that differ in what an account differs in, made from one body.
pub struct Accounts {
    template: String,
    next: Cell<u64>,
    revision: Cell<u64>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { template: bodies::body(ResourceType::Practitioner), next: Cell::default(), revision: Cell::default() }
    }
}

impl Accounts {
    /// The number of an account that there was not yet.
    pub fn new_number(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    /// The account's INTRN, in no order, and its body, never the same one twice. All share one
    /// identifier of another system than the SAS's, as accounts of one region may.
    pub fn body(&self, number: u64) -> (String, String) {
        let revision = self.revision.replace(self.revision.get() + 1);
        let scattered = (u128::from(number) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let intrn = uuid::Builder::from_random_bytes(scattered.to_be_bytes()).into_uuid().to_string();
        let body = self.template.replace("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", &intrn);
        let body = body.replace("3620100057/48211AB", &format!("8{number:011}"));
        (intrn, body.replace("\"Nadia\"", &format!("\"Nadia {revision}\"")))
    }
}

/// How long each answer took.
pub struct Measured {
    latencies: Vec<Duration>,
    duration: Duration,
}

impl Measured {
    /// Answers that came one after the other.
    pub fn of(mut latencies: Vec<Duration>) -> Self {
        let duration = latencies.iter().sum();
        latencies.sort_unstable();
        Self { latencies, duration }
    }

    /// How many answers.
    pub fn count(&self) -> usize {
        self.latencies.len()
    }

    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.duration.as_secs_f64()
    }

    /// The latency that this share of the answers did not exceed.
    pub fn percentile(&self, share: f64) -> Duration {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let index = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(index.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// How many answers took longer.
    pub fn over(&self, bound: Duration) -> usize {
        self.latencies.iter().filter(|latency| **latency > bound).count()
    }
}

/// Writes over `connections` for a while: every other request creates an account, the others
/// update one that the connection has created before.
pub async fn put(
    address: SocketAddr,
    accounts: &Rc<Accounts>,
    connections: usize,
    duration: Duration,
) -> Result<Measured, Failure> {
    let counted_from = Instant::now() + WARMING_UP;
    let until = counted_from + duration;
    let latencies = run(address, accounts, connections, move |start| start < until).await?;
    // An answer counts where it came within the time.
    let counted = |(start, latency): &(Instant, Duration)| (counted_from..until).contains(&(*start + *latency));
    let mut latencies: Vec<_> = latencies.into_iter().filter(counted).map(|(_, latency)| latency).collect();
    latencies.sort_unstable();
    Ok(Measured { latencies, duration })
}

/// The same for as long as `goes_on`; what began in the first second is not counted.
pub async fn put_while(
    address: SocketAddr,
    accounts: &Rc<Accounts>,
    connections: usize,
    goes_on: impl Fn() -> bool + 'static,
) -> Result<Measured, Failure> {
    let counted_from = Instant::now() + WARMING_UP;
    let latencies = run(address, accounts, connections, move |_| goes_on()).await?;
    let counted = latencies.into_iter().filter(|(start, _)| *start >= counted_from);
    let mut latencies: Vec<_> = counted.map(|(_, latency)| latency).collect();
    latencies.sort_unstable();
    Ok(Measured { latencies, duration: counted_from.elapsed() })
}

/// So many writes.
pub async fn put_many(
    address: SocketAddr,
    accounts: &Rc<Accounts>,
    connections: usize,
    writes: usize,
) -> Result<(), Failure> {
    let left = Cell::new(writes);
    let another = move |_| left.get().checked_sub(1).inspect(|&less| left.set(less)).is_some();
    run(address, accounts, connections, another).await.map(drop)
}

/// Connects them all, and lets each write as long as there is `another`.
async fn run(
    address: SocketAddr,
    accounts: &Rc<Accounts>,
    connections: usize,
    another: impl Fn(Instant) -> bool + 'static,
) -> Result<Vec<(Instant, Duration)>, Failure> {
    let mut senders = vec![];
    for _ in 0..connections {
        senders.push(connect(address).await?);
    }
    let another: Rc<dyn Fn(Instant) -> bool> = Rc::new(another);
    let run = async {
        let mut clients = JoinSet::new();
        for sender in senders {
            clients.spawn_local(client(sender, accounts.clone(), another.clone()));
        }
        let mut latencies = vec![];
        while let Some(ended) = clients.join_next().await {
            latencies.extend(ended??);
        }
        Ok(latencies)
    };
    LocalSet::new().run_until(run).await
}

async fn client(
    mut sender: SendRequest<Full<Bytes>>,
    accounts: Rc<Accounts>,
    another: Rc<dyn Fn(Instant) -> bool>,
) -> Result<Vec<(Instant, Duration)>, Failure> {
    let mut random = Random::default();
    let mut own: Vec<u64> = vec![];
    let mut latencies = vec![];
    let mut creates = false;
    while another(Instant::now()) {
        creates = !creates;
        let number = if creates { accounts.new_number() } else { own[random.below(own.len())] };
        let (intrn, body) = accounts.body(number);
        let request = Request::put(format!("/fhir/Practitioner?identifier={INTRN}%7C{intrn}"))
            .header("host", "localhost")
            .header("content-type", "application/fhir+json")
            .body(Full::from(body))?;
        let start = Instant::now();
        let response = sender.send_request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        latencies.push((start, start.elapsed()));
        let expected = if creates { StatusCode::CREATED } else { StatusCode::OK };
        if status != expected {
            return Err(format!("{expected} was expected, not {status}: {}", String::from_utf8_lossy(&answer)).into());
        }
        if creates {
            own.push(number);
        }
    }
    Ok(latencies)
}

/// Whether the operator's listener answers that the server is ready.
pub async fn is_ready(ops: SocketAddr) -> bool {
    let ask = async {
        let stream = TcpStream::connect(ops).await?;
        let (mut sender, connection) = handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::get("/health/ready").header("host", "localhost").body(Empty::new())?;
        Ok::<_, Failure>(sender.send_request(request).await?.status() == StatusCode::OK)
    };
    ask.await.unwrap_or(false)
}

/// A connection that is kept.
pub async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Picks accounts (xorshift): the same ones in every run.
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Random {
    /// A number less than `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a random number are random")]
        let number = self.0 as usize;
        number % bound
    }
}
