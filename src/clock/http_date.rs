//! Times in headers of HTTP. <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>

use std::time::Duration;

use jiff::Timestamp;

/// Parses an HTTP-date, also one with a wrong day of the week.
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()
}

/// Parses `Retry-After`, seconds or a date, to the wait from now.
pub fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(parse_http_date(text)?.duration_since(now).try_into().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-03-10T05:00:00Z".parse().expect("an instant");
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Tue, 10 Mar 2026 05:01:30 GMT", Some(90)),
            ("Tue, 10 Mar 2026 04:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(parse_retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
