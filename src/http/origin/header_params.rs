//! Parses lists of `name=value; name="value", …`: the format of `Forwarded` and Envoy's `X-Forwarded-Client-Cert`.

use std::collections::VecDeque;

/// The names and values of one element of a list, in order.
pub type Params = Vec<(String, String)>;

/// Maximum parameters of one element; an element with more is malformed.
const MAX_PARAMS: usize = 20;

/// Parses the last `max` elements of a list, in order: the nearest proxy wrote the last one. Names are in lower case.
/// `None` if one of these elements is malformed.
pub fn parse_last_elements(text: &str, max: usize) -> Option<Vec<Params>> {
    let mut elements = vec![];
    let is_not_empty = |part: &&str| !part.trim_matches([' ', '\t', ';']).is_empty();
    for element in last_parts(text, ',', max, is_not_empty)? {
        let parts = last_parts(element, ';', MAX_PARAMS + 1, |part| !part.trim().is_empty())?;
        if parts.len() > MAX_PARAMS {
            return None;
        }
        let parse_param = |param: &str| {
            let (name, value) = param.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), unquote(value.trim())?))
        };
        elements.push(parts.into_iter().map(parse_param).collect::<Option<_>>()?);
    }
    Some(elements)
}

/// Splits at separators outside quotes, and returns the last `max` parts that `counts` accepts; `None` if a quote is not
/// closed.
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

/// Removes the quotes and escapes of a quoted value; `None` if it is malformed.
fn unquote(value: &str) -> Option<String> {
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

    fn params(params: &[(&str, &str)]) -> Params {
        params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn header_params_quoted_separators_do_not_split() {
        let text = r#"For="[2001:db8::1]:47\"11" ; proto=https, for=unknown;host="a,b;c=d",, "#;
        let expected = [
            params(&[("for", "[2001:db8::1]:47\"11"), ("proto", "https")]),
            params(&[("for", "unknown"), ("host", "a,b;c=d")]),
        ];
        assert_eq!(parse_last_elements(text, 9).as_deref(), Some(&expected[..]));
        assert_eq!(parse_last_elements("", 9), Some(vec![]));
    }

    #[test]
    fn header_params_only_the_last_elements_are_parsed() {
        let list = |elements: usize| (0..elements).map(|number| format!("n={number}")).collect::<Vec<_>>().join(",");
        let expected = |numbers: [&str; 2]| Some(numbers.map(|number| params(&[("n", number)])).to_vec());
        assert_eq!(parse_last_elements(&list(2), 2), expected(["0", "1"]));
        assert_eq!(parse_last_elements(&list(10_000), 2), expected(["9998", "9999"]));
        assert_eq!(parse_last_elements(&format!("{}, ;,,", list(10_000)), 2), expected(["9998", "9999"]));
        assert_eq!(parse_last_elements(&format!("not a param,{}", list(2)), 2), expected(["0", "1"]));
        assert_eq!(parse_last_elements(&format!("\"{}", list(2)), 2), None, "a quote that is not closed");
        let element = |params: usize| vec!["n=1"; params].join(";");
        assert_eq!(parse_last_elements(&element(MAX_PARAMS), 2).map(|elements| elements[0].len()), Some(MAX_PARAMS));
        assert_eq!(parse_last_elements(&element(MAX_PARAMS + 1), 2), None);
        assert_eq!(parse_last_elements(&format!("{},n=1", element(10_000)), 1), Some(vec![params(&[("n", "1")])]));
    }

    #[test]
    fn header_params_malformed_list_is_none() {
        for text in ["for", "for=\"x", "for=\"x\"y", "for=x\"y\"", r#"for="x\"#, "for=x;y", "a=b, \""] {
            assert_eq!(parse_last_elements(text, 9), None, "{text}");
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
            let _ = parse_last_elements(&text, 9);
        }

        #[test]
        fn header_params_quoted_value_is_parsed_back(value in ".{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(parse_last_elements(&format!("k=\"{quoted}\""), 9), Some(vec![params(&[("k", &value)])]));
        }
    }
}
