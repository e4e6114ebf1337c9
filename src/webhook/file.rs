//! Parses the webhooks of the configuration file, one table `[[webhook]]` each.
//!
//! No error quotes a value: it may be a secret.

use std::path::PathBuf;
use std::time::Duration;

use toml::{Table, Value};

use super::settings::{OnRefusal, Webhook};
use super::table::{take_list, take_secrets, take_text, take_url};
use crate::clock::duration::duration_parser;
use crate::feed::{Content, EventFilter};
use crate::storage::feed::Position;

const KEYS: [&str; 11] =
    ["name", "url", "secret", "secret_file", "events", "content", "from", "ca", "timeout", "on_refusal", "insecure"];

/// Minimum Jaro-Winkler similarity of a key that is suggested.
const MIN_SIMILARITY: f64 = 0.8;

/// Maximum length of a name, in ASCII characters.
const MAX_NAME: usize = 64;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_mins(2);

/// Parses the value of the file's key `webhook`.
///
/// # Errors
/// A sentence that names the webhook.
pub fn parse_webhooks(value: Value) -> Result<Vec<Webhook>, String> {
    let entries: Vec<Table> =
        value.try_into().map_err(|_| "webhooks are written as tables, each below a line [[webhook]]".to_owned())?;
    let mut webhooks: Vec<Webhook> = vec![];
    for (number, entry) in (1..).zip(entries) {
        let label = match entry.get("name").and_then(Value::as_str) {
            Some(name) => format!("webhook “{name}”"),
            None => format!("webhook number {number}"),
        };
        let webhook = parse_webhook(entry).map_err(|error| format!("{label}: {error}"))?;
        if webhooks.iter().any(|other| other.name == webhook.name) {
            return Err(format!("{label}: another webhook has this name"));
        }
        webhooks.push(webhook);
    }
    Ok(webhooks)
}

fn parse_webhook(mut entry: Table) -> Result<Webhook, String> {
    check_keys(&entry)?;
    let name = take_text(&mut entry, "name")?.ok_or("it needs a name")?;
    let is_legible = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if !(1..=MAX_NAME).contains(&name.len()) || !name.chars().all(is_legible) {
        return Err(format!("its name must be 1 to {MAX_NAME} letters, digits, hyphens, dots or underscores"));
    }
    let url = take_url(&mut entry)?;
    let patterns = take_list(&mut entry, "events")?.unwrap_or_else(|| vec!["*".to_owned()]);
    if patterns.is_empty() {
        return Err("its events must not be empty: leave the line out for all events".to_owned());
    }
    let filter = EventFilter::parse(patterns.iter().map(String::as_str))
        .map_err(|pattern| format!("its events contain “{pattern}”, which no event has as its name"))?;
    let content = match take_text(&mut entry, "content")? {
        None => Content::default(),
        Some(text) => Content::parse(&text).ok_or("its content must be \"reference\" or \"full\"")?,
    };
    let on_refusal = match take_text(&mut entry, "on_refusal")?.as_deref() {
        None | Some("stop") => OnRefusal::Stop,
        Some("skip") => OnRefusal::Skip,
        Some(_) => return Err("its on_refusal must be \"stop\" or \"skip\"".to_owned()),
    };
    let timeout = match take_text(&mut entry, "timeout")? {
        None => DEFAULT_TIMEOUT,
        Some(text) => duration_parser(MIN_TIMEOUT..=MAX_TIMEOUT, "15s, from 100ms to 2m")(&text)
            .map_err(|expected| format!("its timeout is refused: {expected}"))?,
    };
    Ok(Webhook {
        secrets: take_secrets(&mut entry)?,
        from: take_from(&mut entry)?,
        ca: take_text(&mut entry, "ca")?.map(PathBuf::from),
        name,
        url,
        filter,
        content,
        timeout,
        on_refusal,
    })
}

fn check_keys(entry: &Table) -> Result<(), String> {
    let Some(unknown) = entry.keys().find(|key| !KEYS.contains(&key.as_str())) else { return Ok(()) };
    let name = unknown.to_lowercase().replace('-', "_");
    let similarities = KEYS.into_iter().map(|key| (strsim::jaro_winkler(&name, key), key));
    let nearest = similarities.max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest.filter(|(similarity, _)| *similarity > MIN_SIMILARITY) {
        Some((_, nearest)) => Err(format!("unknown key `{unknown}`; did you mean `{nearest}`?")),
        None => Err(format!("unknown key `{unknown}`; the keys are {}", KEYS.join(", "))),
    }
}

fn take_from(entry: &mut Table) -> Result<Option<Position>, String> {
    match entry.remove("from") {
        None => Ok(None),
        Some(Value::String(text)) if text == "now" => Ok(None),
        Some(Value::Integer(position)) if position >= 0 => Ok(Some(position)),
        Some(_) => Err("its from must be \"now\" or a position such as 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::secret::Secrets;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn parse(text: &str) -> Result<Vec<Webhook>, String> {
        let mut table: Table = text.parse().expect("TOML");
        parse_webhooks(table.remove("webhook").expect("webhooks"))
    }

    fn lines(further: &str) -> String {
        format!("[[webhook]]\nname = \"a\"\nurl = \"https://h/x?key=s3cret\"\nsecret = \"{SECRET}\"\n{further}\n")
    }

    #[test]
    fn webhook_settings_have_the_documented_defaults() {
        let webhook = parse(&lines("")).expect("a webhook").remove(0);
        assert_eq!((webhook.content, webhook.from, webhook.on_refusal), (Content::Reference, None, OnRefusal::Stop));
        assert_eq!((webhook.timeout, webhook.filter.clone()), (Duration::from_secs(15), EventFilter::all()));
        assert_eq!(webhook.secrets.read().expect("secrets").len(), 1);
        assert_eq!(format!("{webhook:?}"), "Webhook(a)");
    }

    #[test]
    fn webhook_settings_of_each_kind_are_read() {
        let text = lines(
            "events = [\"practitioner.*\", \"appointment.cancelled\"]\ncontent = \"full\"\nfrom = 0\nca = \"ca.pem\"\n\
             timeout = \"2s\"\non_refusal = \"skip\"",
        );
        let text = text.replace(&format!("\"{SECRET}\""), &format!("[\"{SECRET}\", \"{SECRET}\"]"));
        let webhook = parse(&text).expect("a webhook").remove(0);
        assert_eq!((webhook.content, webhook.from, webhook.on_refusal), (Content::Full, Some(0), OnRefusal::Skip));
        assert_eq!((webhook.timeout, webhook.secrets.read().expect("secrets").len()), (Duration::from_secs(2), 2));
        assert_eq!(webhook.ca, Some(PathBuf::from("ca.pem")));
        let of_file = lines("secret_file = \"f\"").replace(&format!("secret = \"{SECRET}\"\n"), "");
        assert!(matches!(parse(&of_file).expect("a webhook")[0].secrets, Secrets::File(_)));
    }

    #[test]
    fn webhook_url_without_tls_is_for_loopback_unless_insecure() {
        let with = |url: &str, further: &str| parse(&lines(further).replace("https://h/x?key=s3cret", url));
        for url in
            ["http://localhost:1/x", "http://127.0.0.9", "http://[::1]:9/", "http://a.localhost/", "https://10.0.0.1/"]
        {
            with(url, "").expect(url);
        }
        for url in ["http://h/", "http://10.0.0.1/", "http://localhost.example.org/", "http://127.0.0.1.example.org/"] {
            assert!(with(url, "").expect_err(url).contains("must begin with https"), "{url}");
            with(url, "insecure = true").expect(url);
        }
        for url in ["", "h/x", "ftp://h/", "https://u:s3cret@h/", "https://h/#s3cret"] {
            let error = with(url, "insecure = true").expect_err(url);
            assert!(error.contains("its url must be https://host/path") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn webhook_invalid_error_names_the_webhook_and_no_value() {
        for (text, sentence) in [
            ("webhook = \"s3cret\"".to_owned(), "webhooks are written as tables"),
            ("[[webhook]]\nurl = \"https://h/\"".to_owned(), "webhook number 1: it needs a name"),
            ("[[webhook]]\nname = \"a\"".to_owned(), "webhook “a”: it needs a url"),
            (lines("").replace("\"a\"", "\"a b\""), "webhook “a b”: its name must be 1 to 64"),
            (lines("secrets = \"s3cret\""), "webhook “a”: unknown key `secrets`; did you mean `secret`?"),
            (lines("on-refusal = \"s3cret\""), "did you mean `on_refusal`?"),
            (lines("colour = \"s3cret\""), "unknown key `colour`; the keys are name, url, secret,"),
            (lines("").replace(SECRET, "s3cret"), "webhook “a”: its secret must be `whsec_`"),
            (lines("").replace(SECRET, "whsec_s3cret"), "its secret must be `whsec_`"),
            (lines("").replace(&format!("\"{SECRET}\""), "53"), "its secret must be a string, or an array of strings"),
            (lines("").replace(&format!("\"{SECRET}\""), "[]"), "or an array of 1 to 8 such"),
            (lines("secret_file = \"s3cret\""), "it needs either secret or secret_file, and not both"),
            (lines("events = [\"patient.*\"]"), "its events contain “patient.*”, which no event"),
            (lines("events = []"), "its events must not be empty"),
            (lines("content = \"whole\""), "its content must be"),
            (lines("from = -1"), "its from must be"),
            (lines("from = \"yesterday\""), "its from must be"),
            (lines("timeout = \"1h\""), "its timeout is refused: expected a duration such as 15s"),
            (lines("timeout = 15"), "its timeout must be a string"),
            (lines("on_refusal = \"drop\""), "its on_refusal must be"),
            (lines("insecure = \"yes\""), "its insecure must be true or false"),
            (lines("") + &lines(""), "webhook “a”: another webhook has this name"),
        ] {
            let error = parse(&text).expect_err(sentence);
            assert!(error.contains(sentence), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
