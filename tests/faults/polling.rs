//! A dashboard polls an expensive search over many connections, while other clients must be served.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use crate::ledger::{Figure, Goal, Outcome, Unit};
use crate::places::Database;
use crate::process::{Serving, databases, exchange_within, on_free_ports};
use crate::scenarios::Extent;
use crate::support::Backend;

const T: &str = "urn:oid:1.2.250.1.213.3.6";
const REGULATOR: &str = include_str!("../fixtures/regulator.json");
/// The identifier system of every appointment.
const SYSTEM: &str = "https://agenda.example.org/polled";
/// What is polled: how many appointments there are of that system.
const POLLED: &str = "/fhir/Appointment?_count=0&identifier=https://agenda.example.org/polled%7C";
/// Nobody who asks waits longer.
pub const MAX_ANSWER_TIME: Duration = Duration::from_secs(7);
/// A client that gets no answer at all gives up.
const CLIENT_TIMEOUT: Duration = Duration::from_mins(1);
/// Between two requests of those who must be served.
pub const PAUSE: Duration = Duration::from_millis(20);
pub const ACCOUNTS: usize = 20;

pub fn run(backend: Backend, extent: Extent) -> Outcome {
    let appointments = extent.of(20_000, 1_000_000);
    let pollers = extent.of(30, 300);
    let requests = extent.of(40, 500);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let database = match runtime.block_on(Database::new(backend)) {
        Ok(database) => database,
        Err(why) => return Outcome::NotRun(why),
    };
    let serving = Serving::spawn(on_free_ports(&["--log", "error"]).args(databases(&database.url)));
    let accounts: Vec<_> = (0..ACCOUNTS).map(|number| create_account(&serving.address, number)).collect();
    let index = runtime.block_on(insert_appointments(backend, &database.url, appointments));

    let counted = Instant::now();
    let (_, total) = get(&serving.address, POLLED);
    let counting = counted.elapsed();
    let total = serde_json::from_str::<Value>(&total).unwrap_or_default()["total"].as_u64().unwrap_or_default();
    let idle = update_accounts(&serving.address, requests, PAUSE);

    let request = format!("GET {POLLED} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let polling = Polling::begin(&runtime, &serving.address, pollers, &[request]);
    polling.wait_until_under_way();
    let [writes, reads, live, ready] = std::thread::scope(|scope| {
        let writes = scope.spawn(|| update_accounts(&serving.address, requests, PAUSE));
        let reads = scope.spawn(|| {
            Probe::repeat(requests, PAUSE, |step| {
                get(&serving.address, &format!("/fhir/Practitioner/{}", accounts[step % ACCOUNTS])).0
            })
        });
        let live = scope.spawn(|| Probe::repeat(requests, PAUSE, |_| get(&serving.ops_address, "/health/live").0));
        let ready = scope.spawn(|| Probe::repeat(requests, PAUSE, |_| get(&serving.ops_address, "/health/ready").0));
        [writes, reads, live, ready].map(|probe| probe.join().expect("a probe"))
    });
    let polled = polling.end(&runtime);

    let milliseconds = Duration::from_millis;
    let mut figures = vec![
        Figure::new(
            "index of migration 5, made over all of them",
            as_milliseconds(index),
            Unit::Milliseconds,
            Goal::None,
        ),
        Figure::new("the polled count, alone", as_milliseconds(counting), Unit::Milliseconds, Goal::None),
        Figure::new("account writes p99, idle", as_milliseconds(idle.percentile(99)), Unit::Milliseconds, Goal::None),
        Figure::duration("account writes p99, polled", writes.percentile(99), milliseconds(250)),
        Figure::duration("reads by id p95, polled", reads.percentile(95), milliseconds(250)),
        Figure::duration("/health/live p99, polled", live.percentile(99), milliseconds(50)),
        Figure::duration("/health/ready p99, polled", ready.percentile(99), milliseconds(500)),
        Figure::duration("longest wait of a poller", polled.longest, MAX_ANSWER_TIME),
        Figure::new("pollers answered 200", polled.answered as f64, Unit::Count, Goal::AtLeast(1.0)),
        Figure::new("pollers answered 503", polled.refused as f64, Unit::Count, Goal::None),
    ];
    figures.push(Figure::exactly("appointments counted", usize::try_from(total).unwrap_or_default(), appointments));
    figures.push(Figure::exactly("account writes refused", idle.failed + writes.failed, 0));
    figures.push(Figure::exactly("reads by id not answered 200", reads.failed, 0));
    figures.push(Figure::exactly("/health/live not 200", live.failed, 0));
    figures.push(Figure::exactly("/health/ready not 200", ready.failed, 0));
    figures.push(Figure::exactly("pollers answered otherwise, or without Retry-After", polled.wrong, 0));
    Outcome::Measured(figures)
}

pub fn as_milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Requests of one kind, one after the other.
#[derive(Default)]
pub struct Probe {
    took: Vec<Duration>,
    pub failed: usize,
}

impl Probe {
    fn repeat(times: usize, pause: Duration, mut request: impl FnMut(usize) -> u16) -> Self {
        let mut probe = Self { took: Vec::with_capacity(times), failed: 0 };
        for step in 0..times {
            let began = Instant::now();
            let status = request(step);
            probe.took.push(began.elapsed());
            probe.failed += usize::from(!matches!(status, 200 | 201));
            std::thread::sleep(pause);
        }
        probe.took.sort_unstable();
        probe
    }

    /// Counts those of another probe too.
    pub fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.took.sort_unstable();
        self.failed += other.failed;
    }

    pub fn percentile(&self, percent: usize) -> Duration {
        let index = (self.took.len() * percent).div_ceil(100).clamp(1, self.took.len().max(1)) - 1;
        self.took.get(index).copied().unwrap_or_default()
    }
}

pub fn get(address: &str, path: &str) -> (u16, String) {
    let answer = exchange_within(Some(CLIENT_TIMEOUT), address, &format!("GET {path} HTTP/1.1\r\n"), "");
    answer.map_or((0, String::new()), |answer| (answer.status, answer.body))
}

/// The INTRN of an account, and the account.
fn account(number: usize, family: &str) -> (String, String) {
    let intrn = format!("0b9c2a54-7f0e-4c1b-9d55-{number:012}");
    let mut account: Value =
        serde_json::from_str(&REGULATOR.replace("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", &intrn)).expect("a fixture");
    account["name"][0]["family"] = family.into();
    (intrn, account.to_string())
}

fn put_account(address: &str, number: usize, family: &str) -> (u16, String) {
    let (intrn, body) = account(number, family);
    let head = format!(
        "PUT /fhir/Practitioner?identifier={T}%7C{intrn} HTTP/1.1\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n",
        body.len()
    );
    let answer = exchange_within(Some(CLIENT_TIMEOUT), address, &head, &body);
    answer.map_or((0, String::new()), |answer| (answer.status, answer.body))
}

/// Creates an account: its id.
pub fn create_account(address: &str, number: usize) -> String {
    let (status, body) = put_account(address, number, "AUBERT");
    assert_eq!(status, 201, "{body}");
    let account: Value = serde_json::from_str(&body).expect("JSON");
    account["id"].as_str().expect("an id").to_owned()
}

/// Updates accounts, each time with another content.
pub fn update_accounts(address: &str, times: usize, pause: Duration) -> Probe {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    Probe::repeat(times, pause, |step| {
        let family = format!("AUBERT {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        put_account(address, step % ACCOUNTS, &family).0
    })
}

/// Inserts appointments by SQL; how long the index takes that makes the polled count cheap.
async fn insert_appointments(backend: Backend, url: &str, number: usize) -> Duration {
    let (numbers, id) = match backend {
        Backend::Sqlite => (
            format!(
                "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number}) SELECT i FROM n) AS n"
            ),
            "printf('polled-%08d', i)",
        ),
        Backend::Postgres => (format!("generate_series(1, {number}) AS n(i)"), "'polled-' || lpad(i::text, 8, '0')"),
    };
    let content = format!(
        "'{{\"resourceType\":\"Appointment\",\"id\":\"' || {id} || '\",\"meta\":{{\"versionId\":\"1\"}},\"status\":\"booked\",\
         \"comment\":\"{}\"}}'",
        "x".repeat(300)
    );
    let time = "'2026-03-01T08:00:00.000Z'";
    let inserts = [
        format!(
            "INSERT INTO resource SELECT 'Appointment', {id}, 1, {time}, 'hash', 1, 'booked', {time} FROM {numbers}"
        ),
        format!(
            "INSERT INTO resource_version (resource_type, id, version, last_updated, interaction, content) \
             SELECT 'Appointment', {id}, 1, {time}, 'create', {content} FROM {numbers}"
        ),
        format!("INSERT INTO identifier SELECT 'Appointment', {id}, '{SYSTEM}', {id}, 'held' FROM {numbers}"),
    ];
    let drop_index = "DROP INDEX identifier_system".to_owned();
    let make_index = include_str!("../../migrations/0005_identifier_system.sql").to_owned();
    let analyze = match backend {
        Backend::Sqlite => "PRAGMA optimize",
        Backend::Postgres => "VACUUM ANALYZE",
    };
    let statements = [&[drop_index][..], &inserts].concat();
    macro_rules! inserted_by {
        ($connection:ident) => {{
            let mut connection = $connection::connect(url).await.expect("the database opens");
            for sql in statements {
                sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.expect("inserted");
            }
            let began = Instant::now();
            sqlx::raw_sql(AssertSqlSafe(make_index)).execute(&mut connection).await.expect("indexed");
            let took = began.elapsed();
            sqlx::query(analyze).execute(&mut connection).await.expect("analysed");
            connection.close().await.expect("closed");
            took
        }};
    }
    match backend {
        Backend::Sqlite => inserted_by!(SqliteConnection),
        Backend::Postgres => inserted_by!(PgConnection),
    }
}

/// What became of the pollers' requests.
#[derive(Default)]
pub struct Polled {
    pub answered: usize,
    pub refused: usize,
    pub wrong: usize,
    pub longest: Duration,
}

/// Pollers, until the stop.
pub struct Polling {
    polled: Arc<Mutex<Polled>>,
    stopped: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    pollers: usize,
}

impl Polling {
    /// So many pollers, on four addresses of this machine. Each repeats one of these requests.
    pub fn begin(runtime: &Runtime, address: &str, pollers: usize, requests: &[String]) -> Self {
        let (polled, stopped) = (Arc::<Mutex<Polled>>::default(), Arc::<AtomicBool>::default());
        let address: SocketAddr = address.parse().expect("an address");
        let tasks = (0..pollers).map(|number| {
            let (polled, stopped) = (polled.clone(), stopped.clone());
            let request = requests[number % requests.len()].clone();
            runtime.spawn(async move {
                while !stopped.load(Ordering::Relaxed) {
                    // A disconnected client connects again.
                    if poll(address, number, &request, &polled, &stopped).await.is_err() {
                        polled.lock().unwrap_or_else(PoisonError::into_inner).wrong += 1;
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            })
        });
        Self { tasks: tasks.collect(), polled, stopped, pollers }
    }

    /// Waits until as many requests were answered as there are pollers.
    pub fn wait_until_under_way(&self) {
        crate::platform::wait_for("the pollers to be answered", || {
            let polled = self.polled.lock().unwrap_or_else(PoisonError::into_inner);
            polled.answered + polled.refused >= self.pollers
        });
    }

    pub fn end(self, runtime: &Runtime) -> Polled {
        self.stopped.store(true, Ordering::Relaxed);
        for task in self.tasks {
            runtime.block_on(task).expect("a poller");
        }
        std::mem::take(&mut *self.polled.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Polls over one connection until the stop, and obeys `Retry-After`.
async fn poll(
    address: SocketAddr,
    number: usize,
    request: &str,
    polled: &Mutex<Polled>,
    stopped: &AtomicBool,
) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, [1, 2, 3, 4][number % 4]], 0)))?;
    let mut stream = BufReader::new(socket.connect(address).await?);
    while !stopped.load(Ordering::Relaxed) {
        let began = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        let (status, retry_after) = answer(&mut stream).await?;
        {
            let mut polled = polled.lock().unwrap_or_else(PoisonError::into_inner);
            polled.longest = polled.longest.max(began.elapsed());
            match (status, retry_after) {
                (200, _) => polled.answered += 1,
                (503, Some(_)) => polled.refused += 1,
                _ => polled.wrong += 1,
            }
        }
        if let Some(seconds) = retry_after {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }
    Ok(())
}

/// The status and `Retry-After` of an answer, which is read to its end.
async fn answer(stream: &mut BufReader<tokio::net::TcpStream>) -> std::io::Result<(u16, Option<u64>)> {
    let (mut status, mut length, mut retry_after) = (0, 0, None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if status == 0 {
            status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(1);
        }
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap_or_default(),
            Some(("retry-after", value)) => retry_after = value.parse().ok(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((status, retry_after))
}
