//! The stored text, the elements that the server sets, and conditions on versions.

use serde_json::{Value, json};

use crate::asking::*;
use crate::bookings::VENDOR;
use crate::on_both_databases;
use crate::server::*;

const JSON: [(&str, &str); 2] = [("content-type", "application/json"), ("accept", "application/json+fhir")];

/// An account in which every element has something that a careless copy would change.
const PECULIAR: &str = r#"{"telecom":[{"value":"nadia.aubert@example.org","system":"email"}],"resourceType":"Practitioner","extension":[{"url":"https://example.org/a","valueDecimal":1.50},{"valueDecimal":1E2,"url":"https://example.org/b"},{"url":"https://example.org/c","valueDecimal":-0.00},{"url":"https://example.org/d","valueDecimal":12345678901234567890.12345678901234567890}],"active":true,"name":[{"given":["Nadia \"N.\" \\ \/"],"family":"D\u00e9l\u00E8ve é \ud83d\ude00 😀"}],"address":[{"line":["1 rue de l'Exemple",null],"_line":[null,{"extension":[{"url":"https://example.org/e","valueString":"étage"}]}],"city":"Paris","_city":{"id":"c1"}}],"identifier":[{"value":"0B9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11","system":"urn:oid:1.2.250.1.213.3.6","type":{"coding":[{"code":"INTRN","system":"http://interopsante.org/fhir/CodeSystem/fr-v2-0203"}]}}]}"#;

/// The answer without the `id` and the `meta` that the server wrote into it.
fn without_server_elements(answer: &Answer) -> String {
    let resource = answer.json();
    let (id, meta) = (&resource["id"], &resource["meta"]);
    answer.text.replace(&format!("\"id\":{id},"), "").replace(&format!("\"meta\":{meta},"), "")
}

on_both_databases! { TestServer::tolerant;
    async fn content_stored_text_is_the_text_received(server: TestServer) {
        let created = server.request("POST", "/Practitioner", &JSON, PECULIAR).await.expect(201);
        assert_eq!(without_server_elements(&created), PECULIAR);
        let read = server.get(&format!("/Practitioner/{}", created.id())).await.expect(200);
        assert_eq!(read.text, created.text);
        let found = server.get(&account(T, U)).await.expect(200);
        assert!(found.text.contains(&created.text), "{}", found.text);
        let history = server.get(&format!("/Practitioner/{}/_history", created.id())).await.expect(200);
        assert!(history.text.contains(&created.text), "{}", history.text);
    }

    async fn narrative_with_active_content_is_refused_and_not_stored(server: TestServer) {
        let narrated = |content: &str| {
            let div = format!(r#"<div xmlns="http://www.w3.org/1999/xhtml">{content}</div>"#);
            with(&regulator(&[(T, U)]), "/text", json!({ "status": "generated", "div": div }))
        };
        for (content, status) in [
            ("<script>alert(1)</script>", 422),
            (r#"<p onclick="alert(1)">a</p>"#, 422),
            (r#"<a href="javascript:alert(1)">a</a>"#, 422),
            ("<![CDATA[><img src=x onerror=alert(1)>]]>a", 422),
            ("<b>a</i>", 400),
        ] {
            server.post("/Practitioner", &narrated(content)).await.expect(status);
            server.put(&account(T, U), &narrated(content)).await.expect(status);
        }
        assert_eq!(server.get(&account(T, U)).await.expect(200).json()["total"], 0);
        let kept = server.put(&account(T, U), &narrated("<p style=\"color:red\">a</p>")).await.expect(201);
        assert!(kept.text.contains("color:red"), "{}", kept.text);
    }

    async fn content_subsetted_resource_is_refused(server: TestServer) {
        let whole = with(&regulator(&[(T, U)]), "/qualification", json!([{ "code": { "text": "x" } }]));
        let created = server.put(&account(T, U), &whole).await.expect(201);
        let path = format!("/Practitioner/{}", created.id());
        for query in ["_summary=true", "_summary=data", "_elements=name,telecom"] {
            let part = server.get(&format!("{path}?{query}")).await.expect(200);
            let (body, tag) = (part.json(), part.header("etag").to_owned());
            server.write("PUT", &path, &[("if-match", &tag)], &body).await.refused(422, "resource-subsetted");
            server.put(&account(T, U), &body).await.refused(422, "resource-subsetted");
        }
        assert_eq!(server.get(&path).await.expect(200).text, created.text);
    }

    async fn content_white_space_between_elements_is_not_a_change(server: TestServer) {
        let body = format!("\r\n {} \n\t", PECULIAR.replace("\",\"", "\" ,\n  \""));
        let created = server.request("POST", "/Practitioner", &JSON, body).await.expect(201);
        let plain: Value = serde_json::from_str(PECULIAR).expect("JSON");
        let mut kept = created.json();
        let object = kept.as_object_mut().expect("an object");
        object.shift_remove("id");
        object.shift_remove("meta");
        assert_eq!(kept.to_string(), plain.to_string());
    }

    async fn content_id_and_meta_of_the_server_replace_those_of_the_client(server: TestServer) {
        let body = with(&regulator(&[(T, U)]), "/id", "mine".into());
        let body = with(&body, "/meta", json!({
            "source": "urn:oid:1.2.250.1.213.3.6",
            "versionId": "77",
            "lastUpdated": "1999-01-01T00:00:00Z",
            "profile": ["https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/FrPractitionerRegul"],
            "security": [{ "system": "https://example.org/security", "code": "R" }],
            "tag": [{ "system": "https://example.org/tag", "code": "recette" }],
            "extension": [{ "url": "https://example.org/a", "valueString": "kept" }],
        }));
        let created = server.post("/Practitioner", &body).await.expect(201);
        let resource = created.json();
        assert_ne!(resource["id"], "mine");
        assert_eq!(resource["id"], created.id());
        assert_eq!(resource["meta"]["versionId"], "1");
        assert!(resource["meta"]["lastUpdated"].as_str().expect("an instant").starts_with("2026-03-01T08:0"));
        for kept in ["source", "profile", "security", "tag", "extension"] {
            assert_eq!(resource["meta"][kept], body["meta"][kept], "{kept}");
        }
        assert_eq!(resource.as_object().map(|object| object.len()), body.as_object().map(|object| object.len()));
    }

    async fn content_null_is_accepted_only_with_its_companion(server: TestServer) {
        let line = |line: Value, companion: Value| {
            let mut address = json!({ "line": line });
            if !companion.is_null() {
                address["_line"] = companion;
            }
            with(&regulator(&[(T, U)]), "/address", json!([address]))
        };
        let extended = json!({ "extension": [{ "url": "https://example.org/e", "valueString": "x" }] });
        let both = line(json!(["a", null]), json!([null, extended]));
        let kept = server.put(&account(T, U), &both).await.expect(201);
        assert_eq!(kept.json()["address"], both["address"]);
        server.put(&account(T, U), &line(json!(["a", null]), Value::Null)).await.refused(400, "json-null");
        let empty = with(&regulator(&[(T, U)]), "/address", json!([{ "city": null }]));
        server.put(&account(T, U), &empty).await.refused(400, "json-null");
    }

    async fn content_optional_legal_elements_are_kept(server: TestServer) {
        let full: Value = serde_json::from_str(include_str!("../fixtures/regulator-full.json")).expect("a fixture");
        let full = with(&full, "/contained", json!([{ "resourceType": "Organization", "id": "o", "name": "CH" }]));
        let full = with(&full, "/extension/-", json!({
            "url": "https://example.org/org", "valueReference": { "reference": "#o" }
        }));
        let kept = server.post("/Practitioner", &full).await.expect(201).json();
        for (name, value) in full.as_object().expect("an object") {
            if name != "id" && name != "meta" {
                assert_eq!(&kept[name], value, "{name}");
            }
        }
    }

    async fn write_response_has_location_version_and_date(server: TestServer) {
        let mut bodies = vec![];
        for (status, version, body) in [
            (201, 1, regulator(&[(T, U)])),
            (200, 2, inactive(regulator(&[(T, U)]))),
            (200, 2, inactive(regulator(&[(T, U)]))),
        ] {
            let answer = server.put(&account(T, U), &body).await.expect(status);
            let resource = answer.json();
            assert_eq!(answer.header("location"), format!("{BASE}/Practitioner/{}", answer.id()));
            assert_eq!(answer.header("etag"), format!("W/\"{version}\""));
            assert_eq!(resource["meta"]["versionId"], version.to_string());
            let read = server.get(&format!("/Practitioner/{}", answer.id())).await.expect(200);
            assert_eq!(read.header("last-modified"), answer.header("last-modified"));
            bodies.push(answer.text);
        }
        assert_eq!(bodies[1], bodies[2]);
    }

    async fn prefer_return_selects_the_response_of_a_write(server: TestServer) {
        let body = with(&regulator(&[(T, U)]), "/meta", Value::Null);
        for (prefer, kind) in [
            ("return=representation", "Practitioner"),
            ("return=OperationOutcome", "OperationOutcome"),
            ("return=\"OperationOutcome\"", "OperationOutcome"),
            ("respond-async, return=OperationOutcome", "OperationOutcome"),
            ("return=everything", "Practitioner"),
            ("handling=strict", "Practitioner"),
        ] {
            for (method, path) in [("PUT", account(T, U)), ("PUT", account(T, V))] {
                let body = if path.contains(V) { regulator(&[(T, V)]) } else { body.clone() };
                let answer = server.write(method, &path, &[("prefer", prefer)], &body).await;
                assert!(answer.status.is_success());
                assert_eq!(answer.json()["resourceType"], kind, "{prefer}");
                assert!(answer.header("location").starts_with(BASE) && !answer.header("etag").is_empty());
            }
        }
        let minimal = [("prefer", "return=minimal")];
        for (method, path, value, status) in [
            ("PUT", account(T, U), U, 200),
            ("PUT", account(N, U), "8", 201),
            ("POST", "/Practitioner".into(), "9", 201),
        ] {
            let answer = server.write(method, &path, &minimal, &regulator(&[(T, value)])).await.expect(status);
            assert_eq!((answer.text.as_str(), answer.header("content-type")), ("", ""));
            assert!(answer.header("location").starts_with(BASE) && !answer.header("last-modified").is_empty());
        }
        let refused = server.write("PUT", &account(T, U), &minimal, &json!({ "active": true })).await;
        refused.refused(400, "resource-type-missing");
    }

    async fn prefer_return_operation_outcome_lists_warnings(server: TestServer) {
        let body = with(&regulator(&[(T, "not-a-uuid")]), "/telecom/0/value", "nadia".into());
        let mut rules = server.write_with_outcome("POST", "/Practitioner", &body).await.expect(201).rules();
        rules.sort_unstable();
        assert_eq!(rules, ["practitioner-identifier-intrn-form", "practitioner-telecom-form"]);
        let clean = server.write_with_outcome("POST", "/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        assert_eq!(clean.json()["issue"][0]["severity"], "information");
    }

    async fn if_match_of_another_version_returns_412(server: TestServer) {
        let id = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201).id();
        let by_id = format!("/Practitioner/{id}");
        let body = |rank: u32| with(&regulator(&[(T, U)]), "/telecom/0/rank", rank.into());
        let named = |rank| with(&body(rank), "/id", id.clone().into());
        let put = async |path: &str, tag: &str, body| server.write("PUT", path, &[("if-match", tag)], &body).await;
        put(&account(T, U), "W/\"1\"", body(1)).await.expect(200);
        put(&account(T, U), "W/\"1\"", body(2)).await.refused(412, "http-precondition");
        put(&by_id, "W/\"1\"", named(2)).await.refused(412, "http-precondition");
        put(&by_id, "W/\"2\"", named(2)).await.expect(200);
        put(&account(T, U), "*", body(3)).await.expect(200);
        put(&account(T, U), "W/\"1\", W/\"4\"", body(4)).await.expect(200);
        put(&account(T, U), "4", body(5)).await.refused(400, "http-header");
        put(&account(T, V), "W/\"1\"", regulator(&[(T, V)])).await.refused(412, "http-precondition");
        put("/Practitioner/new", "*", with(&regulator(&[(T, V)]), "/id", "new".into())).await.expect(412);
        assert_eq!(server.account(&id).await["telecom"][0]["rank"], 4);
        assert_eq!(server.count("Practitioner").await, 1);
    }

    async fn if_none_exist_matching_account_is_not_created(server: TestServer) {
        let create = async |criterion: &str, body: &Value| {
            server.write("POST", "/Practitioner", &[("if-none-exist", criterion)], body).await
        };
        let criterion = format!("identifier={T}|{U}");
        let created = create(&criterion, &regulator(&[(T, U)])).await.expect(201);
        let other = with(&regulator(&[(T, U)]), "/name/0/family", "MARIUS".into());
        for criterion in [criterion.clone(), format!("identifier={T}%7C{U}"), format!("?{criterion}")] {
            let existing = create(&criterion, &other).await.expect(200);
            assert_eq!((existing.id(), existing.header("etag")), (created.id(), "W/\"1\""));
            assert_eq!(existing.text, created.text);
        }
        server.post("/Practitioner", &regulator(&[(N, U)])).await.expect(201);
        create(&format!("identifier={U}"), &regulator(&[(T, V)])).await.refused(412, "http-multiple-matches");
        create(&format!("identifier={T}|{V}"), &regulator(&[(T, U)])).await.refused(422, "identifier-duplicate");
        for malformed in ["family=AUBERT", "", "identifier=", &format!("{criterion}&active=true")] {
            create(malformed, &regulator(&[(T, V)])).await.refused(400, "http-if-none-exist");
        }
        assert_eq!(server.count("Practitioner").await, 2);
    }

    async fn if_none_exist_matching_appointment_is_not_created(server: TestServer) {
        let criterion = format!("identifier={VENDOR}|{U}");
        for status in [201, 200] {
            let headers = [("if-none-exist", criterion.as_str())];
            let answer = server.write("POST", "/Appointment", &headers, &appointment(VENDOR, U)).await.expect(status);
            assert_eq!(answer.header("etag"), "W/\"1\"");
        }
        server.post("/Appointment", &appointment("urn:oid:1.2", U)).await.expect(201);
        let many = format!("identifier={U}");
        let headers = [("if-none-exist", many.as_str())];
        let refused = server.write("POST", "/Appointment", &headers, &appointment(VENDOR, V)).await;
        refused.refused(412, "http-multiple-matches");
    }

    async fn content_instant_keeps_its_offset(server: TestServer) {
        let body = with(&appointment(VENDOR, U), "/start", "2026-03-04T14:00:00.120+01:00".into());
        let created = server.post("/Appointment", &body).await.expect(201);
        assert_eq!((&created.json()["start"], &created.json()["end"]), (&body["start"], &body["end"]));
        let path = "/Appointment?date=2026-03-04T13:00:00.120Z";
        assert_eq!(server.found(path).await, [created.id()]);
    }

    async fn request_id_of_the_client_is_echoed_on_writes(server: TestServer) {
        let headers = [("x-request-id", "call-42")];
        let echoed = server.request("GET", "/metadata", &headers, axum::body::Body::empty()).await;
        assert_eq!(echoed.header("x-request-id"), "call-42");
        let (one, two) = (server.get("/metadata").await, server.get("/Patient").await);
        assert!(!one.header("x-request-id").is_empty() && !two.header("x-request-id").is_empty());
        assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    }
}
