//! What the pages share.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::live::Live;
use super::login_rate::LoginRate;
use super::scans::Scans;
use super::session::Sessions;
use crate::access::caller::Callers;
use crate::access::token;
use crate::annuaire::store::Mirror;
use crate::background;
use crate::deadline::Deadline;
use crate::fault::Faults;
use crate::http::bounds::Bounds;
use crate::http::origin::proxy;
use crate::http::{App, Counters, Permits};
use crate::interaction::Endpoint;
use crate::journal::JournalReader;
use crate::storage::{CONSOLE_TIMEOUT, StorageError};
use crate::webhook::Webhook;

/// Maximum requests in progress; further ones get 503.
const MAX_REQUESTS: usize = 8;

/// What the console is made of.
pub struct ConsoleParts {
    pub endpoint: Endpoint,
    /// The directory mirror, if there is one.
    pub mirror: Option<Mirror>,
    pub webhooks: Vec<Webhook>,
    pub journal: JournalReader,
    /// What the FHIR listener has answered.
    pub counters: Counters,
    pub live: Live,
    /// The origin of the FHIR API, such as `https://sas.example.org`.
    pub fhir_origin: String,
    pub access: ConsoleAccess,
    /// The permits of the FHIR API: a validation takes one of `$validate`.
    pub permits: Permits,
    pub bounds: Bounds,
    /// The faults that testers arm.
    pub faults: Faults,
    pub proxies: proxy::Settings,
    /// `SAS_CONSOLE_URL`
    pub url: Option<String>,
}

/// Who may look.
#[derive(Clone, Debug)]
pub enum ConsoleAccess {
    /// Everybody who reaches it: a test target.
    Open,
    /// These callers, with their tokens. Nobody, where there is none.
    Callers(Callers),
}

/// The shared state of the pages.
pub struct Console {
    pub parts: ConsoleParts,
    /// The service of the FHIR listener: a request that is sent again passes through it.
    pub fhir: App,
    /// When this instance started.
    pub started: Timestamp,
    pub sessions: Sessions,
    pub login_rate: LoginRate,
    pub requests: Arc<Semaphore>,
    scans: Scans,
    /// The token of forms where the console is open.
    pub csrf: Arc<str>,
}

impl Console {
    /// # Errors
    /// If the operating system provides no random numbers.
    pub fn new(parts: ConsoleParts, fhir: App) -> Result<Self, getrandom::Error> {
        Ok(Self {
            started: parts.endpoint.clock.now(),
            sessions: Sessions::default(),
            login_rate: LoginRate::new(),
            requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
            scans: Scans::default(),
            csrf: token::generate()?.into(),
            parts,
            fhir,
        })
    }

    /// The time, which tests set.
    pub fn now(&self) -> Timestamp {
        self.parts.endpoint.clock.now()
    }

    /// Runs a read that no index bounds, once its turn has come within the timeout: until its deadline, on a background thread.
    ///
    /// # Errors
    /// [`StorageError::DeadlineExceeded`], where no turn came; else that of the read.
    pub async fn scan<T, F>(
        &self,
        timeout: Duration,
        read: impl FnOnce(Deadline) -> F + Send + 'static,
    ) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StorageError>>,
    {
        let turn = self.scans.turn(timeout).await.ok_or(StorageError::DeadlineExceeded)?;
        let deadline = Deadline::after(CONSOLE_TIMEOUT).holding(turn);
        let runtime = Handle::current();
        let done = background::run(move || runtime.block_on(read(deadline)));
        done.await.map_err(StorageError::internal)?
    }

    /// `SAS_CONSOLE_URL`, for comparisons.
    pub fn url(&self) -> &str {
        self.parts.url.as_deref().unwrap_or_default()
    }
}
