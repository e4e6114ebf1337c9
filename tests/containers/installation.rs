//! What deploy/README.md has an operator lay out before anything is started, by the commands that it has them paste.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Client;
use tempfile::TempDir;

use crate::certificates::{Authority, Kind};
use crate::composition::Composition;
use crate::engine::Engine;
use crate::images::repository;
use crate::nginx::client;
use crate::process::write_script;
use crate::support::folder;
use crate::support::ports::ReservedPort;

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

    /// Lays out sections 1 and 2A of the paper; `group` reads the server's key. `/etc/sas-endpoint` is a folder of the
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

    /// Brings this composition up.
    pub fn up(&self, engine: Engine, file: &str) -> Composition {
        let project = self.project();
        Composition::up(engine, &project.join(file), &project)
    }

    pub fn client(&self, kind: Option<Kind>) -> Client {
        let identity = kind.map(|kind| self.authority.client(kind));
        client(&self.authority, self.address(), identity.as_ref())
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

    /// Runs requests that the papers have people paste, against this installation and with its demo certificates;
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

/// The commands of a paper, among which this stands.
pub fn pasted(paper: &str, among: &str) -> String {
    let text = std::fs::read_to_string(repository().join(paper)).expect("a paper");
    let mut blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks.find(|block| block.contains(among)).unwrap_or_else(|| panic!("{paper}: {among}"));
    // Within a list, they are indented.
    let indentation = &block[..block.len() - block.trim_start_matches(' ').len()];
    block.lines().map(|line| line.strip_prefix(indentation).unwrap_or(line).to_owned() + "\n").collect()
}

/// The one command that a paper quotes within a sentence, and in which this stands.
pub fn quoted(paper: &str, among: &str) -> String {
    let text = std::fs::read_to_string(repository().join(paper)).expect("a paper");
    let mut spans = text.split('`').skip(1).step_by(2).filter(|span| span.contains(among));
    spans.next().unwrap_or_else(|| panic!("{paper}: {among}")).to_owned()
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
