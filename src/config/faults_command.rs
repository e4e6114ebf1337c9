//! The commands `faults …` and their arguments.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::fault::FaultKind;

#[derive(Clone, Debug, Args)]
pub struct Faults {
    #[command(subcommand)]
    pub command: Command,
    /// Token of a caller with the right console; none is needed on a test target
    ///
    /// Set it in the environment: every user of a machine can read command lines.
    #[arg(long, env = "SAS_CONSOLE_TOKEN", hide_env_values = true, global = true, value_name = "TOKEN")]
    pub console_token: Option<ConsoleToken>,
}

/// The token of a caller, which is never shown.
#[derive(Clone)]
pub struct ConsoleToken(pub String);

impl FromStr for ConsoleToken {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for ConsoleToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ConsoleToken")
    }
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List the faults that have not ended, and how many requests each will act on yet
    List(List),
    /// Arm a fault: it acts on the next requests that match
    Add(Box<Add>),
    /// End a fault, or all of them
    Clear(Clear),
}

#[derive(Clone, Debug, Args)]
pub struct List {
    /// Print a JSON array instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Add {
    /// What it does
    #[arg(value_name = "KIND", value_parser = PossibleValuesParser::new(FaultKind::ALL.map(FaultKind::as_str)))]
    pub kind: String,
    /// Of the kind status: the status of the answer, 400 to 599
    #[arg(long, value_name = "NUMBER")]
    pub status: Option<u16>,
    /// Of the kind status: the seconds in its header Retry-After
    #[arg(long, value_name = "SECONDS")]
    pub retry_after: Option<u32>,
    /// Of the kind delay: how long a request waits, 60s at most
    #[arg(long, value_name = "DURATION")]
    pub delay: Option<String>,
    /// Only requests of this interaction, by its name in the log (conditional-update, search-type, annuaire-page)
    #[arg(long, value_name = "NAME")]
    pub interaction: Option<String>,
    /// Only requests about resources of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub resource_type: Option<String>,
    /// Only requests of this caller
    #[arg(long, value_name = "NAME")]
    pub caller: Option<String>,
    /// Only requests with this identifier, in the query or in the body
    #[arg(long, value_name = "SYSTEM|VALUE")]
    pub identifier: Option<String>,
    /// How many requests it acts on
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub count: u32,
    /// How long it is armed, 1h at most
    #[arg(long = "for", value_name = "DURATION", default_value = "10m")]
    pub lifetime: String,
}

#[derive(Clone, Debug, Args)]
pub struct Clear {
    /// Only the fault with this id
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

impl Add {
    /// The fault, as the console's API takes it.
    pub fn json(&self) -> Value {
        let matches = [
            ("interaction", &self.interaction),
            ("type", &self.resource_type),
            ("caller", &self.caller),
            ("identifier", &self.identifier),
        ];
        let matches: Map<_, _> =
            matches.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))).collect();
        json!({
            "kind": self.kind,
            "status": self.status,
            "retryAfter": self.retry_after,
            "delay": self.delay,
            "match": matches,
            "count": self.count,
            "for": self.lifetime,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Command;
    use crate::config::faults_command::Command as OfFaults;
    use crate::config::tests::read;
    use crate::fault::{Effect, Fault};

    #[test]
    fn faults_add_makes_what_the_api_takes() {
        let arguments = ["faults", "add", "status", "--status", "503", "--retry-after", "2", "--type", "Practitioner"];
        let Some(Command::Faults(faults)) = read(&arguments).expect("a command").command else { panic!("faults") };
        let OfFaults::Add(add) = faults.command else { panic!("add") };
        let fault = Fault::parse(add.json().to_string().as_bytes()).expect("a fault");
        assert_eq!(fault.effect, Effect::Status { status: 503, retry_after: Some(2) });
        assert_eq!((fault.matches.resource_type.as_deref(), fault.count), (Some("Practitioner"), 1));
        let cli = read(&["faults", "list", "--console-token", "s3cret"]).expect("a command");
        assert!(!format!("{cli:?}").contains("s3cret"));
        let error = read(&["faults", "add", "lightning"]).expect_err("no kind");
        assert!(error.contains("cut-after-commit"), "{error}");
    }
}
