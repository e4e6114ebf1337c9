//! The keys that the tables `[[webhook]]` and `[decision]` have in common.
//!
//! No error quotes a value: it may be a secret.

use std::net::IpAddr;

use reqwest::Url;
use toml::{Table, Value};

use super::secret::{Secret, Secrets};

/// Maximum secrets of one receiver: the one in use, and those that it replaces.
const MAX_SECRETS: usize = 8;

pub fn take_text(entry: &mut Table, key: &str) -> Result<Option<String>, String> {
    match entry.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("its {key} must be a string")),
    }
}

/// A string, or an array of strings.
pub fn take_list(entry: &mut Table, key: &str) -> Result<Option<Vec<String>>, String> {
    let wrong = || format!("its {key} must be a string, or an array of strings");
    match entry.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(vec![text])),
        Some(Value::Array(values)) => {
            let texts = values.into_iter().map(|value| value.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(Some).ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}

pub fn take_secrets(entry: &mut Table) -> Result<Secrets, String> {
    let file = take_text(entry, "secret_file")?;
    match (take_list(entry, "secret")?, file) {
        (Some(texts), None) => {
            let secrets: Option<Vec<_>> = texts.iter().map(|text| Secret::parse(text)).collect();
            let secrets = secrets.filter(|secrets| (1..=MAX_SECRETS).contains(&secrets.len()));
            secrets.map(Secrets::Given).ok_or_else(|| {
                format!(
                    "its secret must be `whsec_` and the base64 of 24 to 64 bytes (see `sas-endpoint token --webhook`), \
                    or an array of 1 to {MAX_SECRETS} such"
                )
            })
        }
        (None, Some(file)) => Ok(Secrets::File(file.into())),
        _ => Err("it needs either secret or secret_file, and not both".to_owned()),
    }
}

/// `url`, which `insecure` allows to be without TLS.
pub fn take_url(entry: &mut Table) -> Result<Url, String> {
    let is_insecure = match entry.remove("insecure") {
        None => false,
        Some(value) => value.as_bool().ok_or("its insecure must be true or false")?,
    };
    parse_url(&take_text(entry, "url")?.ok_or("it needs a url")?, is_insecure)
}

fn parse_url(text: &str, is_insecure: bool) -> Result<Url, String> {
    let url = text.parse().ok().filter(|url: &Url| {
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain
    });
    let url = url.ok_or("its url must be https://host/path, without user and fragment")?;
    match url.scheme() == "https" || is_insecure || is_loopback(&url) {
        true => Ok(url),
        false => {
            Err("its url must begin with https: what is sent names persons (insecure = true allows http)".to_owned())
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}
