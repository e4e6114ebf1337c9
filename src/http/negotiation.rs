//! Content negotiation: format, language, and the preferences of the client.
//!
//! <http://hl7.org/fhir/R4/http.html#mime-type>, <https://www.rfc-editor.org/rfc/rfc9110#name-content-negotiation>,
//! <https://www.rfc-editor.org/rfc/rfc7240>

use std::cmp::Ordering;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use mediatype::{MediaType, MediaTypeBuf, names};

use super::http_error::HttpError;
use super::media_type::{MAX_MEDIA_TYPE, is_fhir_json, version_is_r4};
use crate::fhir::query::Query;
use crate::issue::Language;

/// Server-Sent Events.
const EVENT_STREAM: MediaType<'static> = MediaType::new(names::TEXT, names::EVENT_STREAM);

/// The preferred body of the response to a write. <http://hl7.org/fhir/R4/http.html#ops>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    /// The resource.
    #[default]
    Representation,
    /// No body.
    Minimal,
    /// The issues, warnings included.
    OperationOutcome,
}

/// Whether JSON is among what the client accepts; `_format`, taken out of the query, overrides `Accept`.
pub fn format(headers: &HeaderMap, query: &mut Query) -> Result<(), HttpError> {
    // The value true or false changes nothing: JSON is always written compactly.
    query.take("_pretty");
    let mut formats = query.take("_format");
    // An empty parameter is ignored.
    formats.retain(|format| !format.trim().is_empty());
    let acceptable = if formats.is_empty() {
        accepts_json(headers)
    } else {
        // An unescaped plus is decoded to a space.
        formats.iter().all(|format| format == "json" || accepts(&format.replace(' ', "+")))
    };
    if acceptable { Ok(()) } else { Err(HttpError::NotAcceptable) }
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let mut ranges = preferences(headers, &header::ACCEPT).peekable();
    ranges.peek().is_none() || ranges.any(|(range, quality)| quality > 0.0 && accepts(&range))
}

/// Whether the client prefers Server-Sent Events to JSON. A stream does not end, so that it must be named: `*/*` is JSON. Where
/// both have the same quality, the one that is named counts, and if both are, the first.
pub fn prefers_event_stream(headers: &HeaderMap) -> bool {
    let (mut stream, mut json) = (None, None);
    for (place, (range, quality)) in preferences(headers, &header::ACCEPT).enumerate() {
        if range.parse::<MediaTypeBuf>().is_ok_and(|range| range.essence() == EVENT_STREAM) {
            stream.get_or_insert((quality, place));
        } else if accepts(&range) {
            // The most specific range decides, whatever the others say.
            let wildcards = range.matches('*').count();
            if json.is_none_or(|(fewest, best, _)| wildcards < fewest || (wildcards == fewest && quality > best)) {
                json = Some((wildcards, quality, place));
            }
        }
    }
    let Some((quality, place)) = stream.filter(|(quality, _)| *quality > 0.0) else { return false };
    json.is_none_or(|(wildcards, of_json, place_of_json)| match quality.partial_cmp(&of_json) {
        Some(Ordering::Equal) => wildcards > 0 || place < place_of_json,
        order => order == Some(Ordering::Greater),
    })
}

fn accepts(range: &str) -> bool {
    range.len() <= MAX_MEDIA_TYPE
        && range.parse::<MediaTypeBuf>().is_ok_and(|media_type| {
            let essence = media_type.essence().to_string();
            (essence == "*/*" || essence.eq_ignore_ascii_case("application/*") || is_fhir_json(&media_type))
                && version_is_r4(&media_type)
        })
}

/// The language of messages: French, unless the client prefers English.
pub fn language(headers: &HeaderMap) -> Language {
    let (mut english, mut french) = (0.0_f32, 0.0_f32);
    for (range, quality) in preferences(headers, &header::ACCEPT_LANGUAGE) {
        let primary = range.split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("en") {
            english = english.max(quality);
        } else if primary.eq_ignore_ascii_case("fr") {
            french = french.max(quality);
        }
    }
    if english > french { Language::English } else { Language::French }
}

/// `Prefer: return=…`
pub fn preferred_return(headers: &HeaderMap) -> Option<Return> {
    let known = [
        ("representation", Return::Representation),
        ("minimal", Return::Minimal),
        ("OperationOutcome", Return::OperationOutcome),
    ];
    preferred(headers, "return", &known)
}

/// Whether the client sent `Prefer: handling=lenient`; if it sent both values, the first one counts. <http://hl7.org/fhir/R4/search.html#errors>
pub fn is_lenient(headers: &HeaderMap) -> bool {
    preferred(headers, "handling", &[("lenient", true), ("strict", false)]).unwrap_or(false)
}

/// The first known value of a preference.
fn preferred<T: Copy>(headers: &HeaderMap, wanted: &str, known: &[(&str, T)]) -> Option<T> {
    members(headers, &PREFER, b",;").find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let (_, value) = known.iter().find(|(word, _)| word.eq_ignore_ascii_case(value))?;
        name.trim().eq_ignore_ascii_case(wanted).then_some(*value)
    })
}

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Maximum members of a list in a header; further ones are ignored, so that a long header costs little.
const MAX_MEMBERS: usize = 20;

/// The first members of the list in all headers of this name. Empty members count towards the maximum, and are left out.
fn members<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    separators: &'static [u8],
) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let members = values.flat_map(|value| value.split(|byte| separators.contains(byte))).take(MAX_MEMBERS);
    members.map(|member| std::str::from_utf8(member).unwrap_or_default().trim()).filter(|member| !member.is_empty())
}

/// The members of a header such as `Accept`, each with its `q`.
fn preferences<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (String, f32)> + use<'a> {
    members(headers, name, b",").map(|member| {
        if member.len() > MAX_MEDIA_TYPE {
            // Too long for a supported format or language.
            return (String::new(), 0.0);
        }
        let (quality, others): (Vec<_>, Vec<_>) =
            member.split(';').map(str::trim).partition(|part| part.starts_with("q="));
        let quality = quality.first().and_then(|quality| quality[2..].parse().ok()).unwrap_or(1.0);
        (others.join(";"), quality)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().expect("a header value"))])
    }

    #[test]
    fn negotiation_every_name_of_json_is_accepted() {
        for accept in [
            "application/json+fhir",
            "application/fhir+json; fhirVersion=4.0",
            "application/fhir+json;charset=utf-8",
            "application/json",
            "APPLICATION/*",
            "text/html, */*;q=0.1",
            "",
        ] {
            assert!(format(&headers("accept", accept), &mut Query::default()).is_ok(), "{accept}");
        }
        for accept in
            ["application/fhir+xml", "application/json;q=0", "application/fhir+json; fhirVersion=3.0", "text/html"]
        {
            assert!(format(&headers("accept", accept), &mut Query::default()).is_err(), "{accept}");
        }
    }

    #[test]
    fn negotiation_event_stream_is_for_clients_that_prefer_it_to_json() {
        for accept in [
            "text/event-stream",
            "Text/Event-Stream; charset=utf-8",
            "text/event-stream;q=0.1",
            "text/event-stream;q=0.5, application/json;q=0.1",
            "application/json;q=0.1, text/event-stream;q=0.5",
            "application/json;q=0, text/event-stream;q=0.1",
            "application/fhir+xml, text/event-stream;q=0.1",
            // Of equal qualities, what is named, then what is first.
            "*/*, text/event-stream",
            "application/*, text/event-stream",
            "text/event-stream, application/json",
            // The more specific range decides on JSON.
            "application/json;q=0.2, */*, text/event-stream;q=0.5",
        ] {
            assert!(prefers_event_stream(&headers("accept", accept)), "{accept}");
        }
        for accept in [
            "",
            "application/json",
            "*/*",
            "text/*",
            "text/html",
            "text/event-stream;q=0",
            "text/event-stream;q=0, application/fhir+xml",
            "application/json;q=1, text/event-stream;q=0.1",
            "text/event-stream;q=0.1, */*",
            "application/json, text/event-stream",
            "application/fhir+json;q=0.5, text/event-stream;q=0.5",
            "application/json;q=0.1, application/fhir+json, text/event-stream;q=0.5",
            "*/*;q=0.1, application/json;q=0.8, text/event-stream;q=0.5",
            "text/event-stream;q=NaN, application/json;q=0.1",
        ] {
            assert!(!prefers_event_stream(&headers("accept", accept)), "{accept}");
        }
    }

    #[test]
    fn negotiation_format_parameter_overrides_accept() {
        let query = |text: &str| Query::parse(text).expect("a query");
        let xml = headers("accept", "application/fhir+xml");
        for text in ["_format=json", "_format=application/fhir+json", "_format=application%2Fjson%2Bfhir"] {
            assert!(format(&xml, &mut query(text)).is_ok(), "{text}");
        }
        assert!(format(&HeaderMap::new(), &mut query("_format=xml")).is_err());
    }

    #[test]
    fn negotiation_language_is_french_unless_english_is_preferred() {
        for accept in ["", "fr-FR, en;q=0.8", "de", "en, fr", "en;q=x, fr"] {
            assert_eq!(language(&headers("accept-language", accept)), Language::French, "{accept}");
        }
        for accept in ["en", "en-GB, fr;q=0.5", "de, en;q=0.1"] {
            assert_eq!(language(&headers("accept-language", accept)), Language::English, "{accept}");
        }
    }

    /// A member after so many others.
    fn after(others: usize, member: &str) -> String {
        "x/y,".repeat(others) + member
    }

    #[test]
    fn negotiation_members_beyond_the_twentieth_are_ignored() {
        let accepts = |text: &str| format(&headers("accept", text), &mut Query::default()).is_ok();
        assert!(accepts(&after(19, "application/json")));
        assert!(!accepts(&after(20, "application/json")));
        let spoken = |text: &str| language(&headers("accept-language", text));
        assert_eq!(spoken(&after(19, "en")), Language::English);
        assert_eq!(spoken(&after(20, "en")), Language::French);
        assert_eq!(spoken(&(",".repeat(20) + "en")), Language::French, "empty members count");
        let preferred = |text: &str| preferred_return(&headers("prefer", text));
        assert_eq!(preferred(&after(19, "return=minimal")), Some(Return::Minimal));
        assert_eq!(preferred(&after(20, "return=minimal")), None);
        assert_eq!(preferred(&(";".repeat(20) + "return=minimal")), None);
        // Over all headers of the name.
        let mut several = headers("accept", &after(9, "x/y"));
        several.append("accept", after(9, "application/json").parse().expect("a header value"));
        assert!(format(&several, &mut Query::default()).is_ok());
        several.insert("accept", after(10, "x/y").parse().expect("a header value"));
        several.append("accept", after(9, "application/json").parse().expect("a header value"));
        assert!(format(&several, &mut Query::default()).is_err());
    }

    #[test]
    fn negotiation_long_member_matches_nothing() {
        let parameters = ";x=y".repeat(8000);
        let accepts = |text: &str| format(&headers("accept", text), &mut Query::default()).is_ok();
        assert!(!accepts(&format!("application/json{parameters}")));
        assert!(accepts(&format!("application/json{parameters}, application/json")));
        assert_eq!(language(&headers("accept-language", &format!("en{parameters}"))), Language::French);
        let mut query = Query::parse(&format!("_format=application/json{parameters}")).expect("a query");
        assert!(format(&HeaderMap::new(), &mut query).is_err());
    }

    #[test]
    fn negotiation_preferences_are_found_among_others() {
        assert_eq!(preferred_return(&headers("prefer", "respond-async, return=minimal")), Some(Return::Minimal));
        assert_eq!(preferred_return(&headers("prefer", "return=\"OperationOutcome\"")), Some(Return::OperationOutcome));
        assert_eq!(preferred_return(&headers("prefer", "return=everything")), None);
    }

    #[test]
    fn negotiation_handling_is_strict_unless_lenient_comes_first() {
        for text in
            ["handling=lenient", "return=minimal; Handling = \"Lenient\"", "x, handling=lenient, handling=strict"]
        {
            assert!(is_lenient(&headers("prefer", text)), "{text}");
        }
        for text in
            ["", "handling=strict", "handling=strict, handling=lenient", "lenient", "return=lenient", "handling=x"]
        {
            assert!(!is_lenient(&headers("prefer", text)), "{text}");
        }
    }
}
