//! Runs a composition file as it is, on commands of podman. It knows the keys that our files have, and fails on others:
//! one that nobody carried out would be tested by nobody.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Output, Stdio};

use serde::Deserialize;
use serde_json::Value;

use crate::engine::Engine;
use crate::images::{make_image, make_stand_in, without_digest};
use crate::support::polling::poll_until_blocking;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    services: BTreeMap<String, Service>,
    #[serde(default)]
    networks: BTreeMap<String, Option<Network>>,
    #[serde(default)]
    volumes: BTreeMap<String, Option<Nothing>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Network {
    internal: bool,
    ipam: Ipam,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Ipam {
    config: Vec<Subnet>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subnet {
    subnet: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    image: String,
    build: Option<String>,
    user: Option<String>,
    restart: String,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    cap_drop: Vec<String>,
    #[serde(default)]
    security_opt: Vec<String>,
    mem_limit: String,
    pids_limit: u32,
    shm_size: Option<String>,
    #[serde(default)]
    sysctls: BTreeMap<String, Value>,
    logging: Logging,
    #[serde(default)]
    environment: BTreeMap<String, Option<String>>,
    #[serde(default)]
    volumes: Vec<String>,
    #[serde(default)]
    tmpfs: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    networks: Networks,
    #[serde(default)]
    extra_hosts: Vec<String>,
    #[serde(default)]
    #[allow(clippy::zero_sized_map_values, reason = "only the form of the values is checked")]
    depends_on: BTreeMap<String, Dependency>,
    healthcheck: HealthCheck,
    stop_grace_period: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logging {
    driver: String,
    options: LoggingOptions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LoggingOptions {
    max_size: String,
    /// podman keeps one file.
    #[serde(rename = "max-file")]
    _max_file: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Networks {
    Names(Vec<String>),
    Attached(BTreeMap<String, Option<Attachment>>),
}

impl Default for Networks {
    fn default() -> Self {
        Self::Names(vec!["default".to_owned()])
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Attachment {
    ipv4_address: Option<String>,
    mac_address: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dependency {
    #[serde(rename = "condition")]
    _condition: Condition,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Condition {
    ServiceHealthy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HealthCheck {
    test: Vec<String>,
    interval: String,
    timeout: String,
    start_period: String,
    retries: u32,
}

/// A composition that was brought up.
pub struct Composition {
    pub engine: Engine,
    file: File,
    /// What `./` in a volume begins at.
    folder: std::path::PathBuf,
    settings: HashMap<String, String>,
    /// The container of each service, by id.
    containers: BTreeMap<String, String>,
}

impl Composition {
    /// `docker compose --file FILE … --project-directory FOLDER up --detach --build --wait`, with what `.env` of the folder
    /// says; further files override the first.
    pub fn up(engine: Engine, files: &[&str], folder: &Path) -> Self {
        let settings = read_env(&std::fs::read_to_string(folder.join(".env")).expect(".env"));
        let read = |file: &&str| std::fs::read_to_string(folder.join(file)).expect("a composition");
        let file = parse(&files.iter().map(read).collect::<Vec<_>>(), &settings);
        let mut up = Self { engine, file, folder: folder.to_owned(), settings, containers: BTreeMap::new() };
        up.make_images();
        up.make_networks_and_volumes();
        up.make_services();
        up
    }

    fn make_images(&self) {
        let services = self.file.services.values();
        let own = services.clone().filter(|service| service.build.is_some());
        if own.inspect(|service| assert_eq!(service.build.as_deref(), Some("."))).count() > 0 {
            make_image(&self.engine, &self.folder);
        }
        for service in services.filter(|service| service.build.is_none()) {
            make_stand_in(&self.engine, &service.image);
        }
    }

    fn make_networks_and_volumes(&self) {
        let unnamed = Network::default();
        let of_file = self.file.networks.iter().map(|(name, network)| (name.as_str(), network.as_ref()));
        let by_default = self.file.networks.is_empty().then_some(("default", None));
        for (name, network) in of_file.chain(by_default) {
            let network = network.unwrap_or(&unnamed);
            let mut arguments = vec!["network".to_owned(), "create".to_owned()];
            arguments.extend(network.internal.then(|| "--internal".to_owned()));
            arguments.extend(network.ipam.config.iter().map(|config| format!("--subnet={}", config.subnet)));
            arguments.push(self.own(name));
            self.run(&arguments);
        }
        for name in self.file.volumes.keys() {
            self.run(&["volume".to_owned(), "create".to_owned(), self.own(name)]);
        }
    }

    /// Each service after those that it needs are healthy; returns once all are.
    fn make_services(&mut self) {
        while let Some(name) = self.next_service() {
            for needed in self.file.services[&name].depends_on.keys() {
                self.wait_until_healthy(needed);
            }
            self.make(&name);
        }
        for name in self.file.services.keys() {
            self.wait_until_healthy(name);
        }
    }

    /// One that is not there yet, and whose dependencies are.
    fn next_service(&self) -> Option<String> {
        let waiting = self.file.services.iter().filter(|(name, _)| !self.containers.contains_key(*name));
        let mut waiting = waiting.peekable();
        waiting.peek()?;
        let is_ready = |service: &Service| service.depends_on.keys().all(|needed| self.containers.contains_key(needed));
        Some(waiting.find(|(_, service)| is_ready(service)).expect("no circle of dependencies").0.clone())
    }

    /// Makes the container of a service, a new one where there is one, and starts it.
    pub fn make(&mut self, name: &str) {
        if let Some(former) = self.containers.remove(name) {
            self.engine.run(&["stop", &former]);
            self.engine.run(&["rm", &former]);
        }
        let container = self.run(&self.arguments(name));
        self.containers.insert(name.to_owned(), container);
        self.start(name);
    }

    /// The arguments of `podman create` for a service.
    fn arguments(&self, name: &str) -> Vec<String> {
        let service = &self.file.services[name];
        let mut arguments = vec!["create".to_owned()];
        let mut add = |option: &str, value: &str| arguments.push(format!("--{option}={value}"));
        add("pull", "never");
        add("name", &self.own(name));
        add("restart", &service.restart);
        if service.read_only {
            add("read-only", "true");
            // podman would mount /tmp, /run and /var/tmp, to be written to.
            add("read-only-tmpfs", "false");
        }
        if let Some(user) = &service.user {
            add("user", user);
        }
        service.cap_drop.iter().for_each(|capability| add("cap-drop", capability));
        service.security_opt.iter().for_each(|option| add("security-opt", option));
        add("memory", &service.mem_limit);
        add("pids-limit", &service.pids_limit.to_string());
        if let Some(size) = &service.shm_size {
            add("shm-size", size);
        }
        for (setting, value) in &service.sysctls {
            add("sysctl", &format!("{setting}={}", value.to_string().trim_matches('"')));
        }
        add("log-driver", &service.logging.driver);
        add("log-opt", &format!("max-size={}", service.logging.options.max_size));
        for (variable, value) in &service.environment {
            // Without a value: what .env says, if anything.
            if let Some(value) = value.as_ref().or_else(|| self.settings.get(variable)) {
                add("env", &format!("{variable}={value}"));
            }
        }
        for volume in &service.volumes {
            let (from, rest) = volume.split_once(':').expect("a place");
            match from.strip_prefix("./") {
                Some(path) => add("volume", &format!("{}:{rest}", self.folder.join(path).display())),
                None if from.starts_with('/') => add("volume", volume),
                None => add("volume", &format!("{}:{rest}", self.own(from))),
            }
        }
        service.tmpfs.iter().for_each(|folder| add("tmpfs", folder));
        service.ports.iter().for_each(|port| add("publish", port));
        service.extra_hosts.iter().for_each(|host| add("add-host", host));
        let unaddressed = Attachment::default();
        let networks: Vec<_> = match &service.networks {
            Networks::Names(names) => names.iter().map(|name| (name, &unaddressed)).collect(),
            Networks::Attached(networks) => {
                networks.iter().map(|(name, attached)| (name, attached.as_ref().unwrap_or(&unaddressed))).collect()
            }
        };
        for (network, attached) in networks {
            let address = attached.ipv4_address.as_ref().map(|address| format!(",ip={address}"));
            let hardware = attached.mac_address.as_ref().map(|address| format!(",mac={address}"));
            let places = address.unwrap_or_default() + &hardware.unwrap_or_default();
            add("network", &format!("{}:alias={name}{places}", self.own(network)));
        }
        let check = &service.healthcheck;
        let (kind, command) = check.test.split_first().expect("a health check");
        assert_eq!(kind, "CMD");
        add("health-cmd", &serde_json::to_string(command).expect("JSON"));
        add("health-interval", &check.interval);
        add("health-timeout", &check.timeout);
        add("health-start-period", &check.start_period);
        add("health-retries", &check.retries.to_string());
        if let Some(grace) = &service.stop_grace_period {
            add("stop-timeout", grace.strip_suffix('s').expect("seconds"));
        }
        arguments.push(without_digest(&service.image).to_owned());
        arguments
    }

    pub fn start(&self, name: &str) {
        self.engine.run(&["start", self.container(name)]);
    }

    /// Asks it to stop; the engine kills it after its grace.
    pub fn stop(&self, name: &str) {
        self.engine.run(&["stop", self.container(name)]);
    }

    /// Kills its process behind the engine's back, and returns once the engine has started it again.
    pub fn kill(&self, name: &str) {
        let process_of = || self.engine.inspect(self.container(name), ".State.Pid");
        let process = process_of();
        let killed = std::process::Command::new("kill").args(["-KILL", &process]).status().expect("kill runs");
        assert!(killed.success());
        poll_until_blocking("it is started again", || ![&process, "0"].contains(&process_of().as_str()));
    }

    pub fn wait_until_healthy(&self, name: &str) {
        self.engine.wait_until_healthy(self.container(name));
    }

    /// Standard output of the program, run in the container of an instance.
    pub fn program(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.exec(name, &[&["/usr/local/bin/sas-endpoint"], arguments].concat(), Stdio::null());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs a command in its container, with this standard input.
    pub fn exec(&self, name: &str, command: &[impl AsRef<str>], input: Stdio) -> Output {
        let mut arguments = vec!["exec", "--interactive", self.container(name)];
        arguments.extend(command.iter().map(AsRef::as_ref));
        self.engine.command(&arguments).stdin(input).output().expect("podman starts")
    }

    pub fn container(&self, name: &str) -> &str {
        &self.containers[name]
    }

    /// What all of them logged.
    pub fn logs(&self) -> String {
        self.containers.values().map(|container| self.engine.logs(container)).collect()
    }

    /// As compose calls what belongs to this project.
    fn own(&self, name: &str) -> String {
        format!("{}_{name}", self.file.name)
    }

    fn run(&self, arguments: &[String]) -> String {
        self.engine.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// A composition, with the anchors and the variables put in, and without its own keys (`x-…`).
fn parse(texts: &[String], settings: &HashMap<String, String>) -> File {
    let values = texts.iter().map(|text| serde_saphyr::from_str::<Value>(text).expect("YAML"));
    let mut value = values.reduce(merged).expect("a file");
    let file = value.as_object_mut().expect("a composition");
    file.retain(|key, _| !key.starts_with("x-"));
    interpolate(&mut value, settings);
    serde_json::from_value(value).unwrap_or_else(|error| panic!("a key that the tests do not know: {error}"))
}

/// A file and one that overrides it: members are replaced, items of lists added.
fn merged(mut one: Value, other: Value) -> Value {
    match (&mut one, other) {
        (Value::Object(members), Value::Object(others)) => {
            for (name, other) in others {
                let member = members.entry(name).or_insert(Value::Null);
                *member = merged(member.take(), other);
            }
        }
        (Value::Array(items), Value::Array(others)) => items.extend(others),
        (one, other) => *one = other,
    }
    one
}

fn interpolate(value: &mut Value, settings: &HashMap<String, String>) {
    match value {
        Value::String(text) => *text = resolve(text, settings),
        Value::Array(items) => items.iter_mut().for_each(|item| interpolate(item, settings)),
        Value::Object(members) => members.values_mut().for_each(|member| interpolate(member, settings)),
        _ => {}
    }
}

/// `${NAME:-default}` and `${NAME:?why}`: what is empty counts as not said.
fn resolve(text: &str, settings: &HashMap<String, String>) -> String {
    let mut parts = text.split("${");
    let mut resolved = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (variable, rest) = part.split_once('}').expect("a whole variable");
        let (name, otherwise) = variable.split_once(':').unwrap_or((variable, "-"));
        match (settings.get(name).filter(|value| !value.is_empty()), otherwise.split_at(1)) {
            (Some(value), _) => resolved += value,
            (None, ("-", default)) => resolved += default,
            (None, _) => panic!("{name} is needed: {otherwise}"),
        }
        resolved += rest;
    }
    resolved
}

fn read_env(text: &str) -> HashMap<String, String> {
    let message = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    message.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
#[should_panic(expected = "unknown field `privileged`")]
fn composition_with_an_unknown_key_is_refused() {
    let text = std::fs::read_to_string(crate::images::repository().join("docker-compose.yml")).expect("a composition");
    let text = text.replace("    user: \"101:101\"\n", "    user: \"101:101\"\n    privileged: true\n");
    parse(&[text], &HashMap::from([("POSTGRES_PASSWORD".to_owned(), "secret".to_owned())]));
}

#[test]
#[should_panic(expected = "POSTGRES_PASSWORD is needed")]
fn composition_without_a_needed_setting_is_refused() {
    let text = std::fs::read_to_string(crate::images::repository().join("docker-compose.yml")).expect("a composition");
    parse(&[text], &HashMap::new());
}
