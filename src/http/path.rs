//! Normalises the path of a request before routing.

use axum::http::{Request, Uri};

/// The target of a request as it was sent, if its path was changed: an extension of the request.
#[derive(Clone, Debug)]
pub struct SentTarget(pub Uri);

/// Merges repeated slashes, as nginx does (`merge_slashes`), and removes trailing ones: clients may join a base URL and a
/// path that both have a slash.
pub fn normalize<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path();
    if !path.contains("//") && (path == "/" || !path.ends_with('/')) {
        return request;
    }
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut normal = segments.fold(String::with_capacity(path.len()), |normal, segment| normal + "/" + segment);
    if normal.is_empty() {
        normal.push('/');
    }
    if let Some(query) = request.uri().query() {
        normal = normal + "?" + query;
    }
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = normal.parse().ok();
    // A valid path remains valid without some of its slashes.
    if let Ok(uri) = Uri::from_parts(parts) {
        let sent = std::mem::replace(request.uri_mut(), uri);
        request.extensions_mut().insert(SentTarget(sent));
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_repeated_and_trailing_slashes_are_removed() {
        for (target, expected) in [
            ("/fhir/Practitioner", "/fhir/Practitioner"),
            ("/fhir//Practitioner", "/fhir/Practitioner"),
            ("//fhir///Practitioner//?identifier=a//b", "/fhir/Practitioner?identifier=a//b"),
            ("/fhir/Practitioner/", "/fhir/Practitioner"),
            ("/fhir//", "/fhir"),
            ("/", "/"),
            ("///", "/"),
            ("/fhir/metadata/?", "/fhir/metadata?"),
            ("/fhir/%2F/a", "/fhir/%2F/a"),
            ("http://host/fhir//metadata", "http://host/fhir/metadata"),
        ] {
            let request = Request::builder().uri(target).body(()).expect("a request");
            assert_eq!(normalize(request).uri().to_string(), expected, "{target}");
        }
    }
}
