//! The header `Authorization`: one bearer token. <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>

use axum::http::{HeaderMap, header};

/// The contents of the header `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerCredentials<'a> {
    /// There is no such header.
    Missing,
    /// Several headers, another scheme, or a malformed token.
    Malformed,
    Token(&'a str),
}

/// Maximum length of a token, in bytes; `sas-endpoint token` makes shorter ones.
const MAX_TOKEN: usize = 1024;

/// Parses the header `Authorization`.
pub fn parse(headers: &HeaderMap) -> BearerCredentials<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => BearerCredentials::Missing,
        (Some(value), None) => {
            value.to_str().ok().and_then(token).map_or(BearerCredentials::Malformed, BearerCredentials::Token)
        }
        (Some(_), Some(_)) => BearerCredentials::Malformed,
    }
}

fn token(value: &str) -> Option<&str> {
    // Whitespace around a value is not part of it (RFC 9110, section 5.5); hyper removes it from requests on the wire.
    let (scheme, token) = value.trim_matches([' ', '\t']).split_once(' ')?;
    let token = token.trim_matches(' ');
    let characters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let whole = !token.is_empty() && token.len() <= MAX_TOKEN && token.trim_end_matches('=').bytes().all(characters);
    (scheme.eq_ignore_ascii_case("Bearer") && whole).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, value.parse().expect("a header value"))).collect()
    }

    #[test]
    fn authorization_header_with_one_bearer_token_is_parsed() {
        assert_eq!(parse(&HeaderMap::new()), BearerCredentials::Missing);
        for value in ["Bearer a-._~+/1==", "bearer a-._~+/1==", "BEARER   a-._~+/1== ", "\tBearer a-._~+/1==\t"] {
            assert_eq!(parse(&headers(&[value])), BearerCredentials::Token("a-._~+/1=="), "{value}");
        }
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN + 1));
        for value in
            ["", "Bearer", "Bearer ", "Basic dTpw", "a", "Bearer a b", "Bearer a=b", "Bearer \"a\"", "Bearer,a", &long]
        {
            assert_eq!(parse(&headers(&[value])), BearerCredentials::Malformed, "{value}");
        }
        assert_eq!(parse(&headers(&["Bearer a", "Bearer a"])), BearerCredentials::Malformed);
    }
}
