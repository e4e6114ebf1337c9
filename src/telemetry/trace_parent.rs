//! Parses `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header).
//!
//! Not with the propagator of the OpenTelemetry SDK: the log has the client's trace id in a build without `otlp` too.

use axum::http::HeaderMap;

/// The trace id of the header; `None` if the header is missing, repeated or malformed.
pub fn parse_trace_id(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all("traceparent").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let mut parts = value.to_str().ok()?.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let well_formed = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        // Later versions may add parts.
        && (version != "00" || parts.next().is_none());
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    (well_formed && !zero(trace) && !zero(parent)).then(|| trace.to_owned())
}

fn is_hex(part: &str, length: usize) -> bool {
    part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn of(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("traceparent", value.parse().expect("a header"));
        }
        parse_trace_id(&headers)
    }

    #[test]
    fn traceparent_malformed_is_ignored() {
        let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(of(&[&good]).as_deref(), Some(TRACE));
        assert_eq!(of(&[&format!("cc-{TRACE}-00f067aa0ba902b7-01-later")]).as_deref(), Some(TRACE));
        for wrong in [
            "",
            "00",
            &format!("{good}-more"),
            &good.to_uppercase(),
            &good.replacen("00-", "ff-", 1),
            &good.replace(TRACE, &"0".repeat(32)),
            &good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &good.replace(TRACE, "nadia.aubert@example.org"),
        ] {
            assert_eq!(of(&[wrong]), None, "{wrong}");
        }
        assert_eq!(of(&[&good, &good]), None, "two headers");
    }
}
