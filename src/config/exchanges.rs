//! The arguments of the commands about the record of exchanges, and of `backup`.

use std::path::PathBuf;

use clap::Args;
use jiff::{Span, Timestamp};

use crate::audit::before;
use crate::fhir::date::Range;
use crate::fhir::identifier::{Identifier, Token};

/// The arguments of `exchanges`.
#[derive(Clone, Debug, Args)]
pub struct Exchanges {
    /// Those that name this identifier, or are about a resource that holds it or held it
    #[arg(long, value_name = "SYSTEM|VALUE", value_parser = identifier)]
    pub identifier: Option<Identifier>,
    /// Those about this resource
    #[arg(long, value_name = "TYPE/ID", value_parser = resource)]
    pub resource: Option<(String, String)>,
    /// From then on: a day, an instant, or so long ago (2026-11-01, 2026-11-01T08:00, 24h, 7d)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Timestamp>,
    /// Before then
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Only exchanges of the caller of this name in the settings
    #[arg(long, value_name = "NAME")]
    pub caller: Option<String>,
    /// Those that were answered so: 422, 4xx
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub status: Option<String>,
    /// Only the exchange with this request id, as the client sent it or as the log has it
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// The most that are shown; the newest are
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub limit: usize,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `backup`.
#[derive(Clone, Debug, Args)]
pub struct Backup {
    /// The file that is made; it must not exist
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

fn identifier(text: &str) -> Result<Identifier, String> {
    match Token::parse(text) {
        Some(Token::Exact(identifier)) => Ok(identifier),
        _ => Err("expected system|value".to_owned()),
    }
}

fn resource(text: &str) -> Result<(String, String), String> {
    let (resource_type, id) = text.split_once('/').ok_or("expected Type/id, such as Practitioner/1")?;
    Ok((resource_type.to_owned(), id.to_owned()))
}

fn time(text: &str) -> Result<Timestamp, String> {
    let ago = || before(Timestamp::now(), text.parse::<Span>().ok().filter(|span| !span.is_negative())?);
    let time = Range::parse(text).map(|range| range.start).or_else(ago);
    time.ok_or_else(|| "expected a day, an instant or a duration: 2026-11-01, 2026-11-01T08:00, 24h".to_owned())
}

fn status(text: &str) -> Result<String, String> {
    let pattern = text.to_ascii_lowercase();
    let of_class = pattern.strip_suffix("xx").is_some_and(|class| class.len() == 1);
    let digits = pattern.trim_end_matches("xx");
    match (digits.bytes().all(|byte| byte.is_ascii_digit()), of_class || digits.len() == 3) {
        (true, true) => Ok(pattern),
        _ => Err("expected a status or a class of them: 422, 4xx".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_as_a_day_as_an_instant_or_as_so_long_ago() {
        assert_eq!(time("2026-11-01").expect("a day").to_string(), "2026-10-31T23:00:00Z");
        assert_eq!(time("2026-11-01T08:00:00Z").expect("an instant").to_string(), "2026-11-01T08:00:00Z");
        let then = time("24h").expect("a duration");
        let ago = Timestamp::now().duration_since(then);
        assert!((86_400..86_460).contains(&ago.as_secs()));
        for wrong in ["", "yesterday", "-24h", "2026-13-01"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_status_is_one_or_a_class() {
        for right in ["422", "4xx", "5XX"] {
            assert!(status(right).is_ok(), "{right}");
        }
        for wrong in ["", "42", "xx", "4x", "44xx", "ok!"] {
            assert!(status(wrong).is_err(), "{wrong}");
        }
    }
}
