//! Starts the log, and the export of traces.

use std::io::IsTerminal;

use indicatif::MultiProgress;
use tracing_subscriber::layer::{Identity, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::annuaire::progress::ProgressAwareWriter;
use super::failure::Failure;
use super::terminal::{Escaped, LogStyle};
use crate::config::{Config, LogFormat};
use crate::telemetry::Traces;

/// Starts logging to standard error, and sending traces to the collector that the environment names.
pub fn start_observability(config: &Config) -> Result<Traces, Failure> {
    let traces = Traces::start()?;
    subscribe(config, None, traces.layer());
    Ok(traces)
}

/// Starts logging to standard error, above these progress bars.
pub fn start_logging(config: &Config, bars: Option<MultiProgress>) {
    subscribe(config, bars, None::<Identity>);
}

fn subscribe<T>(config: &Config, bars: Option<MultiProgress>, traces: Option<T>)
where
    T: Layer<Registry> + Send + Sync,
{
    let writer = ProgressAwareWriter(bars);
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
