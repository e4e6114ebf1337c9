//! Every setting, in one struct. Precedence: command line, environment, TOML file, default.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::access;
use crate::access::caller::Callers;
use crate::access::file::parse_callers;
use crate::annuaire::sync::schedule::Schedule;
use crate::annuaire::sync::upstream::ApiKey;
use crate::audit;
use crate::clock::duration::duration_parser;
use crate::http::bounds::Bounds;
use crate::http::origin::proxy;
use crate::sas::deviation::Validation;
use crate::sas::directory::Check;
use crate::tls;

pub mod annuaire;
pub mod exchanges;

/// A FHIR R4 server that receives the regulator accounts and appointments of the French SAS (Service d'Accès aux Soins).
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, disable_help_subcommand = true)]
#[command(
    after_help = "Each setting can be given as an option, as an environment variable (shown in brackets), or as a line \
    `name = value` of the TOML file given with --config; its name there is that of the option, with underscores \
    (listen = \"0.0.0.0:8080\"). The command line takes precedence over the environment, and the environment over the \
    file. Callers are configured in the file only, one table [[caller]] each, with the keys name, rights, and either cn \
    and ou (of the client certificate) or token_sha256."
)]
pub struct Cli {
    /// `serve` if missing.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub config: Config,
}

/// The commands.
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
    Token,
    /// Check whether a running instance on this machine is ready
    ///
    /// Exit status: 0 ready; 1 not ready, or no response within 3 s.
    Healthcheck(Healthcheck),
    /// Query the audit log of exchanges: what happened to an account, who requested what
    ///
    /// Reads only, and can run while a server is running. Finds persons by their identifiers, and shows none of them. Exit
    /// status: 0 success; 1 the database does not exist, cannot be read, or has another schema version than this program.
    Exchanges(exchanges::Exchanges),
    /// Back up the SQLite database to a file; a server may be running
    ///
    /// The backup is a consistent database. To restore it, stop the server, replace the database with it, and delete the
    /// -wal and -shm files. Exit status: 0 success; 1 failure; 2 the database is Postgres: use pg_dump.
    Backup(exchanges::Backup),
    /// Delete audit records older than --exchanges-keep, and directory versions superseded longer than --annuaire-keep
    Purge,
    /// Manage the mirror of the national directory (Annuaire Santé)
    #[command(subcommand, disable_help_subcommand = true)]
    Annuaire(annuaire::Command),
}

/// The arguments of `validate`.
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

/// The arguments of `healthcheck`.
#[derive(Clone, Debug, Args)]
pub struct Healthcheck {
    /// Check only that the instance is alive, even if its database is not available
    #[arg(long)]
    pub live: bool,
}

/// The arguments of `rules`.
#[derive(Clone, Debug, Args)]
pub struct Rules {
    /// Print a JSON array instead of text
    #[arg(long)]
    pub json: bool,
}

/// The languages of messages.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CliLanguage {
    Fr,
    En,
}

/// The settings.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// TOML file with settings
    #[arg(long, env = "SAS_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Address of the FHIR API
    #[arg(long, env = "SAS_LISTEN", global = true, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address of the operator's listener: /health/live, /health/ready, /metrics
    #[arg(long, env = "SAS_OPS_LISTEN", global = true, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub ops_listen: SocketAddr,

    /// URL under which clients reach the FHIR API; absolute URLs in responses begin with it (default: `http://<listen>/fhir`)
    ///
    /// Behind a reverse proxy, the public URL. The Host header is never used. Required if --listen is `0.0.0.0` or `[::]`
    /// and there is no trusted proxy.
    #[arg(long, env = "SAS_BASE_URL", global = true, value_name = "URL", value_parser = base_url)]
    pub base_url: Option<String>,

    /// Database: sqlite://FILE (created if missing) or postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(
        long,
        env = "SAS_DATABASE_URL",
        hide_env_values = true,
        global = true,
        value_name = "URL",
        default_value = "sqlite://sas-endpoint.db"
    )]
    pub database_url: String,

    /// Database of the mirror of the national directory: sqlite://FILE (created if missing) or
    /// postgres://USER:PASSWORD@HOST/DATABASE (in its own schema, annuaire)
    #[arg(
        long,
        env = "SAS_ANNUAIRE_DATABASE_URL",
        hide_env_values = true,
        global = true,
        value_name = "URL",
        default_value = "sqlite://annuaire.db"
    )]
    pub annuaire_database_url: String,

    /// Base URL of the FHIR API of the directory to mirror
    #[arg(
        long,
        env = "SAS_ANNUAIRE_URL",
        global = true,
        value_name = "URL",
        default_value = "https://gateway.api.esante.gouv.fr/fhir/v2",
        value_parser = base_url
    )]
    pub annuaire_url: String,

    /// API key of that directory; sent as ESANTE-API-KEY to its scheme, host and port only
    ///
    /// Set it in the environment or in the file: every user of a machine can read command lines.
    #[arg(long, env = "SAS_ANNUAIRE_API_KEY", hide_env_values = true, global = true, value_name = "KEY", value_parser = api_key)]
    pub annuaire_api_key: Option<ApiKey>,

    /// Maximum requests per second to that directory; 0 disables the limit (the national directory allows 17)
    #[arg(long, env = "SAS_ANNUAIRE_RATE", global = true, value_name = "NUMBER", default_value_t = 15)]
    pub annuaire_rate: u32,

    /// Schedule on which `serve` synchronises the mirror: "daily at 05:30" (time in France) or "every 6h"; never if not set
    #[arg(long, env = "SAS_ANNUAIRE_SYNC", global = true, value_name = "SCHEDULE")]
    pub annuaire_sync: Option<Schedule>,

    /// How long the mirror keeps superseded versions, for clients that page through a search
    #[arg(long, env = "SAS_ANNUAIRE_KEEP", global = true, value_name = "DURATION", default_value = "24h", value_parser = duration_parser(.., "24h or 90m"))]
    pub annuaire_keep: Duration,

    /// Whether to accept an account or an appointment whose national identifier (8 and an RPPS number) is unknown or
    /// inactive in the mirror: accept it with a warning, refuse it, or do not check
    ///
    /// Nothing is checked while the mirror is empty, was never complete, or does not respond.
    #[arg(long, env = "SAS_ANNUAIRE_CHECK", global = true, value_enum, default_value_t = Check::Warn)]
    pub annuaire_check: Check,

    #[command(flatten)]
    pub audit: audit::Settings,

    /// Whether to accept, with a warning, or to refuse the deviations from FHIR that the SAS pages themselves contain
    #[arg(long, env = "SAS_VALIDATION", global = true, value_enum, default_value_t = Validation::Tolerant)]
    pub validation: Validation,

    #[command(flatten)]
    pub access: access::Settings,

    /// From the tables `[[caller]]` of the file.
    #[arg(skip)]
    pub callers: Callers,

    #[command(flatten)]
    pub proxies: proxy::Settings,

    #[command(flatten)]
    pub bounds: Bounds,

    #[command(flatten)]
    pub tls: tls::Settings,

    /// Log level (error, warn, info, debug, trace), or a filter such as info,sqlx=warn
    #[arg(long, env = "SAS_LOG", global = true, value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub log: String,

    /// Format of the log, which is written to standard error
    #[arg(long, env = "SAS_LOG_FORMAT", global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line per event
    Text,
    /// One JSON object per line
    Json,
}

impl Cli {
    /// Reads the command line, the environment and the file.
    ///
    /// # Errors
    /// An error of clap, whose exit status is 2; or `--help` or `--version`, whose exit status is 0.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let matches = Self::command().ignore_errors(true).try_get_matches_from(&arguments)?;
        let file = matches.get_one::<PathBuf>("config").cloned();
        let (command, callers) = match file {
            Some(file) => with_defaults_from(&file, Self::command())?,
            None => (Self::command(), Callers::default()),
        };
        let mut matches = command.try_get_matches_from(arguments).map_err(without_credentials)?;
        let mut cli = Self::from_arg_matches_mut(&mut matches)?;
        cli.config.callers = callers;
        Ok(cli)
    }
}

/// Replaces the defaults of the command by the values of the file, and parses the callers, which are in the file only.
fn with_defaults_from(file: &PathBuf, mut command: clap::Command) -> Result<(clap::Command, Callers), clap::Error> {
    let error =
        |sentence: String| clap::Error::raw(clap::error::ErrorKind::Io, format!("{}: {sentence}\n", file.display()));
    let text = std::fs::read_to_string(file).map_err(|cause| error(format!("the file cannot be read: {cause}")))?;
    let mut settings: toml::Table = text.parse().map_err(|cause| error(syntax_error(&text, &cause)))?;
    let callers = settings.remove("caller").map(parse_callers).transpose().map_err(error)?.unwrap_or_default();
    for (name, value) in settings {
        let known = command.get_arguments().any(|argument| argument.get_id() == name.as_str() && name != "config");
        if !known {
            return Err(error(format!("unknown setting “{name}”")));
        }
        let is_list = command
            .get_arguments()
            .any(|argument| argument.get_id() == name.as_str() && argument.get_value_delimiter().is_some());
        let values = match value {
            toml::Value::Array(values) if is_list => values.into_iter().map(to_argument).collect(),
            value => to_argument(value).map(|value| vec![value]),
        };
        let expected = if is_list { "a string, or an array of strings" } else { "a string or a whole number" };
        let values: Vec<_> = values.ok_or_else(|| error(format!("the value of “{name}” must be {expected}")))?;
        command = command.mut_arg(name, |argument| argument.default_values(values));
    }
    Ok((command, callers))
}

/// Reports the position only: the text there, which the parser's own message quotes, may be a secret.
fn syntax_error(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let position = before.map(|before| {
        let line = before.rsplit('\n').next().unwrap_or_default();
        format!(" at line {}, column {}", before.matches('\n').count() + 1, line.chars().count() + 1)
    });
    format!("this is not TOML: syntax error{}", position.unwrap_or_default())
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

/// Formats a value as on the command line; `None` if no setting has values of this type.
fn to_argument(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Environment variables `SAS_…` that no setting has: probably misspelt.
pub fn unknown_variables() -> Vec<String> {
    let command = Cli::command();
    let known: Vec<_> = command.get_arguments().filter_map(|argument| argument.get_env()).collect();
    let names = std::env::vars_os().map(|(name, _)| name);
    let looks_like_one =
        |name: &OsString| name.to_string_lossy().starts_with("SAS_") && !known.contains(&name.as_os_str());
    names.filter(looks_like_one).map(|name| name.to_string_lossy().into_owned()).collect()
}

fn base_url(text: &str) -> Result<String, String> {
    let url: axum::http::Uri = text.parse().map_err(|_| "this is not a URL".to_owned())?;
    match (url.scheme_str(), url.authority(), url.query()) {
        (Some("http" | "https"), Some(authority), None)
            if !authority.as_str().contains('@') && !text.contains('#') && url.path().bytes().all(is_plain) =>
        {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("expected http://host/path or https://host/path, of letters, digits and -._~/".to_owned()),
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte)
}

/// Never fails, as an error would quote the key.
fn api_key(text: &str) -> Result<ApiKey, std::convert::Infallible> {
    Ok(ApiKey::new(text))
}

fn log_filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Cli, String> {
        let arguments = std::iter::once("sas-endpoint").chain(arguments.iter().copied());
        Cli::read(arguments.map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn cli_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cli_base_url_trailing_slash_is_removed() {
        let said = read(&["serve", "--base-url", "https://example.org/ans-sas/"]).expect("a base url");
        assert_eq!(said.config.base_url.as_deref(), Some("https://example.org/ans-sas"));
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

    #[test]
    fn config_file_syntax_error_reports_its_position_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("settings.toml");
        for (text, position) in [
            ("listen = \"127.0.0.1:1\"\nexchanges_key = \"s3cret", "line 2, column "),
            ("exchanges_key = s3cret\n", "line 1, column 17"),
            ("exchanges_key = 's3cret\n'\n", "line 2, column "),
            ("database_url = \"postgres://u:s3cret@h/\\d\"\n", "line 1, column "),
            ("annuaire_api_key \"s3cret\"\n", "line 1, column "),
            ("# é\n[[caller]]\ntoken_sha256 = s3cret\n", "line 3, column "),
            ("s3cret = 1\ns3cret = 2\n", "line 2, column "),
            ("s3cret", "line 1, column "),
        ] {
            std::fs::write(&file, text).expect("written");
            let error = read(&["--config", file.to_str().expect("a path")]).expect_err("wrong");
            assert!(!error.contains("s3cret") && error.contains(position), "{error}");
        }
    }

    #[test]
    fn config_file_values_are_overridden_by_the_command_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("settings.toml");
        let file = file.to_str().expect("a path");
        std::fs::write(file, "listen = \"127.0.0.1:9000\"\nmax_body = 2048\nvalidation = \"strict\"\n")
            .expect("written");
        let config = read(&["--config", file, "--validation", "tolerant"]).expect("settings").config;
        assert_eq!(
            (config.listen.port(), config.bounds.max_body, config.validation),
            (9000, 2048, Validation::Tolerant)
        );
        let caller = "[[caller]]\nname = \"platform\"\ncn = \"sas\"\nou = \"3187\"\nrights = [\"read\"]\n";
        std::fs::write(file, format!("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n{caller}")).expect("written");
        let config = read(&["--config", file]).expect("settings").config;
        assert_eq!((config.proxies.trusted_proxies.len(), config.callers.has_certificates()), (2, true));
        let config = read(&["--config", file, "--trusted-proxies", "127.0.0.1"]).expect("settings").config;
        assert_eq!(config.proxies.trusted_proxies, ["127.0.0.1/32".parse().expect("a network")]);
        for (text, sentence) in [
            ("lisen = 1", "unknown setting “lisen”"),
            (
                "[[caller]]\nname = \"platform\"\nrights = []",
                "settings.toml: caller “platform”: it needs either cn and ou",
            ),
            ("trusted_proxies = [[]]", "must be a string, or an array of strings"),
            ("trusted_proxies = \"proxy\"", "expected an address such as 127.0.0.1, or a network"),
            ("listen = [1]", "must be a string or a whole number"),
            ("listen = ", "this is not TOML"),
            ("listen = 1", "invalid value '1' for '--listen <ADDRESS>'"),
        ] {
            std::fs::write(file, text).expect("written");
            let error = read(&["--config", file]).expect_err("wrong");
            assert!(error.contains(sentence), "{error}");
        }
    }
}
