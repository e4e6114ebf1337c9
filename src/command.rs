//! What the program does, one command a file.

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

/// Why a command could not do what it was asked to; told in a sentence.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Says what is wrong with the settings, or what was asked of them (`--help`), and how the program ends.
pub fn tell_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    eprint!("{}", terminal::lines(&error.to_string()));
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Says on standard error why the program ends.
pub fn tell_failure(failure: &dyn std::fmt::Display) {
    eprintln!("sas-endpoint: {}", terminal::lines(&failure.to_string()));
}

/// Runs the command; its status is that of the process.
pub async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let config = cli.config;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let traces = observe(&config)?;
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

/// Logs to standard error from here on, and sends traces to the collector that the environment names.
fn observe(config: &Config) -> Result<Traces, Failure> {
    let traces = Traces::start()?;
    subscribe(config, None, traces.layer());
    Ok(traces)
}

/// Logs to standard error from here on, without writing across these bars.
fn log_beside(config: &Config, bars: Option<MultiProgress>) {
    subscribe(config, bars, None::<Identity>);
}

fn subscribe<T>(config: &Config, bars: Option<MultiProgress>, traces: Option<T>)
where
    T: Layer<Registry> + Send + Sync,
{
    let writer = annuaire::progress::BesideBars(bars);
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
    // The filter was checked when it was read.
    let log = log.with_filter(EnvFilter::new(&config.log));
    tracing_subscriber::registry().with(traces).with(log).init();
}
