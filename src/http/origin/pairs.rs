//! Lists of `name=value; name="value", …`, as `Forwarded` and Envoy's `X-Forwarded-Client-Cert` are written.

use std::collections::VecDeque;

/// The pairs of one element of the list, in order.
pub type Pairs = Vec<(String, String)>;

/// Pairs of one element; with more it is malformed.
const MAX_PAIRS: usize = 20;

/// The last `max` elements of a list, in order: the nearest proxy wrote the last one. `None` where the list is
/// malformed, as far as it is read. Names are in lower case.
pub fn last_elements(text: &str, max: usize) -> Option<Vec<Pairs>> {
    let mut elements = vec![];
    // An element without a pair is none.
    let written = |part: &&str| !part.trim_matches([' ', '\t', ';']).is_empty();
    for element in last_parts(text, ',', max, written)? {
        let parts = last_parts(element, ';', MAX_PAIRS + 1, |part| !part.trim().is_empty())?;
        if parts.len() > MAX_PAIRS {
            return None;
        }
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), unquoted(value.trim())?))
        };
        elements.push(parts.into_iter().map(pair).collect::<Option<_>>()?);
    }
    Some(elements)
}

/// The last `max` parts, of those that count, between separators that do not stand within quotes; `None` where a
/// quote is not closed.
fn last_parts(text: &str, separator: char, max: usize, counts: impl Fn(&&str) -> bool) -> Option<VecDeque<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (VecDeque::new(), 0, false, false);
    let mut add = |part| {
        if counts(&part) {
            parts.push_back(part);
        }
        if parts.len() > max {
            parts.pop_front();
        }
    };
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                add(&text[start..at]);
                start = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    add(&text[start..]);
    (!quoted).then_some(parts)
}

/// A value without its quotes, if it has any.
fn unquoted(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let (mut text, mut characters) = (String::new(), rest.chars());
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(text),
            '\\' => text.push(characters.next()?),
            character => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn header_params_quoted_separators_do_not_split() {
        let text = r#"For="[2001:db8::1]:47\"11" ; proto=https, for=unknown;host="a,b;c=d",, "#;
        let expected = [
            pairs(&[("for", "[2001:db8::1]:47\"11"), ("proto", "https")]),
            pairs(&[("for", "unknown"), ("host", "a,b;c=d")]),
        ];
        assert_eq!(last_elements(text, 9).as_deref(), Some(&expected[..]));
        assert_eq!(last_elements("", 9), Some(vec![]));
    }

    #[test]
    fn header_params_only_the_last_elements_are_parsed() {
        let list = |elements: usize| (0..elements).map(|number| format!("n={number}")).collect::<Vec<_>>().join(",");
        let expected = |numbers: [&str; 2]| Some(numbers.map(|number| pairs(&[("n", number)])).to_vec());
        assert_eq!(last_elements(&list(2), 2), expected(["0", "1"]));
        assert_eq!(last_elements(&list(10_000), 2), expected(["9998", "9999"]));
        assert_eq!(last_elements(&format!("{}, ;,,", list(10_000)), 2), expected(["9998", "9999"]));
        assert_eq!(last_elements(&format!("not a pair,{}", list(2)), 2), expected(["0", "1"]));
        assert_eq!(last_elements(&format!("\"{}", list(2)), 2), None, "a quote that is not closed");
        let element = |pairs: usize| vec!["n=1"; pairs].join(";");
        assert_eq!(last_elements(&element(MAX_PAIRS), 2).map(|elements| elements[0].len()), Some(MAX_PAIRS));
        assert_eq!(last_elements(&element(MAX_PAIRS + 1), 2), None);
        assert_eq!(last_elements(&format!("{},n=1", element(10_000)), 1), Some(vec![pairs(&[("n", "1")])]));
    }

    #[test]
    fn header_params_malformed_list_is_none() {
        for text in ["for", "for=\"x", "for=\"x\"y", "for=x\"y\"", r#"for="x\"#, "for=x;y", "a=b, \""] {
            assert_eq!(last_elements(text, 9), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(20_260_301),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn header_params_arbitrary_text_does_not_panic(text in "[a=;,\"\\\\ é]{0,40}") {
            let _ = last_elements(&text, 9);
        }

        #[test]
        fn header_params_quoted_value_is_parsed_back(value in ".{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(last_elements(&format!("k=\"{quoted}\""), 9), Some(vec![pairs(&[("k", &value)])]));
        }
    }
}
