//! Writes through nginx while its instances come and go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::task::JoinHandle;

use crate::deployment::account;
use crate::support::polling::poll_until;

/// So many clients, one request each in this interval: 80 requests a second at most, which nginx passes on (100).
const CLIENTS: usize = 8;
const INTERVAL: Duration = Duration::from_millis(100);

/// When a PUT was answered, and how.
#[derive(Clone, Debug)]
pub struct Answered {
    pub at: Instant,
    pub result: Result<u16, String>,
}

impl Answered {
    pub fn is_written(&self) -> bool {
        matches!(self.result, Ok(200 | 201))
    }
}

/// Clients that create an account and change it, without preconditions, until they are told to end.
pub struct Load {
    answered: Arc<Mutex<Vec<Answered>>>,
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<usize>>,
}

impl Load {
    /// Each client has a connection of its own.
    pub fn start(client: impl Fn() -> Client, url: &str) -> Self {
        let (answered, is_over) = (Arc::default(), Arc::default());
        let clients = (0..CLIENTS)
            .map(|_| tokio::spawn(write(client(), url.to_owned(), Arc::clone(&answered), Arc::clone(&is_over))));
        let clients = clients.collect();
        Self { answered, is_over, clients }
    }

    /// Waits until so many more PUTs were answered, all of which began after this call or shortly before.
    pub async fn wait_for_more(&self, count: usize) {
        let before = self.answered.lock().expect("answers").len();
        poll_until("PUTs are answered", async || self.answered.lock().expect("answers").len() >= before + count).await;
    }

    /// Waits until some PUTs were answered after this moment.
    pub async fn wait_past(&self, moment: Instant) {
        let is_past = async || {
            let answered = self.answered.lock().expect("answers");
            answered.iter().rev().take(2 * CLIENTS).filter(|answered| answered.at > moment).count() == 2 * CLIENTS
        };
        poll_until("PUTs are answered later", is_past).await;
    }

    /// What was answered, and how many accounts were acknowledged.
    pub async fn end(self) -> (Vec<Answered>, usize) {
        self.is_over.store(true, Ordering::Relaxed);
        let mut accounts = 0;
        for client in self.clients {
            accounts += client.await.expect("a client");
        }
        let answered = self.answered.lock().expect("answers").clone();
        (answered, accounts)
    }
}

async fn write(client: Client, url: String, ledger: Arc<Mutex<Vec<Answered>>>, is_over: Arc<AtomicBool>) -> usize {
    let mut pace = tokio::time::interval(INTERVAL);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut accounts = 0;
    while !is_over.load(Ordering::Relaxed) {
        let (text, criterion) = account();
        let mut is_acknowledged = false;
        for text in [text.clone(), text.replace("Nadia", "Jeanne")] {
            pace.tick().await;
            let request = client.put(format!("{url}{criterion}")).header("content-type", "application/json").body(text);
            let result = match request.send().await {
                Ok(answer) => Ok(answer.status().as_u16()),
                Err(error) => Err(format!("{error:?}")),
            };
            let answered = Answered { at: Instant::now(), result };
            is_acknowledged |= answered.is_written();
            ledger.lock().expect("answers").push(answered);
        }
        accounts += usize::from(is_acknowledged);
    }
    accounts
}
