//! The form of URLs in settings.

/// A URL without user, query and fragment; returned without a trailing slash.
pub fn base_url(text: &str) -> Result<String, String> {
    let url: axum::http::Uri = text.parse().map_err(|_| "this is not a URL".to_owned())?;
    match (url.scheme_str(), url.authority(), url.query()) {
        (Some("http" | "https"), Some(authority), None)
            if !authority.as_str().contains('@') && !text.contains('#') && url.path().bytes().all(is_plain) =>
        {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("expected http://host/path or https://host/path, of letters, digits and -._~/".to_owned()),
    }
}

/// The same without a path.
pub fn origin_url(text: &str) -> Result<String, String> {
    let url = base_url(text)?;
    let has_path = url.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if has_path { Err("expected http://host or https://host, without a path".to_owned()) } else { Ok(url) }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_origin_url_has_no_path() {
        for (text, expected) in [
            ("https://console.example.org", Some("https://console.example.org")),
            ("http://localhost:8081/", Some("http://localhost:8081")),
            ("https://console.example.org/sas", None),
            ("https://user@console.example.org", None),
            ("https://console.example.org?x", None),
            ("console.example.org", None),
            ("ftp://console.example.org", None),
        ] {
            assert_eq!(origin_url(text).ok().as_deref(), expected, "{text}");
        }
    }
}
