//! The commands `annuaire …` and their arguments.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

use crate::annuaire::sync::PAGE_SIZE;
use crate::fhir::directory_type::DirectoryType;

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Synchronise the mirror with the directory: all resources, or the changes since the last run, whichever is due
    ///
    /// Resumes a run that was interrupted. Exit status: 0 up to date; 1 the directory or the database failed, or the
    /// directory sent fewer resources than it announced; 3 deletions were suppressed (see --allow-deletions); 75 another
    /// process is writing; 130 interrupted.
    Sync(Sync),
    /// Load resources into the mirror from NDJSON files, which may be compressed with gzip or zstd
    ///
    /// Resources that are not in the files are kept, unless --replace is given. Lines that cannot be parsed are rejected
    /// (see `annuaire status`), and the others are loaded. Exit status: 0 loaded; 1 a file or the database failed; 3
    /// deletions were suppressed (see --allow-deletions); 75 another process is writing; 130 interrupted.
    Load(Load),
    /// Show the contents and the age of the mirror, the last runs, and what they rejected or suppressed
    ///
    /// Reads only. Exit status: 0 success; 1 the mirror does not exist or cannot be read.
    Status(Status),
    /// Check the index of the mirror against its resources: a sample of each type, or all of them
    ///
    /// Reads only. Exit status: 0 the index is correct; 1 the mirror does not exist or cannot be read; 4 the index is damaged:
    /// searches may miss resources until `annuaire reindex` rebuilds it.
    Verify(Verify),
    /// Rebuild the index of the mirror from its resources; a server may be running
    ///
    /// Required if `annuaire verify` found damage, or if the index has another format than that of this program. Exit status:
    /// 0 rebuilt; 1 the mirror does not exist or the database failed; 75 another process is writing; 130 interrupted, and
    /// the next run begins again.
    Reindex,
    /// Generate a fictitious directory, and write it as NDJSON to standard output
    ///
    /// The same arguments give the same bytes.
    Generate(Generate),
}

#[derive(Clone, Debug, Args)]
pub struct Sync {
    /// Fetch all resources, and delete those that the directory no longer has
    #[arg(long, conflicts_with = "since")]
    pub full: bool,
    /// Fetch the changes since this date, rather than since the last run
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub since: Option<Date>,
    /// Allow this run to delete more than 15 % of the resources of a type; types with suppressed deletions are fetched
    /// again
    #[arg(long, conflicts_with = "since")]
    pub allow_deletions: bool,
    /// Only resources of this type; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_parser = directory_type)]
    pub types: Vec<DirectoryType>,
    /// Resources per page; the national directory recommends at most 200
    #[arg(long, value_name = "NUMBER", default_value_t = PAGE_SIZE, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub count: u16,
}

#[derive(Clone, Debug, Args)]
pub struct Load {
    /// Files to load; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Delete resources that are not in the files, unless these are more than 15 % of a type; the next `annuaire sync` is
    /// a full one
    #[arg(long)]
    pub replace: bool,
    /// With --replace, allow the deletion of more than 15 % of the resources of a type
    #[arg(long, requires = "replace")]
    pub allow_deletions: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Show a hash of all resources of each type, to compare mirrors; reads the whole mirror
    #[arg(long)]
    pub hash: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Verify {
    /// Check every resource and every entry of the index; reads the whole mirror
    #[arg(long)]
    pub all: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Generate {
    /// Number of practitioners; other resources are generated in proportion
    #[arg(long, value_name = "NUMBER")]
    pub practitioners: u32,
    /// Seed of the random generator; each seed gives another directory
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Date of publication (default: today)
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub date: Option<Date>,
    /// Generate only the changes of the following day
    #[arg(long)]
    pub delta: bool,
}

fn date(text: &str) -> Result<Date, String> {
    Date::strptime("%Y-%m-%d", text).map_err(|_| "expected a date such as 2026-03-10".to_owned())
}

fn directory_type(text: &str) -> Result<DirectoryType, String> {
    DirectoryType::parse(text)
        .ok_or_else(|| format!("expected one of {}", DirectoryType::ALL.map(DirectoryType::as_str).join(", ")))
}
