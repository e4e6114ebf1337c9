//! Every setting, in one struct.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::console;
use super::faults;
use super::url::base_url;
use crate::access;
use crate::access::caller::Callers;
use crate::annuaire::sync::schedule::Schedule;
use crate::annuaire::sync::upstream::ApiKey;
use crate::audit;
use crate::clock::duration::duration_parser;
use crate::decision;
use crate::http::bounds::Bounds;
use crate::http::origin::proxy;
use crate::journal;
use crate::sas::deviation::Validation;
use crate::sas::directory::Check;
use crate::tls;
use crate::webhook::Webhook;

#[derive(Clone, Debug, Args)]
pub struct Config {
    /// TOML file with settings
    #[arg(long, env = "SAS_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Address of the FHIR API
    #[arg(long, env = "SAS_LISTEN", global = true, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address of the operator's listener: /health/live, /health/ready, /metrics, /console
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
    #[arg(long, env = "SAS_ANNUAIRE_API_KEY", hide_env_values = true, global = true, value_name = "KEY", value_parser = StringValueParser::new().map(|key| ApiKey::new(&key)))]
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

    #[command(flatten)]
    pub journal: journal::Settings,

    #[command(flatten)]
    pub console: console::Settings,

    #[command(flatten)]
    pub faults: faults::Settings,

    /// Whether to accept, with a warning, or to refuse the deviations from FHIR that the SAS pages themselves contain
    #[arg(long, env = "SAS_VALIDATION", global = true, value_enum, default_value_t = Validation::Tolerant)]
    pub validation: Validation,

    #[command(flatten)]
    pub access: access::Settings,

    /// From the tables `[[caller]]` of the file; they are not options.
    #[arg(skip)]
    pub callers: Callers,

    /// From the tables `[[webhook]]` of the file, likewise.
    #[arg(skip)]
    pub webhooks: Vec<Webhook>,

    /// From the table `[decision]` of the file, likewise.
    #[arg(skip)]
    pub decision: Option<decision::Settings>,

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line per event
    Text,
    /// One JSON object per line
    Json,
}

fn log_filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
