//! The fields of a posted form.

use axum::extract::Request;

/// The field that has the token of forms.
pub const CSRF: &str = "csrf";

/// The fields, in order; added to the extensions of a request with a form.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Parses a body. Browsers send each line break of a text as CR LF.
    pub fn parse(body: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(body);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.replace("\r\n", "\n"))).collect())
    }

    /// The form of a request; empty, if it has none.
    pub fn take(request: &mut Request) -> Self {
        request.extensions_mut().remove().unwrap_or_default()
    }

    /// The first field of this name; empty, if there is none.
    pub fn field(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_fields_are_decoded_with_plain_line_breaks() {
        let form = Form::parse(b"a=1%0D%0A2%0A3&b=%E2%82%AC+%2B&a=x&c");
        for (name, expected) in [("a", "1\n2\n3"), ("b", "€ +"), ("c", ""), ("d", "")] {
            assert_eq!(form.field(name), expected, "{name}");
        }
    }
}
