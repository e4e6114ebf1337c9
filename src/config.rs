//! Every setting, in one struct: command line, then environment, then the TOML file, then the default.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::access;
use crate::access::caller::Callers;
use crate::access::file::callers;
use crate::annuaire::schedule::Schedule;
use crate::annuaire::upstream::ApiKey;
use crate::audit;
use crate::http::bounds::Bounds;
use crate::http::origin::proxy;
use crate::sas::deviation::Validation;
use crate::sas::directory::Check;
use crate::tls;

pub mod annuaire;
pub mod exchanges;

/// Receives the flows of the French SAS (Service d'Accès aux Soins): regulator accounts and
/// appointments, over FHIR R4.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, disable_help_subcommand = true)]
#[command(
    after_help = "Each setting is an option, an environment variable (shown in brackets), or a line `name = value` of \
    the TOML file given with --config, where names are those of the options with underscores (listen = \"0.0.0.0:8080\"). \
    The command line wins over the environment, the environment over the file. The callers stand in the file only, \
    one table [[caller]] each: name, rights, and either cn and ou (of its certificate) or token_sha256."
)]
pub struct Cli {
    /// What to do; without a command, serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings.
    #[command(flatten)]
    pub config: Config,
}

/// What the program can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serve the FHIR API (the default)
    Serve,
    /// Bring the database's schema up to date, and end
    Migrate,
    /// Say what there is to say of FHIR resources in files; ends with 0 (accepted), 1 (refused) or 2 (a file cannot be opened)
    ///
    /// Each file is judged alone: neither what was received before nor the copy of the directory is looked at.
    Validate(Validate),
    /// List every rule that is applied: id, level, sentences, source
    Rules(Rules),
    /// Make a bearer token for a caller: prints it, once, and its line for the file given with --config
    Token,
    /// Ask a running instance on this machine whether it is ready
    ///
    /// Exit status: 0 it is; 1 it is not, or does not answer within 3 s.
    Healthcheck(Healthcheck),
    /// Show the record of exchanges: what happened to an account, who asked what
    ///
    /// Works beside a running server, and only reads. Persons are found by their identifiers; none is shown. Exit status:
    /// 0 told; 1 there is no database, it cannot be read, or it has another schema version than this program.
    Exchanges(exchanges::Exchanges),
    /// Make a consistent copy of the SQLite database, beside a running server
    ///
    /// The copy is a database: put it in the place of the other one, without its -wal and -shm files, while no
    /// server runs. It ends with 2 on Postgres, which has pg_dump.
    Backup(exchanges::Backup),
    /// Remove at once what is older than the settings say: records of exchanges, superseded versions of the directory
    Purge,
    /// The copy of the national directory (Annuaire Santé): synchronise, load, look at it, invent one
    #[command(subcommand, disable_help_subcommand = true)]
    Annuaire(annuaire::Command),
}

/// The arguments of `validate`.
#[derive(Clone, Debug, Args)]
pub struct Validate {
    /// The files, or - for standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Print one OperationOutcome a file instead of sentences
    #[arg(long)]
    pub json: bool,
    /// The language of the sentences
    #[arg(long, value_enum, default_value_t = Tongue::Fr)]
    pub language: Tongue,
}

/// The arguments of `healthcheck`.
#[derive(Clone, Debug, Args)]
pub struct Healthcheck {
    /// Ask whether it is alive only: a database that is away does not count
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

/// The languages of our sentences.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[allow(missing_docs)]
pub enum Tongue {
    Fr,
    En,
}

/// The settings.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// A TOML file with settings
    #[arg(long, env = "SAS_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Address on which the FHIR API is served
    #[arg(long, env = "SAS_LISTEN", global = true, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address of the operator's listener: /health/live, /health/ready, /metrics
    #[arg(long, env = "SAS_OPS_LISTEN", global = true, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub ops_listen: SocketAddr,

    /// What absolute URLs in answers begin with, as clients see it (default: `http://<listen>/fhir`)
    ///
    /// Behind a reverse proxy, the public address. The Host header is never believed. Required where --listen is `0.0.0.0`
    /// or `[::]` and no proxy is trusted.
    #[arg(long, env = "SAS_BASE_URL", global = true, value_name = "URL", value_parser = base_url)]
    pub base_url: Option<String>,

    /// The database: sqlite://FILE (made if missing) or postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(
        long,
        env = "SAS_DATABASE_URL",
        hide_env_values = true,
        global = true,
        value_name = "URL",
        default_value = "sqlite://sas-endpoint.db"
    )]
    pub database_url: String,

    /// The database of the copy of the national directory: sqlite://FILE (made if missing) or
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

    /// The directory that the copy is taken from: the base of its FHIR API
    #[arg(
        long,
        env = "SAS_ANNUAIRE_URL",
        global = true,
        value_name = "URL",
        default_value = "https://gateway.api.esante.gouv.fr/fhir/v2",
        value_parser = base_url
    )]
    pub annuaire_url: String,

    /// The key of that directory; sent as ESANTE-API-KEY to its scheme, host and port, and nowhere else
    ///
    /// Better said in the environment or in the file: everybody on a machine sees the command line.
    #[arg(long, env = "SAS_ANNUAIRE_API_KEY", hide_env_values = true, global = true, value_name = "KEY", value_parser = api_key)]
    pub annuaire_api_key: Option<ApiKey>,

    /// The most requests a second to that directory; 0 for no limit (the national one allows 17)
    #[arg(long, env = "SAS_ANNUAIRE_RATE", global = true, value_name = "NUMBER", default_value_t = 15)]
    pub annuaire_rate: u32,

    /// When `serve` brings the copy up to date: "daily at 05:30" (time in France) or "every 6h"; never if not set
    #[arg(long, env = "SAS_ANNUAIRE_SYNC", global = true, value_name = "SCHEDULE")]
    pub annuaire_sync: Option<Schedule>,

    /// How long superseded versions are kept in the copy, for those who are still walking over them
    #[arg(long, env = "SAS_ANNUAIRE_KEEP", global = true, value_name = "DURATION", default_value = "24h", value_parser = keep)]
    pub annuaire_keep: SignedDuration,

    /// What becomes of an account or an appointment whose national identifier (8 and an RPPS number) is unknown or
    /// inactive in the copy of the directory: accepted with a warning, refused, or not looked at
    ///
    /// An empty copy, one that was never whole and one that does not answer say nothing.
    #[arg(long, env = "SAS_ANNUAIRE_CHECK", global = true, value_enum, default_value_t = Check::Warn)]
    pub annuaire_check: Check,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub audit: audit::Settings,

    /// Whether the deviations that the SAS pages themselves print are accepted, with a warning, or refused
    #[arg(long, env = "SAS_VALIDATION", global = true, value_enum, default_value_t = Validation::Tolerant)]
    pub validation: Validation,

    /// Whether callers are asked who they are.
    #[command(flatten)]
    pub access: access::Settings,

    /// The callers: the file's tables `[[caller]]`.
    #[arg(skip)]
    pub callers: Callers,

    /// The reverse proxies in front.
    #[command(flatten)]
    pub proxies: proxy::Settings,

    /// The bounds of every request.
    #[command(flatten)]
    pub bounds: Bounds,

    /// Certificates and lists.
    #[command(flatten)]
    pub tls: tls::Settings,

    /// What is logged: a level (error, warn, info, debug, trace) or a filter such as info,sqlx=warn
    #[arg(long, env = "SAS_LOG", global = true, value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub log: String,

    /// How it is logged, on standard error
    #[arg(long, env = "SAS_LOG_FORMAT", global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Cli {
    /// Reads the command line, the environment and the file. What is wrong is told in a sentence,
    /// by an error that ends the program with status 2.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let matches = Self::command().ignore_errors(true).try_get_matches_from(&arguments)?;
        let file = matches.get_one::<PathBuf>("config").cloned();
        let (command, callers) = match file {
            Some(file) => with_defaults_of(&file, Self::command())?,
            None => (Self::command(), Callers::default()),
        };
        let mut matches = command.try_get_matches_from(arguments).map_err(without_credentials)?;
        let mut cli = Self::from_arg_matches_mut(&mut matches)?;
        cli.config.callers = callers;
        Ok(cli)
    }
}

/// The command whose defaults are the values of the file: a setting that is said nowhere else. With it
/// the callers, who stand in the file only.
fn with_defaults_of(file: &PathBuf, mut command: clap::Command) -> Result<(clap::Command, Callers), clap::Error> {
    let wrong =
        |sentence: String| clap::Error::raw(clap::error::ErrorKind::Io, format!("{}: {sentence}\n", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("the file cannot be read: {error}")))?;
    let mut settings: toml::Table = text.parse().map_err(|error| wrong(not_toml(&text, &error)))?;
    let callers = settings.remove("caller").map(callers).transpose().map_err(wrong)?.unwrap_or_default();
    for (name, value) in settings {
        let known = command.get_arguments().any(|argument| argument.get_id() == name.as_str() && name != "config");
        if !known {
            return Err(wrong(format!("there is no setting named “{name}”")));
        }
        let is_list = command
            .get_arguments()
            .any(|argument| argument.get_id() == name.as_str() && argument.get_value_delimiter().is_some());
        let values = match value {
            toml::Value::Array(values) if is_list => values.into_iter().map(plain).collect(),
            value => plain(value).map(|value| vec![value]),
        };
        let expected = if is_list { "a string, or an array of strings" } else { "a string or a whole number" };
        let values: Vec<_> = values.ok_or_else(|| wrong(format!("the value of “{name}” must be {expected}")))?;
        command = command.mut_arg(name, |argument| argument.default_values(values));
    }
    Ok((command, callers))
}

/// The position only: what stands there may be a secret, and so may any part of the parser's own sentence.
fn not_toml(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let position = before.map(|before| {
        let line = before.rsplit('\n').next().unwrap_or_default();
        format!(" at line {}, column {}", before.matches('\n').count() + 1, line.chars().count() + 1)
    });
    format!("this is not TOML: syntax error{}", position.unwrap_or_default())
}

/// clap quotes the value that it refuses: a URL with a user, a password or a query, which may be a key, stays out of the
/// terminal and the log.
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

/// A value as it would stand on the command line.
fn plain(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Variables of the environment that look like settings and are none: a misspelt one must not go
/// unnoticed.
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

fn keep(text: &str) -> Result<SignedDuration, String> {
    let duration: Option<SignedDuration> = text.parse().ok();
    duration
        .filter(|duration| !duration.is_negative())
        .ok_or_else(|| "expected a duration such as 24h or 90m".to_owned())
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
    fn the_command_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_base_url_is_taken_without_its_last_slash() {
        let said = read(&["serve", "--base-url", "https://example.org/ans-sas/"]).expect("a base url");
        assert_eq!(said.config.base_url.as_deref(), Some("https://example.org/ans-sas"));
    }

    #[test]
    fn a_wrong_setting_is_told_in_a_sentence() {
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
    fn bounds_have_the_same_defaults_everywhere() {
        assert_eq!(read(&[]).expect("settings").config.bounds, Bounds::default());
    }

    #[test]
    fn the_key_of_the_directory_is_never_shown() {
        let config = read(&["serve", "--annuaire-api-key", "s3cret"]).expect("settings").config;
        assert!(!format!("{config:?}").contains("s3cret"));
        let error = read(&["--annuaire-api-key", "s3cret", "--annuaire-rate", "fast"]).expect_err("wrong");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn a_refused_url_is_told_without_its_password() {
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
    fn a_syntax_error_of_the_file_is_told_by_its_position_only() {
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
    fn the_file_is_a_default_that_the_command_line_overrides() {
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
            ("lisen = 1", "no setting named “lisen”"),
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
