//! The service in this process, without a network.

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseResult, TestRunner};
use sas_endpoint::annuaire::api::Directory;
use sas_endpoint::annuaire::store::Mirror;
use sas_endpoint::annuaire::store::resource::ParsedResource;
use sas_endpoint::clock::Clock;
use sas_endpoint::fault::Faults;
use sas_endpoint::http::bounds::Bounds;
use sas_endpoint::http::events::EventFeed;
use sas_endpoint::http::origin::Identification;
use sas_endpoint::http::{self, App, AppParts};
use sas_endpoint::interaction::Endpoint;
use sas_endpoint::sas::deviation::Validation;
use sas_endpoint::sas::validation::Validator;
use sas_endpoint::storage::Storage;
use sas_endpoint::storage::write_queue::WriteQueue;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::support::{Backend, GENEROUS, TestDatabase};
use crate::{content, log};

/// The base of the absolute URLs in answers.
pub const BASE: &str = "https://sas.example.org/fhir";
/// Where the directory is served.
pub const ANNUAIRE: &str = "/annuaire/fhir/v2";

/// A service over empty accounts and a small directory.
pub struct Service {
    service: App,
    runtime: Runtime,
    /// One behind the other, accounts and directory.
    _databases: [TestDatabase; 2],
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Service {
    /// One that serves everybody.
    pub fn open() -> Self {
        Self::identifying(Identification::open(BASE))
    }

    /// One that finds out like this who is there.
    pub fn identifying(identification: Identification) -> Self {
        log::listen();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (service, databases) = runtime.block_on(served(identification));
        Self { service, runtime, _databases: databases }
    }

    /// Sends a request; to a host of its own, unless it names one.
    pub fn send(&self, mut request: Request) -> Answer {
        request.headers_mut().entry(header::HOST).or_insert(HeaderValue::from_static("localhost"));
        self.runtime.block_on(async {
            let response = self.service.clone().oneshot(request).await.expect("it never fails");
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.expect("a whole answer").to_bytes();
            let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
            Answer { status: parts.status.as_u16(), headers: parts.headers, text }
        })
    }

    /// A request without headers of its own.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_owned())).expect("a request"))
    }
}

async fn served(identification: Identification) -> (App, [TestDatabase; 2]) {
    let accounts = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let annuaire = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let storage = Storage::open(&accounts.url).await.expect("the database opens");
    let copy = Mirror::open(&annuaire.url).await.expect("the copy opens");
    let resources = content::everything().into_iter();
    let prepared = resources.map(|resource| ParsedResource::parse(&resource.to_string()).expect("a resource"));
    let mut writer = copy.writer().await.expect("the copy answers").expect("nobody else writes");
    writer.add(prepared.collect(), true).await.expect("added");
    writer.commit().await.expect("committed");
    let clock = Clock::system();
    let key = storage.exchanges_key().await.expect("a key");
    let (writer, _) = WriteQueue::start(storage.clone(), clock.clone(), key);
    let (_, stopping) = tokio::sync::watch::channel(false);
    let feed = EventFeed::open(storage.clone(), writer.committed(), stopping).await.expect("a log");
    let directory = Some(Directory::new(copy, BASE, clock.clone()));
    let endpoint = Endpoint { validator: validator(), storage, writer, directory: None, decision: None, clock };
    let parts = AppParts {
        endpoint,
        directory,
        feed,
        identification,
        bounds: Bounds { rate: 0, timeouts: GENEROUS, ..Bounds::default() },
        recorder: None,
        faults: Faults::off(),
    };
    (http::service(parts), [accounts, annuaire])
}

fn validator() -> Arc<Validator> {
    static VALIDATOR: OnceLock<Arc<Validator>> = OnceLock::new();
    let validator = || Arc::new(Validator::new(Validation::Tolerant).expect("the profiles compile"));
    VALIDATOR.get_or_init(validator).clone()
}

/// Holds a property against many inputs, all of one service that is open to everybody.
pub fn for_all<S: Strategy>(strategy: S, property: impl Fn(&Service, S::Value) -> TestCaseResult) {
    let service = Service::open();
    hold(strategy, |value| property(&service, value));
}

/// The same inputs each time, unless another number of them is asked for.
pub fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 1500;
        config.rng_seed = RngSeed::Fixed(20_260_301);
    }
    config
}

/// Holds a property against many inputs.
pub fn hold<S: Strategy>(strategy: S, property: impl Fn(S::Value) -> TestCaseResult) {
    let outcome = TestRunner::new(config()).run(&strategy, property);
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
