//! The parts of a value: lists, tokens, escapes.

/// Whether the value is empty, or a list of empty values. A search ignores such a parameter.
/// <http://hl7.org/fhir/R4/search.html#general>
pub fn is_blank(value: &str) -> bool {
    value.chars().all(|c| c == ',' || c.is_whitespace())
}

/// Splits at `separator`, except where a backslash escapes it.
pub fn split_unescaped(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c| {
        let splits = c == separator && !escaped;
        escaped = c == '\\' && !escaped;
        splits
    })
}

/// The parts of a token, unescaped: the system, where there is a `|`, and the code. Either may be empty, but not both.
/// `None` where both are, or where there is more than one unescaped `|`.
/// <http://hl7.org/fhir/R4/search.html#token>
pub fn split_token(text: &str) -> Option<(Option<String>, String)> {
    // A third part makes it malformed, whatever follows.
    let mut parts = split_unescaped(text, '|').map(|part| unescape(part).trim_ascii().to_owned());
    let (first, second) = (parts.next()?, parts.next());
    let (system, code) = match second {
        None => (None, first),
        Some(code) => (Some(first), code),
    };
    let is_empty = code.is_empty() && system.as_ref().is_none_or(String::is_empty);
    (!is_empty && parts.next().is_none()).then_some((system, code))
}

/// Removes the escapes: a backslash makes the next character literal.
/// <http://hl7.org/fhir/R4/search.html#escaping>
pub fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}
