//! The release binary as a child process, which ends with its [`Server`].

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::support::ports::ReservedPort;
use super::{Failure, http};

const BINARY: &str = env!("CARGO_BIN_EXE_sas-endpoint");

/// A server that is not ready by then never will be.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Server {
    pub address: SocketAddr,
    /// The operator's listener.
    pub ops: SocketAddr,
    /// From its start to the first 200 of `/health/ready`.
    pub started_in: Duration,
    child: Child,
    _ports: [ReservedPort; 2],
}

impl Server {
    /// Starts a server on free ports and waits until it is ready.
    pub async fn start(database_url: &str) -> Result<Self, Failure> {
        // Beside the database, and gone with it.
        match database_url.starts_with("sqlite:") {
            true => Self::start_with(database_url, &format!("{database_url}.annuaire"), &[]).await,
            false => Self::start_with(database_url, database_url, &[]).await,
        }
    }

    /// The same on a SQLite file, with these settings.
    pub async fn start_configured(database_url: &str, settings: &[(&str, &str)]) -> Result<Self, Failure> {
        Self::start_with(database_url, &format!("{database_url}.annuaire"), settings).await
    }

    /// The same with a copy of the directory that is somewhere else, and with settings.
    pub async fn start_with(
        database_url: &str,
        annuaire_url: &str,
        settings: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let ports = [ReservedPort::new()?, ReservedPort::new()?];
        let [address, ops] = [ports[0].address(), ports[1].address()];
        let mut command = program();
        command.env("SAS_LISTEN", address.to_string()).env("SAS_OPS_LISTEN", ops.to_string());
        command.env("SAS_DATABASE_URL", database_url).env("SAS_ANNUAIRE_DATABASE_URL", annuaire_url);
        // A server without callers is a test target, which keeps every exchange unless it is told otherwise.
        command.env("SAS_JOURNAL", "off").envs(settings.iter().copied());
        let start = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Self { address, ops, started_in: Duration::ZERO, child, _ports: ports };
        while !http::is_ready(ops).await {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended at once: {status}").into());
            }
            if start.elapsed() > PATIENCE {
                return Err("the server does not become ready".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.started_in = start.elapsed();
        Ok(server)
    }

    /// Its number as a process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// How many threads it has.
    pub fn threads(&self) -> Result<usize, Failure> {
        Ok(std::fs::read_dir(format!("/proc/{}/task", self.child.id()))?.count())
    }

    /// What it keeps in memory now, in MiB.
    pub fn resident_mebibytes(&self) -> Result<f64, Failure> {
        memory_mebibytes(self.child.id(), "VmRSS:")
    }

    /// The most that it has kept in memory, in MiB.
    pub fn peak_mebibytes(&self) -> Result<f64, Failure> {
        memory_mebibytes(self.child.id(), "VmHWM:")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program without settings but that it logs warnings only, and bounds none of the measured load.
pub fn program() -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SAS_")) {
        command.env_remove(name);
    }
    command.env("SAS_LOG", "warn").env("SAS_RATE", "0").env("SAS_MAX_WRITES", "4096");
    command
}

/// A line of `/proc/<id>/status`, in MiB.
pub fn memory_mebibytes(process: u32, name: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(|| format!("no {name}"))?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024.0)
}

/// The processor time that a process has used, of all its threads; in hundredths of a second.
pub fn processor_time(process: u32) -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name before may contain anything; `utime` and `stime` are the fields 14 and 15.
    let (_, fields) = stat.rsplit_once(") ").ok_or("no name")?;
    let mut ticks = 0;
    for field in fields.split(' ').skip(11).take(2) {
        ticks += field.parse::<u64>()?;
    }
    Ok(Duration::from_millis(10 * ticks))
}

/// The size of the binary, in MiB.
pub fn binary_mebibytes() -> Result<f64, Failure> {
    mebibytes(BINARY.as_ref())
}

/// The size of the program to install, where `make release` has built it.
pub fn installed_mebibytes() -> Option<f64> {
    let target = Path::new(BINARY).parent()?.parent()?;
    mebibytes(&target.join("dist/sas-endpoint")).ok()
}

fn mebibytes(file: &Path) -> Result<f64, Failure> {
    Ok(std::fs::metadata(file)?.len() as f64 / f64::from(1 << 20))
}
