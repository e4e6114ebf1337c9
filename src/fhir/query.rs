//! Query strings, read as they come: order, repetitions and raw characters count.

use percent_encoding::percent_decode_str;

use super::MAX_PARAMETERS;
use super::identifier::split_unescaped;
use crate::issue::Issue;
use crate::issue::catalogue::{QUERY_ENCODING, QUERY_PARAMETER, QUERY_SIZE};

/// Criteria of a search: databases take long to plan many.
pub const MAX_CRITERIA: usize = 16;
/// Values of all criteria together: SQLite nests a thousand comparisons at most.
pub const MAX_VALUES: usize = 256;

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

/// The issue of a query that exceeds the bounds of the FHIR API.
pub fn too_large() -> Issue {
    Issue::new(&QUERY_SIZE, "http.query")
        .with("parameters", MAX_PARAMETERS.to_string())
        .with("criteria", MAX_CRITERIA.to_string())
        .with("values", MAX_VALUES.to_string())
}

/// The parameters of a query, decoded, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`. The parameters are counted before any of them is decoded.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.split('&').nth(MAX_PARAMETERS).is_some() {
            return Err(QueryError::TooManyParameters);
        }
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((shown_name(decode(name)?), decode(value)?))
        });
        pairs.collect::<Option<Vec<_>>>().map(Self).ok_or(QueryError::Encoding)
    }

    /// The parameters of this query, then those of another.
    pub fn and(mut self, other: Self) -> Result<Self, QueryError> {
        if self.0.len() + other.0.len() > MAX_PARAMETERS {
            return Err(QueryError::TooManyParameters);
        }
        self.0.extend(other.0);
        Ok(self)
    }

    /// Takes out the parameters of which this is not so.
    pub fn retain(&mut self, is_kept: impl Fn(&str, &str) -> bool) {
        self.0.retain(|(name, value)| is_kept(name, value));
    }

    /// Takes out every value of a parameter.
    pub fn take(&mut self, name: &str) -> Vec<String> {
        self.0.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect()
    }

    /// Whether the parameters of these names have more criteria or values than a search may have. Nothing is built
    /// of a value that is beyond the bound.
    pub fn exceeds_bounds(&self, names: &[&str]) -> bool {
        let criteria = || self.iter().filter(|(name, _)| names.contains(name)).map(|(_, value)| value);
        criteria().nth(MAX_CRITERIA).is_some()
            || criteria().flat_map(|value| split_unescaped(value, ',')).nth(MAX_VALUES).is_some()
    }

    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// An issue for each parameter that is left: nothing is ever ignored.
    pub fn leftovers(&self, expected: &str) -> Vec<Issue> {
        let unknown = self.iter().map(|(name, _)| {
            Issue::new(&QUERY_PARAMETER, format!("http.{name}")).with("found", name).with("expected", expected)
        });
        unknown.collect()
    }
}

/// The text of a query with the parameters alone of which this is so, of the decoded name and value; they stay as they were
/// written.
pub fn retain_written(text: &str, is_kept: impl Fn(&str, &str) -> bool) -> String {
    let is_kept =
        |pair: &&str| Query::parse(pair).is_ok_and(|pair| pair.iter().any(|(name, value)| is_kept(name, value)));
    text.split('&').filter(is_kept).collect::<Vec<_>>().join("&")
}

/// The name of a parameter, which is repeated to whoever misspelt it; `?` for a text that cannot be one,
/// such as a resource sent in place of a form: it may tell of a person.
pub fn shown_name(name: String) -> String {
    let may_be_one = |c: char| c.is_alphanumeric() || "_-.:$[]*".contains(c);
    if name.chars().all(may_be_one) { name } else { "?".to_owned() }
}

/// Decodes `%XX` and `+`; `None` for anything that is not clean text afterwards.
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
    fn parameters_are_decoded_in_order_and_repetitions_kept() {
        let query = Query::parse("identifier=urn%3Aoid%3A1.2|3%2F4&b=&identifier=x+y&c").expect("a query");
        let parameters: Vec<_> = query.iter().collect();
        assert_eq!(parameters, [("identifier", "urn:oid:1.2|3/4"), ("b", ""), ("identifier", "x y"), ("c", "")]);
    }

    #[test]
    fn what_cannot_be_a_name_is_not_repeated() {
        let query = Query::parse(r#"{"name":[{"family":"AUBERT"}]}"#).expect("a query");
        assert_eq!(query.iter().collect::<Vec<_>>(), [("?", "")]);
        let issues = query.leftovers("_id");
        assert_eq!((issues.len(), issues[0].expression.as_str()), (1, "http.?"));
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
        let both = half().and(half()).expect("a query");
        assert_eq!(both.0.len(), MAX_PARAMETERS);
        assert_eq!(both.and(parsed(1).expect("a query")), Err(QueryError::TooManyParameters));
    }

    #[test]
    fn query_criteria_and_values_are_bounded_together() {
        let exceeds = |text: &str| Query::parse(text).expect("a query").exceeds_bounds(&["a", "b"]);
        let list = |values: usize| vec!["1"; values].join(",");
        for (text, expected) in [
            (format!("a={}", list(MAX_VALUES)), false),
            (format!("a={}", list(MAX_VALUES + 1)), true),
            (format!("a={}", ",".repeat(1 << 20)), true),
            (format!("a={}&b={}", list(128), list(128)), false),
            (format!("a={}&b={}", list(128), list(129)), true),
            (format!("a={}", r"\,".repeat(1000)), false),
            (vec!["a=1"; MAX_CRITERIA].join("&"), false),
            (vec!["a=1"; MAX_CRITERIA + 1].join("&"), true),
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
    fn query_retained_parameters_stay_as_they_were_written() {
        let retained = |text: &str| retain_written(text, |name, value| name != "b" && !value.is_empty());
        for (text, expected) in
            [("", ""), ("&&", ""), ("a=%C3%A9+x|y&b=1&c&&d=,&%62=2&a=2", "a=%C3%A9+x|y&d=,&a=2"), ("%61=1", "%61=1")]
        {
            assert_eq!(retained(text), expected, "{text}");
        }
    }

    #[test]
    fn wrong_encodings_and_control_characters_spoil_a_query() {
        for text in ["a=%", "a=%4", "a=%zz", "a=%FF", "a=%00", "%0a=1"] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
        assert!(Query::parse("a=%25%7c").is_ok());
    }
}
