//! Where a login returns to: pages of the console, and nothing else.

use axum::http::{Method, Uri};

/// The first page.
pub const HOME: &str = "/console";

const LOGIN: &str = "/console/login";

/// Maximum length of a path to return to.
const MAX_PATH: usize = 2048;

/// The login page that returns to the page that was requested. What is not read by GET is not repeated.
pub fn login(method: &Method, requested: &Uri) -> String {
    let path = requested.path_and_query().map_or(HOME, |path| path.as_str());
    match (*method == Method::GET && path != HOME).then(|| checked(path)).flatten() {
        Some(path) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", path).finish();
            format!("{LOGIN}?{query}")
        }
        None => LOGIN.to_owned(),
    }
}

/// The path, if it is one of a page of the console.
pub fn checked(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(HOME)?;
    let is_below = rest.is_empty() || rest.starts_with(['/', '?']);
    let bare = path.split('?').next().unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    // `..`, also escaped, would leave the console.
    let is_page = !bare.contains("..") && !bare.contains('%') && !bare.contains("//");
    let leads_back = [LOGIN, "/console/logout"].contains(&bare) || bare.starts_with("/console/api");
    let is_allowed = is_below && is_page && !leads_back && path.len() <= MAX_PATH && path.bytes().all(is_plain);
    is_allowed.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_returns_to_pages_of_the_console_only() {
        for path in ["/console", "/console/rules", "/console/rules?q=a%20b&lang=fr", "/console?lang=en", "/console/x"] {
            assert_eq!(checked(path), Some(path));
        }
        let long = format!("/console/{}", "a".repeat(MAX_PATH));
        for path in [
            "",
            "/",
            "//evil.example",
            "https://evil.example/console",
            "/consolex",
            "/console.evil.example",
            "/console//evil.example",
            "/console/../metrics",
            "/console/%2e%2e/metrics",
            "/console\\evil",
            "/console/\u{e9}",
            "/console\r\nX: y",
            "/console/login",
            "/console/login?next=/console",
            "/console/logout",
            "/console/api/status",
            "@evil.example/console",
            &long,
        ] {
            assert_eq!(checked(path), None, "{path:?}");
        }
    }

    #[test]
    fn login_link_has_the_requested_page_of_a_get() {
        let login = |method: Method, uri: &str| login(&method, &uri.parse().expect("a URI"));
        assert_eq!(login(Method::GET, "/console"), "/console/login");
        let expected = "/console/login?next=%2Fconsole%2Frules%3Fq%3Da%26b";
        assert_eq!(login(Method::GET, "/console/rules?q=a&b"), expected);
        assert_eq!(login(Method::POST, "/console/validate"), "/console/login");
        assert_eq!(login(Method::GET, "/console/../metrics"), "/console/login");
    }
}
