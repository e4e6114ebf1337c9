//! The program, with exchanges in its journal.

use axum::body::Body;
use axum::extract::Request;
use sas_endpoint::access::token::TokenHash;
use tempfile::TempDir;

use crate::client::{self, Answer};
use crate::endpoint::webhook;
use crate::process::{Serving, databases, on_free_ports};
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
        Self::start("").await
    }

    /// One whose console asks for the token of “alice”.
    pub async fn with_callers() -> Self {
        let caller = |name: &str, token: &str, right: &str| {
            let hash = TokenHash::from_token(token);
            format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nrights = [\"{right}\"]\n")
        };
        let callers = [caller("alice", TOKEN, "console"), caller("platform", "another-token", "read")];
        Self::start(&callers.concat()).await
    }

    async fn start(callers: &str) -> Self {
        let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
        let (folder, port) = (folder("browser-target"), ReservedPort::new().expect("a port"));
        let file = folder.path().join("settings.toml");
        let webhook = webhook("vendor", &format!("http://{}/events", port.address()), "");
        std::fs::write(&file, webhook + callers).expect("written");
        let settings = ["--log", "error", "--journal", "full", "--config", file.to_str().expect("UTF-8")];
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
                let created: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
                account = created["id"].as_str().expect("an id").to_owned();
            }
        }
        let answer = self.send(UNKNOWN_TYPE, "GET", "/fhir/Nothing?name=%E2%80%AE%3Cscript%3E", "").await;
        assert_eq!(answer.status, 404, "{}", answer.text);
        self.wait_for("/console/exchanges?lang=en", &format!("/console/exchanges/{UNKNOWN_TYPE}")).await;
        self.wait_for("/console/webhooks?lang=en", "Failing since").await;
        account
    }

    /// Asks for a page until it shows this.
    async fn wait_for(&self, path: &str, shown: &str) {
        poll_until(shown, async || self.serving.ops(path).is_ok_and(|(_, page)| page.contains(shown))).await;
    }
}

/// A body that is refused for one of its lines.
pub fn refused() -> String {
    REGULATOR.replace("\"active\": true", "\"active\": \"yes\"")
}
