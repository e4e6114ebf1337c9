//! Small bodies made to be expensive: their CPU time and memory, and the memory kept afterwards.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::ledger::{Figure, Goal, Outcome, Unit};
use crate::process::{Answer, Serving, exchange_within};
use crate::scenarios::Extent;
use crate::shapes::{PARAMETERS, SHAPES, Shape};
use crate::support::{Backend, folder};

/// The largest body that is read.
const MAX_BODY: usize = 1 << 20;
/// As many requests are sent at once.
const AT_ONCE: usize = 16;
const MAX_CPU_TIME: Duration = Duration::from_millis(300);
const MAX_MEMORY: f64 = 200.0;
const MAX_MEMORY_AFTERWARDS: f64 = 80.0;
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
const SETTLE_TIME: Duration = Duration::from_secs(5);
/// `sysconf(_SC_CLK_TCK)` of Linux.
const TICK: Duration = Duration::from_millis(10);

/// A request, and the CPU time that it cost.
struct Request {
    name: String,
    head: String,
    body: String,
    cost: Duration,
}

pub fn run(_: Backend, extent: Extent) -> Outcome {
    let folder = folder("faults-bodies");
    let server = Serving::start(&format!("sqlite:{}", folder.path().join("sas.db").display()));
    let [at_rest, _] = memory(&server);
    let unexpected = AtomicUsize::new(0);
    let mut requests = requests(extent);
    for request in &mut requests {
        request.cost = cost(&server, request, 1, &unexpected);
    }
    requests.sort_by_key(|request| std::cmp::Reverse(request.cost));
    let mut sent = requests.len();
    // A hundred of the worst; their mean is more exact than the ticks of one.
    let (worst, times) = extent.of((1, 3), (10, 10));
    for request in requests.iter_mut().take(worst) {
        request.cost = cost(&server, request, times, &unexpected);
        sent += times as usize;
    }
    requests[..worst].sort_by_key(|request| std::cmp::Reverse(request.cost));
    let [after_each, _] = memory(&server);
    let (dead, slowest_life) = while_alive(&server, || {
        for request in requests.iter().take(extent.of(2, 10)) {
            std::thread::scope(|scope| {
                for _ in 0..AT_ONCE {
                    scope.spawn(|| send(&server, request, &unexpected));
                }
            });
            sent += AT_ONCE;
        }
    });
    let [_, peak] = memory(&server);
    let [afterwards, _] = settled(&server);
    drop(server);
    let worst = &requests[0];
    let memory = |name: &str, value, goal| Figure::new(name, value, Unit::Mebibytes, goal);
    let mut figures = vec![
        Figure::duration(format!("CPU time of the worst body ({})", worst.name), worst.cost, MAX_CPU_TIME),
        memory("memory at rest", at_rest, Goal::None),
        memory("memory after bodies one by one", after_each, Goal::AtMost(MAX_MEMORY)),
        memory("memory at its peak", peak, Goal::AtMost(MAX_MEMORY)),
        memory("memory afterwards", afterwards, Goal::AtMost(MAX_MEMORY_AFTERWARDS)),
        Figure::new("bodies sent", sent as f64, Unit::Count, Goal::None),
        Figure::new("slowest /health/live meanwhile", slowest_life.as_secs_f64() * 1e3, Unit::Milliseconds, Goal::None),
    ];
    figures.push(Figure::exactly("answers other than 200 (of $validate), 400 and 422", unexpected.into_inner(), 0));
    figures.push(Figure::exactly("/health/live not answered 200 meanwhile", dead, 0));
    Outcome::Measured(figures)
}

/// Each shape by each way in: in the long form as large as a body may be, and as large as is read to its end.
fn requests(extent: Extent) -> Vec<Request> {
    let ways = ["PUT", "POST", "$validate", "$validate in Parameters"];
    let mut requests = vec![];
    for (index, shape) in SHAPES.iter().enumerate() {
        let bodies = match extent {
            Extent::Full => vec![shape.of_bytes(MAX_BODY - 100), shape.within_bounds(MAX_BODY - 100)],
            Extent::Short => vec![shape.within_bounds(MAX_BODY / 8)],
        };
        // In the short form each shape comes by one of the ways.
        let ways =
            ways.iter().enumerate().filter(|(number, _)| extent == Extent::Full || index % ways.len() == *number);
        for (_, way) in ways {
            requests.extend(bodies.iter().map(|body| request(shape, way, body.clone())));
        }
    }
    requests.push(request(&PARAMETERS, "$validate", PARAMETERS.within_bounds(MAX_BODY)));
    requests
}

fn request(shape: &Shape, way: &str, body: String) -> Request {
    let resource_type = if shape.resource_type == "Parameters" { "Practitioner" } else { shape.resource_type };
    let body = match way.ends_with("Parameters") {
        true => {
            format!("{{\"resourceType\":\"Parameters\",\"parameter\":[{{\"name\":\"resource\",\"resource\":{body}}}]}}")
        }
        false => body,
    };
    let target = match way {
        "PUT" => format!("PUT /fhir/{resource_type}?identifier=urn:x%7Chostile"),
        "POST" => format!("POST /fhir/{resource_type}"),
        _ => format!("POST /fhir/{resource_type}/$validate"),
    };
    let head = format!("{target} HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
    Request { name: format!("{}, {way}, {} kB", shape.name, body.len() >> 10), head, body, cost: Duration::ZERO }
}

/// The CPU time of one such request, the mean of so many.
fn cost(server: &Serving, request: &Request, times: u32, unexpected: &AtomicUsize) -> Duration {
    let before = cpu_time(server);
    for _ in 0..times {
        send(server, request, unexpected);
    }
    cpu_time(server).saturating_sub(before) / times
}

fn send(server: &Serving, request: &Request, unexpected: &AtomicUsize) {
    let answer = exchange_within(Some(ANSWER_TIMEOUT), &server.address, &request.head, &request.body);
    let status = answer.map_or(0, |Answer { status, .. }| status);
    let is_expected = matches!(status, 400 | 422) || (status == 200 && request.head.contains("$validate"));
    if !is_expected {
        println!("{}: answered {status}", request.name);
        unexpected.fetch_add(1, Ordering::Relaxed);
    }
}

/// Asks for `/health/live` while this happens: how often it was not answered 200, and the longest wait.
fn while_alive(server: &Serving, meanwhile: impl FnOnce()) -> (usize, Duration) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (mut dead, mut slowest) = (0, Duration::ZERO);
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                let answer =
                    exchange_within(Some(ANSWER_TIMEOUT), &server.ops_address, "GET /health/live HTTP/1.1\r\n", "");
                slowest = slowest.max(began.elapsed());
                dead += usize::from(answer.map_or(0, |Answer { status, .. }| status) != 200);
                std::thread::sleep(Duration::from_millis(20));
            }
            (dead, slowest)
        });
        meanwhile();
        is_over.store(true, Ordering::Relaxed);
        asking.join().expect("it asks to the end")
    })
}

/// The memory a while after the last request, while the operator's probes go on.
fn settled(server: &Serving) -> [f64; 2] {
    let began = Instant::now();
    while began.elapsed() < SETTLE_TIME {
        let _ = server.ops("/health/live");
        std::thread::sleep(Duration::from_millis(250));
    }
    memory(server)
}

/// Resident memory, now and at its peak, in MiB.
fn memory(server: &Serving) -> [f64; 2] {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("it runs");
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).expect("a number")
    };
    [kilobytes("VmRSS:") / 1024.0, kilobytes("VmHWM:") / 1024.0]
}

/// The CPU time of the process so far.
fn cpu_time(server: &Serving) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).expect("it runs");
    // The name of the program, in parentheses, may hold anything.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks = rest.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>().expect("ticks"));
    TICK * ticks.sum::<u32>()
}
