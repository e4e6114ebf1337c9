//! What deploy/README.md has an operator lay out before `docker compose up`: the files, `.env`, and the public name.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Client;
use tempfile::TempDir;

use crate::certificates::{Authority, Kind};
use crate::composition::Composition;
use crate::engine::Engine;
use crate::images::repository;
use crate::nginx::client;
use crate::support::folder;
use crate::support::ports::ReservedPort;

/// A copy of what the checkout holds for deploying, and `/etc/sas-endpoint` beside it.
pub struct Installation {
    folder: TempDir,
    pub authority: Authority,
    port: ReservedPort,
}

impl Installation {
    /// `group` reads the server's key.
    pub fn new(group: u32) -> Self {
        let installation = Self {
            folder: folder("installation"),
            authority: Authority::new(),
            port: ReservedPort::new().expect("a port"),
        };
        installation.lay_out(group).expect("files");
        installation
    }

    fn lay_out(&self, group: u32) -> std::io::Result<()> {
        let project = self.project();
        std::fs::create_dir_all(project.join("deploy/nginx"))?;
        for file in ["docker-compose.yml", "deploy/docker-compose.sqlite.yml"] {
            std::fs::copy(repository().join(file), project.join(file))?;
        }
        for file in std::fs::read_dir(repository().join("deploy/nginx"))? {
            let file = file?;
            std::fs::copy(file.path(), project.join("deploy/nginx").join(file.file_name()))?;
        }
        // The public name: `sed -i 's/fhir.example.org/localhost/' deploy/nginx/sas-endpoint.conf`.
        let server = project.join("deploy/nginx/sas-endpoint.conf");
        std::fs::write(&server, std::fs::read_to_string(&server)?.replace("fhir.example.org", "localhost"))?;
        std::fs::write(project.join(".env"), self.env())?;

        let etc = self.folder.path().join("etc");
        std::fs::create_dir_all(etc.join("tls"))?;
        std::fs::create_dir_all(etc.join("trust/crl"))?;
        let server = self.authority.server();
        std::fs::write(etc.join("trust/client-ca.pem"), self.authority.pem())?;
        std::fs::write(etc.join("trust/crl/demo.pem"), self.authority.revocation_lists_pem())?;
        std::fs::write(etc.join("tls/server.pem"), server.chain_pem)?;
        let key = etc.join("tls/server.key");
        crate::certificates::write_key(&key, &server.key_pem)?;
        chown(&key, None, Some(group))?;
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o640))?;
        std::fs::copy(repository().join("deploy/sas-endpoint.example.toml"), etc.join("sas-endpoint.toml"))?;
        Ok(())
    }

    /// `.env.example` with what an operator fills in.
    fn env(&self) -> String {
        let example = std::fs::read_to_string(repository().join(".env.example")).expect(".env.example");
        let said = [
            ("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=0123456789abcdef0123456789abcdef".to_owned()),
            ("SAS_FOLDER=/etc/sas-endpoint", format!("SAS_FOLDER={}", self.folder.path().join("etc").display())),
            ("SAS_PORT=443", format!("SAS_PORT={}", self.address().port())),
            ("#SAS_BASE_URL=https://fhir.example.org/fhir", format!("SAS_BASE_URL={}", self.url("/fhir"))),
            ("#SAS_EXCHANGES_KEY=", format!("SAS_EXCHANGES_KEY={}", "0123456789abcdef".repeat(4))),
        ];
        let filled_in = |line: &str| {
            let found = said.iter().find(|(shipped, _)| *shipped == line);
            found.map_or_else(|| line.to_owned(), |(_, here)| here.clone()) + "\n"
        };
        example.lines().map(filled_in).collect()
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

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Runs what the papers have people paste, against this installation and with its demo certificates; returns the
    /// statuses of the answers.
    pub fn run_pasted(&self, commands: &str) -> Vec<String> {
        let demo = self.file("demo");
        crate::certificates::write(&self.authority, &demo).expect("certificates");
        let demo = demo.to_str().expect("a path");
        let good = format!("--cacert {demo}/ca.pem --cert {demo}/client-good.pem --key {demo}/client-good.key");
        let curl = format!("curl --silent {good} --output /dev/null --write-out '%{{http_code}}\\n'");
        let commands = commands
            .replace("curl -i", &curl)
            .replace("https://localhost", &self.url(""))
            .replace("http://127.0.0.1:8080", &self.url(""))
            .replace("deploy/demo", demo);
        let output = Command::new("sh").args(["-c", &commands]).output().expect("a shell");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let statuses = text.lines().filter(|line| line.len() == 3 && line.bytes().all(|byte| byte.is_ascii_digit()));
        statuses.map(str::to_owned).collect()
    }

    /// A file beside the project.
    pub fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

/// The commands of a paper, among which this stands.
pub fn pasted(paper: &str, among: &str) -> String {
    let text = std::fs::read_to_string(repository().join(paper)).expect("a paper");
    let mut blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.find(|block| block.contains(among)).unwrap_or_else(|| panic!("{paper}: {among}")).to_owned()
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
