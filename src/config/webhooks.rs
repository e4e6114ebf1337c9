//! The commands `webhooks …` and their arguments.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exchanges::time;
use crate::webhook::ReplayStart;

#[derive(Clone, Debug, Args)]
pub struct Webhooks {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Print a JSON array instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Post one signed test event (type webhook.test), and print how the receiver answers
    ///
    /// Exit status: 0 accepted; 1 refused, or no answer.
    Test(Name),
    /// Deliver nothing until `resume`; events are kept
    Pause(Name),
    /// Deliver again, at once, where the webhook stands
    Resume(Name),
    /// Pass over the event at the head, and keep it as a dead letter
    Skip(Name),
    /// Deliver again from a position, or from a time, on; every event has the webhook-id that it had
    Replay(Replay),
    /// List the events that were passed over, the newest last
    DeadLetters(DeadLetters),
    /// Receive webhooks, to try them: verify each event and print one line for it
    Listen(Listen),
}

#[derive(Clone, Debug, Args)]
pub struct Name {
    /// Name of the webhook
    #[arg(value_name = "NAME")]
    pub name: String,
}

#[derive(Clone, Debug, Args)]
pub struct Replay {
    /// Name of the webhook
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The first event to deliver: a position, a date, a date and time, or an age (1, 2026-11-01, 2026-11-01T08:00, 24h)
    #[arg(long, value_name = "POSITION|TIME", value_parser = start)]
    pub from: ReplayStart,
}

#[derive(Clone, Debug, Args)]
pub struct DeadLetters {
    /// Only those of this webhook
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Maximum events shown: the newest ones
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Listen {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub address: SocketAddr,
    /// File with the secrets that may sign, one a line (default: those of the webhooks in the file given with --config)
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Print the body of each event, one a line
    #[arg(long)]
    pub json: bool,
}

/// Parses where a replay begins.
pub fn start(text: &str) -> Result<ReplayStart, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(ReplayStart::Position).map_err(|_| "the position is too large".to_owned());
    }
    time(text).map(ReplayStart::Time).map_err(|expected| format!("{expected}, or a position"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cli_replay_start_is_a_position_or_a_time() {
        assert_eq!(start("0"), Ok(ReplayStart::Position(0)));
        assert_eq!(start("2026"), Ok(ReplayStart::Position(2026)));
        assert_eq!(
            start("2026-11-01T08:00:00Z"),
            Ok(ReplayStart::Time("2026-11-01T08:00:00Z".parse().expect("an instant")))
        );
        assert!(matches!(start("24h"), Ok(ReplayStart::Time(_))));
        for wrong in ["", "-1", "yesterday", "99999999999999999999"] {
            assert!(start(wrong).is_err(), "{wrong}");
        }
    }
}
