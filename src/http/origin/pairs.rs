//! Lists of `name=value; name="value", …`, as `Forwarded` and Envoy's `X-Forwarded-Client-Cert` are written.

/// The pairs of one element of the list, in order.
pub type Pairs = Vec<(String, String)>;

/// The elements of a list; `None` where it is malformed. Names are in lower case.
pub fn elements(text: &str) -> Option<Vec<Pairs>> {
    let mut elements = vec![];
    for element in split(text, ',')? {
        let mut pairs = vec![];
        for pair in split(element, ';')? {
            let pair = pair.trim();
            if !pair.is_empty() {
                let (name, value) = pair.split_once('=')?;
                pairs.push((name.trim().to_ascii_lowercase(), unquoted(value.trim())?));
            }
        }
        if !pairs.is_empty() {
            elements.push(pairs);
        }
    }
    Some(elements)
}

/// The parts between separators that do not stand within quotes; `None` where a quote is not closed.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (vec![], 0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                parts.push(&text[start..at]);
                start = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
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
    fn separators_within_quotes_separate_nothing() {
        let text = r#"For="[2001:db8::1]:47\"11" ; proto=https, for=unknown;host="a,b;c=d",, "#;
        let expected = [
            pairs(&[("for", "[2001:db8::1]:47\"11"), ("proto", "https")]),
            pairs(&[("for", "unknown"), ("host", "a,b;c=d")]),
        ];
        assert_eq!(elements(text).as_deref(), Some(&expected[..]));
        assert_eq!(elements(""), Some(vec![]));
    }

    #[test]
    fn what_is_malformed_is_no_list() {
        for text in ["for", "for=\"x", "for=\"x\"y", "for=x\"y\"", r#"for="x\"#, "for=x;y", "a=b, \""] {
            assert_eq!(elements(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(20_260_301),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_text_is_too_strange_to_read(text in "[a=;,\"\\\\ é]{0,40}") {
            let _ = elements(&text);
        }

        #[test]
        fn a_quoted_value_is_read_back(value in ".{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(elements(&format!("k=\"{quoted}\"")), Some(vec![pairs(&[("k", &value)])]));
        }
    }
}
