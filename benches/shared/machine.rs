//! What the figures were measured on: without it they say nothing.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use super::{Failure, support};

/// The machine in one line: processor, cores, memory, kernel, file system of the data in this folder.
pub fn description(data: &Path) -> Result<String, Failure> {
    let field = |file: &str, name: &str| -> Result<String, Failure> {
        let text = fs::read_to_string(file)?;
        let line = text.lines().find(|line| line.starts_with(name));
        Ok(line.and_then(|line| line.split_once(':')).map_or("?", |(_, value)| value.trim()).to_owned())
    };
    let memory = field("/proc/meminfo", "MemTotal")?;
    let kibibytes: f64 = memory.trim_end_matches(" kB").parse()?;
    Ok(format!(
        "{} × {}, {:.0} GiB, Linux {}; data on {}",
        std::thread::available_parallelism()?,
        field("/proc/cpuinfo", "model name")?,
        kibibytes / f64::from(1 << 20),
        fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
        file_system(data)?,
    ))
}

/// The type of the file system that holds a path: its longest mount point.
fn file_system(path: &Path) -> Result<String, Failure> {
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let holding = mounts.filter(|(point, _)| path.starts_with(point));
    Ok(holding.max_by_key(|(point, _)| point.len()).map_or("?", |(_, kind)| kind).to_owned())
}

/// How long the disk takes to keep 8 KiB, where the data lies: median and 95th percentile of 200.
pub fn fsync() -> Result<(Duration, Duration), Failure> {
    let folder = support::folder("fsync");
    let mut file = File::create(folder.path().join("probe"))?;
    let block = [7; 8192];
    file.write_all(&block)?;
    file.sync_all()?;
    let mut times = vec![];
    for _ in 0..200 {
        let start = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok((times[times.len() / 2], times[times.len() * 95 / 100]))
}

/// The version and the settings that decide.
pub async fn postgres(url: &str) -> Result<String, Failure> {
    let mut connection = PgConnection::connect(url).await?;
    let mut settings = vec![];
    for name in ["server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers"] {
        let query = sqlx::query_scalar("SELECT current_setting($1)").bind(name);
        let value: String = query.fetch_one(&mut connection).await?;
        settings.push(format!("{name}={value}"));
    }
    connection.close().await?;
    Ok(settings.join(", "))
}
