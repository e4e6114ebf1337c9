//! Parses the table `[decision]` of the configuration file.
//!
//! No error quotes a value: it may be a secret.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use toml::{Table, Value};

use super::settings::{OnFailure, Secrets, Settings};
use crate::clock::duration::duration_parser;
use crate::webhook::Secret;

const KEYS: [&str; 7] = ["url", "secret", "secret_file", "ca", "timeout", "on_failure", "insecure"];

/// Maximum secrets: the one in use, and those that it replaces.
const MAX_SECRETS: usize = 8;

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
    let is_insecure = match table.remove("insecure") {
        None => false,
        Some(value) => value.as_bool().ok_or("its insecure must be true or false")?,
    };
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
        url: parse_url(&take_text(&mut table, "url")?.ok_or("it needs a url")?, is_insecure)?,
        secrets: take_secrets(&mut table)?,
        ca: take_text(&mut table, "ca")?.map(PathBuf::from),
        timeout,
        on_failure,
    })
}

fn take_text(table: &mut Table, key: &str) -> Result<Option<String>, String> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("its {key} must be a string")),
    }
}

fn take_secrets(table: &mut Table) -> Result<Secrets, String> {
    let wrong = || {
        format!("its secret must be `whsec_` and the base64 of 24 to 64 bytes, or an array of 1 to {MAX_SECRETS} such")
    };
    let file = take_text(table, "secret_file")?;
    let texts = match table.remove("secret") {
        None => None,
        Some(Value::Array(values)) => Some(values),
        Some(value) => Some(vec![value]),
    };
    match (texts, file) {
        (Some(texts), None) => {
            let secrets: Option<Vec<_>> = texts.iter().map(|text| Secret::parse(text.as_str()?)).collect();
            let secrets = secrets.filter(|secrets| (1..=MAX_SECRETS).contains(&secrets.len()));
            secrets.map(Secrets::Given).ok_or_else(wrong)
        }
        (None, Some(file)) => Ok(Secrets::File(file.into())),
        _ => Err("it needs either secret or secret_file, and not both".to_owned()),
    }
}

fn parse_url(text: &str, is_insecure: bool) -> Result<Url, String> {
    let url = text.parse().ok().filter(|url: &Url| {
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain
    });
    let url = url.ok_or("its url must be https://host/path, without user and fragment")?;
    match url.scheme() == "https" || is_insecure || is_loopback(&url) {
        true => Ok(url),
        false => Err("its url must begin with https: accounts name persons (insecure = true allows http)".to_owned()),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!((settings.secrets().expect("secrets").len(), settings.ca.is_none()), (1, true));
        assert_eq!(format!("{settings:?}"), "Settings(…)");
        let further = "timeout = \"500ms\"\non_failure = \"accept\"\nca = \"ca.pem\"";
        let text = lines(further).replace(&format!("\"{SECRET}\""), &format!("[\"{SECRET}\", \"{SECRET}\"]"));
        let settings = parse(&text).expect("settings");
        assert_eq!((settings.timeout, settings.on_failure), (Duration::from_millis(500), OnFailure::Accept));
        assert_eq!((settings.secrets().expect("secrets").len(), settings.ca), (2, Some(PathBuf::from("ca.pem"))));
        let of_file = lines("secret_file = \"f\"").replace(&format!("secret = \"{SECRET}\"\n"), "");
        assert!(matches!(parse(&of_file).expect("settings").secrets, Secrets::File(_)));
    }

    #[test]
    fn decision_url_without_tls_is_for_loopback_unless_insecure() {
        let with = |url: &str, further: &str| parse(&lines(further).replace("https://h/x?key=s3cret", url));
        for url in ["http://localhost:1/x", "http://127.0.0.9", "http://[::1]:9/", "https://10.0.0.1/"] {
            with(url, "").expect(url);
        }
        for url in ["http://h/", "http://10.0.0.1/", "http://localhost.example.org/"] {
            assert!(with(url, "").expect_err(url).contains("must begin with https"), "{url}");
            with(url, "insecure = true").expect(url);
        }
        for url in ["", "h/x", "ftp://h/", "https://u:s3cret@h/", "https://h/#s3cret"] {
            let error = with(url, "insecure = true").expect_err(url);
            assert!(error.contains("its url must be https://host/path") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn decision_settings_invalid_error_says_what_is_expected_and_no_value() {
        for (text, sentence) in [
            ("decision = \"s3cret\"".to_owned(), "decision is written as a table"),
            ("[[decision]]\nurl = \"s3cret\"".to_owned(), "decision is written as a table"),
            (format!("[decision]\nsecret = \"{SECRET}\""), "[decision]: it needs a url"),
            ("[decision]\nurl = \"https://h/s3cret\"".to_owned(), "it needs either secret or secret_file"),
            (lines("secret_file = \"s3cret\""), "it needs either secret or secret_file, and not both"),
            (lines("on-failure = \"s3cret\""), "unknown key `on-failure`; the keys are url, secret,"),
            (lines("").replace(SECRET, "s3cret"), "its secret must be `whsec_`"),
            (lines("").replace(&format!("\"{SECRET}\""), "53"), "its secret must be `whsec_`"),
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
