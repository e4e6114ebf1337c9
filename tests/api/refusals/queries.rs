//! Bad criteria and searches.

use super::case::*;
use super::*;

/// Criteria of conditional updates, and parameters of other writes.
pub fn criteria() -> Vec<Case> {
    let account = regulator(&[(T, U)]).to_string();
    let meeting = appointment(AGENDA, "1").to_string();
    let accounts = [
        ("", 400, "query-identifier-missing"),
        ("?", 400, "query-identifier-missing"),
        ("?&&", 400, "query-identifier-missing"),
        ("?_format=json", 400, "query-identifier-missing"),
        ("?identifier", 400, "query-identifier-form"),
        ("?identifier=", 400, "query-identifier-form"),
        ("?identifier=%20", 400, "query-identifier-form"),
        ("?identifier={T}|", 400, "query-identifier-form"),
        ("?identifier=|{U}", 400, "query-identifier-form"),
        ("?identifier=|", 400, "query-identifier-form"),
        ("?identifier={U}", 400, "query-identifier-form"),
        ("?identifier={T}|{U}|x", 400, "query-identifier-form"),
        ("?identifier={T}%5C|{U}", 400, "query-identifier-form"),
        ("?identifier={T}|{U},{T}|{V}", 400, "query-identifier-single"),
        ("?identifier={T}|{U},", 400, "query-identifier-single"),
        ("?identifier={T}|{U}&identifier={T}|{U}", 400, "query-identifier-single"),
        ("?identifier={T}|{U}&identifier={T}|{V}", 400, "query-identifier-single"),
        ("?identifier={T}|{U}&family=x", 400, "query-parameter"),
        ("?identifier={T}|{U}&_id=1", 400, "query-parameter"),
        ("?identifier={T}|{U}&=x", 400, "query-parameter"),
        ("?identifier={T}|{U}&Identifier={T}|{U}", 400, "query-parameter"),
        ("?Identifier={T}|{U}", 400, "query-parameter"),
        ("?IDENTIFIER={T}|{U}", 400, "query-parameter"),
        ("?identifier:not={T}|{U}", 400, "query-parameter"),
        ("?identifier:not={T}|{U}", 400, "query-identifier-missing"),
        ("?identifier:of-type={T}|{U}", 400, "query-parameter"),
        ("?identifier:exact={T}|{U}", 400, "query-parameter"),
        ("?identifier=urn:oid:1.2.3|x", 422, "query-identifier-system"),
        ("?identifier=1.2.250.1.213.3.6|{U}", 422, "query-identifier-system"),
        ("?identifier=URN:OID:1.2.250.1.213.3.6|{U}", 422, "query-identifier-system"),
    ];
    let meetings = [
        ("", 400, "query-identifier-missing"),
        ("?identifier=", 400, "query-identifier-form"),
        ("?Identifier=", 400, "query-identifier-form"),
        ("?identifier={AGENDA}|", 400, "query-identifier-form"),
        ("?identifier=|1", 400, "query-identifier-form"),
        ("?identifier=1,2", 400, "query-identifier-single"),
        ("?identifier=1&Identifier=1", 400, "query-identifier-single"),
        ("?Identifier=1&Identifier=1", 400, "query-identifier-single"),
        ("?identifier=1&status=booked", 400, "query-parameter"),
        ("?identifier:not=1", 400, "query-parameter"),
        ("?IDENTIFIER=1", 400, "query-parameter"),
    ];
    let fill = |query: &str| query.replace("{T}", T).replace("{U}", U).replace("{V}", V).replace("{AGENDA}", AGENDA);
    let mut cases = vec![];
    for (query, status, rule) in accounts {
        let path = format!("/Practitioner{}", fill(query));
        cases.push(put(&path, account.clone()).refused(path, status, rule));
    }
    for (query, status, rule) in meetings {
        let path = format!("/Appointment{}", fill(query));
        cases.push(put(&path, meeting.clone()).refused(path, status, rule));
    }
    let by_id = format!("/Practitioner/1?identifier={T}|{U}");
    cases.extend([
        post(&format!("/Practitioner?identifier={T}|{U}"), account.clone()).refused(
            "POST ?identifier",
            400,
            "query-parameter",
        ),
        put(&by_id, account.clone()).refused("PUT by id and identifier", 400, "query-parameter"),
        post("/Practitioner/$validate?mode=delete", account.clone()).refused("$validate?mode", 400, "query-value"),
        post(
            "/Practitioner/$validate?profile=http://sas.fr/fhir/StructureDefinition/FrAppointmentSAS",
            account.clone(),
        )
        .refused("a profile of another type", 400, "query-value"),
        post("/Practitioner/$validate?resource=x", account.clone()).refused(
            "$validate?resource",
            400,
            "query-parameter",
        ),
        get("/metadata?mode=terminology").refused("metadata?mode", 400, "query-value"),
        get("/metadata?x=full").refused("metadata?x", 400, "query-parameter"),
        get("/Practitioner/1?_summary=count").refused("read?_summary", 400, "query-value"),
        get("/Practitioner/1?_elements=name.family").refused("read?_elements", 400, "query-value"),
        get("/Practitioner/1?_count=1").refused("read?_count", 400, "query-parameter"),
        get("/Practitioner/1/_history/1?_summary=yes").refused("vread?_summary", 400, "query-value"),
        get("/Practitioner/1/_history/1?x").refused("vread?x", 400, "query-parameter"),
    ]);
    cases
}

pub fn searches() -> Vec<Case> {
    let mut cases = vec![];
    let mut bad = |path: &str, rule| cases.push(get(path).refused(path, 400, rule));
    for query in [
        "family=AUBERT",
        "active:not=true",
        "identifier:not=x",
        "Identifier=x",
        "status=booked",
        "date=2026",
        "_include=Practitioner:x",
        "_text=x",
        "_offset=1",
        "_since=2026",
        "=x",
    ] {
        bad(&format!("/Practitioner?{query}"), "query-parameter");
    }
    bad("/Appointment?active=true", "query-parameter");
    bad("/Appointment?practitioner=1", "query-parameter");
    for query in [
        "_lastUpdated=hier",
        "_lastUpdated=2026-02-30",
        "_lastUpdated=04/03/2026",
        "_lastUpdated=2026-03-04T14",
        "_lastUpdated=xx2026",
        "_lastUpdated=ge",
        "_lastUpdated=gele2026",
        "_lastUpdated=GE2026",
        "_lastUpdated=ge2026,",
        "_lastUpdated=99999",
        "_lastUpdated=le0000",
        "_lastUpdated=9999-12-32",
        "_lastUpdated=2026-03-04T14:00:61Z",
        "_lastUpdated=2026-03-04T14:00:00+15:00",
        "_lastUpdated=é",
        "_count=x",
        "_count=-1",
        "_count=1.5",
        "_count=99999999999999999999",
        "_sort=family",
        "_sort=_id",
        "_sort=_lastUpdated,_id",
        "_sort=--_lastUpdated",
        "_total=yes",
        "_after=a_b",
        "_after=%27%3B--",
        "_after=2026-03-01T08:00:00.000Z,1",
        "_sort=_lastUpdated&_after=1",
        "_sort=_lastUpdated&_after=x,1",
        "_sort=_lastUpdated&_after=2026-03-01T08:00:00.000Z,a_b",
        "_id=a_b",
        "_id=a,,b",
        "identifier=|",
        "identifier=a|b|c",
        "identifier=a,",
        "active=yes",
        "active=TRUE",
        "active=true,True",
        "active=|TRUE",
        "active=http://other|true",
        "active=http://hl7.org/fhir/special-values|http://hl7.org/fhir/special-values|true",
        "_summary=yes",
        "_summary=TRUE",
        "_elements=name.family",
        "_elements=name,*",
    ] {
        bad(&format!("/Practitioner?{query}"), "query-value");
    }
    for query in [
        "date=2026-13",
        "date=1",
        "date=tomorrow",
        "status=|",
        "status=http://x|booked",
        "status=BOOKED",
        "status=booked,x",
        "status=|Booked",
        "status=true",
    ] {
        bad(&format!("/Appointment?{query}"), "query-value");
    }
    for name in ["_count", "_sort", "_total", "_after", "_summary"] {
        let value = if name == "_sort" { "_lastUpdated" } else { "1" };
        bad(&format!("/Practitioner?{name}={value}&{name}={value}"), "query-repeated");
    }
    for (query, rule) in [
        ("_count=x", "query-value"),
        ("_since=x", "query-value"),
        ("_before=x", "query-value"),
        ("_summary=count", "query-value"),
        ("_elements=a_b", "query-value"),
        ("_count=1&_count=1", "query-repeated"),
        ("_since=2026&_since=2026", "query-repeated"),
        ("_sort=_lastUpdated", "query-parameter"),
        ("_at=x", "query-value"),
        ("_at=ne2026", "query-value"),
        ("_list=1", "query-parameter"),
    ] {
        for path in ["/_history", "/Appointment/_history", "/Practitioner/1/_history"] {
            bad(&format!("{path}?{query}"), rule);
        }
    }
    let form = |body: &str| post("/Practitioner/_search", body.to_owned()).header("content-type", FORM);
    cases.extend([
        form("family=x").refused("an unknown parameter in a form", 400, "query-parameter"),
        form("_count=x").refused("a bad value in a form", 400, "query-value"),
        form("_format=xml").refused("a format in a form", 406, "http-accept"),
    ]);
    cases
}
