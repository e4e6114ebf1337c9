//! The SAS platform: it creates and updates accounts and appointments, replays what was not
//! acknowledged, and remembers what was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ledger::Line;
use crate::process::{Answer, exchange_within};

const T: &str = "urn:oid:1.2.250.1.213.3.6";
const AGENDA: &str = "https://agenda.example.org/rdv";
const REGULATOR: &str = include_str!("../fixtures/regulator.json");
const APPOINTMENT: &str = include_str!("../fixtures/appointment.json");

/// Writers at the same time, each with accounts and appointments of its own.
pub const WRITERS: usize = 8;
/// A platform waits no longer for an answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// It comes back sooner than `Retry-After` asks: more replays, and more faults in the same time.
const PAUSE: Duration = Duration::from_millis(25);
/// Once the faults are over, every write is acknowledged within this time.
const SETTLED: Duration = Duration::from_mins(1);

/// A write as it is sent, again and again.
struct Write {
    resource_type: &'static str,
    key: String,
    marker: String,
    creates: bool,
    body: String,
}

/// An acknowledged version.
pub struct Acknowledged {
    pub resource_type: &'static str,
    /// The identifier that the write is about.
    pub key: String,
    pub id: String,
    pub version: i64,
    /// The resource as answered.
    pub content: String,
}

/// What the platform knows.
#[derive(Default)]
pub struct Memory {
    pub acknowledged: Vec<Acknowledged>,
    /// What tells one content from every other, of all that were sent.
    pub markers: Vec<String>,
    pub line: Line,
    /// When the last acknowledged request was sent.
    last_sent: Option<Instant>,
}

#[derive(Default)]
pub struct Platform {
    /// Where the instances listen.
    pub addresses: RwLock<Vec<String>>,
    memory: Mutex<Memory>,
    stopped: AtomicBool,
}

impl Platform {
    /// Writes for as long as `meanwhile` lasts, and then until every write is acknowledged.
    pub fn write_during<T>(&self, meanwhile: impl FnOnce() -> T) -> T {
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        std::thread::scope(|scope| {
            let _stop = Stop(&self.stopped);
            for writer in 0..WRITERS {
                scope.spawn(move || {
                    for step in 0.. {
                        if self.stopped.load(Ordering::SeqCst) {
                            break;
                        }
                        self.see_through(&write(writer, step), writer);
                    }
                });
            }
            meanwhile()
        })
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the first write that is sent from now on and acknowledged.
    pub fn resumes(&self) {
        let now = Instant::now();
        wait_for("a write to be acknowledged again", || self.memory().last_sent.is_some_and(|sent| sent > now));
    }

    /// Sends a write until it is acknowledged: a PUT as it is; a POST once more, and from then on a PUT.
    fn see_through(&self, write: &Write, writer: usize) {
        self.memory().markers.push(write.marker.clone());
        let mut deadline = None;
        for attempt in 0.. {
            let is_post = write.creates && attempt < 2;
            let sent = Instant::now();
            let answer = self.send(write, is_post, writer + attempt);
            let waited = sent.elapsed();
            let mut memory = self.memory();
            memory.line.requests += 1;
            match answer {
                Ok(Answer { status: 200 | 201, body, .. }) => {
                    memory.line.acknowledged += 1;
                    memory.last_sent = memory.last_sent.max(Some(sent));
                    match acknowledged(write, body) {
                        Ok(acknowledged) => memory.acknowledged.push(acknowledged),
                        Err(why) => memory.line.broken.push(why),
                    }
                    return;
                }
                Ok(Answer { status: 503, head, .. }) => {
                    memory.line.unavailable += 1;
                    memory.line.slowest_unavailable = memory.line.slowest_unavailable.max(waited);
                    if !head.contains("retry-after: ") {
                        memory.line.broken.push("a 503 without Retry-After".to_owned());
                    }
                }
                // The first one was carried out, though its answer was lost.
                Ok(Answer { status: 422, .. }) if is_post && attempt > 0 => {}
                Ok(Answer { status, body, .. }) => {
                    memory.line.broken.push(format!("{} was answered {status}: {body}", write.marker));
                    return;
                }
                Err(_) => memory.line.unanswered += 1,
            }
            drop(memory);
            if self.stopped.load(Ordering::SeqCst) {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + SETTLED);
                if Instant::now() > deadline {
                    self.memory().line.broken.push(format!("{} was never acknowledged", write.marker));
                    return;
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn send(&self, write: &Write, is_post: bool, instance: usize) -> std::io::Result<Answer> {
        let address = {
            let addresses = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
            addresses[instance % addresses.len()].clone()
        };
        let Write { resource_type, key, body, .. } = write;
        let line = match is_post {
            true => format!("POST /fhir/{resource_type} HTTP/1.1"),
            false => format!("PUT /fhir/{resource_type}?identifier={key} HTTP/1.1"),
        };
        let head = format!("{line}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
        exchange_within(Some(RESPONSE_TIMEOUT), &address, &head, body)
    }
}

/// The `step`th write of a writer: an account is created and updated twice, then an appointment is made and moved.
fn write(writer: usize, step: usize) -> Write {
    let (number, step_of) = (step / 5, step % 5);
    let marker = format!("mark-{writer}-{step}");
    let intrn = format!("0b9c2a54-7f0e-4c1b-{writer:04}-{number:012}");
    let is_account = step_of < 3;
    let text = if is_account { REGULATOR } else { APPOINTMENT };
    let text = text.replace("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", &intrn);
    let mut body: Value = serde_json::from_str(&text).expect("a fixture");
    let (resource_type, key) = if is_account {
        body["name"][0]["family"] = marker.clone().into();
        ("Practitioner", format!("{T}|{intrn}"))
    } else {
        body["identifier"] = json!([{ "system": AGENDA, "value": format!("{writer}-{number}") }]);
        body["comment"] = marker.clone().into();
        ("Appointment", format!("{AGENDA}|{writer}-{number}"))
    };
    // Every third one is created by POST.
    let creates = matches!(step_of, 0 | 3) && number.is_multiple_of(3);
    Write { resource_type, key, marker, creates, body: body.to_string() }
}

fn acknowledged(write: &Write, content: String) -> Result<Acknowledged, String> {
    let reported = || format!("{} was acknowledged by {content}", write.marker);
    let resource: Value = serde_json::from_str(&content).map_err(|_| reported())?;
    let id = resource["id"].as_str().ok_or_else(reported)?.to_owned();
    let version = resource["meta"]["versionId"].as_str().and_then(|text| text.parse().ok()).ok_or_else(reported)?;
    if !content.contains(&format!("\"{}\"", write.marker)) {
        return Err(reported());
    }
    Ok(Acknowledged { resource_type: write.resource_type, key: write.key.clone(), id, version, content })
}

/// Waits until it holds; panics where it does not within a minute and a half.
pub fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(90), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
