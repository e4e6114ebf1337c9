//! The cookies of the console: one session, one language.

use axum::http::{HeaderMap, HeaderValue, header};

use super::session::MAX_AGE;

/// The session's id. Not by port: a browser sends the cookies of a host to each of its ports.
pub const SESSION: &str = "sas_console";

/// The language, once chosen.
pub const LANGUAGE: &str = "sas_console_lang";

/// How long the choice of a language lasts, in seconds: a year.
const LANGUAGE_AGE: u32 = 365 * 24 * 60 * 60;

/// The value of a cookie; the first one, if there are several.
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = values.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// `Set-Cookie` for a new session.
pub fn set_session(id: &str, is_secure: bool) -> Option<HeaderValue> {
    set(SESSION, id, &format!("; Max-Age={}; HttpOnly", MAX_AGE.as_secs()), is_secure)
}

/// `Set-Cookie` that removes the session's cookie.
pub fn remove_session() -> Option<HeaderValue> {
    set(SESSION, "", "; Max-Age=0; HttpOnly", false)
}

/// `Set-Cookie` for a chosen language.
pub fn set_language(tag: &str) -> Option<HeaderValue> {
    set(LANGUAGE, tag, &format!("; Max-Age={LANGUAGE_AGE}; HttpOnly"), false)
}

fn set(name: &str, value: &str, attributes: &str, is_secure: bool) -> Option<HeaderValue> {
    let secure = if is_secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={value}; Path=/console; SameSite=Strict{attributes}{secure}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_is_found_among_others_by_its_whole_name() {
        let headers = |values: &[&str]| -> HeaderMap {
            values.iter().map(|value| (header::COOKIE, value.parse().expect("a header value"))).collect()
        };
        for (values, expected) in [
            (&[][..], None),
            (&["sas_console=abc"][..], Some("abc")),
            (&["x=1; sas_console=abc;y=2"], Some("abc")),
            (&["x=1", "sas_console=abc"], Some("abc")),
            (&["sas_console=a; sas_console=b"], Some("a")),
            (&["xsas_console=abc; sas_console_lang=fr"], None),
            (&["sas_console"], None),
        ] {
            assert_eq!(find(&headers(values), SESSION), expected, "{values:?}");
        }
    }
}
