//! What the handlers know of a request: added to its extensions once it is admitted.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};

use super::cookie;
use super::text::Text;
use crate::http::negotiation;
use crate::issue::Language;

/// A request that was admitted, or that is refused on a page.
#[derive(Clone, Debug)]
pub struct Visit {
    pub language: Language,
    /// The language that the request chooses, to be kept in a cookie.
    pub chosen: Option<Language>,
    /// The path and the query.
    uri: Uri,
    /// The caller that has logged in.
    pub caller: Option<Arc<str>>,
    /// The token of forms; `None` where nobody has logged in yet: there is no page but the login.
    pub csrf: Option<Arc<str>>,
    /// Whether each page says that faults may be armed beside callers.
    pub warns_of_faults: bool,
}

impl Visit {
    /// A request of which nobody knows yet who sends it.
    pub fn new(parts: &Parts) -> Self {
        let chosen = query(&parts.uri, "lang").and_then(|tag| language(&tag));
        let language = chosen.unwrap_or_else(|| kept_language(&parts.headers));
        Self { language, chosen, uri: parts.uri.clone(), caller: None, csrf: None, warns_of_faults: false }
    }

    /// The visit of an admitted request.
    pub fn of(request: &Request) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(|| Self {
            language: Language::default(),
            chosen: None,
            uri: request.uri().clone(),
            caller: None,
            csrf: None,
            warns_of_faults: false,
        })
    }

    pub fn text(&self) -> &'static Text {
        Text::of(self.language)
    }

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        query(&self.uri, name)
    }

    /// The query with its question mark; empty without one.
    pub fn query_string(&self) -> String {
        self.uri.query().map_or_else(String::new, |query| format!("?{query}"))
    }

    /// The path and the query.
    pub fn here(&self) -> String {
        format!("{}{}", self.uri.path(), self.query_string())
    }

    /// The same page in another language.
    pub fn in_language(&self, language: Language) -> String {
        let pairs = form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.filter(|(name, _)| name != "lang")).append_pair("lang", language.tag());
        format!("{}?{}", self.uri.path(), query.finish())
    }
}

/// The first parameter of this name in the query.
pub fn query(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

fn language(tag: &str) -> Option<Language> {
    [Language::French, Language::English].into_iter().find(|language| language.tag() == tag)
}

fn kept_language(headers: &HeaderMap) -> Language {
    cookie::find(headers, cookie::LANGUAGE).and_then(language).unwrap_or_else(|| negotiation::language(headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(uri: &str, cookie: &str, accepted: &str) -> Visit {
        let request = Request::builder().uri(uri).header("cookie", cookie).header("accept-language", accepted);
        Visit::new(&request.body(()).expect("a request").into_parts().0)
    }

    #[test]
    fn console_language_is_that_of_the_query_then_the_cookie_then_the_browser() {
        for (uri, cookie, accepted, expected) in [
            ("/console", "", "", Language::French),
            ("/console", "", "en", Language::English),
            ("/console", "sas_console_lang=fr", "en", Language::French),
            ("/console?lang=en", "sas_console_lang=fr", "fr", Language::English),
            ("/console?lang=de", "sas_console_lang=en", "fr", Language::English),
            ("/console?lang=EN", "sas_console_lang=x", "de", Language::French),
        ] {
            assert_eq!(visit(uri, cookie, accepted).language, expected, "{uri} {cookie} {accepted}");
        }
        assert_eq!(visit("/console?lang=en", "", "").chosen, Some(Language::English));
        assert_eq!(visit("/console?lang=x", "", "").chosen, None);
    }

    #[test]
    fn console_link_to_another_language_keeps_the_query() {
        let visit = visit("/console/rules?q=a%26b&lang=fr", "", "");
        assert_eq!(visit.in_language(Language::English), "/console/rules?q=a%26b&lang=en");
    }
}
