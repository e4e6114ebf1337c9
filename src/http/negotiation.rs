//! What the client wants: format, language, how much of an answer.
//!
//! <http://hl7.org/fhir/R4/http.html#mime-type>, <https://www.rfc-editor.org/rfc/rfc9110#name-content-negotiation>,
//! <https://www.rfc-editor.org/rfc/rfc7240>

use axum::http::{HeaderMap, HeaderName, header};
use mediatype::MediaTypeBuf;

use super::media_type::{is_fhir_json, version_is_r4};
use crate::error::Error;
use crate::interaction::query::Query;
use crate::issue::Language;

/// What the answer to a write holds. <http://hl7.org/fhir/R4/http.html#ops>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    /// The resource.
    #[default]
    Representation,
    /// Nothing.
    Minimal,
    /// What is to be said of the resource.
    OperationOutcome,
}

/// Whether JSON is among what the client accepts; `_format`, taken out of the query, overrides `Accept`.
pub fn format(headers: &HeaderMap, query: &mut Query) -> Result<(), Error> {
    // The value true or false changes nothing: JSON is always written compactly.
    query.take("_pretty");
    let formats = query.take("_format");
    let acceptable = if formats.is_empty() {
        accepts_json(headers)
    } else {
        // An unescaped plus arrives as a space.
        formats.iter().all(|format| format == "json" || accepts(&format.replace(' ', "+")))
    };
    if acceptable { Ok(()) } else { Err(Error::NotAcceptable) }
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let ranges: Vec<_> = preferences(headers, &header::ACCEPT).collect();
    ranges.is_empty() || ranges.iter().any(|(range, quality)| *quality > 0.0 && accepts(range))
}

fn accepts(range: &str) -> bool {
    range.parse::<MediaTypeBuf>().is_ok_and(|media_type| {
        let essence = media_type.essence().to_string();
        (essence == "*/*" || essence.eq_ignore_ascii_case("application/*") || is_fhir_json(&media_type))
            && version_is_r4(&media_type)
    })
}

/// French, unless English is preferred.
pub fn language(headers: &HeaderMap) -> Language {
    let quality = |tag: &str| {
        let named = preferences(headers, &header::ACCEPT_LANGUAGE).filter(|(range, _)| {
            let primary = range.split('-').next().unwrap_or_default();
            primary.eq_ignore_ascii_case(tag)
        });
        named.map(|(_, quality)| quality).fold(0.0_f32, f32::max)
    };
    if quality("en") > quality("fr") { Language::English } else { Language::French }
}

/// `Prefer: return=…`; other preferences are not ours to honour.
pub fn preferred_return(headers: &HeaderMap) -> Option<Return> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let preferences = values.flat_map(|value| value.split([',', ';']));
    let mut returns = preferences.filter_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let known = [
            ("representation", Return::Representation),
            ("minimal", Return::Minimal),
            ("OperationOutcome", Return::OperationOutcome),
        ];
        let named = known.into_iter().find(|(word, _)| word.eq_ignore_ascii_case(value))?;
        name.trim().eq_ignore_ascii_case("return").then_some(named.1)
    });
    returns.next()
}

/// The items of a header such as `Accept`, each without its `q`, and that `q`.
fn preferences<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (String, f32)> + 'a {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let items = values.flat_map(|value| value.split(',')).map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| {
        let (quality, others): (Vec<_>, Vec<_>) =
            item.split(';').map(str::trim).partition(|part| part.starts_with("q="));
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
    fn every_name_of_json_is_accepted() {
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
    fn the_format_parameter_overrides_the_header() {
        let query = |text: &str| Query::parse(text).expect("a query");
        let xml = headers("accept", "application/fhir+xml");
        for text in ["_format=json", "_format=application/fhir+json", "_format=application%2Fjson%2Bfhir"] {
            assert!(format(&xml, &mut query(text)).is_ok(), "{text}");
        }
        assert!(format(&HeaderMap::new(), &mut query("_format=xml")).is_err());
    }

    #[test]
    fn french_unless_english_is_preferred() {
        for accept in ["", "fr-FR, en;q=0.8", "de", "en, fr", "en;q=x, fr"] {
            assert_eq!(language(&headers("accept-language", accept)), Language::French, "{accept}");
        }
        for accept in ["en", "en-GB, fr;q=0.5", "de, en;q=0.1"] {
            assert_eq!(language(&headers("accept-language", accept)), Language::English, "{accept}");
        }
    }

    #[test]
    fn preferences_may_stand_among_others() {
        assert_eq!(preferred_return(&headers("prefer", "respond-async, return=minimal")), Some(Return::Minimal));
        assert_eq!(preferred_return(&headers("prefer", "return=\"OperationOutcome\"")), Some(Return::OperationOutcome));
        assert_eq!(preferred_return(&headers("prefer", "return=everything")), None);
    }
}
