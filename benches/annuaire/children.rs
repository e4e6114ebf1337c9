//! The commands of the program, as children that end with their [`Running`].

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Failure;
use super::server::{memory_mebibytes, program};

/// How often a child is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A directory in a file.
pub struct Invented {
    pub resources: u64,
    pub bytes: u64,
    pub took: Duration,
}

/// A command under way.
pub struct Running {
    child: Child,
    start: Instant,
}

/// What a command took.
pub struct Ended {
    pub took: Duration,
    pub peak_mebibytes: f64,
}

/// `annuaire generate`, into this file.
pub async fn generate(practitioners: u32, file: &Path) -> Result<Invented, Failure> {
    let mut command = program();
    command.args(["annuaire", "generate", "--practitioners", &practitioners.to_string()]);
    command.stdout(File::create(file)?);
    let took = Running::start(command)?.ended().await?.took;
    let mut invented = Invented { resources: 0, bytes: 0, took };
    let mut read = File::open(file)?;
    let mut piece = vec![0; 1 << 20];
    loop {
        let length = read.read(&mut piece)?;
        if length == 0 {
            return Ok(invented);
        }
        invented.bytes += length as u64;
        invented.resources += piece[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}

/// `annuaire load` of this file.
pub fn load(url: &str, file: &Path) -> Result<Running, Failure> {
    let mut command = program();
    command.args(["annuaire", "load"]).arg(file).env("SAS_ANNUAIRE_DATABASE_URL", url);
    command.stdout(Stdio::null());
    Running::start(command)
}

/// `annuaire sync` of everything that this server has.
pub fn sync(url: &str, from: SocketAddr) -> Result<Running, Failure> {
    let mut command = program();
    command.args(["annuaire", "sync", "--full"]).env("SAS_ANNUAIRE_DATABASE_URL", url);
    command.env("SAS_ANNUAIRE_URL", format!("http://{from}/annuaire/fhir/v2")).env("SAS_ANNUAIRE_RATE", "0");
    command.stdout(Stdio::null());
    Running::start(command)
}

/// The hash of each type, as `annuaire status` prints it.
pub fn hashes(url: &str) -> Result<Vec<String>, Failure> {
    let mut command = program();
    command.args(["annuaire", "status", "--hash", "--json"]).env("SAS_ANNUAIRE_DATABASE_URL", url);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let status: Value = serde_json::from_slice(&output.stdout)?;
    let types = status["types"].as_array().ok_or("a status without types")?;
    let hash = |of: &Value| of["hash"].as_str().map(str::to_owned);
    Ok(types.iter().map(hash).collect::<Option<_>>().ok_or("a status without hashes")?)
}

impl Running {
    fn start(mut command: Command) -> Result<Self, Failure> {
        let start = Instant::now();
        Ok(Self { child: command.stdin(Stdio::null()).spawn()?, start })
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> Result<Ended, Failure> {
        let mut peak_mebibytes = 0.0;
        loop {
            // It only grows; of what has ended there is none.
            peak_mebibytes = memory_mebibytes(self.child.id(), "VmHWM:").unwrap_or(peak_mebibytes);
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(Ended { took: self.start.elapsed(), peak_mebibytes }),
                Some(status) => return Err(format!("a command failed: {status}").into()),
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
