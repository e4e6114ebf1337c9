//! The arguments of the commands `exchanges` and `backup`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::clock::duration::{parse_period, subtract_period};
use crate::fhir::date::Range;
use crate::fhir::identifier::{Identifier, Token};

#[derive(Clone, Debug, Args)]
pub struct Exchanges {
    /// Only exchanges that mention this identifier, or concern a resource that has or had it
    #[arg(long, value_name = "SYSTEM|VALUE", value_parser = identifier)]
    pub identifier: Option<Identifier>,
    /// Only exchanges about this resource
    #[arg(long, value_name = "TYPE/ID", value_parser = resource)]
    pub resource: Option<(String, String)>,
    /// Only exchanges at or after this time: a date, a date and time, or an age (2026-11-01, 2026-11-01T08:00, 24h, 7d)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Timestamp>,
    /// Only exchanges before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Only exchanges of the caller with this name
    #[arg(long, value_name = "NAME")]
    pub caller: Option<String>,
    /// Only exchanges with this response status, or status class (422, 4xx)
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub status: Option<String>,
    /// Only the exchange with this request id, as sent by the client or as in the log
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// Maximum exchanges shown: the newest ones, oldest first
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub limit: usize,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Backup {
    /// File to create; it must not exist
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

pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    let ago = || subtract_period(crate::clock::system_time(), parse_period(text)?);
    let time = Range::parse(text).map(|range| range.start).or_else(ago);
    time.ok_or_else(|| "expected a date, a date and time, or an age: 2026-11-01, 2026-11-01T08:00, 24h".to_owned())
}

fn status(text: &str) -> Result<String, String> {
    let pattern = text.to_ascii_lowercase();
    let of_class = pattern.strip_suffix("xx").is_some_and(|class| class.len() == 1);
    let digits = pattern.trim_end_matches("xx");
    match (digits.bytes().all(|byte| byte.is_ascii_digit()), of_class || digits.len() == 3) {
        (true, true) => Ok(pattern),
        _ => Err("expected a status or a status class: 422, 4xx".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cli_time_accepts_a_date_an_instant_or_an_age() {
        assert_eq!(time("2026-11-01").expect("a day").to_string(), "2026-10-31T23:00:00Z");
        assert_eq!(time("2026-11-01T08:00:00Z").expect("an instant").to_string(), "2026-11-01T08:00:00Z");
        let day_ago = time("24h").expect("a duration");
        let ago = crate::clock::system_time().duration_since(day_ago);
        assert!((86_400..86_460).contains(&ago.as_secs()));
        for wrong in ["", "yesterday", "-24h", "2026-13-01"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn cli_status_accepts_a_number_or_a_class() {
        for right in ["422", "4xx", "5XX"] {
            assert!(status(right).is_ok(), "{right}");
        }
        for wrong in ["", "42", "xx", "4x", "44xx", "ok!"] {
            assert!(status(wrong).is_err(), "{wrong}");
        }
    }
}
