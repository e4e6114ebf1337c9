//! A server for one test, with methods for the requests of clients.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use jiff::Timestamp;
use sas_endpoint::access::Access;
use sas_endpoint::annuaire::api::Directory;
use sas_endpoint::annuaire::store::Mirror;
use sas_endpoint::clock::Clock;
use sas_endpoint::decision::Decision;
use sas_endpoint::fault::Faults;
use sas_endpoint::fhir::id::Id;
use sas_endpoint::http::bounds::Bounds;
use sas_endpoint::http::events::EventFeed;
use sas_endpoint::http::origin::{BaseUrl, Identification, proxy};
use sas_endpoint::http::{self, AppParts, listener};
use sas_endpoint::interaction::Endpoint;
use sas_endpoint::interaction::directory::DirectoryCheck;
use sas_endpoint::sas::deviation::Validation;
use sas_endpoint::sas::validation::Validator;
use sas_endpoint::storage::Storage;
use sas_endpoint::storage::write_queue::WriteQueue;
use sas_endpoint::tls::trust::Trust;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::client;
pub use crate::client::Answer;
use crate::support::{Backend, GENEROUS, TestDatabase};

pub const N: &str = "urn:oid:1.2.250.1.71.4.2.1";
pub const T: &str = "urn:oid:1.2.250.1.213.3.6";

/// The base of the absolute URLs in answers: not the address that is listened on.
pub const BASE: &str = "https://sas.example.org/fhir";

/// Bodies up to this size are read.
pub const MAX_BODY: usize = 1 << 20;

/// The settings of a server. The default: tolerant, without authentication, without a rate limit.
#[derive(Clone)]
pub struct Setup {
    pub validation: Validation,
    pub directory: Option<DirectoryCheck>,
    pub decision: Option<Decision>,
    pub access: Access,
    pub proxies: proxy::Settings,
    pub trust: Option<Trust>,
    pub base_url: BaseUrl,
    pub bounds: Bounds,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            validation: Validation::Tolerant,
            directory: None,
            decision: None,
            access: Access::open(),
            proxies: proxy::Settings::default(),
            trust: None,
            base_url: BaseUrl::Fixed(BASE.into()),
            bounds: Bounds { max_body: MAX_BODY, rate: 0, timeouts: GENEROUS, ..Bounds::default() },
        }
    }
}

impl Setup {
    /// A server with these settings, on an empty database; `None` without Postgres.
    pub async fn start(self, backend: Backend) -> Option<TestServer> {
        Some(TestServer::start(Arc::new(TestDatabase::new(backend).await?), self).await)
    }

    /// The same on SQLite, where the database does not matter.
    pub async fn start_somewhere(self) -> TestServer {
        self.start(Backend::Sqlite).await.expect("SQLite is always there")
    }
}

/// A running server, with an empty directory mirror. Its clock starts at 2026-03-01T08:00:00Z and
/// advances a second a reading.
pub struct TestServer {
    pub address: std::net::SocketAddr,
    pub storage: Storage,
    pub database: Arc<TestDatabase>,
    setup: Setup,
    /// The server stops when it is dropped.
    _stop: watch::Sender<bool>,
}

impl TestServer {
    /// A tolerant server on an empty database; `None` where there is no Postgres.
    pub async fn tolerant(backend: Backend) -> Option<Self> {
        Setup::default().start(backend).await
    }

    /// A tolerant one that asks the directory of those who are cited.
    pub async fn checking(backend: Backend, directory: Option<DirectoryCheck>) -> Option<Self> {
        Setup { directory, ..Setup::default() }.start(backend).await
    }

    /// A strict one.
    pub async fn strict(backend: Backend) -> Option<Self> {
        Setup { validation: Validation::Strict, ..Setup::default() }.start(backend).await
    }

    /// A second server on the same database.
    pub async fn another(&self) -> Self {
        self.another_with(self.setup.clone()).await
    }

    /// A second server on the same database, with these settings.
    pub async fn another_with(&self, setup: Setup) -> Self {
        Self::start(self.database.clone(), setup).await
    }

    async fn start(database: Arc<TestDatabase>, setup: Setup) -> Self {
        let storage =
            Storage::open(&database.url).await.expect("the database opens").with_count_timeout(GENEROUS.search);
        let clock = ticking_clock();
        let key = storage.exchanges_key().await.expect("a key");
        let (writer, _) = WriteQueue::start(storage.clone(), clock.clone(), key);
        let (stop, stopping) = watch::channel(false);
        let feed = EventFeed::open(storage.clone(), writer.committed(), stopping.clone()).await.expect("a log");
        let endpoint = Endpoint {
            validator: validator(setup.validation),
            storage: storage.clone(),
            writer,
            directory: setup.directory.clone(),
            decision: setup.decision.clone(),
            clock: clock.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let copy = match database.url.starts_with("sqlite:") {
            true => format!("{}.annuaire", database.url),
            false => database.url.clone(),
        };
        let copy = Mirror::open(&copy).await.expect("the copy opens");
        let identification = Identification {
            base_url: setup.base_url.clone(),
            access: setup.access.clone(),
            proxies: setup.proxies.clone(),
            trust: setup.trust.clone(),
        };
        let directory = Some(Directory::new(copy, setup.base_url.configured(), clock));
        let bounds = setup.bounds.clone();
        let service = http::service(AppParts {
            endpoint,
            directory,
            feed,
            identification,
            bounds: bounds.clone(),
            recorder: None,
            faults: Faults::off(),
        });
        tokio::spawn(listener::serve(listener, service, bounds, stopping));
        Self { address, storage, database, setup, _stop: stop }
    }

    /// Sends a request as it is; its URI is a path such as `/fhir/Practitioner`.
    pub async fn send(&self, request: Request) -> Answer {
        client::send(self.address, request).await
    }

    /// `method` on `/fhir{path}` with headers and a body.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request =
            Request::builder().method(method).uri(format!("/fhir{path}")).header(header::HOST, "other.localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).expect("a request")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(
            "POST",
            path,
            &[("content-type", "application/json"), ("accept", "application/json+fhir")],
            body.to_string(),
        )
        .await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request(
            "PUT",
            path,
            &[("content-type", "application/json"), ("accept", "application/json+fhir")],
            body.to_string(),
        )
        .await
    }

    /// `method` on this path, which is not completed, with headers and without a body.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = headers
            .iter()
            .fold(Request::builder().method(method).uri(path), |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    /// How many resources of a type there are.
    pub async fn count(&self, resource_type: &str) -> i64 {
        self.get(&format!("/{resource_type}?_count=0")).await.json()["total"].as_i64().expect("a total")
    }
}

/// The profiles take a while to compile.
fn validator(validation: Validation) -> Arc<Validator> {
    fn compile(validation: Validation) -> Arc<Validator> {
        Arc::new(Validator::new(validation).expect("the profiles compile"))
    }
    static TOLERANT: LazyLock<Arc<Validator>> = LazyLock::new(|| compile(Validation::Tolerant));
    static STRICT: LazyLock<Arc<Validator>> = LazyLock::new(|| compile(Validation::Strict));
    match validation {
        Validation::Tolerant => TOLERANT.clone(),
        Validation::Strict => STRICT.clone(),
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    /// The id of the resource, from `Location`.
    pub fn id(&self) -> String {
        self.header("location").rsplit('/').next().expect("an id").to_owned()
    }

    /// The rules cited, in order.
    pub fn rules(&self) -> Vec<String> {
        let issues = self.json()["issue"].as_array().cloned().unwrap_or_default();
        let rule = |issue: &Value| issue["details"]["coding"][0]["code"].as_str().expect("a rule").to_owned();
        issues.iter().map(rule).collect()
    }

    /// Asserts the status, with the whole answer at hand if it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} {:?}", self.text, self.headers);
        self
    }

    /// Asserts a refusal: status, media type, a valid OperationOutcome that cites this rule.
    #[track_caller]
    pub fn refused(self, status: u16, rule: &str) -> Self {
        let answer = self.expect(status);
        assert_operation_outcome(&answer);
        assert!(answer.rules().iter().any(|cited| cited == rule), "{} is not cited: {}", rule, answer.text);
        if matches!(status, 400 | 422) {
            for issue in answer.json()["issue"].as_array().expect("issues") {
                let is_about_body = !issue["expression"][0].as_str().expect("a path").starts_with("http.");
                assert_eq!(position(issue).is_some(), is_about_body, "{issue}");
            }
        }
        answer
    }
}

/// `line:column` of an issue in the body, where it has them.
pub fn position(issue: &Value) -> Option<String> {
    let extensions = issue.get("extension")?.as_array().expect("extensions");
    let [line, column] = extensions.as_slice() else { panic!("{} extensions", extensions.len()) };
    let value = |extension: &Value, name: &str| {
        assert_eq!(extension["url"], format!("http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-{name}"));
        extension["valueInteger"].as_u64().filter(|value| *value > 0).expect("an integer from 1")
    };
    Some(format!("{}:{}", value(line, "line"), value(column, "col")))
}

/// Asserts that the answer is an OperationOutcome in which nothing is missing.
#[track_caller]
pub fn assert_operation_outcome(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "application/fhir+json; charset=utf-8", "{}", answer.text);
    let outcome = answer.json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    let issues = outcome["issue"].as_array().expect("issues");
    assert!(!issues.is_empty());
    for issue in issues {
        for pointer in
            ["/severity", "/code", "/details/coding/0/code", "/details/text", "/diagnostics", "/expression/0"]
        {
            assert!(
                issue.pointer(pointer).and_then(Value::as_str).is_some_and(|text| !text.is_empty()),
                "{pointer}: {issue}"
            );
        }
    }
}

/// A clock that advances a second a reading, and ids that count.
fn ticking_clock() -> Clock {
    static SERVERS: AtomicU64 = AtomicU64::new(0);
    let server = SERVERS.fetch_add(1, Ordering::Relaxed);
    let start: Timestamp = "2026-03-01T08:00:00Z".parse().expect("an instant");
    let (seconds, ids) = (AtomicI64::new(0), AtomicU64::new(0));
    Clock::new(
        move || {
            Timestamp::from_second(start.as_second() + seconds.fetch_add(1, Ordering::Relaxed)).expect("an instant")
        },
        move || Id::parse(&format!("s{server}-{:06}", ids.fetch_add(1, Ordering::Relaxed))).expect("an id"),
    )
}

/// An identifier element of type IDNPS or INTRN, by its system.
pub fn identifier(system: &str, value: &str) -> Value {
    let code = if system == N { "IDNPS" } else { "INTRN" };
    json!({
        "type": { "coding": [{ "system": "http://interopsante.org/fhir/CodeSystem/fr-v2-0203", "code": code }] },
        "system": system,
        "value": value,
    })
}

/// A valid account with these identifiers.
pub fn regulator(identifiers: &[(&str, &str)]) -> Value {
    let mut account: Value = serde_json::from_str(include_str!("../fixtures/regulator.json")).expect("a fixture");
    account["identifier"] = identifiers.iter().map(|(system, value)| identifier(system, value)).collect();
    account
}

/// The same, deactivated.
pub fn inactive(mut account: Value) -> Value {
    account["active"] = false.into();
    account
}

/// A valid appointment with this identifier.
pub fn appointment(system: &str, value: &str) -> Value {
    let mut appointment: Value = serde_json::from_str(include_str!("../fixtures/appointment.json")).expect("a fixture");
    appointment["identifier"] = json!([{ "system": system, "value": value }]);
    appointment
}
