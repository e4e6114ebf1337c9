//! A server over a mirror of the directory, for one test.

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use sas_endpoint::annuaire::api::Directory;
use sas_endpoint::annuaire::store::Mirror;
use sas_endpoint::annuaire::store::resource::ParsedResource;
use sas_endpoint::clock::Clock;
use sas_endpoint::fault::Faults;
use sas_endpoint::fhir::directory_type::DirectoryType;
use sas_endpoint::http::bounds::Bounds;
use sas_endpoint::http::events::EventFeed;
use sas_endpoint::http::origin::Identification;
use sas_endpoint::http::{self, AppParts, listener};
use sas_endpoint::interaction::Endpoint;
use sas_endpoint::sas::deviation::Validation;
use sas_endpoint::sas::validation::Validator;
use sas_endpoint::storage::Storage;
use sas_endpoint::storage::write_queue::WriteQueue;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::client;
pub use crate::client::Answer;
use crate::content;
use crate::mirror::COUNT_TIMEOUT;
use crate::support::{Backend, GENEROUS, TestDatabase};

/// The base of the absolute URLs in answers: not the address that is listened on.
pub const BASE: &str = "https://sas.example.org/ans/annuaire/fhir/v2";

/// The base of the endpoint beside it.
const ENDPOINT: &str = "https://sas.example.org/ans/fhir";

/// The path of the directory's API on the server.
pub const PATH: &str = "/annuaire/fhir/v2";

/// Forms up to this size are read.
pub const MAX_BODY: usize = 1 << 20;

/// A running server, over a mirror of the directory.
pub struct DirectoryServer {
    pub address: std::net::SocketAddr,
    pub mirror: Mirror,
    databases: Arc<[TestDatabase; 2]>,
    /// The server stops when it is dropped.
    _stop: watch::Sender<bool>,
}

impl DirectoryServer {
    /// Over an empty mirror; `None` where there is no Postgres.
    pub async fn empty(backend: Backend) -> Option<Self> {
        let accounts = TestDatabase::new(Backend::Sqlite).await?;
        Some(Self::start(Arc::new([TestDatabase::new(backend).await?, accounts]), Some(ENDPOINT)).await)
    }

    /// Over an empty mirror, and known by the address that is listened on: its links can be followed.
    pub async fn at_its_address(backend: Backend) -> Option<Self> {
        let accounts = TestDatabase::new(Backend::Sqlite).await?;
        Some(Self::start(Arc::new([TestDatabase::new(backend).await?, accounts]), None).await)
    }

    /// Over the small directory of [`content`].
    pub async fn small(backend: Backend) -> Option<Self> {
        let server = Self::empty(backend).await?;
        server.load(&content::everything()).await;
        Some(server)
    }

    /// A second server on the same mirror.
    pub async fn another(&self) -> Self {
        Self::start(self.databases.clone(), Some(ENDPOINT)).await
    }

    async fn start(databases: Arc<[TestDatabase; 2]>, base_url: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let base_url = base_url.map_or_else(|| format!("http://{address}/fhir"), str::to_owned);
        let mirror = Mirror::open(&databases[0].url).await.expect("the mirror opens").with_count_timeout(COUNT_TIMEOUT);
        let storage = Storage::open(&databases[1].url).await.expect("the database opens");
        let key = storage.exchanges_key().await.expect("a key");
        let (writer, _) = WriteQueue::start(storage.clone(), Clock::system(), key);
        let (stop, stopping) = watch::channel(false);
        let feed = EventFeed::open(storage.clone(), writer.committed(), stopping.clone()).await.expect("a log");
        let directory = Directory::new(mirror.clone(), &base_url, Clock::system());
        let endpoint = Endpoint {
            validator: validator(),
            storage,
            writer,
            directory: None,
            decision: None,
            clock: Clock::system(),
        };
        let bounds = Bounds { max_body: MAX_BODY, rate: 0, timeouts: GENEROUS, ..Bounds::default() };
        let parts = AppParts {
            endpoint,
            directory: Some(directory),
            feed,
            identification: Identification::open(&base_url),
            bounds: bounds.clone(),
            recorder: None,
            faults: Faults::off(),
        };
        tokio::spawn(listener::serve(listener, http::service(parts), bounds, stopping));
        Self { address, mirror, databases, _stop: stop }
    }

    /// Adds resources to the mirror, all at once.
    pub async fn load(&self, resources: &[Value]) {
        let prepared =
            resources.iter().map(|resource| ParsedResource::parse(&resource.to_string()).expect("a resource"));
        let mut writer = crate::mirror::writer(&self.mirror).await;
        writer.add(prepared.collect(), true).await.expect("added");
        writer.commit().await.expect("committed");
    }

    /// Takes out of the mirror every resource of a type but these.
    pub async fn keep_only(&self, resource_type: DirectoryType, resources: &[Value]) {
        let prepared =
            resources.iter().map(|resource| ParsedResource::parse(&resource.to_string()).expect("a resource"));
        let mut writer = crate::mirror::writer(&self.mirror).await;
        writer.forget_seen(resource_type).await.expect("forgotten");
        writer.add(prepared.collect(), true).await.expect("added");
        let swept = writer.sweep(resource_type, 1.0).await.expect("swept");
        assert!(swept.removed);
        writer.commit().await.expect("committed");
    }

    /// Forgets every version that was superseded so far.
    pub async fn purge(&self) {
        let mut writer = crate::mirror::writer(&self.mirror).await;
        let later = sas_endpoint::clock::system_time() + jiff::SignedDuration::from_hours(1);
        writer.purge(later).await.expect("purged");
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request) -> Answer {
        client::send(self.address, request).await
    }

    /// `method` on a path below the base of the directory, with headers and a body.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request =
            Request::builder().method(method).uri(format!("{PATH}{path}")).header(header::HOST, "other.localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).expect("a request")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], Body::empty()).await
    }

    /// A search form.
    pub async fn post(&self, path: &str, form: &str) -> Answer {
        let form_type = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
        self.request("POST", path, &form_type, form.to_owned()).await
    }

    /// The bundle that a search gives.
    #[track_caller]
    pub fn search(&self, path: &str) -> impl Future<Output = Value> {
        let path = path.to_owned();
        async move { self.get(&path).await.expect(200).json() }
    }

    /// What the link of a bundle leads to; the path below the base.
    pub async fn follow(&self, bundle: &Value, relation: &str) -> Answer {
        let url = link(bundle, relation).unwrap_or_else(|| panic!("no link {relation}: {bundle}"));
        self.get(url.strip_prefix(BASE).expect("a URL on our base")).await
    }

    /// The pages of a search, from the first to the last.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let mut pages = vec![self.search(path).await];
        while link(&pages[pages.len() - 1], "next").is_some() {
            let next = self.follow(&pages[pages.len() - 1], "next").await.expect(200).json();
            pages.push(next);
            assert!(pages.len() < 1000, "the walk has no end");
        }
        pages
    }

    /// The ids of all matches, in the order of the pages.
    pub async fn found(&self, path: &str) -> Vec<String> {
        self.pages(path).await.iter().flat_map(matches).collect()
    }
}

/// The profiles take a while to compile.
fn validator() -> Arc<Validator> {
    static VALIDATOR: OnceLock<Arc<Validator>> = OnceLock::new();
    let compile = || Arc::new(Validator::new(Validation::Tolerant).expect("the profiles compile"));
    VALIDATOR.get_or_init(compile).clone()
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    /// Asserts the status and the media type, with the whole answer at hand if they are others.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} {:?}", self.text, self.headers);
        assert_eq!(self.header("content-type"), "application/fhir+json; charset=utf-8", "{}", self.text);
        self
    }

    /// Asserts a refusal: an OperationOutcome in which nothing is missing, that cites this rule.
    #[track_caller]
    pub fn refused(self, status: u16, rule: &str) -> Self {
        let answer = self.expect(status);
        let outcome = answer.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        let issues = outcome["issue"].as_array().expect("issues");
        for issue in issues {
            for pointer in ["/severity", "/code", "/details/text", "/diagnostics", "/expression/0"] {
                let text = issue.pointer(pointer).and_then(Value::as_str);
                assert!(text.is_some_and(|text| !text.is_empty()), "{pointer}: {issue}");
            }
        }
        let cited = |issue: &Value| issue["details"]["coding"][0]["code"] == rule;
        assert!(issues.iter().any(cited), "{rule} is not cited: {}", answer.text);
        answer
    }

    /// The `diagnostics` of the first issue.
    pub fn diagnostics(&self) -> String {
        self.json()["issue"][0]["diagnostics"].as_str().unwrap_or_default().to_owned()
    }
}

/// The URL of a link of a bundle.
pub fn link(bundle: &Value, relation: &str) -> Option<String> {
    let links = bundle["link"].as_array().expect("links");
    let link = links.iter().find(|link| link["relation"] == relation)?;
    Some(link["url"].as_str().expect("a URL").to_owned())
}

/// The ids of the entries of a mode, in order.
pub fn entries(bundle: &Value, mode: &str) -> Vec<String> {
    let entries = bundle.get("entry").map(|entries| entries.as_array().expect("entries"));
    assert!(entries.is_none_or(|entries| !entries.is_empty()), "a list without entries is not FHIR");
    let of_mode = entries.into_iter().flatten().filter(|entry| entry["search"]["mode"] == mode);
    of_mode.map(|entry| entry["resource"]["id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The ids of the matches of a page, in order.
pub fn matches(bundle: &Value) -> Vec<String> {
    entries(bundle, "match")
}

/// The ids of what came along, in order of their letters.
pub fn included(bundle: &Value) -> Vec<String> {
    let mut ids = entries(bundle, "include");
    ids.sort_unstable();
    ids
}
