//! The header `Authorization`: one bearer token. <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>

use axum::http::{HeaderMap, header};

/// What the header presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented<'a> {
    /// There is no such header.
    Nothing,
    /// There are several, of another scheme, or malformed ones.
    Unintelligible,
    /// This token.
    Token(&'a str),
}

/// A longer one is no token of ours.
const LONGEST: usize = 1024;

/// What these headers present.
pub fn presented(headers: &HeaderMap) -> Presented<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Presented::Nothing,
        (Some(value), None) => value.to_str().ok().and_then(token).map_or(Presented::Unintelligible, Presented::Token),
        (Some(_), Some(_)) => Presented::Unintelligible,
    }
}

fn token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    let characters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let whole = !token.is_empty() && token.len() <= LONGEST && token.trim_end_matches('=').bytes().all(characters);
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
        assert_eq!(presented(&HeaderMap::new()), Presented::Nothing);
        for value in ["Bearer a-._~+/1==", "bearer a-._~+/1==", "BEARER   a-._~+/1== "] {
            assert_eq!(presented(&headers(&[value])), Presented::Token("a-._~+/1=="), "{value}");
        }
        let long = format!("Bearer {}", "a".repeat(LONGEST + 1));
        for value in
            ["", "Bearer", "Bearer ", "Basic dTpw", "a", "Bearer a b", "Bearer a=b", "Bearer \"a\"", "Bearer,a", &long]
        {
            assert_eq!(presented(&headers(&[value])), Presented::Unintelligible, "{value}");
        }
        assert_eq!(presented(&headers(&["Bearer a", "Bearer a"])), Presented::Unintelligible);
    }
}
