//! The program with webhooks, for one test.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Serving, databases, on_free_ports, program};
use crate::support::{Backend, TestDatabase};

pub const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
pub const FORMER_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const T: &str = "urn:oid:1.2.250.1.213.3.6";
const REGULATOR: &str = include_str!("../fixtures/regulator.json");

/// A database, and a file of settings.
pub struct Endpoint {
    pub database: TestDatabase,
    folder: TempDir,
}

/// The table of a webhook with this URL.
pub fn webhook(name: &str, url: &str, further: &str) -> String {
    let secret = match further.contains("secret") {
        true => String::new(),
        false => format!("secret = \"{SECRET}\"\n"),
    };
    format!("[[webhook]]\nname = \"{name}\"\nurl = \"{url}\"\n{secret}{further}\n")
}

impl Endpoint {
    pub async fn new(backend: Backend) -> Option<Self> {
        Some(Self { database: TestDatabase::new(backend).await?, folder: crate::support::folder("webhooks") })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn settings(&self) -> String {
        self.file("settings.toml").to_str().expect("UTF-8").to_owned()
    }

    /// Writes the settings.
    pub fn configure(&self, webhooks: &[String]) {
        std::fs::write(self.settings(), webhooks.concat()).expect("written");
    }

    pub fn serve(&self) -> Serving {
        Serving::spawn(
            on_free_ports(&["--log", "error", "--config", &self.settings()]).args(databases(&self.database.url)),
        )
    }

    /// Runs a command `webhooks …` with the settings.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = program(&["--config", &self.settings(), "--database-url", &self.database.url, "webhooks"]);
        command.args(arguments).output().expect("it runs")
    }

    /// The same where it succeeds.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The state of the webhook with this name.
    pub fn state(&self, name: &str) -> Value {
        let listed: Value = serde_json::from_str(&self.run(&["--json"])).expect("JSON");
        let listed = listed.as_array().expect("webhooks").clone();
        listed.into_iter().find(|webhook| webhook["name"] == name).unwrap_or_default()
    }
}

/// Writes an account: each call with another name makes a version.
pub fn write(serving: &Serving, account: usize, name: &str) {
    let (status, answer) = try_write(serving, account, name).expect("an answer");
    assert!(matches!(status, 200 | 201), "{status}: {answer}");
}

/// The same where the server may be killed.
pub fn try_write(serving: &Serving, account: usize, name: &str) -> std::io::Result<(u16, String)> {
    let intrn = format!("0b9c2a54-7f0e-4c1b-9d55-{account:012}");
    let body = REGULATOR.replace("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11", &intrn).replace("AUBERT", name);
    serving.put(&format!("/Practitioner?identifier={T}|{intrn}"), &body)
}

/// Writes so many accounts.
pub fn write_accounts(serving: &Serving, accounts: std::ops::Range<usize>) {
    for account in accounts {
        write(serving, account, "AUBERT");
    }
}
