//! The command line, and the settings. Precedence: command line, environment, TOML file, default.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) mod annuaire;
pub(crate) mod console;
pub(crate) mod events;
pub(crate) mod exchanges;
mod fault_mode;
mod faults;
pub(crate) mod faults_command;
mod file;
mod settings;
mod test_target;
mod url;
pub(crate) mod webhooks;

use file::SettingsFile;
pub(crate) use settings::{Config, LogFormat};

/// A FHIR R4 server that receives the regulator accounts and appointments of the French SAS (Service d'Accès aux Soins).
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, disable_help_subcommand = true)]
#[command(
    after_help = "Each setting can be given as an option, as an environment variable (shown in brackets), or as a line \
    `name = value` of the TOML file given with --config; its name there is that of the option, with underscores \
    (listen = \"0.0.0.0:8080\"), its value a string, a number, a boolean, or an array of strings where the option takes a \
    list. The command line takes precedence over the environment, and the environment over the file. Callers are \
    configured in the file only, one table [[caller]] each, with the keys name, rights (practitioner:write, \
    appointment:write, read, annuaire:read, console), and either cn and ou (of the client certificate) or token_sha256. So are webhooks, one table [[webhook]] each, with the keys name, url, secret or \
    secret_file, and optionally events, content, from, ca, timeout, on_refusal and insecure. \
    Likewise the software that is asked before an account is written: a table \
    [decision] with the keys url, secret or secret_file, ca, timeout (2s), on_failure (refuse or accept) and insecure."
)]
pub struct Cli {
    /// Default: `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten, next_help_heading = "Settings")]
    pub config: Config,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serve the FHIR API (default)
    Serve,
    /// Migrate the schema of the database to the version of this program, and exit
    Migrate,
    /// Validate FHIR resources in files
    ///
    /// Each file is validated alone: stored resources and the mirror of the directory are not consulted. Exit status: 0 all
    /// files are accepted; 1 a file is refused; 2 a file cannot be read.
    Validate(Validate),
    /// List all validation rules: id, level, messages, source
    Rules(Rules),
    /// Generate a bearer token, and print it with the line for its caller in the file given with --config
    Token(Token),
    /// Check whether a running instance on this machine is ready
    ///
    /// Exit status: 0 ready; 1 not ready, or no response within 3 s.
    Healthcheck(Healthcheck),
    /// Query the audit log of exchanges: what happened to an account, who requested what
    ///
    /// Reads only, and can run while a server is running. Finds persons by their identifiers, and shows none of them. Exit
    /// status: 0 success; 1 the database does not exist, cannot be read, or has another schema version than this program.
    Exchanges(exchanges::Exchanges),
    /// Print the change feed: what each write changed, in the order of commits
    ///
    /// Reads only, and can run while a server is running. Shows no identifier of a person, unless --json is given. Exit status:
    /// 0 success; 1 the database does not exist, cannot be read, or has another schema version than this program.
    Events(events::Events),
    /// List the webhooks, or manage them: which events were delivered, which are waiting, and why
    ///
    /// Webhooks are configured as `[[webhook]]` in the file given with --config, and `serve` delivers their events.
    Webhooks(webhooks::Webhooks),
    /// Arm, list and end faults of a running instance, to see what a client does when its requests fail
    ///
    /// Asks the operator's listener (--ops-listen) of this machine. SAS_FAULTS says where faults may be armed. Exit status: 0
    /// success; 1 the instance refuses, or was not reached.
    Faults(faults_command::Faults),
    /// Back up the SQLite database to a file; a server may be running
    ///
    /// The backup is a consistent database. To restore it, stop the server, replace the database with it, and delete the
    /// -wal and -shm files. Exit status: 0 success; 1 failure; 2 the database is Postgres: use pg_dump.
    Backup(exchanges::Backup),
    /// Delete audit events older than --exchanges-keep, exchanges of the journal beyond --journal-keep and --journal-size, and
    /// directory versions superseded longer than --annuaire-keep
    Purge(Purge),
    /// Manage the mirror of the national directory (Annuaire Santé)
    #[command(subcommand, disable_help_subcommand = true)]
    Annuaire(annuaire::Command),
}

#[derive(Clone, Debug, Args)]
pub struct Validate {
    /// Files to validate; - for standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Print one OperationOutcome per file instead of text
    #[arg(long)]
    pub json: bool,
    /// Language of the messages
    #[arg(long, value_enum, default_value_t = CliLanguage::Fr)]
    pub language: CliLanguage,
}

#[derive(Clone, Debug, Args)]
pub struct Token {
    /// Generate the secret of a webhook instead
    #[arg(long)]
    pub webhook: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Healthcheck {
    /// Check only that the instance is alive, even if its database is not available
    #[arg(long)]
    pub live: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Purge {
    /// Delete every exchange of the journal instead, and nothing else
    #[arg(long = "journal")]
    pub whole_journal: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Rules {
    /// Print a JSON array instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CliLanguage {
    Fr,
    En,
}

impl Cli {
    /// Reads the command line, the environment and the file.
    ///
    /// # Errors
    /// An error with exit status 2; or the text of `--help` or `--version`, with exit status 0.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let parse = |command: clap::Command| command.try_get_matches_from(&arguments).map_err(without_credentials);
        let matches = parse(Self::command().ignore_errors(true))?;
        let file = match matches.get_one::<PathBuf>("config") {
            Some(path) => SettingsFile::read(path, &Self::command())?,
            None => SettingsFile::default(),
        };
        let matches = parse(file.apply(Self::command()));
        let mut matches = matches.map_err(|error| file.locate(error, &Self::command(), parse))?;
        let mut cli = Self::from_arg_matches_mut(&mut matches)?;
        cli.config.callers = file.callers;
        cli.config.webhooks = file.webhooks;
        cli.config.decision = file.decision;
        Ok(cli)
    }
}

/// Removes the refused value from clap's error if it may be a URL with a password or a key.
fn without_credentials(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        if let Some(ContextValue::String(value)) = error.get(kind)
            && value.contains(['@', '?'])
        {
            let scheme = value.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
            error.insert(kind, ContextValue::String(scheme + "…"));
        }
    }
    error
}

/// Environment variables `SAS_…` that are no setting, and probably misspelt.
pub(crate) fn unknown_variables() -> Vec<String> {
    let command = Cli::command();
    // Those of commands too: an environment is often shared with `serve`.
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let known: Vec<_> = commands.flat_map(clap::Command::get_arguments).filter_map(clap::Arg::get_env).collect();
    let names = std::env::vars_os().map(|(name, _)| name);
    let looks_like_one =
        |name: &OsString| name.to_string_lossy().starts_with("SAS_") && !known.contains(&name.as_os_str());
    names.filter(looks_like_one).map(|name| name.to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::http::bounds::Bounds;

    pub fn read(arguments: &[&str]) -> Result<Cli, String> {
        let arguments = std::iter::once("sas-endpoint").chain(arguments.iter().copied());
        Cli::read(arguments.map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn cli_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cli_base_url_trailing_slash_is_removed() {
        let cli = read(&["serve", "--base-url", "https://example.org/ans-sas/"]).expect("a base url");
        assert_eq!(cli.config.base_url.as_deref(), Some("https://example.org/ans-sas"));
    }

    #[test]
    fn cli_invalid_value_error_says_what_is_expected() {
        for (arguments, sentence) in [
            (["--listen", "nowhere"], "invalid value 'nowhere' for '--listen <ADDRESS>'"),
            (["--max-body", "0"], "expected between 1KiB and 65536KiB"),
            (["--base-url", "example.org"], "expected http://host/path or https://host/path"),
            (["--base-url", "http://h/{x}"], "of letters, digits"),
            (["--base-url", "http://h/:x"], "of letters, digits"),
            (["--base-url", "http://u:p@h/"], "of letters, digits"),
            (["--max-url", "1GiB"], "expected between 1KiB and 128KiB"),
            (["--body-timeout", "20"], "expected a duration such as 10s or 2m"),
            (["--max-writes", "0"], "expected a number from 1 to 1000000"),
            (["--annuaire-check", "lax"], "[possible values: warn, refuse, off]"),
            (["--validation", "lax"], "[possible values: tolerant, strict]"),
            (["--log", "sas=loud"], "invalid value 'sas=loud' for '--log <FILTER>'"),
            (["--config", "/nowhere.toml"], "/nowhere.toml: the file cannot be read"),
            (["--annuaire-sync", "at noon"], "expected “daily at 05:30” (time in France) or “every 6h”"),
            (["--annuaire-keep", "a day"], "expected a duration such as 24h or 90m"),
            (["--annuaire-keep", "1h ago"], "expected a duration such as 24h or 90m"),
            (["--exchanges-keep", "a year"], "expected a duration such as 365d, 18 months or 2y"),
            (["--annuaire-url", "gateway"], "expected http://host/path or https://host/path"),
        ] {
            let error = read(&arguments).expect_err("wrong");
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn cli_default_bounds_equal_bounds_default() {
        assert_eq!(read(&[]).expect("settings").config.bounds, Bounds::default());
    }

    #[test]
    fn cli_api_key_is_never_shown() {
        let config = read(&["serve", "--annuaire-api-key", "s3cret"]).expect("settings").config;
        assert!(!format!("{config:?}").contains("s3cret"));
        let error = read(&["--annuaire-api-key", "s3cret", "--annuaire-rate", "fast"]).expect_err("wrong");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn cli_refused_url_is_shown_without_its_password() {
        for arguments in [
            &["--annuaire-url", "https://user:s3cret@example.org/fhir"][..],
            &["--annuaire-url", "https://user:s3@cret@example.org/fhir?x=1"],
            &["--annuaire-url", "https://example.org/fhir?key=s3cret"],
            &["--base-url", "http://s3cret@h/"],
            &["--base-url", "user:s3cret@h"],
            &["postgres://user:s3cret@h/database"],
            &["serve", "postgres://user:s3cret@h/database"],
        ] {
            let error = read(arguments).expect_err("wrong");
            assert!(!error.contains("s3") && error.contains("…"), "{error}");
        }
    }
}
