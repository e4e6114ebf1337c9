//! Query strings of both APIs: parameters in the order received, repetitions kept, and the parts of names and values.
//!
//! Each API has its own parameters, bounds and issues. <http://hl7.org/fhir/R4/search.html>

pub mod date;
pub(crate) mod name;
pub(crate) mod value;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use self::value::split_unescaped;
use crate::issue::Issue;
use crate::issue::catalogue::{QUERY_ENCODING, QUERY_IGNORED};

/// Parameters of a request, known or not, in the URL and in a form together; of each API.
pub(crate) const MAX_PARAMETERS: usize = 64;

/// Why a text is no query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// A percent-encoding or its UTF-8 is wrong, or there is a control character.
    Encoding,
    /// There are more than [`MAX_PARAMETERS`] parameters.
    TooManyParameters,
}

impl QueryError {
    /// The issue of a query whose API refuses its size by `too_large`.
    pub fn issue(self, too_large: fn() -> Issue) -> Issue {
        match self {
            Self::Encoding => Issue::new(&QUERY_ENCODING, "http.query"),
            Self::TooManyParameters => too_large(),
        }
    }
}

/// How many criteria and values the searches of an API may have.
pub(crate) struct QueryBounds {
    /// Criteria of a search.
    pub criteria: usize,
    /// Values of one criterion.
    pub list: usize,
    /// Values of all criteria together.
    pub values: usize,
}

/// The parameters of a query, decoded, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query(Vec<(String, String)>);

impl FromIterator<(String, String)> for Query {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(parameters: I) -> Self {
        Self(parameters.into_iter().collect())
    }
}

impl Query {
    /// Parses `a=b&c=d`. The parameters are counted before any of them is decoded.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.split('&').nth(MAX_PARAMETERS).is_some() {
            return Err(QueryError::TooManyParameters);
        }
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((shown_name(decode(name)?), decode(value)?))
        });
        pairs.collect::<Option<_>>().ok_or(QueryError::Encoding)
    }

    /// Appends the parameters of a form to those of the URL.
    pub fn append(mut self, form: Self) -> Result<Self, QueryError> {
        if self.0.len() + form.0.len() > MAX_PARAMETERS {
            return Err(QueryError::TooManyParameters);
        }
        self.0.extend(form.0);
        Ok(self)
    }

    /// Removes the parameters for which `is_kept` is false.
    pub fn retain(&mut self, is_kept: impl Fn(&str, &str) -> bool) {
        self.0.retain(|(name, value)| is_kept(name, value));
    }

    /// Removes every value of a parameter, and returns them.
    pub fn take(&mut self, name: &str) -> Vec<String> {
        self.0.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect()
    }

    /// Removes the parameters that a lenient search ignores, and returns a warning for each.
    pub(crate) fn take_ignored(&mut self, expected: &str, is_ignored: impl Fn(&str, &str) -> bool) -> Vec<Issue> {
        let ignored = self.0.extract_if(.., |(name, value)| is_ignored(name, value));
        let warning = |(name, _): (String, String)| {
            Issue::new(&QUERY_IGNORED, format!("http.{name}")).with("found", name).with("expected", expected)
        };
        ignored.map(warning).collect()
    }

    /// Whether the criteria, of all parameters, exceed the bounds. Nothing is built of a value beyond them. Empty values count:
    /// they are read too.
    pub(crate) fn exceeds(&self, bounds: &QueryBounds, is_criterion: impl Fn(&str) -> bool) -> bool {
        let criteria = self.iter().filter(|(name, _)| is_criterion(name));
        let lists = || criteria.clone().map(|(_, value)| split_unescaped(value, ','));
        lists().nth(bounds.criteria).is_some()
            || lists().any(|mut list| list.nth(bounds.list).is_some())
            || lists().flatten().nth(bounds.values).is_some()
    }

    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The text of a query with only the parameters, decoded, for which `is_kept` is true. They stay encoded as received.
pub(crate) fn retain_encoded(text: &str, is_kept: impl Fn(&str, &str) -> bool) -> String {
    let is_kept =
        |pair: &&str| Query::parse(pair).is_ok_and(|pair| pair.iter().any(|(name, value)| is_kept(name, value)));
    text.split('&').filter(is_kept).collect::<Vec<_>>().join("&")
}

/// The name of a parameter as issues repeat it; `?` for a text that cannot be a name, such as a resource sent in place of a
/// form: it may contain personal data.
pub(crate) fn shown_name(name: String) -> String {
    let may_be_one = |c: char| c.is_alphanumeric() || "_-.:$[]*".contains(c);
    if name.chars().all(may_be_one) { name } else { "?".to_owned() }
}

/// Decodes `%XX` and `+`; `None` where the result is not UTF-8 or has a control character.
fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let malformed = |(at, _)| !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    if bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').any(malformed) {
        return None;
    }
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().ok()?;
    (!decoded.contains(char::is_control)).then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_parameters_decoded_keep_order_and_repetitions() {
        let query = Query::parse("identifier=urn%3Aoid%3A1.2|3%2F4&b=&identifier=x+y&c").expect("a query");
        let parameters: Vec<_> = query.iter().collect();
        assert_eq!(parameters, [("identifier", "urn:oid:1.2|3/4"), ("b", ""), ("identifier", "x y"), ("c", "")]);
    }

    #[test]
    fn query_name_that_cannot_be_one_is_not_repeated() {
        let query = Query::parse(r#"{"name":[{"family":"AUBERT"}]}"#).expect("a query");
        assert_eq!(query.iter().collect::<Vec<_>>(), [("?", "")]);
        assert!(
            Query::parse("organization:Organization.name=x&_has:a:b=y")
                .is_ok_and(|query| query.iter().all(|(name, _)| name != "?"))
        );
    }

    #[test]
    fn query_too_many_parameters_is_refused_before_decoding() {
        let parameters = |number: usize| vec!["a=b"; number].join("&");
        let parsed = |number| Query::parse(&parameters(number));
        assert_eq!(parsed(MAX_PARAMETERS).map(|query| query.0.len()), Ok(MAX_PARAMETERS));
        for text in [
            parameters(MAX_PARAMETERS + 1),
            parameters(300_000),
            "&".repeat(MAX_PARAMETERS),
            "&".repeat(1 << 20),
            // What is wrong with the parameters is not looked for.
            "%&".repeat(MAX_PARAMETERS),
        ] {
            assert_eq!(Query::parse(&text), Err(QueryError::TooManyParameters), "{} bytes", text.len());
        }
        // In the URL and in a form together.
        let half = || parsed(MAX_PARAMETERS / 2).expect("a query");
        let both = half().append(half()).expect("a query");
        assert_eq!(both.0.len(), MAX_PARAMETERS);
        assert_eq!(both.append(parsed(1).expect("a query")), Err(QueryError::TooManyParameters));
    }

    #[test]
    fn query_criteria_lists_and_values_are_bounded() {
        let bounds = QueryBounds { criteria: 16, list: 200, values: 256 };
        let exceeds =
            |text: &str| Query::parse(text).expect("a query").exceeds(&bounds, |name| matches!(name, "a" | "b"));
        let list = |values: usize| vec!["1"; values].join(",");
        for (text, expected) in [
            (format!("a={}", list(200)), false),
            (format!("a={}", list(201)), true),
            (format!("a={}", ",".repeat(1 << 20)), true),
            (format!("a={}&b={}", list(128), list(128)), false),
            (format!("a={}&b={}", list(128), list(129)), true),
            (format!("a={}", r"\,".repeat(1000)), false),
            (["a=1"; 16].join("&"), false),
            (["a=1"; 17].join("&"), true),
            // What is no criterion is refused by its name.
            (format!("c={}", list(1000)), false),
        ] {
            assert_eq!(exceeds(&text), expected, "{text:.60}");
        }
    }

    #[test]
    fn query_take_keeps_the_order_of_the_others() {
        let mut query = Query::parse("a=1&b=2&a=3&c=4").expect("a query");
        assert_eq!(query.take("a"), ["1", "3"]);
        assert_eq!(query.iter().collect::<Vec<_>>(), [("b", "2"), ("c", "4")]);
        assert_eq!(query.take("a"), [""; 0]);
    }

    #[test]
    fn query_retained_parameters_stay_as_encoded() {
        let retained = |text: &str| retain_encoded(text, |name, value| name != "b" && !value.is_empty());
        for (text, expected) in
            [("", ""), ("&&", ""), ("a=%C3%A9+x|y&b=1&c&&d=,&%62=2&a=2", "a=%C3%A9+x|y&d=,&a=2"), ("%61=1", "%61=1")]
        {
            assert_eq!(retained(text), expected, "{text}");
        }
    }

    #[test]
    fn query_wrong_encoding_or_control_character_is_refused() {
        for text in ["a=%", "a=%4", "a=%zz", "a=%FF", "a=%00", "%0a=1"] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
        assert!(Query::parse("a=%25%7c").is_ok());
    }
}
