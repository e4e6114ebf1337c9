//! A directory played by the test: it answers as the national one does, and misbehaves when told to.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use sas_endpoint::annuaire::sync::Settings;
use sas_endpoint::annuaire::sync::upstream::{self, ApiKey, RetryPolicy};
use sas_endpoint::clock::Clock;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// The directory's time, and ours a minute later.
pub const DATE: &str = "Tue, 10 Mar 2026 05:30:00 GMT";
pub const T0: &str = "2026-03-10T05:30:00Z";
const NOW: &str = "2026-03-10T05:31:00Z";

/// Waits that nobody notices.
pub const RETRY_POLICY: RetryPolicy = RetryPolicy {
    retries: 7,
    first: Duration::from_millis(1),
    longest: Duration::from_millis(2),
    retry_after: Duration::from_millis(5),
    timeout: Duration::from_secs(30),
};

/// The directory.
pub struct Played {
    server: MockServer,
    world: Arc<Mutex<World>>,
}

/// What it has, what it will do, and what it was asked.
pub struct World {
    pub resources: Vec<Value>,
    /// For the request of this number (the first is 1): what happens instead of an answer, or before it.
    pub plan: HashMap<usize, Turn>,
    /// What a page answers whose walk is not known.
    pub expired: ResponseTemplate,
    /// Whether it says how many matches there are.
    pub tells_total: bool,
    /// Its date, as a header.
    pub date: String,
    pub asked: Vec<Asked>,
    /// Each walk sees the directory as it was at its first page.
    walks: Vec<Walk>,
    base: String,
}

pub enum Turn {
    Answer(ResponseTemplate),
    Before(Box<dyn FnOnce(&mut World) + Send>),
    Alter(Box<dyn FnOnce(&mut Value) + Send>),
}

pub struct Asked {
    pub address: String,
    pub key: Option<String>,
}

struct Walk {
    matches: Vec<Value>,
    count: usize,
    total: bool,
}

impl Played {
    pub async fn with(resources: Vec<Value>) -> Self {
        let server = MockServer::start().await;
        let world = Arc::new(Mutex::new(World {
            resources,
            plan: HashMap::new(),
            expired: outcome(410, "gone"),
            tells_total: true,
            date: DATE.to_owned(),
            asked: vec![],
            walks: vec![],
            base: format!("{}/fhir/v2", server.uri()),
        }));
        Mock::given(any()).respond_with(Answers(world.clone())).mount(&server).await;
        Self { server, world }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nobody panicked")
    }

    /// What the requests of these numbers get.
    pub fn plan(&self, turns: impl IntoIterator<Item = (usize, ResponseTemplate)>) {
        self.world().plan.extend(turns.into_iter().map(|(number, answer)| (number, Turn::Answer(answer))));
    }

    /// What happens just before the request of this number is answered.
    pub fn before(&self, number: usize, then: impl FnOnce(&mut World) + Send + 'static) {
        self.world().plan.insert(number, Turn::Before(Box::new(then)));
    }

    /// What the page is made to be that the request of this number gets.
    pub fn alter(&self, number: usize, then: impl FnOnce(&mut Value) + Send + 'static) {
        self.world().plan.insert(number, Turn::Alter(Box::new(then)));
    }

    /// How often it was asked since this was last called.
    pub fn asked(&self) -> Vec<String> {
        self.world().asked.drain(..).map(|asked| asked.address).collect()
    }

    pub fn base(&self) -> String {
        format!("{}/fhir/v2", self.server.uri())
    }

    pub fn upstream(&self, key: Option<&str>) -> upstream::Settings {
        upstream::Settings { url: self.base(), key: key.map(ApiKey::new), rate: 0, retry_policy: RETRY_POLICY }
    }

    /// Pages of three, each committed alone.
    pub fn settings(&self) -> Settings {
        Settings {
            upstream: self.upstream(None),
            count: 3,
            batch: 1,
            keep: Duration::from_hours(24),
            clock: clock_at(NOW),
        }
    }
}

pub fn clock_at(now: &str) -> Clock {
    let now: Timestamp = now.parse().expect("an instant");
    Clock::new(move || now, || unreachable!("no ids are made"))
}

impl World {
    /// Replaces what it has of this id.
    pub fn put(&mut self, resource: Value) {
        self.remove(resource["id"].as_str().expect("an id"));
        self.resources.push(resource);
    }

    pub fn remove(&mut self, id: &str) {
        self.resources.retain(|other| other["id"] != id);
    }

    /// The addresses of pages are not known any more.
    pub fn forget_walks(&mut self) {
        // The numbers are not given again.
        self.walks.iter_mut().for_each(|walk| walk.count = 0);
    }

    fn answer(&mut self, request: &Request) -> Result<Value, Box<ResponseTemplate>> {
        let parameters: HashMap<_, _> = request.url.query_pairs().into_owned().collect();
        let place = request.url.path().rsplit('/').next().unwrap_or_default();
        if place != "_page" {
            self.walks.push(self.begin(place, &parameters));
            return Ok(self.page(self.walks.len() - 1, 0));
        }
        let token = parameters.get("id").and_then(|id| id.split_once('-'));
        match token.map(|(walk, offset)| (walk.parse::<usize>(), offset.parse())) {
            Some((Ok(walk), Ok(offset))) if self.walks.get(walk).is_some_and(|walk| walk.count > 0) => {
                Ok(self.page(walk, offset))
            }
            _ => Err(self.expired.clone().into()),
        }
    }

    fn begin(&self, resource_type: &str, parameters: &HashMap<String, String>) -> Walk {
        let since = parameters.get("_lastUpdated").map_or("", |since| since.strip_prefix("ge").expect("since"));
        let matches = |resource: &&Value| {
            let updated = resource["meta"]["lastUpdated"].as_str().unwrap_or("2");
            resource["resourceType"] == resource_type && updated >= since
        };
        Walk {
            matches: self.resources.iter().filter(matches).cloned().collect(),
            count: parameters["_count"].parse().expect("a number"),
            total: self.tells_total && parameters["_total"] == "accurate",
        }
    }

    fn page(&self, number: usize, offset: usize) -> Value {
        let walk = &self.walks[number];
        let end = (offset + walk.count).min(walk.matches.len());
        let entry = |resource: &Value| {
            let full_url = format!("{}/{}/{}", self.base, resource["resourceType"], resource["id"]);
            json!({ "fullUrl": full_url, "resource": resource })
        };
        let entries: Vec<_> = walk.matches[offset..end].iter().map(entry).collect();
        let mut link = vec![json!({ "relation": "self", "url": "as asked" })];
        if end < walk.matches.len() {
            link.insert(0, json!({ "relation": "next", "url": format!("{}/_page?id={number}-{end}", self.base) }));
        }
        let mut bundle = json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries, "link": link });
        if walk.total {
            // A resource that it sends twice is one.
            let ids: HashSet<_> = walk.matches.iter().map(|resource| resource["id"].to_string()).collect();
            bundle["total"] = ids.len().into();
        }
        bundle
    }
}

struct Answers(Arc<Mutex<World>>);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut world = self.0.lock().expect("nobody panicked");
        let path = request.url.path().strip_prefix("/fhir/v2/").expect("below the base");
        let address = format!("{path}?{}", request.url.query().unwrap_or_default());
        let key = request.headers.get("ESANTE-API-KEY").map(|key| key.to_str().expect("a key").to_owned());
        world.asked.push(Asked { address, key });
        let number = world.asked.len();
        let answer = match world.plan.remove(&number) {
            Some(Turn::Answer(answer)) => answer,
            Some(Turn::Before(then)) => {
                then(&mut world);
                answered(world.answer(request))
            }
            Some(Turn::Alter(then)) => answered(world.answer(request).map(|mut bundle| {
                then(&mut bundle);
                bundle
            })),
            None => answered(world.answer(request)),
        };
        answer.insert_header("date", world.date.as_str())
    }
}

fn answered(answer: Result<Value, Box<ResponseTemplate>>) -> ResponseTemplate {
    answer.map_or_else(|refusal| *refusal, |bundle| page(&bundle.to_string()))
}

/// A page of this text.
pub fn page(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(text.to_owned(), "application/fhir+json;charset=UTF-8")
}

/// A refusal in the national server's form.
pub fn outcome(status: u16, diagnostics: &str) -> ResponseTemplate {
    let issue = json!([{ "severity": "error", "code": "exception", "diagnostics": diagnostics }]);
    ResponseTemplate::new(status).set_body_json(json!({ "resourceType": "OperationOutcome", "issue": issue }))
}

/// A resource; its id is unique in its type.
pub fn resource(resource_type: &str, number: usize, day: &str) -> Value {
    let prefix = match resource_type {
        "Organization" => "001-01",
        "Practitioner" => "003",
        "PractitionerRole" => "005",
        "HealthcareService" => "004",
        _ => "002",
    };
    let mut resource = json!({
        "resourceType": resource_type,
        "id": format!("{prefix}-{number}"),
        "meta": { "versionId": "1", "lastUpdated": format!("{day}T04:00:00.000+01:00") },
        "active": true,
    });
    if resource_type == "PractitionerRole" {
        // What it refers to need not exist.
        resource["practitioner"] = json!({ "reference": format!("Practitioner/003-{}", number * 10) });
    }
    resource
}

/// So many resources of each type, and more organizations.
pub fn directory(size: usize) -> Vec<Value> {
    let sizes = [("Organization", 2), ("Practitioner", 3), ("PractitionerRole", 2), ("HealthcareService", 1)];
    let of = |(resource_type, times): (&'static str, usize)| {
        (1..=size * times).map(move |number| resource(resource_type, number, "2026-01-15"))
    };
    sizes.into_iter().flat_map(of).collect()
}
