//! Bad bodies.

use super::case::*;
use super::*;

/// Bodies that are no JSON of FHIR, to everything that takes a resource.
pub fn bodies() -> Vec<Case> {
    let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let valid = regulator(&[(T, U)]).to_string();
    let truncated = &valid[..valid.len() / 2];
    let bodies: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", "".into(), "json-empty"),
        ("white space", " \r\n\t".into(), "json-empty"),
        ("a BOM only", "\u{FEFF}".into(), "json-empty"),
        ("not JSON", "resourceType=Practitioner".into(), "json-syntax"),
        ("XML", "<Practitioner xmlns=\"http://hl7.org/fhir\"/>".into(), "json-syntax"),
        ("truncated", truncated.into(), "json-syntax"),
        ("followed by something", format!("{valid} {{}}").into(), "json-syntax"),
        ("two BOMs", format!("\u{FEFF}\u{FEFF}{valid}").into(), "json-syntax"),
        ("single quotes", "{'resourceType':'Practitioner'}".into(), "json-syntax"),
        ("a trailing comma", "{\"a\":1,}".into(), "json-syntax"),
        ("a comment", "{/* */\"a\":1}".into(), "json-syntax"),
        ("NaN", "{\"a\":NaN}".into(), "json-syntax"),
        ("a lone surrogate", "{\"a\":\"\\ud800\"}".into(), "json-syntax"),
        ("a raw line feed in a string", "{\"a\":\"x\ny\"}".into(), "json-syntax"),
        ("ISO 8859-1", b"{\"a\":\"Andr\xE9\"}".to_vec(), "json-encoding"),
        ("UTF-16", b"\xFF\xFE{\0}\0".to_vec(), "json-encoding"),
        ("an overlong NUL", b"{\"a\":\"\xC0\x80\"}".to_vec(), "json-encoding"),
        ("null", "null".into(), "json-root"),
        ("an array", "[{\"resourceType\":\"Practitioner\"}]".into(), "json-root"),
        ("a string", "\"Practitioner\"".into(), "json-root"),
        ("an empty object", "{}".into(), "resource-type-missing"),
        ("65 levels", nested(65).into(), "json-depth"),
        ("400,000 levels", nested(400_000).into(), "json-depth"),
        ("50,001 values", format!("{{\"a\":[{}1]}}", "1,".repeat(49_998)).into(), "json-too-large"),
        ("4,301 digits", format!("{{\"a\":{}}}", "1".repeat(4301)).into(), "json-too-large"),
        ("a name of 129 characters", format!("{{\"{}\":1}}", "é".repeat(129)).into(), "json-too-large"),
        (
            "a duplicate key",
            "{\"resourceType\":\"Practitioner\",\"id\":\"a\",\"id\":\"a\"}".into(),
            "json-duplicate-key",
        ),
        ("a duplicate key, escaped", "{\"id\":\"a\",\"\\u0069d\":\"b\"}".into(), "json-duplicate-key"),
        ("an object like a number", "{\"a\":{\"$serde_json::private::Number\":\"1\"}}".into(), "resource-type-missing"),
        ("no resourceType", "{\"id\":\"a\"}".into(), "resource-type-missing"),
        ("a resourceType that is no string", "{\"resourceType\":1}".into(), "resource-type-missing"),
        ("another resourceType", "{\"resourceType\":\"Patient\"}".into(), "resource-type-mismatch"),
        ("a resourceType in lower case", "{\"resourceType\":\"practitioner\"}".into(), "resource-type-mismatch"),
    ];
    let targets = [
        ("POST", "/Practitioner".to_owned()),
        ("PUT", format!("/Practitioner?identifier={T}|{U}")),
        ("PUT", "/Practitioner/1".to_owned()),
        ("POST", "/Appointment".to_owned()),
    ];
    let mut cases = vec![];
    for (method, path) in targets {
        for (name, body, rule) in &bodies {
            let case = if method == "POST" { post(&path, body.clone()) } else { put(&path, body.clone()) };
            cases.push(case.refused(format!("{method} {path}: {name}"), 400, rule));
        }
    }
    cases
}

/// A valid account, changed: a member replaced, added, or removed (`None`).
pub fn account(pointer: &str, value: Option<Value>) -> Case {
    post("/Practitioner", changed(regulator(&[(T, U)]), pointer, value).to_string())
}

/// A valid appointment, changed.
pub fn meeting(pointer: &str, value: Option<Value>) -> Case {
    post("/Appointment", changed(appointment(AGENDA, "1"), pointer, value).to_string())
}

pub fn changed(mut resource: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match (resource.pointer_mut(parent).expect("a parent"), value) {
        (Value::Object(object), Some(value)) => object.insert(name.to_owned(), value),
        (Value::Object(object), None) => object.shift_remove(name),
        (array, value) => Some(std::mem::replace(&mut array[0], value.expect("a value"))),
    };
    resource
}

/// Resources that are JSON, but not FHIR R4.
pub fn structures() -> Vec<Case> {
    let accounts = [
        ("/active", json!(null), "json-null"),
        ("/telecom/0", json!({ "system": "email", "value": null }), "json-null"),
        ("/name/0/family", json!(""), "json-empty-value"),
        ("/telecom", json!([]), "json-empty-value"),
        ("/meta", json!({}), "json-empty-value"),
        ("/name/0/family", json!("A\u{0}"), "json-control-character"),
        ("/name/0/family", json!("A\u{1b}[2J"), "json-control-character"),
        ("/name/0/a\u{7}", json!("x"), "json-control-character"),
        ("/foo", json!("x"), "fhir-unknown-element"),
        ("/fhir_comments", json!(["x"]), "fhir-unknown-element"),
        ("/name/0/surname", json!("x"), "fhir-unknown-element"),
        ("/_name", json!([{ "id": "x" }]), "fhir-unknown-element"),
        ("/active", json!("true"), "fhir-json-type"),
        ("/active", json!(1), "fhir-json-type"),
        ("/active", json!([true]), "fhir-json-type"),
        ("/name", json!({ "family": "AUBERT" }), "fhir-json-type"),
        ("/name/0", json!("AUBERT"), "fhir-json-type"),
        ("/name/0/family", json!(["AUBERT"]), "fhir-json-type"),
        ("/name/0/given", json!("Nadia"), "fhir-json-type"),
        ("/telecom/0/rank", json!("1"), "fhir-json-type"),
        ("/telecom/0/rank", json!(0), "fhir-primitive"),
        ("/birthDate", json!("29/02/1980"), "fhir-primitive"),
        ("/birthDate", json!("1981-02-29"), "fhir-primitive"),
        ("/id", json!("a_b"), "fhir-primitive"),
        ("/id", json!("a".repeat(65)), "fhir-primitive"),
        ("/meta/source", json!("urn:oid:1.2 3"), "fhir-primitive"),
        ("/gender", json!("F"), "fhir-code"),
        ("/telecom/0/system", json!("mail"), "fhir-code"),
        ("/telecom/0/use", json!("pro"), "fhir-code"),
        ("/extension", json!([{ "valueString": "x" }]), "fhir-required-element"),
        ("/extension", json!([{ "url": "x", "valueString": "x", "valueCode": "x" }]), "fhir-choice"),
    ];
    let meetings = [
        ("/status", json!("BOOKED"), "fhir-code"),
        ("/status", json!("canceled"), "fhir-code"),
        ("/participant/0/status", json!("no-idea"), "fhir-code"),
        ("/start", json!("2026-03-04T14:00:00"), "fhir-primitive"),
        ("/start", json!("2026-03-04T14:00+01:00"), "fhir-primitive"),
        ("/start", json!("2026-02-30T14:00:00+01:00"), "fhir-primitive"),
        ("/end", json!("2026-03-04"), "fhir-primitive"),
        ("/minutesDuration", json!(-1), "fhir-primitive"),
    ];
    let absent = ["/status", "/participant", "/participant/0/status"];
    let accounts = accounts.into_iter().map(|(pointer, value, rule)| {
        let name = format!("account {pointer} = {value}");
        account(pointer, Some(value)).refused(name, 400, rule)
    });
    let meetings = meetings.into_iter().map(|(pointer, value, rule)| {
        let name = format!("appointment {pointer} = {value}");
        meeting(pointer, Some(value)).refused(name, 400, rule)
    });
    let absent = absent.map(|pointer| {
        meeting(pointer, None).refused(format!("appointment without {pointer}"), 400, "fhir-required-element")
    });
    accounts.chain(meetings).chain(absent).collect()
}

/// Resources that are FHIR R4, but break a profile or a rule of SAS.
pub fn profiles() -> Vec<Case> {
    let telecom = |system: &str| json!({ "system": system, "value": "x@y" });
    let accounts = [
        ("/identifier", None, "practitioner-identifier"),
        ("/identifier", Some(json!([identifier(N, "1"), identifier(N, "2")])), "practitioner-identifier-idnps-single"),
        ("/active", None, "practitioner-active"),
        ("/name", None, "practitioner-name"),
        ("/name/0/family", None, "practitioner-name-family"),
        ("/name/0/given", Some(json!(["A", "B"])), "practitioner-name-given"),
        ("/telecom", None, "practitioner-telecom"),
        ("/telecom", Some(json!([telecom("email"), telecom("phone")])), "practitioner-telecom-email"),
        ("/meta/source", Some(json!("urn:oid:1.2.250.1.213.3.7")), "practitioner-meta-source"),
    ];
    let meetings = [
        ("/identifier", None, "appointment-identifier"),
        ("/extension", None, "appointment-operator"),
        ("/start", None, "appointment-start"),
        ("/end", None, "appointment-end"),
        ("/end", Some(json!("2026-03-04T13:59:59+01:00")), "appointment-period"),
        ("/participant/0/status", Some(json!("declined")), "appointment-participant-status"),
        ("/participant/0/actor", None, "fhir-app-1"),
        ("/cancelationReason", Some(json!({ "text": "x" })), "fhir-app-4"),
    ];
    let name = |what: &str, pointer: &str, value: &Option<Value>| match value {
        Some(value) => format!("{what} {pointer} = {value}"),
        None => format!("{what} without {pointer}"),
    };
    let accounts = accounts.into_iter().map(|(pointer, value, rule)| {
        let name = name("account", pointer, &value);
        account(pointer, value).refused(name, 422, rule)
    });
    let meetings = meetings.into_iter().map(|(pointer, value, rule)| {
        let name = name("appointment", pointer, &value);
        meeting(pointer, value).refused(name, 422, rule)
    });
    accounts.chain(meetings).collect()
}

/// Much of something.
pub fn sizes() -> Vec<Case> {
    let large = "x".repeat(2 << 20);
    let within = "x".repeat(900 << 10);
    let chunked = |case: Case| case.header("transfer-encoding", "chunked");
    let by_identifier = format!("/Practitioner?identifier={T}|{U}");
    let identifiers: Vec<_> = (0..9_000)
        .map(|number| json!({ "type": { "text": "x" }, "system": "urn:x", "value": number.to_string() }))
        .collect();
    let telecoms = vec![json!({ "system": "phone", "foo": "1" }); 16_000];
    let values = |count: usize| vec!["a"; count].join(",");
    let form = |body: String| post("/Practitioner/_search", body).header("content-type", FORM);
    vec![
        post("/Practitioner", large.clone()).refused("2 MiB, announced", 413, "http-body-size"),
        chunked(post("/Practitioner", large.clone())).refused("2 MiB in chunks", 413, "http-body-size"),
        put(&by_identifier, large.clone()).refused("2 MiB, announced, by PUT", 413, "http-body-size"),
        chunked(put(&by_identifier, large.clone())).refused("2 MiB in chunks, by PUT", 413, "http-body-size"),
        form(large.clone()).refused("a form of 2 MiB", 413, "http-body-size"),
        // Whoever refuses without a look at the body takes it in nevertheless.
        post("/Patient", within.clone()).refused("900 KiB to nowhere", 404, "http-path"),
        put("/metadata", within.clone()).not_allowed("GET, HEAD"),
        put(&by_identifier, within.clone()).header("if-match", "1").refused("900 KiB too early", 400, "http-header"),
        post("/Practitioner", within).header("accept", "text/html").refused("900 KiB for HTML", 406, "http-accept"),
        account("/identifier", Some(identifiers.into())).refused("9,000 identifiers", 422, "identifier-count"),
        account("/telecom", Some(telecoms.into())).refused("32,000 breaches", 400, "fhir-unknown-element"),
        form(format!("_id={}", values(2_000))).refused("2,000 values", 400, "query-size"),
        form(vec!["_id=a"; 2_000].join("&")).refused("2,000 criteria", 400, "query-size"),
        form(format!("identifier={}", values(200_000))).refused("200,000 values", 400, "query-size"),
        get(&format!("/Practitioner?identifier={}", values(2_000))).refused("2,000 by GET", 400, "query-size"),
        get(&format!("/Practitioner?active={}", values(257))).refused("257 values", 400, "query-size"),
        get(&format!("/Practitioner?_id={0}&active={0}", values(129))).refused("twice 129 values", 400, "query-size"),
        get(&format!("/Practitioner?{}", vec!["_id=a"; 17].join("&"))).refused("17 criteria", 400, "query-size"),
        get(&format!("/Practitioner?{}", vec!["x"; 65].join("&"))).refused("65 parameters", 400, "query-size"),
        get(&format!("/Practitioner/1?{}", "&".repeat(64))).refused("65 of a read", 400, "query-size"),
        get(&format!("/metadata?{}", "&".repeat(64))).refused("65 of the statement", 400, "query-size"),
        put(&format!("{by_identifier}{}", "&a=b".repeat(64)), "{}").refused("65 of an update", 400, "query-size"),
        form(vec!["x"; 33].join("&")).at(&format!("?{}", vec!["x"; 32].join("&"))).refused(
            "65 in the URL and the form",
            400,
            "query-size",
        ),
        form(format!("_lastUpdated={}", ",".repeat(500_000))).refused("500,000 dates", 400, "query-size"),
        form(format!("identifier={}", "|".repeat(500_000))).refused("500,000 parts", 400, "query-value"),
        form("&".repeat(500_000)).refused("500,000 parameters", 400, "query-size"),
        put(&by_identifier, "{}").header("if-match", vec!["W/\"1\""; 257].join(",")).refused(
            "257 entity tags",
            400,
            "http-header",
        ),
        post("/Practitioner", "{}").header("if-none-exist", format!("identifier={}", values(9_000))).refused(
            "9,000 values of If-None-Exist",
            400,
            "http-if-none-exist",
        ),
        post("/Practitioner", "{}").header("accept", format!("{}application/json", "x/y,".repeat(20))).refused(
            "a format after twenty others",
            406,
            "http-accept",
        ),
        post("/Practitioner", "{}").header("content-type", format!("application/json{}", ";x=y".repeat(100))).refused(
            "a type with 100 parameters",
            415,
            "http-content-type",
        ),
    ]
}
