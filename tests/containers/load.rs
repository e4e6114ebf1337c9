//! Writes while instances stop and start.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::task::JoinHandle;

use crate::deployment::account;
use crate::installation::identifier_of;
use crate::support::polling::poll_until;

const CLIENTS: usize = 8;

/// The given name of an account as it is created, and as it is changed.
const CREATED: &str = "Nadia";
const CHANGED: &str = "Jeanne";

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
#[derive(Default)]
pub struct Ledger {
    pub answered: Vec<Answered>,
    /// The accounts that were acknowledged: identifier, and given name; `None`: the connection of a change broke off.
    pub acknowledged: HashMap<String, Option<&'static str>>,
    /// Accounts that may be there: the connection of their creation broke off.
    pub unknown: HashSet<String>,
}

impl Ledger {
    /// Asserts that these accounts, identifier and given name of each, are those that were acknowledged, as they were
    /// acknowledged last, and none twice.
    pub fn assert_kept(&self, found: &[(String, String)]) {
        let kept: HashMap<_, _> = found.iter().cloned().collect();
        assert_eq!(kept.len(), found.len(), "an account is there twice");
        assert!(!self.acknowledged.is_empty());
        for (identifier, name) in &self.acknowledged {
            let kept = kept.get(identifier).unwrap_or_else(|| panic!("{identifier} was acknowledged and is lost"));
            assert!(name.is_none_or(|name| name == kept), "{identifier}: {name:?} was acknowledged, {kept} is there");
        }
        let others = kept.keys().filter(|identifier| !self.acknowledged.contains_key(*identifier));
        let others: Vec<_> = others.filter(|identifier| !self.unknown.contains(*identifier)).collect();
        assert_eq!(others, Vec::<&String>::new(), "nobody wrote them");
    }

    fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.unknown.extend(other.unknown);
    }

    /// Adds an account by what was answered to its creation and to its change.
    fn add_account(&mut self, identifier: &str, [created, changed]: &[Answered; 2]) {
        let name = match (created.is_written(), changed.is_written()) {
            (_, true) => Some(CHANGED),
            (true, false) => changed.result.is_ok().then_some(CREATED),
            (false, false) if created.result.is_err() || changed.result.is_err() => {
                self.unknown.insert(identifier.to_owned());
                return;
            }
            (false, false) => return,
        };
        self.acknowledged.insert(identifier.to_owned(), name);
    }
}

/// Clients that create an account and change it, without preconditions, until they are told to end.
pub struct Load {
    answered: Arc<Mutex<Vec<Answered>>>,
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Ledger>>,
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

    /// Waits until so many more PUTs were carried out, all of which began after this call or shortly before.
    pub async fn wait_for_more(&self, count: usize) {
        let written = || self.answered.lock().expect("answers").iter().filter(|answered| answered.is_written()).count();
        let before = written();
        poll_until("PUTs are carried out", async || written() >= before + count).await;
    }

    /// Waits until some PUTs were carried out after this moment.
    pub async fn wait_past(&self, moment: Instant) {
        let is_past = async || {
            let answered = self.answered.lock().expect("answers");
            let later = answered.iter().rev().take_while(|answered| answered.at > moment);
            later.filter(|answered| answered.is_written()).count() >= 2 * CLIENTS
        };
        poll_until("PUTs are carried out later", is_past).await;
    }

    pub async fn end(self) -> Ledger {
        self.is_over.store(true, Ordering::Relaxed);
        let mut ledger = Ledger::default();
        for client in self.clients {
            ledger.add(client.await.expect("a client"));
        }
        ledger.answered = self.answered.lock().expect("answers").clone();
        ledger
    }
}

/// What came of the accounts of one client.
async fn write(
    client: Client,
    url: String,
    pace: Pace,
    answers: Arc<Mutex<Vec<Answered>>>,
    is_over: Arc<AtomicBool>,
) -> Ledger {
    let mut interval = tokio::time::interval(pace.interval());
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut ledger = Ledger::default();
    while !is_over.load(Ordering::Relaxed) {
        let account = account();
        let mut put = async |text: String| {
            interval.tick().await;
            let request = client.put(format!("{url}{}", account.1)).header("content-type", "application/json");
            let result = match request.body(text).send().await {
                Ok(answer) => Ok(Response {
                    status: answer.status().as_u16(),
                    has_retry_after: answer.headers().contains_key("retry-after"),
                }),
                Err(error) => Err(format!("{error:?}")),
            };
            let answered = Answered { at: Instant::now(), result };
            answers.lock().expect("answers").push(answered.clone());
            answered
        };
        let attempts = [put(account.0.clone()).await, put(account.0.replace(CREATED, CHANGED)).await];
        ledger.add_account(identifier_of(&account), &attempts);
    }
    ledger
}
