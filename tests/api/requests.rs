//! The list of requests that SAS clients send, row by row, and what each is answered: accounts and HTTP (1–48, 68).
//!
//! Numbers are those of the rows. `N` is the national id of a person, `T` the SAS technical id.

use axum::body::Body;
use serde_json::{Value, json};

use crate::asking::*;
use crate::on_both_databases;
use crate::server::*;

const IDNST: &str = "urn:oid:1.2.250.1.71.4.2.2";
const NATIONAL: &str = "3456780581/11242343";

/// Changes to a valid account, each with the row, the status, the issue codes of which one is due, the rule.
fn refused_accounts() -> Vec<(&'static str, Value, u16, &'static [&'static str], &'static str)> {
    let ok = regulator(&[(T, U)]);
    let change = |pointer, value| with(&ok, pointer, value);
    let typed = |system, code: &str| with(&identifier(system, U), "/type/coding/0/code", code.into());
    let phone = json!({ "system": "phone", "value": "+33240000000" });
    let renamed = with(
        &identifier(T, U),
        "/type/coding/0/system",
        "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203".into(),
    );
    const REQUIRED: &[&str] = &["required", "business-rule"];
    const PROFILE: &[&str] = &["required", "value", "code-invalid"];
    const ACCOUNT: &[&str] = &["required", "value", "code-invalid", "business-rule"];
    const FORM: &[&str] = &["structure", "value"];
    vec![
        ("6", change("/identifier", Value::Null), 422, REQUIRED, "practitioner-identifier"),
        ("7", change("/active", Value::Null), 422, REQUIRED, "practitioner-active"),
        ("8", change("/name", Value::Null), 422, REQUIRED, "practitioner-name"),
        ("9", change("/telecom", Value::Null), 422, REQUIRED, "practitioner-telecom"),
        ("10", change("/name/0/family", "".into()), 400, FORM, "json-empty-value"),
        ("11", change("/name/0/given", json!(["A", "B"])), 422, PROFILE, "practitioner-name-given"),
        ("12, phone only", change("/telecom", json!([phone])), 422, PROFILE, "practitioner-telecom-email"),
        ("12, e-mail and phone", change("/telecom/-", phone), 422, PROFILE, "practitioner-telecom-email"),
        ("13", change("/identifier/0", typed(N, "INTRN")), 422, ACCOUNT, "practitioner-identifier-idnps-type"),
        ("14", change("/identifier/0", typed(T, "IDNPS")), 422, ACCOUNT, "practitioner-identifier-intrn-type"),
        ("15", change("/identifier/0", identifier(IDNST, NATIONAL)), 422, ACCOUNT, "practitioner-identifier-idnst"),
        ("16", regulator(&[(N, "810002909371"), (N, NATIONAL)]), 422, PROFILE, "practitioner-identifier-idnps-single"),
        ("17, another", change("/meta/source", "urn:oid:1.2.3".into()), 422, PROFILE, "practitioner-meta-source"),
        ("18", change("/active", "true".into()), 400, FORM, "fhir-json-type"),
        ("19", change("/foo", 1.into()), 400, FORM, "fhir-unknown-element"),
        ("20", change("/identifier/0", renamed), 422, PROFILE, "practitioner-identifier-intrn-type"),
        ("22", appointment("https://agenda.example.org/rdv", U), 400, FORM, "resource-type-mismatch"),
    ]
}

/// The code of the issue that cites a rule.
pub fn code_of(answer: &Answer, rule: &str) -> String {
    let issues = answer.json()["issue"].as_array().cloned().expect("issues");
    let cites = |issue: &&Value| issue["details"]["coding"][0]["code"] == rule;
    issues.iter().find(cites).expect("the rule")["code"].as_str().expect("a code").to_owned()
}

on_both_databases! { TestServer::tolerant;
    // 1
    async fn account_create_returns_location_and_version(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let id = created.id();
        assert_eq!(created.header("location"), format!("{BASE}/Practitioner/{id}"));
        assert_eq!(created.header("etag"), "W/\"1\"");
        assert!(created.header("last-modified").ends_with(" GMT"));
        assert_eq!(created.header("content-type"), "application/fhir+json; charset=utf-8");
        let resource = created.json();
        assert_eq!((&resource["id"], &resource["meta"]["versionId"]), (&json!(id), &json!("1")));
        assert!(!id.contains(U), "the id is the server's, never an identifier");
    }

    // 2, 5, 17 (absent)
    async fn account_with_national_id_shared_email_and_no_source_is_accepted(server: TestServer) {
        server.post("/Practitioner", &regulator(&[(N, NATIONAL)])).await.expect(201);
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let sourceless = with(&regulator(&[(T, V)]), "/meta", Value::Null);
        let write_with_outcome = server.write_with_outcome("POST", "/Practitioner", &sourceless).await.expect(201);
        assert_eq!(write_with_outcome.rules(), ["practitioner-meta-source-missing"]);
        assert_eq!(server.count("Practitioner").await, 3);
    }

    // 3
    async fn account_with_both_identifiers_is_updated_by_either(server: TestServer) {
        let both = regulator(&[(N, NATIONAL), (T, U)]);
        let created = server.post("/Practitioner", &both).await.expect(201);
        for path in [account(N, NATIONAL), account(T, U)] {
            assert_eq!(server.put(&path, &both).await.expect(200).id(), created.id());
        }
    }

    // 4
    async fn account_create_with_existing_identifier_is_refused(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let other = with(&regulator(&[(T, U)]), "/name/0/family", "MARIUS".into());
        for again in [regulator(&[(T, U)]), other] {
            let refused = server.post("/Practitioner", &again).await.refused(422, "identifier-duplicate");
            assert_eq!(code_of(&refused, "identifier-duplicate"), "duplicate");
        }
        assert_eq!(server.count("Practitioner").await, 1);
        assert_eq!(server.account(&created.id()).await, created.json());
    }

    // 6–20, 22
    async fn account_violating_a_rule_is_refused_and_not_stored(server: TestServer) {
        for (row, body, status, codes, rule) in refused_accounts() {
            eprintln!("row {row}");
            let refused = server.post("/Practitioner", &body).await.refused(status, rule);
            let code = code_of(&refused, rule);
            assert!(codes.contains(&code.as_str()), "row {row}: the code is {code}, not one of {codes:?}");
        }
        assert_eq!(server.count("Practitioner").await, 0);
    }

    // 15: the hint names the right authority
    async fn account_with_structure_authority_is_refused_with_a_hint(server: TestServer) {
        let body = with(&regulator(&[(T, U)]), "/identifier/0", identifier(IDNST, NATIONAL));
        let refused = server.post("/Practitioner", &body).await.expect(422);
        assert!(refused.text.contains(N), "{}", refused.text);
    }

    // 21
    async fn body_truncated_or_empty_is_refused_and_byte_order_mark_accepted(server: TestServer) {
        let json = [("content-type", "application/json"), ("accept", "application/json+fhir")];
        let body = regulator(&[(T, U)]).to_string();
        let truncated = server.request("POST", "/Practitioner", &json, body[..body.len() / 2].to_owned()).await;
        assert_eq!(code_of(&truncated.refused(400, "json-syntax"), "json-syntax"), "structure");
        let empty = server.request("POST", "/Practitioner", &json, "").await;
        assert_eq!(code_of(&empty.refused(400, "json-empty"), "json-empty"), "invalid");
        server.request("POST", "/Practitioner", &json, format!("\u{feff}{body}")).await.expect(201);
    }

    // 23, 24, 25
    async fn account_criterion_raw_or_percent_encoded_is_read(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U), (N, NATIONAL)])).await.expect(201);
        let encoded = |system: &str, value: &str| {
            let text = format!("{system}|{value}").replace(':', "%3A").replace('|', "%7C").replace('/', "%2F");
            format!("/Practitioner?identifier={text}")
        };
        let paths = [account(T, U), encoded(T, U), account(N, NATIONAL), encoded(N, NATIONAL)];
        for (version, path) in (2..).zip(paths) {
            let address = json!(format!("address-{version}@example.org"));
            let body = with(&regulator(&[(T, U), (N, NATIONAL)]), "/telecom/0/value", address);
            let updated = server.put(&path, &body).await.expect(200);
            assert_eq!(updated.header("location"), format!("{BASE}/Practitioner/{}", created.id()));
            assert_eq!(updated.header("etag"), format!("W/\"{version}\""));
        }
        assert_eq!(server.count("Practitioner").await, 1);
    }

    // 26, 27
    async fn account_update_of_unknown_account_creates_it_once(server: TestServer) {
        let created = server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201);
        let again = server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(200);
        assert_eq!(again.id(), created.id());
        let disabled = server.put(&account(T, V), &inactive(regulator(&[(T, V)]))).await.expect(201);
        assert_eq!(disabled.json()["active"], false);
    }

    // 28, 29, 30
    async fn account_identifier_change_repeated_has_no_effect(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let national = regulator(&[(N, NATIONAL)]);
        let steps =
            [(account(T, U), &national), (account(N, NATIONAL), &national), (account(T, U), &national)];
        for (path, body) in steps {
            assert_eq!(server.put(&path, body).await.expect(200).id(), created.id(), "{path}");
        }
        let renamed = server.put(&account(N, NATIONAL), &regulator(&[(N, "810002909371")])).await.expect(200);
        assert_eq!(renamed.id(), created.id());
        assert_eq!(server.count("Practitioner").await, 1);
    }

    // 31
    async fn account_identifier_of_another_active_account_is_refused(server: TestServer) {
        let one = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let two = server.post("/Practitioner", &regulator(&[(N, NATIONAL)])).await.expect(201);
        server.put(&account(T, U), &regulator(&[(N, NATIONAL)])).await.refused(422, "identifier-duplicate");
        for account in [one, two] {
            assert_eq!(server.account(&account.id()).await, account.json());
        }
    }

    // 32
    async fn account_national_id_moves_from_inactive_account(server: TestServer) {
        let old = server.post("/Practitioner", &regulator(&[(N, NATIONAL)])).await.expect(201);
        server.put(&account(N, NATIONAL), &inactive(regulator(&[(N, NATIONAL)]))).await.expect(200);
        let new = server.post("/Practitioner", &regulator(&[(T, V)])).await.expect(201);
        server.put(&account(T, V), &regulator(&[(N, NATIONAL)])).await.expect(200);
        assert_eq!(server.holder(N, NATIONAL).await, Some(new.id()));
        assert_eq!(server.account(&old.id()).await["active"], false);
    }

    // 33
    async fn account_is_disabled_and_enabled_again(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(N, NATIONAL)])).await.expect(201);
        for body in [inactive(regulator(&[(N, NATIONAL)])), regulator(&[(N, NATIONAL)])] {
            let updated = server.put(&account(N, NATIONAL), &body).await.expect(200);
            assert_eq!((updated.id(), &updated.json()["active"]), (created.id(), &body["active"]));
        }
    }

    // 34
    async fn account_update_without_name_is_refused_and_not_stored(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        for value in [U, V] {
            let nameless = with(&regulator(&[(T, value)]), "/name", Value::Null);
            server.put(&account(T, value), &nameless).await.refused(422, "practitioner-name");
        }
        assert_eq!(server.account(&created.id()).await, created.json());
        assert_eq!(server.count("Practitioner").await, 1);
    }

    // 35
    async fn account_body_id_is_ignored(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let body = with(&regulator(&[(T, U)]), "/id", "1".into());
        let write_with_outcome = server.write_with_outcome("PUT", &account(T, U), &body).await.expect(200);
        assert_eq!((write_with_outcome.id(), write_with_outcome.rules()), (created.id(), vec!["body-id-ignored".to_owned()]));
        assert_eq!(server.account(&created.id()).await["id"], created.id());
    }

    // 36, 37, 38
    async fn account_criterion_must_be_one_account_identifier(server: TestServer) {
        let known = account(T, U);
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        for (path, status, rule) in [
            ("/Practitioner".into(), 400, "query-identifier-missing"),
            ("/Practitioner?identifier=".into(), 400, "query-identifier-form"),
            (format!("/Practitioner?identifier={T}|"), 400, "query-identifier-form"),
            (format!("/Practitioner?identifier={U}"), 400, "query-identifier-form"),
            (format!("/Practitioner?identifier=|{U}"), 400, "query-identifier-form"),
            (format!("{known},{T}|{V}"), 400, "query-identifier-single"),
            (format!("{known}&identifier={T}|{V}"), 400, "query-identifier-single"),
            (format!("{known}&family=x"), 400, "query-parameter"),
            (format!("/Practitioner?identifier:not={T}|{U}"), 400, "query-parameter"),
            (account("urn:oid:1.2.3", "x"), 422, "query-identifier-system"),
        ] {
            server.put(&path, &regulator(&[(T, U)])).await.refused(status, rule);
        }
    }

    // 39
    async fn account_criterion_matches_within_its_system_only(server: TestServer) {
        let technical = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let national = server.put(&account(N, U), &regulator(&[(N, U)])).await.expect(201);
        assert_ne!(national.id(), technical.id());
    }

    // 40
    async fn account_update_with_stale_if_match_returns_412(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let body = inactive(regulator(&[(T, U)]));
        let stale = server.write("PUT", &account(T, U), &[("if-match", "W/\"0\"")], &body).await;
        assert_eq!(code_of(&stale.refused(412, "http-precondition"), "http-precondition"), "conflict");
        assert_eq!(server.account(&created.id()).await, created.json());
    }

    // 41
    async fn account_two_concurrent_updates_create_one(server: TestServer) {
        let (path, body) = (account(T, U), regulator(&[(T, U)]));
        let (one, two) = tokio::join!(server.put(&path, &body), server.put(&path, &body));
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!((statuses, one.id()), ([200, 201], two.id()));
        assert_eq!(server.count("Practitioner").await, 1);
    }

    // 42
    async fn prefer_return_minimal_or_operation_outcome_is_honoured(server: TestServer) {
        let body = regulator(&[(T, U)]);
        let minimal = server.write("PUT", &account(T, U), &[("prefer", "return=minimal")], &body).await.expect(201);
        assert_eq!((minimal.text.as_str(), minimal.header("etag")), ("", "W/\"1\""));
        let outcome = server.write_with_outcome("PUT", &account(T, U), &body).await.expect(200);
        assert_eq!(outcome.header("location"), minimal.header("location"));
    }

    // 43, 44, 45, 46
    async fn body_of_other_format_or_too_large_is_refused(server: TestServer) {
        let body = regulator(&[(T, U)]);
        let xml = [("accept", "application/fhir+xml"), ("content-type", "application/json")];
        server.request("POST", "/Practitioner", &xml, body.to_string()).await.refused(406, "http-accept");
        server.post("/Practitioner?_format=xml", &body).await.refused(406, "http-accept");
        let xml = [("content-type", "application/fhir+xml")];
        server.request("POST", "/Practitioner", &xml, "<Practitioner/>").await.refused(415, "http-content-type");
        let large = with(&body, "/name/0/family", "X".repeat(2 << 20).into());
        let refused = server.post("/Practitioner", &large).await.refused(413, "http-body-size");
        assert_eq!(code_of(&refused, "http-body-size"), "too-long");
        assert_eq!(server.count("Practitioner").await, 0);
        server.post("/Practitioner?_format=application/fhir+json", &body).await.expect(201);
    }

    // 6 of the fact sheet: every name that JSON goes by, and none at all
    async fn media_type_every_name_of_json_is_accepted(server: TestServer) {
        let body = regulator(&[(T, U)]).to_string();
        let types = ["application/fhir+json", "application/json+fhir", "application/json"];
        let with_charset = types.map(|name| format!("{name}; charset=UTF-8"));
        for name in types.into_iter().chain(with_charset.iter().map(String::as_str)) {
            let headers = [("content-type", name), ("accept", name)];
            let answer = server.request("PUT", &account(T, U), &headers, body.clone()).await;
            assert!(answer.status.is_success(), "{name}: {}", answer.text);
            assert_eq!(answer.header("content-type"), "application/fhir+json; charset=utf-8");
        }
        server.request("PUT", &account(T, U), &[], body.clone()).await.expect(200);
        let latin = [("content-type", "application/json; charset=iso-8859-1")];
        server.request("PUT", &account(T, U), &latin, body).await.refused(415, "http-content-type");
    }

    // 47, 48
    async fn delete_and_other_types_are_not_supported(server: TestServer) {
        let id = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201).id();
        for method in ["DELETE", "PATCH", "POST"] {
            let path = format!("/Practitioner/{id}");
            let refused = server.request(method, &path, &[], Body::empty()).await.refused(405, "http-method");
            assert_eq!(refused.header("allow"), "GET, HEAD, PUT");
        }
        server.post("/Patient", &json!({ "resourceType": "Patient" })).await.refused(404, "http-path");
    }

    // 68
    async fn capability_statement_names_the_software(server: TestServer) {
        let statement = server.get("/metadata").await.expect(200).json();
        assert_eq!(statement["resourceType"], "CapabilityStatement");
        assert_eq!(statement["fhirVersion"], "4.0.1");
    }
}

on_both_databases! { TestServer::strict;
    // 35, strict
    async fn account_body_id_strict_must_match(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let body = with(&regulator(&[(T, U)]), "/id", "1".into());
        server.put(&account(T, U), &body).await.refused(400, "body-id-mismatch");
        assert_eq!(server.account(&created.id()).await, created.json());
    }
}
