//! Query strings, read as they come: order, repetitions and raw characters count.

use percent_encoding::percent_decode_str;

use crate::issue::Issue;
use crate::issue::catalogue::{QUERY_ENCODING, QUERY_PARAMETER, QUERY_SIZE};

/// How many criteria a search may have: databases take long to plan many.
pub const MOST_CRITERIA: usize = 16;
/// How many values they may have together: SQLite nests a thousand comparisons at most.
pub const MOST_VALUES: usize = 256;
/// How many parameters a query may have, known or not.
const MOST_PARAMETERS: usize = 64;

/// A query that is more than the databases, or an answer, should have to bear.
pub fn too_large() -> Issue {
    let issue = Issue::new(&QUERY_SIZE, "http.query").with("criteria", MOST_CRITERIA.to_string());
    issue.with("values", MOST_VALUES.to_string())
}

/// The parameters of a query, decoded, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`. A wrong percent-encoding, wrong UTF-8 or a control character spoils it.
    pub fn parse(text: &str) -> Result<Self, Issue> {
        if text.split('&').count() > MOST_PARAMETERS {
            return Err(too_large());
        }
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((told(decode(name)?), decode(value)?))
        });
        pairs.collect::<Option<Vec<_>>>().map(Self).ok_or_else(|| Issue::new(&QUERY_ENCODING, "http.query"))
    }

    /// The parameters of this query, then those of another.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Takes out every value of a parameter.
    pub fn take(&mut self, name: &str) -> Vec<String> {
        let (taken, kept) = std::mem::take(&mut self.0).into_iter().partition(|(key, _)| key == name);
        self.0 = kept;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
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

/// The name of a parameter, which is repeated to whoever misspelt it; `?` for a text that cannot be one,
/// such as a resource sent in place of a form: it may tell of a person.
fn told(name: String) -> String {
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
    fn wrong_encodings_and_control_characters_spoil_a_query() {
        for text in ["a=%", "a=%4", "a=%zz", "a=%FF", "a=%00", "%0a=1"] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
        assert!(Query::parse("a=%25%7c").is_ok());
    }
}
