//! The program, with exchanges in its journal.

use axum::body::Body;
use axum::extract::Request;
use sas_endpoint::access::token::TokenHash;
use tempfile::TempDir;

use crate::client::{self, Answer};
use crate::endpoint::webhook;
use crate::process::{Serving, databases, on_free_ports, program};
use crate::support::polling::poll_until;
use crate::support::ports::ReservedPort;
use crate::support::{Backend, TestDatabase, folder};

pub const REGULATOR: &str = include_str!("../fixtures/regulator.json");

/// The token of “alice”, who has the right `console`.
pub const TOKEN: &str = "open-sesame-0123456789";

/// An account, and ids of requests about it: random ones are kept as they are.
pub const INTRN: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
pub const CREATED: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub const REFUSED: &str = "9d1c0b7e52f84c3aa6b7f0e19c2d4875";
pub const ONE_LINE: &str = "c63e8a10d4b94f27951f7be20a6c38d5";
pub const WITHHELD: &str = "7e20f4c9b1a84d6f8c35e97b60d1a2f4";
pub const UNKNOWN_TYPE: &str = "e8b5a7d03c164f92b0d47a1e5f9c2683";
pub const UPDATED: &str = "5f1d9b7c3e824a60b9d7c2f4e6a81093";
pub const BEHIND: &str = "a2c4e6f80b1d4357896fbd02e4c6a81f";
pub const NEAR_MISS: &str = "d3b07384d113edec49eaa6238ad5ff00";
pub const BOOKED: &str = "6c4f2a1e8d7b45309e1f2c3d4b5a6978";

/// A resource of the directory.
pub const PRACTITIONER: &str = "Practitioner/003-3014698-3057235";
const DIRECTORY: &str = include_str!("../fixtures/annuaire.ndjson");
const APPOINTMENT: &str = include_str!("../fixtures/appointment.json");

/// A running program.
pub struct Target {
    serving: Serving,
    _database: TestDatabase,
    _folder: TempDir,
    _port: ReservedPort,
}

impl Target {
    /// A test target: its console is open. It has a webhook whose receiver does not answer.
    pub async fn open() -> Self {
        Self::start(new_database().await, "", "full")
    }

    /// The same without a journal.
    pub async fn without_journal() -> Self {
        Self::start(new_database().await, "", "off")
    }

    /// The same with a mirror of the directory that has set a resource aside.
    pub async fn with_directory() -> Self {
        let (database, folder) = (new_database().await, folder("browser-directory"));
        let file = folder.path().join("annuaire.ndjson");
        std::fs::write(&file, format!("{DIRECTORY}{{\"resourceType\":\"Practitioner\",\"id\":\"<b>\"}}\n"))
            .expect("written");
        let load = ["annuaire", "load", file.to_str().expect("UTF-8"), "--annuaire-database-url"];
        let mut command = program(&load);
        let output = command.arg(&databases(&database.url)[3]).output().expect("it runs");
        assert!(output.status.code().is_some_and(|code| code < 2), "{output:?}");
        Self::start(database, "", "full")
    }

    /// One whose console asks for the token of “alice”.
    pub async fn with_callers() -> Self {
        let callers = [caller("alice", TOKEN, "console"), caller("platform", "another-token", "read")];
        Self::start(new_database().await, &callers.concat(), "full")
    }

    /// One whose console nobody may use.
    pub async fn of_nobody() -> Self {
        Self::start(new_database().await, &caller("platform", "another-token", "read"), "full")
    }

    fn start(database: TestDatabase, callers: &str, journal: &str) -> Self {
        let (folder, port) = (folder("browser-target"), ReservedPort::new().expect("a port"));
        let file = folder.path().join("settings.toml");
        let webhook = webhook("vendor", &format!("http://{}/events", port.address()), "");
        std::fs::write(&file, webhook + callers).expect("written");
        let settings = ["--log", "error", "--journal", journal, "--config", file.to_str().expect("UTF-8")];
        let serving = Serving::spawn(on_free_ports(&settings).args(databases(&database.url)));
        Self { serving, _database: database, _folder: folder, _port: port }
    }

    /// The URL of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.serving.ops_address)
    }

    /// The same in this language.
    pub fn url_in(&self, path: &str, language: &str) -> String {
        let (page, fragment) = path.split_once('#').unwrap_or((path, ""));
        let mark = if page.contains('?') { '&' } else { '?' };
        let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
        self.url(&format!("{page}{mark}lang={language}{fragment}"))
    }

    /// A request of a client of the FHIR API, with this request id.
    pub async fn send(&self, id: &str, method: &str, target: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(target).header("host", &self.serving.address);
        let request = request.header("content-type", "application/fhir+json").header("x-request-id", id);
        let address = self.serving.address.parse().expect("an address");
        client::send(address, request.body(body.into()).expect("a request")).await
    }

    /// Writes the account with this body.
    pub async fn put(&self, id: &str, body: impl Into<Body>) -> Answer {
        let target = format!("/fhir/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6%7C{INTRN}");
        self.send(id, "PUT", &target, body).await
    }

    /// Sends a request of each kind, and returns once their exchanges are stored and the webhook has failed: the id of the account.
    pub async fn fill(&self) -> String {
        let mut account = String::new();
        let refused = refused();
        let withheld = r#"{"resourceType": "Patient", "name": [{"family": "Zyxwvut"}]}"#.to_owned();
        for (id, body, expected) in [
            (CREATED, REGULATOR.to_owned(), &[201][..]),
            (REFUSED, refused.clone(), &[400, 422]),
            (ONE_LINE, refused.replace('\n', ""), &[400, 422]),
            (WITHHELD, withheld, &[400, 422]),
        ] {
            let answer = self.put(id, body).await;
            assert!(expected.contains(&answer.status.as_u16()), "{}", answer.text);
            if id == CREATED {
                account = id_of(&answer);
            }
        }
        let answer = self.send(UNKNOWN_TYPE, "GET", "/fhir/Nothing?name=%E2%80%AE%3Cscript%3E", "").await;
        assert_eq!(answer.status, 404, "{}", answer.text);
        self.wait_for("/console/exchanges?lang=en", &format!("/console/exchanges/{UNKNOWN_TYPE}")).await;
        self.wait_for("/console/webhooks?lang=en", "Failing since").await;
        account
    }

    /// Writes an account in three versions, another that was likely meant to be the same, and an appointment; returns once
    /// their exchanges are stored: the ids of the first account and of the appointment.
    pub async fn fill_resources(&self) -> [String; 2] {
        let created = self.put(CREATED, REGULATOR).await;
        for (id, family) in [(UPDATED, "AUBERT-MARTIN"), (BEHIND, "MARTIN")] {
            let answer = self.put(id, REGULATOR.replace("AUBERT", family)).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        let mistyped = INTRN.replace("8a11", "8a12");
        let target = format!("/fhir/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6%7C{mistyped}");
        let answer = self.send(NEAR_MISS, "PUT", &target, REGULATOR.replace(INTRN, &mistyped)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let booked = self.send(BOOKED, "POST", "/fhir/Appointment", APPOINTMENT).await;
        assert_eq!(booked.status, 201, "{}", booked.text);
        self.wait_for("/console/exchanges?lang=en", &format!("/console/exchanges/{BOOKED}")).await;
        [id_of(&created), id_of(&booked)]
    }

    /// Asks for a page until it shows this.
    pub async fn wait_for(&self, path: &str, shown: &str) {
        poll_until(shown, async || self.serving.ops(path).is_ok_and(|(_, page)| page.contains(shown))).await;
    }
}

async fn new_database() -> TestDatabase {
    TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there")
}

/// A `[[caller]]` with this token and this right.
fn caller(name: &str, token: &str, right: &str) -> String {
    let hash = TokenHash::from_token(token);
    format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nrights = [\"{right}\"]\n")
}

/// The id of the resource in an answer.
fn id_of(answer: &Answer) -> String {
    let resource: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
    resource["id"].as_str().expect("an id").to_owned()
}

/// A body that is refused for one of its lines.
pub fn refused() -> String {
    REGULATOR.replace("\"active\": true", "\"active\": \"yes\"")
}
