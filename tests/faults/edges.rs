//! The cost of heads, queries, forms and bodies in chunks of one byte, compared with a plain refusal.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::Duration;

use crate::ledger::Goal::{AtMost, None};
use crate::ledger::Unit::{Mebibytes, Milliseconds};
use crate::ledger::{Figure, Outcome};
use crate::process::{Serving, databases, on_free_ports};
use crate::scenarios::Extent;
use crate::support::{Backend, folder};

/// The token is `abc`.
const CALLER: &str = "[[caller]]\nname = \"edges\"\n\
    token_sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n\
    rights = [\"read\", \"practitioner:write\", \"annuaire:read\"]\n";

const AS_CALLER: &str = "authorization: Bearer abc\r\n";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// The end of a body in chunks.
const LAST_CHUNK: &str = "0\r\n\r\n";

/// Bodies that are sent at the same time.
const BODIES: usize = 16;

/// CPU time and memory of hostile edges; SQLite, as the database is hardly asked.
pub fn edges(_: Backend, extent: Extent) -> Outcome {
    let folder = folder("faults-edges");
    let config = folder.path().join("settings.toml");
    std::fs::write(&config, CALLER).expect("written");
    let mut command =
        on_free_ports(&["--log", "error", "--body-timeout", "2m", "--config", config.to_str().expect("a path")]);
    let serving = Serving::spawn(command.args(databases(&format!("sqlite://{}/edges.db", folder.path().display()))));
    let mut figures = vec![];
    let repetitions = extent.of(20, 500);
    let plain = cpu_of(&serving, repetitions, &get("", ""), 401);
    figures.push(Figure::new("CPU of a plain refusal", plain.as_secs_f64() * 1e3, Milliseconds, None));
    for (name, request, status, at_most) in requests(extent) {
        // Forms of 1 MiB take a while to be sent.
        let repetitions = if request.len() > 100_000 { repetitions / 10 } else { repetitions };
        let cpu = cpu_of(&serving, repetitions, &request, status);
        figures.push(Figure::duration(format!("CPU of {name}"), cpu, Duration::from_millis(at_most)));
    }
    figures.extend(bodies_at_once(&serving, extent));
    drop(serving);
    let _ = std::fs::remove_dir_all(folder);
    Outcome::Measured(figures)
}

fn get(query: &str, headers: &str) -> String {
    format!("GET /fhir/Practitioner/1{query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")
}

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

fn in_chunks_of_one_byte(path: &str, headers: &str, body: &str) -> String {
    let chunks: String = body.bytes().map(|byte| format!("1\r\n{}\r\n", char::from(byte))).collect();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n{headers}\r\n\
         {chunks}{LAST_CHUNK}"
    )
}

/// What is asked: its name, the request, the status, and the CPU time that it may take in milliseconds.
fn requests(extent: Extent) -> Vec<(String, String, u16, u64)> {
    let long = |part: &str| part.repeat(31_000 / part.len());
    let letters = |number: u32| number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
    let names: Vec<String> = (0..140_000).map(letters).collect();
    let form = |path: &str, form: &str| post(path, &format!("{AS_CALLER}{FORM}"), form);
    let (accounts, directory) = ("/fhir/Practitioner/_search", "/annuaire/fhir/v2/Practitioner/_search");
    let large = extent.of(16 << 10, 1 << 20);
    let mut requests = vec![];
    for (header, part) in [
        ("accept", "a,"),
        ("accept", "application/fhir+xml;q=0.1,"),
        ("accept", ";q=1"),
        ("accept-language", "e,"),
        ("accept-language", "de;q=0.5,"),
        ("prefer", "a=b,"),
        ("if-match", "\"\","),
    ] {
        let headers = format!("{header}: {}\r\n", long(part));
        requests.push((format!("a refusal, {header} of 31 kB of {part}"), get("", &headers), 401, 1));
        let status = if header == "accept" { 406 } else { 404 };
        let headers = format!("{headers}{AS_CALLER}");
        requests.push((format!("a caller's, {header} of 31 kB of {part}"), get("", &headers), status, 1));
    }
    let unknown = |names: u32| (0..names).map(letters).collect::<Vec<String>>().join("&");
    requests.push(("64 unknown parameters".into(), get(&format!("?{}", unknown(64)), AS_CALLER), 400, 2));
    for (name, form) in [
        ("140,000 names in _elements", form(directory, &format!("_elements={}", names.join(",")))),
        ("500,000 values in the directory", form(directory, &format!("identifier={}", "a,".repeat(500_000)))),
        ("500,000 parameters in the directory", form(directory, &"a&".repeat(500_000))),
        ("500,000 values", form(accounts, &format!("identifier={}", "a,".repeat(500_000)))),
        ("a token of 1,000,000 parts", form(accounts, &format!("identifier={}", "|".repeat(1_000_000)))),
        ("64 parameters of 1 MB", form(accounts, &vec![format!("{}=1", "a".repeat(15_000)); 64].join("&"))),
    ] {
        requests.push((name.into(), form, 400, 20));
    }
    let chunks = in_chunks_of_one_byte("/fhir/Practitioner", AS_CALLER, &"[".repeat(large));
    requests.push((format!("{large} chunks of one byte"), chunks, 400, 300));
    let chunks = in_chunks_of_one_byte("/fhir/Practitioner", "", &"[".repeat(large));
    requests.push((format!("a stranger's {large} chunks of one byte"), chunks, 401, 5));
    requests
}

/// The CPU time of the program for one such request.
fn cpu_of(serving: &Serving, repetitions: u32, request: &str, status: u16) -> Duration {
    let before = cpu(serving.id());
    for _ in 0..repetitions {
        let mut stream = TcpStream::connect(&serving.address).expect("it listens");
        // Whoever is refused early may not be listened to any longer.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = vec![];
        let _ = stream.read_to_end(&mut answer);
        let found = String::from_utf8_lossy(&answer);
        let is_cut = answer.is_empty() && status == 401;
        assert!(is_cut || found.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.80}: {found:.200}");
    }
    cpu(serving.id()).saturating_sub(before) / repetitions
}

/// User and system time of a process, by the hundredth of a second.
fn cpu(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    let fields: Vec<_> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks = |field: usize| fields[field].parse::<u64>().expect("a number");
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

/// The most that the process had in memory since this was last forgotten, in MiB.
fn peak_memory(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

/// Memory of bodies in chunks of one byte, of which none ends before all the others have been sent.
fn bodies_at_once(serving: &Serving, extent: Extent) -> Vec<Figure> {
    let size = extent.of(16 << 10, 64 << 10);
    let request = in_chunks_of_one_byte("/fhir/Practitioner", AS_CALLER, &"[".repeat(size - 1));
    let unfinished = request.strip_suffix(LAST_CHUNK).expect("an end");
    std::fs::write(format!("/proc/{}/clear_refs", serving.id()), "5").expect("forgotten");
    let before = peak_memory(serving.id());
    let all_sent = Barrier::new(BODIES);
    let answered = std::thread::scope(|scope| {
        let send = || {
            let mut stream = TcpStream::connect(&serving.address).expect("it listens");
            stream.write_all(unfinished.as_bytes()).expect("sent");
            all_sent.wait();
            stream.write_all(LAST_CHUNK.as_bytes()).expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            answer.starts_with("HTTP/1.1 400 ")
        };
        let senders: Vec<_> = (0..BODIES).map(|_| scope.spawn(send)).collect();
        senders.into_iter().map(|sender| sender.join().expect("an answer")).filter(|is_read| *is_read).count()
    });
    let held = peak_memory(serving.id()) - before;
    let name = format!("memory of {BODIES} bodies of {} KiB in chunks of one byte", size >> 10);
    let read = Figure::exactly("bodies in chunks of one byte that are read", answered, BODIES);
    // Each byte took 36 where its frame was kept.
    vec![read, Figure::new(name, held, Mebibytes, AtMost(extent.of(6.0, 12.0)))]
}
