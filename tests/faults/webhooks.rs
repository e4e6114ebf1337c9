//! Webhooks, while the instances that deliver them are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde_json::Value;

use crate::ledger::{Figure, Goal, Outcome, Unit};
use crate::places::Database;
use crate::platform::wait_for;
use crate::process::{Serving, databases, exchange, exchange_within, on_free_ports, program};
use crate::receiver::{Received, Receiver};
use crate::scenarios::{Extent, runtime};
use crate::support::{Backend, folder};

const T: &str = "urn:oid:1.2.250.1.213.3.6";
const REGULATOR: &str = include_str!("../fixtures/regulator.json");
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Writers at the same time.
const WRITERS: usize = 4;
/// Between two kills, at random.
const MAX_LIFE_MILLISECONDS: u32 = 400;
/// Events that are delivered between two kills at least.
const EVENTS_BETWEEN_KILLS: usize = 60;

/// What the writers, the instances and the receiver share.
struct Play {
    database: Database,
    settings: String,
    receiver: Receiver,
    addresses: RwLock<Vec<String>>,
    acknowledged: AtomicUsize,
    is_over: AtomicBool,
}

/// Kills the deliverer, again and again, and counts what the receiver got.
pub fn run(backend: Backend, extent: Extent) -> Outcome {
    let runtime = runtime();
    let database = match runtime.block_on(Database::new(backend)) {
        Ok(database) => database,
        Err(why) => return Outcome::NotRun(why),
    };
    let folder = folder("faults-webhooks");
    let receiver = Receiver::start();
    let settings = write_settings(folder.path(), &receiver);
    let (addresses, acknowledged, is_over) = (RwLock::default(), AtomicUsize::new(0), AtomicBool::new(false));
    let play = Play { database, settings, receiver, addresses, acknowledged, is_over };
    let (instances, kills) = match backend {
        Backend::Sqlite => (1, extent.of(5, 50)),
        // Each takes the time that a lease takes to end.
        Backend::Postgres => (2, extent.of(2, 12)),
    };
    let instances: Vec<_> = (0..instances).map(|_| Mutex::new(play.start())).collect();
    *play.addresses() = instances.iter().map(|instance| lock(instance).address.clone()).collect();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let play = &play;
            scope.spawn(move || play.write(writer));
        }
        for _ in 0..kills {
            play.kill_deliverer(&instances);
        }
        play.is_over.store(true, Ordering::SeqCst);
    });
    let expected = play.logged();
    wait_for("the last event", || play.receiver.received().last().map(Received::position) == expected.last().copied());
    Outcome::Measured(count(&play, &expected, kills))
}

fn write_settings(folder: &Path, receiver: &Receiver) -> String {
    let file = folder.join("settings.toml");
    let text =
        format!("[[webhook]]\nname = \"vendor\"\nurl = \"{}\"\nsecret = \"{SECRET}\"\nfrom = 0\n", receiver.url());
    std::fs::write(&file, text).expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

fn lock(instance: &Mutex<Serving>) -> std::sync::MutexGuard<'_, Serving> {
    instance.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Play {
    fn start(&self) -> Serving {
        let mut command = on_free_ports(&["--log", "error", "--config", &self.settings]);
        Serving::spawn(command.args(databases(&self.database.url)))
    }

    fn addresses(&self) -> std::sync::RwLockWriteGuard<'_, Vec<String>> {
        self.addresses.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates and changes accounts, at any instance, whether it answers or not.
    fn write(&self, writer: usize) {
        for step in 0_usize.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let intrn = format!("0b9c2a54-7f0e-4c1b-{writer:04}-{:012}", step / 3);
            let body = REGULATOR.replace("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", &intrn);
            let body = body.replace("AUBERT", &format!("name {step}"));
            let head = format!(
                "PUT /fhir/Practitioner?identifier={T}|{intrn} HTTP/1.1\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n",
                body.len()
            );
            let address = {
                let addresses = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
                addresses[step % addresses.len()].clone()
            };
            match exchange_within(Some(Duration::from_secs(10)), &address, &head, &body) {
                Ok(answer) if matches!(answer.status, 200 | 201) => {
                    self.acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
            // The receiver keeps up.
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills the instance that delivers, at any moment, and starts another in its place.
    fn kill_deliverer(&self, instances: &[Mutex<Serving>]) {
        let enough = self.receiver.received().len() + EVENTS_BETWEEN_KILLS;
        wait_for("events to be delivered", || self.receiver.received().len() >= enough);
        let delivers = |instance: &Mutex<Serving>| {
            let metrics = lock(instance).ops("/metrics").map(|(_, metrics)| metrics).unwrap_or_default();
            metrics.contains("sas_webhook_deliveries_total{")
        };
        let number = instances.iter().position(delivers).expect("one delivers");
        let random = getrandom::u32().expect("a random number");
        std::thread::sleep(Duration::from_millis(u64::from(random % MAX_LIFE_MILLISECONDS)));
        let mut instance = lock(&instances[number]);
        instance.kill_and_wait();
        *instance = self.start();
        self.addresses()[number].clone_from(&instance.address);
    }

    /// The positions of all events, as the change feed has them.
    fn logged(&self) -> Vec<i64> {
        let (address, mut after, mut positions) = (self.addresses()[0].clone(), 0, vec![]);
        loop {
            let head = format!("GET /events?after={after}&limit=1000 HTTP/1.1\r\n");
            let (status, text) = exchange(&address, &head, "").expect("an answer");
            assert_eq!(status, 200, "{text}");
            let page: Value = serde_json::from_str(&text).expect("JSON");
            let events = page["events"].as_array().expect("events");
            positions.extend(events.iter().map(|event| event["position"].as_i64().expect("a position")));
            if events.is_empty() {
                return positions;
            }
            after = page["next"].as_i64().expect("a position");
        }
    }
}

fn count(play: &Play, expected: &[i64], kills: usize) -> Vec<Figure> {
    let received = play.receiver.received();
    let (mut ids, mut other_ids, mut out_of_order, mut returns) = (BTreeMap::new(), 0, 0, 0);
    let (mut highest, mut last) = (0, 0);
    for event in &received {
        let position = event.position();
        match ids.get(&position) {
            Some(id) if id != event.id() => other_ids += 1,
            Some(_) => {}
            None => {
                ids.insert(position, event.id().to_owned());
                out_of_order += usize::from(position < highest);
            }
        }
        returns += usize::from(position <= last);
        last = position;
        highest = highest.max(position);
    }
    let expected: BTreeSet<_> = expected.iter().copied().collect();
    let lost = expected.iter().filter(|position| !ids.contains_key(position)).count();
    let unknown = ids.keys().filter(|position| !expected.contains(position)).count();
    let mut command = program(&["--config", &play.settings, "--database-url", &play.database.url, "webhooks"]);
    let listed = command.output().expect("it runs");
    let is_active = String::from_utf8_lossy(&listed.stdout).contains("active");
    let acknowledged = play.acknowledged.load(Ordering::SeqCst);
    vec![
        Figure::new("deliverers killed", kills as f64, Unit::Count, Goal::None),
        Figure::new("writes acknowledged", acknowledged as f64, Unit::Count, Goal::None),
        Figure::new("events delivered", ids.len() as f64, Unit::Count, Goal::AtLeast(acknowledged as f64)),
        Figure::new(
            "events doubled, with the same webhook-id",
            (received.len() - ids.len()) as f64,
            Unit::Count,
            Goal::None,
        ),
        Figure::exactly("events doubled with another webhook-id", other_ids, 0),
        Figure::exactly("events lost", lost, 0),
        Figure::exactly("events out of order", out_of_order, 0),
        Figure::exactly("events that are not in the log", unknown, 0),
        // A crash goes back to the position saved last, at most once.
        Figure::new("returns to an earlier position", returns as f64, Unit::Count, Goal::AtMost(kills as f64)),
        Figure::exactly("webhooks that are active in the end", usize::from(is_active), 1),
    ]
}
