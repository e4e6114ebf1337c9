//! Bad headers, encodings, paths and methods.

use super::case::*;
use super::*;

pub fn headers() -> Vec<Case> {
    let valid = regulator(&[(T, U)]).to_string();
    let path = format!("/Practitioner?identifier={T}|{U}");
    let posted = || post("/Practitioner", valid.clone());
    let upserted = || put(&path, valid.clone());
    let mut cases = vec![];
    for accept in [
        "application/fhir+xml",
        "text/html",
        "text/html, application/xhtml+xml",
        "text/turtle",
        "application/json;q=0",
        "application/fhir+json; fhirVersion=3.0",
        "application/fhir+json; fhirVersion=5.0",
        "json",
    ] {
        for case in [posted(), upserted(), get("/metadata"), get("/Practitioner"), get("/Practitioner/1")] {
            let name = format!("{} {} with Accept: {accept}", case.method, case.path);
            cases.push(case.header("accept", accept).refused(name, 406, "http-accept"));
        }
    }
    for format in ["xml", "application/fhir%2Bxml", "html", "ttl", "text/html", "JSON5"] {
        let case = get(&format!("/Practitioner?_format={format}"));
        cases.push(case.refused(format!("_format={format}"), 406, "http-accept"));
    }
    for content_type in [
        "application/fhir+xml",
        "application/xml",
        "text/plain",
        "text/html",
        FORM,
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
        "application/json; charset=\"ISO-8859-1\"",
        "application/fhir+json; charset=utf-16",
        "application/fhir+json; fhirVersion=3.0",
        "application/json-patch+json",
        "json",
        "application/",
        "application/json;;charset=x=y",
        "",
    ] {
        for case in [posted(), upserted(), put("/Practitioner/1", valid.clone())] {
            let name = format!("{} {} as {content_type:?}", case.method, case.path);
            cases.push(case.header("content-type", content_type).refused(name, 415, "http-content-type"));
        }
    }
    cases.push(posted().header("content-type", b"application/json\xFF").refused(
        "a type of no text",
        415,
        "http-content-type",
    ));
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, identity"] {
        let case = posted().header("content-encoding", encoding);
        cases.push(case.refused(format!("a body in {encoding}"), 415, "http-content-encoding"));
    }
    let form = post("/Practitioner/_search", "active=true");
    cases.push(form.refused("a search in JSON", 415, "http-content-type"));
    for origin in ["https://evil.example", "null", ""] {
        for case in [posted(), upserted(), get("/Practitioner"), get("/metadata"), get("/nowhere")] {
            let name = format!("{} {} of the page of {origin:?}", case.method, case.path);
            cases.push(case.header("origin", origin).refused(name, 403, "http-origin"));
        }
    }
    for host in ["evil.example", "evil.example:8080", "localhost.evil.example"] {
        for case in [posted(), upserted(), get("/Practitioner"), get("/metadata"), get("/nowhere")] {
            let name = format!("{} {} at {host:?}", case.method, case.path);
            cases.push(case.header("host", host).refused(name, 421, "foreign-host"));
        }
    }
    for host in ["", "a b", "a/b", "localhost:x", "user@localhost", "[::1"] {
        cases.push(get("/metadata").header("host", host).refused(format!("at {host:?}"), 400, "http-host"));
        cases.push(posted().header("host", host).refused(format!("a write at {host:?}"), 400, "http-host"));
    }
    for name in ["if-match", "if-none-match"] {
        for tags in ["", "1", "W/1", "W/\"1", "\"1\",", "\"1\" \"2\"", "**"] {
            let case = upserted().header(name, tags);
            cases.push(case.refused(format!("{name}: {tags}"), 400, "http-header"));
        }
        cases.push(upserted().header(name, b"\xFF").refused(format!("{name} of no text"), 400, "http-header"));
    }
    // Nothing is there yet: no version is the expected one.
    for tags in ["W/\"1\"", "\"1\"", "W/\"0\"", "*", "\"of another server\""] {
        let case = upserted().header("if-match", tags);
        cases.push(case.refused(format!("if-match: {tags}"), 412, "http-precondition"));
    }
    for criterion in [
        "",
        "?",
        "identifier",
        "identifier=",
        "identifier=%zz",
        "identifier=|v",
        "identifier=urn:oid:1.2|",
        "identifier=a|b|c",
        "identifier=a,b",
        "identifier=a&identifier=b",
        "identifier=a&family=x",
        "identifier:not=a",
        "Identifier=a",
        "family=AUBERT",
    ] {
        let case = posted().header("if-none-exist", criterion);
        cases.push(case.refused(format!("if-none-exist: {criterion}"), 400, "http-if-none-exist"));
    }
    let twice = posted().header("if-none-exist", "identifier=a").and_header("if-none-exist", "identifier=a");
    cases.push(twice.refused("if-none-exist twice", 400, "http-if-none-exist"));
    let illegible = posted().header("if-none-exist", b"identifier=\xFF");
    cases.push(illegible.refused("if-none-exist of no text", 400, "http-if-none-exist"));
    cases
}

/// Queries that cannot be decoded, wherever there are queries.
pub fn encodings() -> Vec<Case> {
    let body = regulator(&[(T, U)]).to_string();
    let mut cases = vec![];
    for query in
        ["identifier=%zz", "identifier=%", "identifier=%4", "identifier=%00", "identifier=%FF", "%0a=x", "x=%ED%A0%80"]
    {
        let name = |what: &str| format!("{what} ?{query}");
        let (path, item) = (format!("/Practitioner?{query}"), format!("/Practitioner/1?{query}"));
        cases.extend([
            put(&path, body.clone()).refused(name("conditional update"), 400, "query-encoding"),
            post(&path, body.clone()).refused(name("create"), 400, "query-encoding"),
            put(&item, body.clone()).refused(name("update"), 400, "query-encoding"),
            get(&path).refused(name("search"), 400, "query-encoding"),
            get(&item).refused(name("read"), 400, "query-encoding"),
            get(&format!("/Practitioner/1/_history?{query}")).refused(name("history"), 400, "query-encoding"),
            get(&format!("/metadata?{query}")).refused(name("capabilities"), 400, "query-encoding"),
            post("/Practitioner/_search", query).header("content-type", FORM).refused(
                name("form"),
                400,
                "query-encoding",
            ),
        ]);
    }
    let form = post("/Practitioner/_search", b"active=\xFF").header("content-type", FORM);
    cases.push(form.refused("a form that is not UTF-8", 400, "query-encoding"));
    cases
}

pub fn paths() -> Vec<Case> {
    let body = regulator(&[(T, U)]);
    let mut cases = vec![];
    for path in [
        "/",
        "/fhir",
        "/fhir/",
        "/fhir//",
        "/fhir//Nowhere//x",
        "/FHIR/Practitioner",
        "/fhir/practitioner",
        "/fhir/Practitioners",
        "/fhir/Patient",
        "/fhir/Patient/1",
        "/fhir/Slot?start=ge2026-01-01",
        "/fhir/_history/1",
        "/fhir/Patient/_history",
        "/fhir/Practitioner/1/name",
        "/fhir/Practitioner/1/_history/1/2",
        "/fhir/Practitioner/1/$validate",
        "/fhir/$validate",
        "/fhir/%50ractitioner",
        "/fhir/..%2Fmetadata",
        "/fhir/../metadata",
        "/fhir/%",
        "/fhir/%FF",
        "/fhir/%00",
        "/metadata",
        "/index.html",
        "/favicon.ico",
        "/health/ready",
        "/metrics",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
            if method == "POST" && path.trim_end_matches('/') == "/fhir" {
                cases.push(request(method, path).refused(format!("POST {path}"), 400, "http-bundle"));
                continue;
            }
            cases.push(request(method, path).refused(format!("{method} {path}"), 404, "http-path"));
        }
    }
    let long = "a".repeat(65);
    for id in [
        "a_b",
        &long,
        "a%20b",
        "%zz",
        "%",
        "%FF",
        "%00",
        "%2e%2e%2fmetadata",
        "%F0%9F%92%A9",
        "a|b",
        "é",
        "_histories",
        "$everything",
    ] {
        for path in [
            format!("/Practitioner/{id}"),
            format!("/Practitioner/{id}/_history"),
            format!("/Appointment/{id}/_history/1"),
        ] {
            cases.push(get(&path).refused(format!("GET {path}"), 404, "http-not-found"));
        }
    }
    for version in ["0", "2", "-1", "+1", "1.0", "x", "99999999999999999999", "%31x", "%FF"] {
        let path = format!("/Practitioner/1/_history/{version}");
        cases.push(get(&path).refused(format!("GET {path}"), 404, "http-not-found"));
    }
    cases.push(put("/Practitioner/%FF", body.to_string()).refused("PUT /Practitioner/%FF", 404, "http-not-found"));
    for id in ["a_b", &long, "a%20b", "%zz", "%00"] {
        let path = format!("/Practitioner/{id}");
        cases.push(put(&path, body.to_string()).refused(format!("PUT {path}"), 400, "fhir-primitive"));
    }
    cases.push(put("/Practitioner/1", body.to_string()).refused(
        "PUT without an id in the body",
        400,
        "body-id-missing",
    ));
    let other = changed(body, "/id", Some("2".into())).to_string();
    cases.push(put("/Practitioner/1", other).refused("PUT with another id in the body", 400, "body-id-mismatch"));
    cases
}

pub fn methods() -> Vec<Case> {
    let paths = [
        ("/metadata", "GET, HEAD"),
        ("/Practitioner", "POST, PUT, GET, HEAD"),
        ("/Appointment/", "POST, PUT, GET, HEAD"),
        ("/Practitioner/_search", "POST"),
        ("/Practitioner/$validate", "POST"),
        ("/Practitioner/1", "GET, HEAD, PUT"),
        ("/_history", "GET, HEAD"),
        ("/Practitioner/_history", "GET, HEAD"),
        ("/Practitioner/1/_history", "GET, HEAD"),
        ("/Practitioner/1/_history/1", "GET, HEAD"),
    ];
    let mut cases = vec![];
    for (path, allow) in paths {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"] {
            if !allow.split(", ").any(|served| served == method) {
                cases.push(request(method, format!("/fhir{path}")).not_allowed(allow));
            }
        }
    }
    cases
}
