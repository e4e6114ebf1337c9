//! The commands of the program, one file each.

mod access;
mod annuaire;
mod backup;
mod exchanges;
mod healthcheck;
mod malloc;
mod purge;
mod rules;
mod serve;
mod terminal;
mod token;
mod validate;

use std::io::IsTerminal;
use std::process::ExitCode;

use indicatif::MultiProgress;
use tracing_subscriber::layer::{Identity, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{Cli, Command, Config, LogFormat};
use crate::storage::Storage;
use crate::telemetry::Traces;

pub use malloc::execute_with_settings;
use terminal::{Escaped, LogStyle};

/// Why a command failed, as a sentence.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Prints an error of the command line, or `--help`, and returns the exit status.
pub fn report_usage_error(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    eprint!("{}", terminal::lines(&error.to_string()));
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Prints to standard error why the program ends.
pub fn report_failure(failure: &dyn std::fmt::Display) {
    eprintln!("sas-endpoint: {}", terminal::lines(&failure.to_string()));
}

/// Runs the command; its status is that of the process.
pub async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let config = cli.config;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let traces = start_observability(&config)?;
            let served = serve::serve(&config).await;
            traces.stop().await;
            served.map(|()| ExitCode::SUCCESS)
        }
        Command::Migrate => {
            let storage = Storage::open(&config.database_url).await?;
            println!("{} is up to date.", terminal::cell(storage.description()));
            storage.close().await;
            Ok(ExitCode::SUCCESS)
        }
        Command::Validate(arguments) => Ok(validate::validate(&arguments, config.validation)?),
        Command::Rules(arguments) => Ok(rules::rules(&arguments)?),
        Command::Token => token::token(),
        Command::Healthcheck(arguments) => healthcheck::healthcheck(&arguments, config.ops_listen).await,
        Command::Exchanges(arguments) => exchanges::exchanges(&arguments, &config).await,
        Command::Backup(arguments) => Ok(backup::backup(&arguments, &config).await?),
        Command::Purge => purge::purge(&config).await,
        Command::Annuaire(command) => annuaire::annuaire(&command, &config).await,
    }
}

/// Starts logging to standard error, and sending traces to the collector that the environment names.
fn start_observability(config: &Config) -> Result<Traces, Failure> {
    let traces = Traces::start()?;
    subscribe(config, None, traces.layer());
    Ok(traces)
}

/// Starts logging to standard error, above these progress bars.
fn start_logging(config: &Config, bars: Option<MultiProgress>) {
    subscribe(config, bars, None::<Identity>);
}

fn subscribe<T>(config: &Config, bars: Option<MultiProgress>, traces: Option<T>)
where
    T: Layer<Registry> + Send + Sync,
{
    let writer = annuaire::progress::ProgressAwareWriter(bars);
    let style = match config.log_format {
        LogFormat::Json => LogStyle::Json,
        LogFormat::Text if std::io::stderr().is_terminal() => LogStyle::Coloured,
        LogFormat::Text => LogStyle::Plain,
    };
    let log = tracing_subscriber::fmt::layer()
        .with_writer(move || Escaped::new(writer.clone(), style))
        .with_ansi(style == LogStyle::Coloured)
        .with_target(false);
    let log = match config.log_format {
        LogFormat::Text => log.boxed(),
        LogFormat::Json => log.json().flatten_event(true).boxed(),
    };
    // The filter was validated with the settings.
    let log = log.with_filter(EnvFilter::new(&config.log));
    tracing_subscriber::registry().with(traces).with(log).init();
}
