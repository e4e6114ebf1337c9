//! The commands of the copy of the directory, and their arguments.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

use crate::annuaire::sync::COUNT;
use crate::fhir::directory_type::DirectoryType;

/// `annuaire …`
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Bring the copy up to date: all of it, or what changed, whichever is due
    ///
    /// A run that was interrupted is continued. Exit status: 0 up to date; 1 the directory or the database failed, or
    /// the directory sent less than it announced; 3 deletions were held back (see --allow-deletions); 75 another process
    /// is writing; 130 interrupted.
    Sync(Sync),
    /// Fill the copy from files of NDJSON, one resource a line; gzip and zstd are recognised
    ///
    /// What the copy has and the files have not stays, unless --replace is given. Lines that cannot be read are set
    /// aside (see `annuaire status`) and do not stop the rest. Exit status: 0 loaded; 1 a file or the database failed;
    /// 3 deletions were held back (see --allow-deletions); 75 another process is writing; 130 interrupted.
    Load(Load),
    /// Say what the copy holds, how old it is, what the last runs did, what was held back
    ///
    /// Only reads. Exit status: 0 told; 1 there is no copy, or it cannot be read.
    Status(Status),
    /// Check the index of the copy against its resources: a sample of each type, or all of them
    ///
    /// Only reads. Exit status: 0 the index agrees; 1 there is no copy, or it cannot be read; 4 the index does not agree:
    /// searches may miss resources, and `annuaire reindex` rebuilds it.
    Verify(Verify),
    /// Rebuild the index of the copy from its resources, while searches go on
    ///
    /// Needed after `annuaire verify` found damage, or where this program reads another format of the index. Exit
    /// status: 0 rebuilt; 1 there is no copy, or the database failed; 75 another process is writing; 130 interrupted
    /// (the same command begins again).
    Reindex,
    /// Invent a directory, and write it as NDJSON to standard output
    ///
    /// The same arguments give the same bytes.
    Generate(Generate),
}

/// The arguments of `annuaire sync`.
#[derive(Clone, Debug, Args)]
pub struct Sync {
    /// Walk over everything, and remove what the directory no longer has
    #[arg(long, conflicts_with = "since")]
    pub full: bool,
    /// Ask for what changed on that day or later, rather than since the last run
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub since: Option<Date>,
    /// Let this run remove what the directory no longer has, even if that is more than 15 % of a type; types of which
    /// deletions were held back are walked over again
    #[arg(long, conflicts_with = "since")]
    pub allow_deletions: bool,
    /// Only this type; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_parser = directory_type)]
    pub types: Vec<DirectoryType>,
    /// How many resources are asked for a page; the national directory asks for 200 at most
    #[arg(long, value_name = "NUMBER", default_value_t = COUNT, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub count: u16,
}

/// The arguments of `annuaire load`.
#[derive(Clone, Debug, Args)]
pub struct Load {
    /// The files, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The files are the whole directory: what they do not have is removed, unless that is more than 15 % of a type;
    /// the next `annuaire sync` is then a full one
    #[arg(long)]
    pub replace: bool,
    /// With --replace: remove what the files do not have, even if that is more than 15 % of a type
    #[arg(long, requires = "replace")]
    pub allow_deletions: bool,
}

/// The arguments of `annuaire status`.
#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Add a hash of all content for each type: equal for equal copies. Reads the whole copy
    #[arg(long)]
    pub hash: bool,
}

/// The arguments of `annuaire verify`.
#[derive(Clone, Debug, Args)]
pub struct Verify {
    /// Check every resource and every entry of the index, which reads the whole copy
    #[arg(long)]
    pub all: bool,
}

/// The arguments of `annuaire generate`.
#[derive(Clone, Debug, Args)]
pub struct Generate {
    /// How many practitioners; of everything else in proportion
    #[arg(long, value_name = "NUMBER")]
    pub practitioners: u32,
    /// Another number invents another directory
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// The day of its publication (default: today)
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub date: Option<Date>,
    /// Only what changes on the day after
    #[arg(long)]
    pub delta: bool,
}

fn date(text: &str) -> Result<Date, String> {
    Date::strptime("%Y-%m-%d", text).map_err(|_| "expected a day such as 2026-03-10".to_owned())
}

fn directory_type(text: &str) -> Result<DirectoryType, String> {
    DirectoryType::parse(text)
        .ok_or_else(|| format!("expected one of {}", DirectoryType::ALL.map(DirectoryType::as_str).join(", ")))
}
