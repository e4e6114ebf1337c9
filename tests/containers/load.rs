//! Writes while what answers them comes and goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::task::JoinHandle;

use crate::deployment::account;
use crate::support::polling::poll_until;

const CLIENTS: usize = 8;

/// A client's time from one request to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// 80 requests a second at most, which nginx passes on: it bounds an address to 100.
    BelowTheRateLimit,
    /// As fast as answers come: several hundred a second.
    AboveTheRateLimit,
}

impl Pace {
    fn interval(self) -> Duration {
        Duration::from_millis(match self {
            Self::BelowTheRateLimit => 100,
            Self::AboveTheRateLimit => 1,
        })
    }
}

/// When a PUT was answered, and how.
#[derive(Clone, Debug)]
pub struct Answered {
    pub at: Instant,
    pub result: Result<Response, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub has_retry_after: bool,
}

impl Answered {
    pub fn is_written(&self) -> bool {
        self.result.as_ref().is_ok_and(|response| matches!(response.status, 200 | 201))
    }

    pub fn is_throttled(&self) -> bool {
        self.result == Ok(Response { status: 429, has_retry_after: true })
    }
}

/// What came of the writes.
pub struct Ledger {
    pub answered: Vec<Answered>,
    /// How many accounts were acknowledged.
    pub acknowledged: usize,
    /// Of how many others nobody knows whether they are there: their connection broke off.
    pub unknown: usize,
}

/// Clients that create an account and change it, without preconditions, until they are told to end.
pub struct Load {
    answered: Arc<Mutex<Vec<Answered>>>,
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<(usize, usize)>>,
}

impl Load {
    /// Each client has a connection of its own.
    pub fn start(client: impl Fn() -> Client, url: &str, pace: Pace) -> Self {
        let (answered, is_over) = (Arc::default(), Arc::default());
        let clients = (0..CLIENTS)
            .map(|_| tokio::spawn(write(client(), url.to_owned(), pace, Arc::clone(&answered), Arc::clone(&is_over))));
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

    pub async fn end(self) -> Ledger {
        self.is_over.store(true, Ordering::Relaxed);
        let (mut acknowledged, mut unknown) = (0, 0);
        for client in self.clients {
            let of_client = client.await.expect("a client");
            acknowledged += of_client.0;
            unknown += of_client.1;
        }
        let answered = self.answered.lock().expect("answers").clone();
        Ledger { answered, acknowledged, unknown }
    }
}

/// Returns how many accounts were acknowledged, and of how many others nobody knows.
async fn write(
    client: Client,
    url: String,
    pace: Pace,
    ledger: Arc<Mutex<Vec<Answered>>>,
    is_over: Arc<AtomicBool>,
) -> (usize, usize) {
    let mut interval = tokio::time::interval(pace.interval());
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut acknowledged, mut unknown) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        let (text, criterion) = account();
        let mut attempts = vec![];
        for text in [text.clone(), text.replace("Nadia", "Jeanne")] {
            interval.tick().await;
            let request = client.put(format!("{url}{criterion}")).header("content-type", "application/json").body(text);
            let result = match request.send().await {
                Ok(answer) => Ok(Response {
                    status: answer.status().as_u16(),
                    has_retry_after: answer.headers().contains_key("retry-after"),
                }),
                Err(error) => Err(format!("{error:?}")),
            };
            let answered = Answered { at: Instant::now(), result };
            attempts.push(answered.clone());
            ledger.lock().expect("answers").push(answered);
        }
        if attempts.iter().any(Answered::is_written) {
            acknowledged += 1;
        } else if attempts.iter().any(|attempt| attempt.result.is_err()) {
            unknown += 1;
        }
    }
    (acknowledged, unknown)
}
