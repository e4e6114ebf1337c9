//! Installs the files of deploy/README.md by the commands that it gives.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Client;
use tempfile::TempDir;

use crate::certificates::{Authority, Kind};
use crate::composition::Composition;
use crate::deployment::fhir;
use crate::engine::Engine;
use crate::images::repository;
use crate::nginx::client;
use crate::process::write_script;
use crate::support::folder;
use crate::support::polling::poll_until;
use crate::support::ports::ReservedPort;

/// `server_name` of deploy/nginx/console.conf, and the token of a caller who may look.
pub const CONSOLE_HOST: &str = "console.example.org";
pub const CONSOLE_TOKEN: &str = "open-sesame-0123456789";

/// The tests are root already.
pub const SUDO: &str = "sudo() { \"$@\"; }\n";

/// A copy of what the checkout holds for deploying, with the demo's certificates, and a port to publish.
pub struct Installation {
    folder: TempDir,
    pub authority: Authority,
    port: ReservedPort,
}

impl Installation {
    /// With nothing but the checkout.
    pub fn new() -> Self {
        let installation = Self {
            folder: folder("installation"),
            authority: Authority::new(),
            port: ReservedPort::on_every_address().expect("a port"),
        };
        let project = installation.project();
        std::fs::create_dir(&project).expect("a folder");
        let shipped =
            ["Dockerfile", "docker-compose.yml", ".env.example", "deploy"].map(|name| repository().join(name));
        let copied = Command::new("cp").arg("-r").args(shipped).arg(&project).status().expect("cp runs");
        assert!(copied.success());
        // `make demo-certificates`
        crate::certificates::write(&installation.authority, &project.join("deploy/demo")).expect("certificates");
        installation
    }

    /// Lays out sections 1 and 2A of deploy/README.md; `group` reads the server's key. `/etc/sas-endpoint` is a folder of the
    /// test's own, and the port is not 443, which both are said in `.env`.
    pub fn for_containers(group: u32) -> Self {
        let installation = Self::new();
        let etc = installation.file("etc").display().to_string();
        let files = files(&group.to_string()).replace("/etc/sas-endpoint", &etc);
        let settings = pasted("deploy/README.md", "cp .env.example .env");
        let settings = settings.replace("docker compose up --detach --build --wait", "");
        let address = format!(
            "sed -i 's|^SAS_FOLDER=.*|SAS_FOLDER={etc}|; s|^SAS_PORT=.*|SAS_PORT={}|; s|^#SAS_BASE_URL=.*|SAS_BASE_URL={}|' .env",
            installation.address().port(),
            installation.url("/fhir")
        );
        installation.run(&format!("{SUDO}{files}{settings}{address}"));
        installation
    }

    /// Adds what deploy/docker-compose.console.yml needs: the URL, and a caller.
    pub fn add_console(&self) {
        let hash = sas_endpoint::access::token::TokenHash::from_token(CONSOLE_TOKEN);
        let caller = format!("[[caller]]\nname = \"alice\"\ntoken_sha256 = \"{hash}\"\nrights = [\"console\"]\n");
        for (file, more) in [
            (self.file("etc/sas-endpoint.toml"), caller),
            (self.project().join(".env"), format!("SAS_CONSOLE_URL=https://{CONSOLE_HOST}\nSAS_FAULTS=on\n")),
        ] {
            let text = std::fs::read_to_string(&file).expect("a file");
            std::fs::write(&file, format!("{text}\n{more}")).expect("written");
        }
    }

    /// `make pin`, with a registry that has one digest for all images.
    pub fn pin(&self) {
        let tools = self.file("registry");
        std::fs::create_dir(&tools).expect("a folder");
        let digest = "0123456789abcdef".repeat(4);
        write_script(&tools.join("skopeo"), &format!("echo sha256:{digest}"));
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").expect("PATH"));
        let files = ["Dockerfile", "docker-compose.yml", "deploy/docker-compose.sqlite.yml"];
        let mut pin = Command::new("deploy/pin.sh");
        let pinned = pin.args(files).env("PATH", path).current_dir(self.project()).output().expect("it runs");
        assert!(pinned.status.success(), "{pinned:?}");
        let pinned = files.map(|file| std::fs::read_to_string(self.project().join(file)).expect("a file"));
        assert!(pinned[..2].iter().all(|text| text.contains(&digest)), "{pinned:?}");
    }

    /// Brings this composition up, whose further files override the first.
    pub fn up(&self, engine: Engine, files: &[&str]) -> Composition {
        Composition::up(engine, files, &self.project())
    }

    pub fn client(&self, kind: Option<Kind>) -> Client {
        let identity = kind.map(|kind| self.authority.client(kind));
        client(&self.authority, self.address(), identity.as_ref())
    }

    /// Every account: its identifier, and its given name.
    pub async fn accounts(&self) -> Vec<(String, String)> {
        let client = self.client(Some(Kind::Good));
        let mut accounts = vec![];
        let mut page = Some(self.url("/fhir/Practitioner?_count=1000"));
        while let Some(url) = page {
            let mut bundle = serde_json::Value::Null;
            // nginx may hold an earlier burst against the address.
            poll_until("a page", async || {
                let answer = fhir(client.get(&url)).await;
                bundle = answer.resource;
                answer.status == 200
            })
            .await;
            let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
            accounts.extend(bundle["entry"].as_array().into_iter().flatten().map(|entry| {
                let resource = &entry["resource"];
                (text(&resource["identifier"][0]["value"]), text(&resource["name"][0]["given"][0]))
            }));
            let mut links = bundle["link"].as_array().expect("links").iter();
            page = links.find(|link| link["relation"] == "next").map(|link| text(&link["url"]));
        }
        accounts
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address().port())
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port.address().port()).into()
    }

    /// The checkout.
    pub fn project(&self) -> PathBuf {
        self.file("project")
    }

    /// Runs commands in the checkout, which must succeed.
    pub fn run(&self, commands: &str) {
        let output = Command::new("sh").args(["-ec", commands]).current_dir(self.project()).output().expect("a shell");
        assert!(output.status.success(), "{commands}: {output:?}");
    }

    /// Runs requests that README.md and deploy/README.md give, against this installation and with its demo certificates;
    /// returns the statuses of the answers.
    pub fn run_pasted(&self, commands: &str) -> Vec<String> {
        let good = "--cacert deploy/demo/ca.pem --cert deploy/demo/client-good.pem --key deploy/demo/client-good.key";
        let curl = format!("curl --silent {good} --output /dev/null --write-out '%{{http_code}}\\n'");
        let commands = commands
            .replace("curl -i", &curl)
            .replace("https://localhost", &self.url(""))
            .replace("http://127.0.0.1:8080", &self.url(""));
        let output = Command::new("sh").args(["-c", &commands]).current_dir(self.project()).output().expect("a shell");
        statuses(&String::from_utf8_lossy(&output.stdout))
    }

    /// A file beside the project.
    pub fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

/// The commands of section 1, without the one that makes the certificates.
pub fn files(group: &str) -> String {
    let commands = pasted("deploy/README.md", "make demo-certificates");
    let (_, commands) = commands.split_once('\n').expect("several commands");
    assert!(commands.contains("GROUP=101"), "{commands}");
    commands.replace("GROUP=101", &format!("GROUP={group}"))
}

/// The lines that are a status of HTTP, or 000: no connection.
pub fn statuses(text: &str) -> Vec<String> {
    let is_status = |line: &&str| line.len() == 3 && line.bytes().all(|byte| byte.is_ascii_digit());
    text.lines().filter(is_status).map(str::to_owned).collect()
}

/// The block of commands of a document in which this stands.
pub fn pasted(document: &str, among: &str) -> String {
    let text = std::fs::read_to_string(repository().join(document)).expect("a document");
    let mut blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks.find(|block| block.contains(among)).unwrap_or_else(|| panic!("{document}: {among}"));
    // Within a list, they are indented.
    let indentation = &block[..block.len() - block.trim_start_matches(' ').len()];
    block.lines().map(|line| line.strip_prefix(indentation).unwrap_or(line).to_owned() + "\n").collect()
}

/// The command within a sentence of a document in which this stands.
pub fn quoted(document: &str, among: &str) -> String {
    let text = std::fs::read_to_string(repository().join(document)).expect("a document");
    let mut spans = text.split('`').skip(1).step_by(2).filter(|span| span.contains(among));
    spans.next().unwrap_or_else(|| panic!("{document}: {among}")).to_owned()
}

/// Asserts that nothing of the persons of the tests is in this log.
pub fn assert_no_person(log: &str) {
    for person in ["Nadia", "Jeanne", "AUBERT", "aubert", "48211AB"] {
        assert!(!log.contains(person), "{person}: {log}");
    }
}

/// The identifier of an account with the criterion that it is updated by.
pub fn identifier_of((_, criterion): &(String, String)) -> &str {
    criterion.rsplit_once('|').expect("an identifier").1
}
