//! The address of a directory, and which other addresses are its own.

use reqwest::Url;

use super::query::Query;
use super::upstream_error::UpstreamError;

/// The base of a FHIR server.
pub(super) struct Base {
    url: Url,
    text: String,
}

impl Base {
    pub(super) fn parse(text: &str) -> Result<Self, UpstreamError> {
        let wrong = || UpstreamError::Address(text.to_owned());
        let url: Url = text.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let plain = url.username().is_empty() && url.password().is_none();
        let bare = url.query().is_none() && url.fragment().is_none();
        match url.scheme() {
            "http" | "https" if url.has_host() && plain && bare => {
                let text = url.as_str().trim_end_matches('/').to_owned();
                Ok(Self { url, text })
            }
            _ => Err(wrong()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether what is sent there can be read on the way.
    pub(super) fn is_in_clear(&self) -> bool {
        let here = self.url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        self.url.scheme() == "http" && !here
    }

    /// The address of the first page.
    pub(super) fn search(&self, query: &Query) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{}", self.url.path().trim_end_matches('/'), query.resource_type));
        let mut parameters = url.query_pairs_mut();
        if let Some(since) = query.since {
            parameters.append_pair("_lastUpdated", &format!("ge{since}"));
        }
        parameters.append_pair("_count", &query.count.to_string());
        // Without it, nobody would see that a walk was cut short.
        parameters.append_pair("_total", "accurate");
        drop(parameters);
        url
    }

    /// An address in a response of the directory, if it has the same origin.
    pub(super) fn resolve_same_origin(&self, link: &str) -> Result<Url, UpstreamError> {
        let elsewhere =
            |place: &str| UpstreamError::ForeignNextLink { base: self.text.clone(), place: place.to_owned() };
        let url = self.url.join(link).map_err(|_| elsewhere("an address that cannot be read"))?;
        if self.is_same_origin(&url) { Ok(url) } else { Err(elsewhere(&url.origin().ascii_serialization())) }
    }

    /// Whether it has this scheme, host and port.
    pub(super) fn is_same_origin(&self, url: &Url) -> bool {
        url.origin().is_tuple() && url.origin() == self.url.origin() && url.username().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::directory_type::DirectoryType;

    const NATIONAL: &str = "https://gateway.api.esante.gouv.fr/fhir/v2";

    #[test]
    fn a_base_is_http_or_https_and_nothing_but_an_address() {
        for text in
            ["ftp://h/fhir", "gateway/fhir", "https://u:p@h/fhir", "https://h/fhir?a=b", "https://h/#x", "data:x"]
        {
            assert!(matches!(Base::parse(text), Err(UpstreamError::Address(_))), "{text}");
        }
        assert_eq!(Base::parse("HTTPS://H:443/fhir/").map(|base| base.text).ok().as_deref(), Some("https://h/fhir"));
    }

    #[test]
    fn a_walk_begins_at_the_type_below_the_base() {
        let base = Base::parse(NATIONAL).expect("a base");
        let mut query = Query { resource_type: DirectoryType::Practitioner, since: None, count: 200 };
        assert_eq!(base.search(&query).as_str(), format!("{NATIONAL}/Practitioner?_count=200&_total=accurate"));
        query.since = Some(jiff::civil::date(2026, 3, 9));
        let delta = format!("{NATIONAL}/Practitioner?_lastUpdated=ge2026-03-09&_count=200&_total=accurate");
        assert_eq!(base.search(&query).as_str(), delta);
        let root = Base::parse("http://localhost:8080").expect("a base");
        query.since = None;
        assert_eq!(root.search(&query).as_str(), "http://localhost:8080/Practitioner?_count=200&_total=accurate");
    }

    #[test]
    fn only_addresses_of_the_same_scheme_host_and_port_are_its_own() {
        let base = Base::parse(NATIONAL).expect("a base");
        for link in [
            "https://gateway.api.esante.gouv.fr/fhir/v2/_page?id=u1",
            "https://gateway.api.esante.gouv.fr:443/elsewhere",
            "/fhir/v2/_page?id=u1",
        ] {
            assert!(base.resolve_same_origin(link).is_ok(), "{link}");
        }
        for link in [
            "http://gateway.api.esante.gouv.fr/fhir/v2/_page?id=u1",
            "https://gateway.api.esante.gouv.fr:8443/fhir/v2/_page?id=u1",
            "https://gateway.api.esante.gouv.fr.example.org/_page",
            "//example.org/_page",
            "https://gateway.api.esante.gouv.fr@example.org/",
            "https://key@gateway.api.esante.gouv.fr/",
            "data:text/plain,x",
            "https://[",
        ] {
            assert!(matches!(base.resolve_same_origin(link), Err(UpstreamError::ForeignNextLink { .. })), "{link}");
        }
    }
}
