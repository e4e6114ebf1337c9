//! nginx, two instances and one database, as in docker-compose.yml.

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::certificates::{Identity, Kind};
use crate::nginx::Nginx;
use crate::process::{Serving, databases, program};
use crate::support::ports::ReservedPort;
use crate::support::{Backend, TestDatabase};

/// The whole of it.
pub struct Deployment {
    pub instances: Vec<Instance>,
    pub nginx: Nginx,
    pub database: TestDatabase,
    settings: Vec<(&'static str, String)>,
}

/// An instance that can be started again where it was.
pub struct Instance {
    port: ReservedPort,
    pub running: Option<Serving>,
}

impl Deployment {
    /// Two instances on one Postgres; where there is none, one on SQLite. `None` without nginx.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// The same with parts of nginx's configuration replaced.
    pub async fn start_with(replaced: &[(&str, &str)]) -> Option<Self> {
        Self::start_all(replaced, None, &[]).await
    }

    /// The same with this settings file, and with these settings besides.
    pub async fn start_configured(file: &str, settings: &[(&'static str, &str)]) -> Option<Self> {
        Self::start_all(&[], Some(file), settings).await
    }

    async fn start_all(
        replaced: &[(&str, &str)],
        file: Option<&str>,
        settings: &[(&'static str, &str)],
    ) -> Option<Self> {
        let mut instances = vec![];
        for _ in 0..2 {
            instances.push(Instance { port: ReservedPort::new().expect("a port"), running: None });
        }
        let addresses = [0, 1].map(|number: usize| instances[number].port.address());
        let nginx = Nginx::start_with(addresses, replaced)?;
        let database = match TestDatabase::new(Backend::Postgres).await {
            Some(database) => database,
            None => {
                instances.truncate(1);
                TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there")
            }
        };
        let mut all = nginx.settings();
        all.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        if let Some(text) = file {
            let file = nginx.folder().join("settings.toml");
            std::fs::write(&file, text).expect("written");
            all.push(("SAS_CONFIG", file.display().to_string()));
        }
        let mut deployment = Self { instances, nginx, database, settings: all };
        for number in 0..deployment.instances.len() {
            deployment.run(number);
        }
        Some(deployment)
    }

    /// Starts this instance where it belongs.
    pub fn run(&mut self, number: usize) {
        let address = self.instances[number].port.address().to_string();
        let mut command = program(&["--listen", &address, "--ops-listen", "127.0.0.1:0", "--log", "warn"]);
        command.envs(self.settings.clone()).args(databases(&self.database.url));
        self.instances[number].running = Some(Serving::spawn(&mut command));
    }

    /// A client's certificate from the authority that is trusted.
    pub fn identity(&self, kind: Kind) -> Identity {
        self.nginx.authority.client(kind)
    }
}

/// What was answered, which must be FHIR.
pub struct Answer {
    pub status: StatusCode,
    pub location: String,
    pub resource: Value,
}

/// Sends it, and reads the response, which is FHIR even if nginx made it.
pub async fn fhir(request: RequestBuilder) -> Answer {
    read(request.send().await.expect("an answer")).await
}

/// The same of an answer that began.
pub async fn read(response: Response) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.expect("a whole answer");
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().expect("text")).to_owned();
    assert!(header("content-type").starts_with("application/fhir+json"), "{status} {headers:?} {text}");
    let resource = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    Answer { status, location: header("location"), resource }
}

impl Answer {
    /// The code of the only issue of the OperationOutcome that this is.
    pub fn code(&self) -> &str {
        assert_eq!(self.resource["resourceType"], "OperationOutcome", "{}", self.resource);
        self.resource["issue"][0]["code"].as_str().expect("a code")
    }
}

/// An account of nobody's, and the criterion that it is updated by.
pub fn account() -> (String, String) {
    let text = include_str!("../fixtures/regulator.json");
    let id = sas_endpoint::clock::new_uuid().to_string();
    let account = text.replace("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", &id);
    (account, format!("/fhir/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6|{id}"))
}
