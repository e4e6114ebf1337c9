//! What the program carries as a whole, over HTTP, beside what its database carries without it.
//!
//! * conditional PUT of an account of 2.5 kB, half creations and half updates, over 1 to 256 connections, on SQLite and
//!   on Postgres; after each row the ceiling of the same minute: the same rows written straight to that database;
//! * what the audit log costs a write, what positions and changes cost it, and how much disk a write takes;
//! * what the journal costs writes, and how fast the console shows it; what faults cost while none is armed;
//! * the start, the memory, and the binary.
//!
//! The client, the server and Postgres share the cores of one machine. A disk's fsync is seen to
//! vary twentyfold within minutes: a rate means something only beside the probe and the ceiling of its row.
//!
//! `cargo bench --bench load -- --help` tells the arguments.

mod ceiling;
mod disk;
mod faults;
mod feed;
mod footprint;
mod journal;
mod pairs;
mod position;
mod record;
mod round_trips;
#[path = "../shared/mod.rs"]
mod shared;
mod webhooks;
mod writes;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use shared::Failure;
use shared::machine;
use shared::support::postgres::Cluster;
use shared::support::{Backend, TestDatabase};
use writes::Database;

/// Like a server that means it.
const DURABLE: &str = "-c fsync=on -c full_page_writes=on -c synchronous_commit=on -c shared_buffers=256MB";

/// Measures the program as a whole.
#[derive(Parser)]
struct Arguments {
    /// How long each row is measured
    #[arg(long, default_value = "4", value_parser = seconds)]
    seconds: Duration,
    /// How many writes the size on disk is measured with (the README quotes 2000000)
    #[arg(long, default_value_t = 100_000)]
    writes: usize,
    /// Only these sections
    #[arg(long, value_delimiter = ',', num_args = 1.., value_enum)]
    only: Vec<Section>,
    /// Cargo adds it.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    WritesSqlite,
    WritesPostgres,
    Record,
    Position,
    Disk,
    Feed,
    Webhooks,
    Journal,
    Console,
    Faults,
    Footprint,
}

fn seconds(text: &str) -> Result<Duration, Failure> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One thread: the server needs the cores more.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match runtime.block_on(run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let wants = |section| arguments.only.is_empty() || arguments.only.contains(&section);
    let duration = arguments.seconds;
    println!("{}\n", machine::description(&std::env::temp_dir())?);
    if wants(Section::WritesSqlite) {
        println!("### Writes on SQLite (WAL, synchronous=FULL)\n");
        println!("{}", writes::measure(duration, &Database::Sqlite).await?);
    }
    if wants(Section::WritesPostgres)
        && let Some(cluster) = Cluster::start(DURABLE)
    {
        println!("### Writes on Postgres ({})\n", machine::postgres(cluster.url()).await?);
        println!("{}", writes::measure(duration, &Database::Postgres(cluster)).await?);
    }
    if wants(Section::Record) {
        println!("### Audit log, on SQLite\n\n{}", record::measure(duration).await?);
    }
    if wants(Section::Position) {
        println!("### Position and change of a version, on SQLite\n\n{}", position::measure(duration).await?);
    }
    if wants(Section::Disk) {
        println!("### Disk, on SQLite\n\n{}", disk::measure(arguments.writes).await?);
    }
    if wants(Section::Feed) {
        println!("### Change feed, on SQLite\n\n{}", feed::measure().await?);
    }
    if wants(Section::Webhooks) {
        println!("### Webhooks, on SQLite\n\n{}", webhooks::measure().await?);
    }
    if wants(Section::Journal) {
        println!("### Journal, on SQLite\n\n{}", journal::cost(duration).await?);
    }
    if wants(Section::Console) {
        println!("### Pages of the console over 100,000 exchanges, on SQLite\n\n{}", journal::pages().await?);
    }
    if wants(Section::Faults) {
        println!("### Faults, none armed, on SQLite\n\n{}", faults::cost(duration).await?);
    }
    if wants(Section::Footprint) {
        println!("### Start, memory, size\n\n{}", footprint::measure().await?);
    }
    Ok(())
}

/// An empty SQLite file.
async fn sqlite() -> Result<TestDatabase, Failure> {
    TestDatabase::new(Backend::Sqlite).await.ok_or_else(|| "there is no database".into())
}
