//! A running `sas-endpoint`, as its own process.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// The program with these arguments and none of the settings of this environment; it answers as fast as it is asked.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sas-endpoint"));
    command.args(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SAS_")) {
        command.env_remove(name);
    }
    command.env("SAS_RATE", "0");
    command
}

/// Runs the program to its end, with this standard input.
pub fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = program(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

/// The options for this database, and one for the directory mirror in the same folder.
pub fn databases(database_url: &str) -> [String; 4] {
    let annuaire = match database_url.starts_with("sqlite:") {
        true => format!("{database_url}.annuaire"),
        false => database_url.to_owned(),
    };
    ["--database-url".to_owned(), database_url.to_owned(), "--annuaire-database-url".to_owned(), annuaire]
}

/// The program with these arguments, on ports that nobody has unless they say otherwise.
pub fn on_free_ports(arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command.env("SAS_LISTEN", "127.0.0.1:0").env("SAS_OPS_LISTEN", "127.0.0.1:0");
    command
}

/// The same command, run by a shell after `before`: the signal that comes with a file at its limit does
/// not end it.
pub fn bearing_full_files(plain: &Command, before: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; {before} exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// A serving process; killed when it is dropped.
pub struct Serving {
    child: Child,
    pub address: String,
    pub ops_address: String,
    greeting: String,
}

impl Serving {
    /// Starts it on free ports, and returns once it listens.
    pub fn start(database_url: &str) -> Self {
        Self::spawn(on_free_ports(&["--log", "error"]).args(databases(database_url)))
    }

    /// The same, with files that do not grow beyond so many blocks of 512 bytes: a disk that is full.
    pub fn start_with_room_for(blocks: u32, database_url: &str) -> Self {
        let limit = format!("ulimit -S -f {blocks};");
        let mut command = bearing_full_files(&on_free_ports(&["--log", "error"]), &limit);
        Self::spawn(command.args(databases(database_url)))
    }

    /// Makes room.
    pub fn make_room(&self) {
        let pid = self.child.id().to_string();
        let done = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:unlimited"]).status();
        assert!(done.expect("prlimit runs").success());
    }

    /// Starts it with these settings, and returns once it listens. What it logs is gathered to its end.
    pub fn start_and_log(database_url: &str, settings: &[&str]) -> (Self, JoinHandle<String>) {
        let mut command = on_free_ports(settings);
        let mut serving = Self::spawn(command.args(databases(database_url)).stderr(Stdio::piped()));
        let mut log = serving.child.stderr.take().expect("its log");
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).expect("UTF-8");
            text
        });
        (serving, log)
    }

    /// Starts this command, which says where to listen and which databases to use, and returns once it listens.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut greeting = String::new();
        for line in stdout.lines() {
            let line = line.expect("a line");
            greeting += &line;
            greeting.push('\n');
            if line.contains("-X PUT") {
                break;
            }
        }
        let address_after = |label: &str| {
            let rest = greeting.split(label).nth(1).unwrap_or_else(|| panic!("no {label} in {greeting}"));
            let url = rest.trim_start().trim_start_matches("http://");
            url.split('/').next().expect("an address").to_owned()
        };
        let (address, ops_address) = (address_after("FHIR API"), address_after("operator"));
        Self { child, address, ops_address, greeting }
    }

    /// Sends it `-TERM`, and returns once its log, on this standard error, reports the stop.
    pub fn stop_and_see(&mut self) {
        let log = BufReader::new(self.child.stderr.take().expect("its log"));
        self.signal("-TERM");
        let mut lines = log.lines().map(|line| line.expect("a line"));
        assert!(lines.any(|line| line.contains("stopping")), "it does not stop");
        // What else it has to say must not break its pipe.
        std::thread::spawn(move || lines.for_each(drop));
    }

    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    pub fn put(&self, path: &str, body: &str) -> std::io::Result<(u16, String)> {
        let head = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        exchange(&self.address, &format!("PUT /fhir{path} HTTP/1.1\r\n{head}"), body)
    }

    pub fn get(&self, path: &str) -> std::io::Result<(u16, String)> {
        exchange(&self.address, &format!("GET /fhir{path} HTTP/1.1\r\n"), "")
    }

    pub fn ops(&self, path: &str) -> std::io::Result<(u16, String)> {
        exchange(&self.ops_address, &format!("GET {path} HTTP/1.1\r\n"), "")
    }

    /// `kill -9`: nothing is finished, nothing is flushed.
    pub fn kill(mut self) {
        self.kill_and_wait();
    }

    /// Its process id.
    #[allow(dead_code)] // Asked by one suite only.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal: `-TERM` as an operator stops it, `-KILL` as a power cut would.
    pub fn signal(&self, signal: &str) {
        self::signal(&self.child, signal);
    }

    /// `kill -9`; on return the process is gone, and what it had locked is free.
    pub fn kill_and_wait(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// The names of its threads.
    pub fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let names = tasks.flatten().flat_map(|task| std::fs::read_to_string(task.path().join("comm")));
        names.map(|name| name.trim().to_owned()).collect()
    }

    /// Stops it as an operator does: the status with which it ended, and its log where that was piped.
    pub fn stop(mut self) -> (Option<i32>, String) {
        self.signal("-TERM");
        let mut log = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut log).expect("a log");
        }
        (self.wait(), log)
    }

    /// The status with which it ended.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a process a signal by its name.
pub fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
}

/// One request on a connection of its own: the status and the body.
pub fn exchange(address: &str, head: &str, body: &str) -> std::io::Result<(u16, String)> {
    let answer = exchange_within(None, address, head, body)?;
    Ok((answer.status, answer.body))
}

/// Writes a shell script that can be run.
pub fn write_script(file: &Path, commands: &str) {
    std::fs::write(file, format!("#!/bin/sh\n{commands}\n")).expect("written");
    std::fs::set_permissions(file, Permissions::from_mode(0o755)).expect("executable");
}

/// What was answered, whole.
pub struct Answer {
    pub status: u16,
    /// The status line and the headers.
    #[allow(dead_code)] // Read by one suite only.
    pub head: String,
    pub body: String,
}

/// The same, unless nothing comes for so long.
pub fn exchange_within(patience: Option<Duration>, address: &str, head: &str, body: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(patience)?;
    write!(stream, "{head}host: {address}\r\nconnection: close\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let broken = || std::io::Error::other("a broken answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let announced =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).and_then(|length| length.parse().ok());
    // A connection that broke in the middle is no answer.
    if announced.is_some_and(|announced: usize| announced != body.len()) {
        Err(broken())
    } else {
        Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }
}
