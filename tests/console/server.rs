//! A console for one test, with a clock that the test sets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use jiff::Timestamp;
use sas_endpoint::access::caller::{Caller, Callers, Credential};
use sas_endpoint::access::right::Right;
use sas_endpoint::access::token::TokenHash;
use sas_endpoint::annuaire::store::Mirror;
use sas_endpoint::clock::Clock;
use sas_endpoint::console::{ConsoleAccess, ConsoleParts, Live, router};
use sas_endpoint::fault::{Faults, Mode};
use sas_endpoint::fhir::id::Id;
use sas_endpoint::http::bounds::{Bounds, Timeouts};
use sas_endpoint::http::events::EventFeed;
use sas_endpoint::http::listener;
use sas_endpoint::http::origin::Identification;
use sas_endpoint::http::origin::proxy;
use sas_endpoint::http::{AppParts, Counters, Permits, service};
use sas_endpoint::interaction::Endpoint;
use sas_endpoint::journal::JournalReader;
use sas_endpoint::sas::deviation::Validation;
use sas_endpoint::sas::validation::Validator;
use sas_endpoint::storage::Storage;
use sas_endpoint::storage::write_queue::WriteQueue;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::client;
pub use crate::client::Answer;
use crate::process::databases;
use crate::support::{Backend, GENEROUS, TestDatabase};

/// The token of the caller “alice”, who has the right `console`.
pub const TOKEN: &str = "open-sesame-0123456789";

/// Where the clock of a console begins.
const START: i64 = 1_790_000_000;

/// How a console is set up. The default: for callers with a token, reached without a proxy.
pub struct Setup {
    pub access: ConsoleAccess,
    pub url: Option<&'static str>,
    pub bounds: Bounds,
    /// Whether there is a mirror of the directory.
    pub has_mirror: bool,
    /// Whether faults may be armed.
    pub faults: Mode,
}

impl Default for Setup {
    fn default() -> Self {
        let timeouts = Timeouts { permit: GENEROUS.search, ..GENEROUS };
        Self {
            access: callers(),
            url: None,
            bounds: Bounds { timeouts, ..Bounds::default() },
            has_mirror: true,
            faults: Mode::On,
        }
    }
}

/// “alice”, who may look.
fn callers() -> ConsoleAccess {
    let mut callers = Callers::default();
    let alice = Caller { name: "alice".to_owned(), rights: vec![Right::Console] };
    callers.add(alice, Credential::Token(TokenHash::from_token(TOKEN))).expect("the only one");
    ConsoleAccess::Callers(callers)
}

/// A running console.
pub struct TestConsole {
    pub address: SocketAddr,
    pub storage: Storage,
    /// An empty mirror, but for what the test loads.
    pub mirror: Mirror,
    seconds: Arc<AtomicI64>,
    _database: TestDatabase,
    _stop: watch::Sender<bool>,
}

impl Setup {
    /// A console of a test target.
    pub fn open() -> Self {
        Self { access: ConsoleAccess::Open, ..Self::default() }
    }

    /// The same on this database; `None` where there is none to test with.
    pub async fn open_on(backend: Backend) -> Option<TestConsole> {
        Some(Self::open().serve(TestDatabase::new(backend).await?).await)
    }

    pub async fn start(self) -> TestConsole {
        self.serve(TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there")).await
    }

    async fn serve(self, database: TestDatabase) -> TestConsole {
        let storage = Storage::open(&database.url).await.expect("the database opens");
        let seconds = Arc::new(AtomicI64::new(START));
        let of_clock = seconds.clone();
        let now = move || Timestamp::from_second(of_clock.load(Ordering::Relaxed)).expect("a time");
        let clock = Clock::new(now, || Id::parse("a").expect("an id"));
        let key = storage.exchanges_key().await.expect("a key");
        let (writer, _) = WriteQueue::start(storage.clone(), clock.clone(), key);
        let (stop, stopping) = watch::channel(false);
        let feed = EventFeed::open(storage.clone(), writer.committed(), stopping.clone()).await.expect("a feed");
        let endpoint = Endpoint {
            validator: Arc::new(Validator::new(Validation::Tolerant).expect("the profiles compile")),
            storage: storage.clone(),
            writer,
            directory: None,
            decision: None,
            clock: clock.clone(),
        };
        let of_mirror = databases(&database.url)[3].clone();
        let mirror = Mirror::open(&of_mirror).await.expect("the mirror opens");
        let faults = Faults::new(self.faults, Callers::default(), clock.clone());
        let fhir = service(AppParts {
            endpoint: endpoint.clone(),
            directory: None,
            feed,
            identification: Identification::open("http://127.0.0.1:8080/fhir"),
            bounds: self.bounds.clone(),
            recorder: None,
            faults: faults.clone(),
        });
        let parts = ConsoleParts {
            endpoint,
            mirror: self.has_mirror.then(|| mirror.clone()),
            webhooks: vec![],
            journal: JournalReader::default(),
            counters: Counters::new(clock),
            live: Live::new(stopping.clone()),
            fhir_origin: "http://127.0.0.1:8080".to_owned(),
            access: self.access,
            permits: Permits::new(&self.bounds),
            bounds: self.bounds.clone(),
            faults,
            proxies: proxy::Settings::default(),
            url: self.url.map(str::to_owned),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(listener::serve(listener, router(parts, fhir).expect("random bits"), self.bounds, stopping));
        TestConsole { address, storage, mirror, seconds, _database: database, _stop: stop }
    }
}

impl TestConsole {
    pub fn advance_minutes(&self, minutes: i64) {
        self.seconds.fetch_add(60 * minutes, Ordering::Relaxed);
    }

    /// A request with these headers and this body, as a form if there is one.
    pub async fn request(&self, method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let is_typed = headers.iter().any(|(name, _)| *name == "content-type");
        if !body.is_empty() && !is_typed {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        client::send(self.address, request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.request("GET", uri, &[], "").await
    }

    /// Tries to log in with this token.
    pub async fn log_in(&self, token: &str) -> Answer {
        self.request("POST", "/console/login", &[], &form(&[("token", token)])).await
    }

    /// Logs in as “alice”; returns the header `Cookie`.
    pub async fn session(&self) -> String {
        self.log_in(TOKEN).await.expect(303).cookie("sas_console")
    }

    /// The token in the forms of a page.
    pub async fn csrf(&self, uri: &str, cookie: &str) -> String {
        csrf(&self.request("GET", uri, &[("cookie", cookie)], "").await.expect(200).text)
    }
}

/// The token in the forms of a page.
pub fn csrf(page: &str) -> String {
    let rest = page.split("name=\"csrf\" value=\"").nth(1).expect("a form with a token");
    rest.split('"').next().expect("a token").to_owned()
}

/// The body of a form.
pub fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    /// The headers `Set-Cookie`.
    pub fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("visible ASCII")).collect()
    }

    /// `name=value` of a cookie that is set.
    pub fn cookie(&self, name: &str) -> String {
        let cookies = self.set_cookies();
        let found = cookies.iter().find(|cookie| cookie.starts_with(&format!("{name}=")));
        found.and_then(|cookie| cookie.split(';').next()).expect("the cookie").to_owned()
    }

    /// Asserts the status, with the whole answer at hand if it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} {:?}", self.text, self.headers);
        self
    }
}
