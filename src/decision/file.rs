//! Parses the table `[decision]` of the configuration file.
//!
//! No error quotes a value: it may be a secret.

use std::path::PathBuf;
use std::time::Duration;

use toml::{Table, Value};

use super::settings::{OnFailure, Settings};
use crate::clock::duration::duration_parser;
use crate::webhook::table::{take_secrets, take_text, take_url};

const KEYS: [&str; 7] = ["url", "secret", "secret_file", "ca", "timeout", "on_failure", "insecure"];

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
/// The deadline of the whole request.
const MAX_TIMEOUT: Duration = Duration::from_secs(6);

/// Parses the value of the file's key `decision`.
///
/// # Errors
/// A sentence that names the table.
pub fn parse_decision(value: Value) -> Result<Settings, String> {
    let Value::Table(table) = value else {
        return Err("decision is written as a table, below a line [decision]".to_owned());
    };
    parse(table).map_err(|error| format!("[decision]: {error}"))
}

fn parse(mut table: Table) -> Result<Settings, String> {
    if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("unknown key `{unknown}`; the keys are {}", KEYS.join(", ")));
    }
    let on_failure = match take_text(&mut table, "on_failure")?.as_deref() {
        None | Some("refuse") => OnFailure::Refuse,
        Some("accept") => OnFailure::Accept,
        Some(_) => return Err("its on_failure must be \"accept\" or \"refuse\"".to_owned()),
    };
    let timeout = match take_text(&mut table, "timeout")? {
        None => DEFAULT_TIMEOUT,
        Some(text) => duration_parser(MIN_TIMEOUT..=MAX_TIMEOUT, "2s, from 100ms to 6s")(&text)
            .map_err(|expected| format!("its timeout is refused: {expected}"))?,
    };
    Ok(Settings {
        url: take_url(&mut table)?,
        secrets: take_secrets(&mut table)?,
        ca: take_text(&mut table, "ca")?.map(PathBuf::from),
        timeout,
        on_failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::Secrets;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn parse(text: &str) -> Result<Settings, String> {
        let mut table: Table = text.parse().expect("TOML");
        parse_decision(table.remove("decision").expect("a decision"))
    }

    fn lines(further: &str) -> String {
        format!("[decision]\nurl = \"https://h/x?key=s3cret\"\nsecret = \"{SECRET}\"\n{further}\n")
    }

    #[test]
    fn decision_settings_have_the_documented_defaults() {
        let settings = parse(&lines("")).expect("settings");
        assert_eq!((settings.timeout, settings.on_failure), (Duration::from_secs(2), OnFailure::Refuse));
        assert_eq!((settings.secrets.read().expect("secrets").len(), settings.ca.is_none()), (1, true));
        assert_eq!(format!("{settings:?}"), "Settings(…)");
        let further = "timeout = \"500ms\"\non_failure = \"accept\"\nca = \"ca.pem\"";
        let text = lines(further).replace(&format!("\"{SECRET}\""), &format!("[\"{SECRET}\", \"{SECRET}\"]"));
        let settings = parse(&text).expect("settings");
        assert_eq!((settings.timeout, settings.on_failure), (Duration::from_millis(500), OnFailure::Accept));
        assert_eq!((settings.secrets.read().expect("secrets").len(), settings.ca), (2, Some(PathBuf::from("ca.pem"))));
        let of_file = lines("secret_file = \"f\"").replace(&format!("secret = \"{SECRET}\"\n"), "");
        assert!(matches!(parse(&of_file).expect("settings").secrets, Secrets::File(_)));
    }

    #[test]
    fn decision_settings_invalid_error_says_what_is_expected_and_no_value() {
        for (text, sentence) in [
            ("decision = \"s3cret\"".to_owned(), "decision is written as a table"),
            ("[[decision]]\nurl = \"s3cret\"".to_owned(), "decision is written as a table"),
            (format!("[decision]\nsecret = \"{SECRET}\""), "[decision]: it needs a url"),
            ("[decision]\nurl = \"https://h/s3cret\"".to_owned(), "it needs either secret or secret_file"),
            (lines("").replace("https", "http"), "its url must begin with https"),
            (lines("secret_file = \"s3cret\""), "it needs either secret or secret_file, and not both"),
            (lines("on-failure = \"s3cret\""), "unknown key `on-failure`; the keys are url, secret,"),
            (lines("").replace(SECRET, "s3cret"), "its secret must be `whsec_`"),
            (lines("").replace(&format!("\"{SECRET}\""), "53"), "its secret must be a string"),
            (lines("").replace(&format!("\"{SECRET}\""), "[]"), "or an array of 1 to 8 such"),
            (lines("timeout = \"7s\""), "its timeout is refused: expected a duration such as 2s, from 100ms to 6s"),
            (lines("timeout = 2"), "its timeout must be a string"),
            (lines("on_failure = \"s3cret\""), "its on_failure must be \"accept\" or \"refuse\""),
            (lines("insecure = \"s3cret\""), "its insecure must be true or false"),
        ] {
            let error = parse(&text).expect_err(sentence);
            assert!(error.contains(sentence), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
