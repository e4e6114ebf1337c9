//! Reading one resource: its current version, a former one, all of them.

use axum::body::Body;
use serde_json::{Value, json};

use crate::asking::*;
use crate::on_both_databases;
use crate::server::*;

/// An account in `versions` versions; its id.
async fn versioned(server: &TestServer, versions: u32) -> String {
    let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
    for version in 2..=versions {
        let body = with(&regulator(&[(T, U)]), "/telecom/0/rank", version.into());
        server.put(&account(T, U), &body).await.expect(200);
    }
    created.id()
}

/// The pages of a bundle, from a path on, by their links `next`.
pub async fn pages(server: &TestServer, path: &str) -> Vec<Value> {
    let mut pages = vec![];
    let mut path = path.to_owned();
    loop {
        let answer = server.get(&path).await.expect(200);
        assert!(!answer.text.contains("other.localhost"), "{}", answer.text);
        let page = answer.json();
        assert_eq!(page["resourceType"], "Bundle");
        assert!(link(&page, "self").expect("a link to itself").starts_with(BASE), "{page}");
        let next = link(&page, "next");
        pages.push(page);
        assert!(pages.len() < 20, "the pages never end");
        match next {
            None => return pages,
            Some(next) => path = next.strip_prefix(BASE).expect("the base").to_owned(),
        }
    }
}

/// The URL of a link.
pub fn link(bundle: &Value, relation: &str) -> Option<String> {
    let mut links = bundle["link"].as_array().expect("links").iter();
    let found = links.find(|link| link["relation"] == relation)?;
    Some(found["url"].as_str().expect("a URL").to_owned())
}

/// The versions on the pages of a history, in order.
fn version_ids(pages: &[Value]) -> Vec<String> {
    let entries = pages.iter().flat_map(|page| page["entry"].as_array().cloned().unwrap_or_default());
    entries.map(|entry| entry["resource"]["meta"]["versionId"].as_str().expect("a version").to_owned()).collect()
}

on_both_databases! { TestServer::tolerant;
    async fn read_returns_resource_and_version(server: TestServer) {
        let id = versioned(&server, 2).await;
        let read = server.get(&format!("/Practitioner/{id}")).await.expect(200);
        let resource = read.json();
        assert_eq!(read.header("content-type"), "application/fhir+json; charset=utf-8");
        assert_eq!((read.header("etag"), &resource["meta"]["versionId"]), ("W/\"2\"", &json!("2")));
        let last_updated: jiff::Timestamp =
            resource["meta"]["lastUpdated"].as_str().expect("an instant").parse().expect("an instant");
        let date = last_updated.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        assert_eq!(read.header("last-modified"), date);
    }

    async fn read_unknown_returns_404(server: TestServer) {
        let id = versioned(&server, 1).await;
        for path in [
            "/Practitioner/unknown".to_owned(),
            "/Practitioner/unknown/_history".to_owned(),
            "/Practitioner/unknown/_history/1".to_owned(),
            format!("/Practitioner/{id}/_history/2"),
            format!("/Practitioner/{id}/_history/0"),
            format!("/Practitioner/{id}/_history/x"),
            format!("/Practitioner/{id}%00"),
            format!("/Appointment/{id}"),
        ] {
            server.get(&path).await.refused(404, "http-not-found");
        }
        server.get("/Patient/1").await.refused(404, "http-path");
        server.get("/").await.refused(404, "http-path");
        server.get(&format!("/Practitioner/{id}/_history?_unknown=1")).await.refused(400, "query-parameter");
        server.get(&format!("/Practitioner/{id}?_count=1")).await.refused(400, "query-parameter");
    }

    async fn vread_returns_former_version_unchanged(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let updated = server.put(&account(T, U), &inactive(regulator(&[(T, U)]))).await.expect(200);
        for (version, then) in [(1, &created), (2, &updated)] {
            let path = format!("/Practitioner/{}/_history/{version}", created.id());
            let read = server.get(&path).await.expect(200);
            assert_eq!((&read.text, read.header("etag")), (&then.text, then.header("etag")));
            assert_eq!(read.header("last-modified"), then.header("last-modified"));
        }
    }

    async fn read_known_version_returns_304(server: TestServer) {
        let id = versioned(&server, 2).await;
        let path = format!("/Practitioner/{id}");
        for tags in ["W/\"2\"", "\"2\"", "W/\"1\", W/\"2\"", "*"] {
            let answer = server.request("GET", &path, &[("if-none-match", tags)], Body::empty()).await.expect(304);
            assert_eq!((answer.text.as_str(), answer.header("etag")), ("", "W/\"2\""), "{tags}");
        }
        server.request("GET", &path, &[("if-none-match", "W/\"1\"")], Body::empty()).await.expect(200);
        let first = format!("{path}/_history/1");
        server.request("GET", &first, &[("if-none-match", "W/\"1\"")], Body::empty()).await.expect(304);
        server.request("GET", &first, &[("if-none-match", "W/\"2\"")], Body::empty()).await.expect(200);
    }

    async fn history_lists_every_version_with_its_request(server: TestServer) {
        let id = versioned(&server, 3).await;
        let history = server.get(&format!("/Practitioner/{id}/_history")).await.expect(200).json();
        assert_eq!((&history["type"], &history["total"]), (&json!("history"), &json!(3)));
        assert_eq!(link(&history, "self"), Some(format!("{BASE}/Practitioner/{id}/_history")));
        let entries = history["entry"].as_array().expect("entries");
        assert_eq!(version_ids(std::slice::from_ref(&history)), ["3", "2", "1"]);
        for (entry, version) in entries.iter().zip([3, 2, 1]) {
            assert_eq!(entry["fullUrl"], format!("{BASE}/Practitioner/{id}"));
            let (method, status) = if version == 1 { ("POST", "201") } else { ("PUT", "200") };
            assert_eq!(entry["request"]["method"], method);
            let url = if version == 1 { "Practitioner".to_owned() } else { format!("Practitioner/{id}") };
            assert_eq!(entry["request"]["url"], url);
            assert!(entry["response"]["status"].as_str().expect("a status").starts_with(status));
            assert_eq!(entry["response"]["etag"], format!("W/\"{version}\""));
            assert_eq!(entry["response"]["lastModified"], entry["resource"]["meta"]["lastUpdated"]);
            assert_eq!(entry.get("search"), None);
        }
    }

    async fn history_is_paged_to_its_end(server: TestServer) {
        let id = versioned(&server, 5).await;
        for (count, sizes) in [(2, vec![2, 2, 1]), (5, vec![5]), (4, vec![4, 1]), (1, vec![1; 5])] {
            let pages = pages(&server, &format!("/Practitioner/{id}/_history?_count={count}")).await;
            let lengths: Vec<_> = pages.iter().map(|page| ids(page).len()).collect();
            assert_eq!(lengths, sizes);
            assert_eq!(version_ids(&pages), ["5", "4", "3", "2", "1"]);
            assert!(pages.iter().all(|page| page["total"] == 5));
        }
    }

    async fn history_since_starts_at_the_given_instant(server: TestServer) {
        let id = versioned(&server, 4).await;
        let path = format!("/Practitioner/{id}/_history");
        let all = server.get(&path).await.expect(200).json();
        let third = all["entry"][1]["resource"]["meta"]["lastUpdated"].as_str().expect("an instant");
        let since = pages(&server, &format!("{path}?_since={third}&_count=1")).await;
        assert_eq!(version_ids(&since), ["4", "3"]);
        assert_eq!(since[0]["total"], 2);
        let future = server.get(&format!("{path}?_since=2030-01-01T00:00:00Z")).await.expect(200).json();
        assert_eq!((&future["total"], future.get("entry")), (&json!(0), None));
        server.get(&format!("{path}?_since=yesterday")).await.refused(400, "query-value");
        server.get(&format!("{path}?_count=few")).await.refused(400, "query-value");
    }

    async fn head_answers_reads_without_body(server: TestServer) {
        let id = versioned(&server, 1).await;
        for path in [format!("/Practitioner/{id}"), "/Practitioner".into(), "/metadata".into()] {
            let (get, head) = (server.get(&path).await, server.request("HEAD", &path, &[], Body::empty()).await);
            assert_eq!((head.status, head.text.as_str()), (get.status, ""));
            for name in ["etag", "content-type", "last-modified"] {
                assert_eq!(head.header(name), get.header(name));
            }
        }
        server.request("HEAD", "/Practitioner/unknown", &[], Body::empty()).await.expect(404);
    }

    async fn path_trailing_slash_is_ignored(server: TestServer) {
        let path = format!("/Practitioner/?identifier={T}|{U}");
        let created = server.put(&path, &regulator(&[(T, U)])).await.expect(201);
        assert_eq!(created.header("location"), format!("{BASE}/Practitioner/{}", created.id()));
        assert_eq!(server.found(&path).await, [created.id()]);
        server.get(&format!("/Practitioner/{}/", created.id())).await.expect(200);
        server.post("/Practitioner/", &regulator(&[(T, V)])).await.expect(201);
        server.get("/metadata/").await.expect(200);
    }

    async fn validate_stores_nothing(server: TestServer) {
        let bad = with(&regulator(&[(T, U)]), "/name", Value::Null);
        let wrapped = |resource: &Value| json!({
            "resourceType": "Parameters",
            "parameter": [{ "name": "resource", "resource": resource }],
        });
        let good = regulator(&[(T, U)]);
        for (body, severity) in [
            (good.clone(), "information"),
            (wrapped(&good), "information"),
            (bad.clone(), "error"),
            (wrapped(&bad), "error"),
            (wrapped(&appointment("urn:oid:1.2", "x")), "error"),
        ] {
            let answer = server.post("/Practitioner/$validate", &body).await.expect(200);
            assert_operation_outcome(&answer);
            assert_eq!(answer.json()["issue"][0]["severity"], severity, "{body}: {}", answer.text);
        }
        server.post("/Appointment/$validate", &appointment("urn:oid:1.2", "x")).await.expect(200);
        assert_eq!((server.count("Practitioner").await, server.count("Appointment").await), (0, 0));
    }

    async fn validate_accepts_mode_and_profile(server: TestServer) {
        let sos = "https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/sas-sos-appointment";
        let mut meeting = appointment("urn:oid:1.2", "x");
        meeting["extension"].as_array_mut().expect("extensions").push(json!({ "url": "https://e.org", "valueString": "x" }));
        let first = |answer: Answer| answer.expect(200).rules()[0].clone();
        assert_eq!(first(server.post("/Appointment/$validate?mode=create", &meeting).await), "all-good");
        let as_sos = format!("/Appointment/$validate?profile={sos}");
        assert_eq!(first(server.post(&as_sos, &meeting).await), "appointment-extension");
        let wrapped = |name: &str, key: &str, value: &str| json!({
            "resourceType": "Parameters",
            "parameter": [{ "name": name, key: value }, { "name": "resource", "resource": meeting }],
        });
        for (name, key, value, rule) in [
            ("mode", "valueCode", "update", "all-good"),
            ("profile", "valueUri", sos, "appointment-extension"),
            ("profile", "valueCanonical", "http://hl7.org/fhir/StructureDefinition/Appointment", "all-good"),
        ] {
            let answer = server.post("/Appointment/$validate", &wrapped(name, key, value)).await;
            assert_eq!(first(answer), rule, "{name} {value}");
        }
    }

    async fn validate_invalid_parameters_return_400_with_expression(server: TestServer) {
        let account = json!({ "name": "resource", "resource": regulator(&[(T, U)]) });
        let broken = json!({ "name": "resource", "resource": { "resourceType": "Practitioner", "active": null } });
        let regul = "https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/FrPractitionerRegul";
        let meeting = "http://sas.fr/fhir/StructureDefinition/FrAppointmentSAS";
        let mode = |mode: &str| json!({ "name": "mode", "valueCode": mode });
        let profile = |profile: &str| json!({ "name": "profile", "valueUri": profile });
        let (first, second) = ("Parameters.parameter[0]", "Parameters.parameter[1]");
        let absent = "Parameters.parameter.resource";
        for (query, parameter, rule, place) in [
            ("", json!([account, mode("delete")]), "query-value", second),
            ("", json!([mode("delete")]), "query-value", first),
            ("", json!([account, mode("Create")]), "query-value", second),
            ("", json!([account, { "name": "mode", "valueString": "create" }]), "query-value", second),
            ("", json!([account, mode("create"), mode("update")]), "query-repeated", "Parameters.parameter[2]"),
            ("?mode=create", json!([account, mode("create")]), "query-repeated", second),
            ("", json!([profile("https://example.org/unknown"), account]), "query-value", first),
            ("", json!([account, profile(meeting)]), "query-value", second),
            ("", json!([account, profile("http://hl7.org/fhir/StructureDefinition/Patient")]), "query-value", second),
            ("", json!([account, { "name": "profile", "valueBoolean": true }]), "query-value", second),
            ("", json!([profile(regul), account, profile(regul)]), "query-repeated", "Parameters.parameter[2]"),
            (&format!("?profile={regul}"), json!([account, profile(regul)]), "query-repeated", second),
            ("", json!([account, { "name": "other", "valueString": "x" }]), "query-parameter", second),
            ("", json!([account, { "name": "Resource", "resource": {} }]), "query-parameter", second),
            ("", json!([account, account]), "query-repeated", second),
            ("", json!([broken, account, account]), "query-repeated", "Parameters.parameter[2]"),
            ("", json!([mode("create")]), "fhir-required-element", absent),
            ("", json!([{ "name": "resource", "valueString": "x" }]), "query-value", first),
            ("", json!([{ "name": "resource" }]), "query-value", first),
            ("", json!([account, { "valueCode": "create" }]), "fhir-required-element", "Parameters.parameter[1].name"),
            ("", json!([account, { "name": "mode", "valueCode": "create", "valueUri": "x" }]), "fhir-choice", second),
            ("", json!([account, "x"]), "fhir-json-type", second),
            ("", account.clone(), "fhir-json-type", "Parameters.parameter"),
            ("", json!([account, { "name": "mode", "valueCode": "create", "_name": null }]), "json-null", "Parameters.parameter[1].name"),
        ] {
            let body = json!({ "resourceType": "Parameters", "parameter": parameter });
            let refused = server.post(&format!("/Practitioner/$validate{query}"), &body).await.refused(400, rule);
            let issues = refused.json()["issue"].as_array().cloned().expect("issues");
            let places: Vec<_> = issues.iter().map(|issue| issue["expression"][0].as_str().expect("a place")).collect();
            assert!(places.contains(&place), "{body}: {places:?}");
            // Of what is not judged, nothing is said.
            assert!(places.iter().all(|place| place.starts_with("Parameters")), "{body}: {places:?}");
            // Nothing is said of a resource that is missing where something else is wrong.
            assert!(rule == "fhir-required-element" || !refused.text.contains("fhir-required-element"), "{}", refused.text);
        }
        let none = server.post("/Practitioner/$validate", &json!({ "resourceType": "Parameters" })).await;
        assert_eq!(none.refused(400, "fhir-required-element").json()["issue"][0]["expression"][0], absent);
        for path in [
            "/Practitioner/$validate?mode=delete",
            "/Practitioner/$validate?mode=create&mode=create",
            "/Practitioner/$validate?profile=https://example.org/unknown",
            "/Practitioner/$validate?profile=",
            "/Practitioner/$validate?profile=http://hl7.org/fhir/StructureDefinition/Appointment",
            "/Practitioner/$validate?resource=x",
        ] {
            server.post(path, &account["resource"]).await.expect(400);
        }
        let cut_off = r#"{"resourceType":"Parameters","parameter":[{"name":"mode","name":"resource"},"#;
        let json = [("content-type", "application/json")];
        let refused = server.request("POST", "/Practitioner/$validate", &json, cut_off).await.refused(400, "json-syntax");
        assert_eq!(refused.json()["issue"][0]["expression"][0], "Parameters.parameter[0].name");
        for unreadable in ["", "{", "[]", "\"x\"", "<Practitioner/>"] {
            server.request("POST", "/Practitioner/$validate", &json, unreadable).await.expect(400);
        }
    }

    async fn validate_unknown_parameter_name_is_not_echoed(server: TestServer) {
        let parameter = json!([{ "name": "AUBERT Nadia, née le 1980-02-29", "valueString": "x" }]);
        let body = json!({ "resourceType": "Parameters", "parameter": parameter });
        let refused = server.post("/Practitioner/$validate", &body).await.refused(400, "query-parameter");
        assert!(!refused.text.contains("AUBERT"), "{}", refused.text);
    }

    async fn validate_wrapped_resource_defects_have_expressions_within_it(server: TestServer) {
        let mut account = regulator(&[(T, U)]);
        account["active"] = Value::Null;
        account["address"] = json!([]);
        let places = |answer: Answer| {
            let issues = answer.expect(200).json()["issue"].as_array().cloned().expect("issues");
            issues.iter().map(|issue| issue["expression"][0].clone()).collect::<Vec<_>>()
        };
        let plain = places(server.post("/Practitioner/$validate", &account).await);
        assert!(plain.contains(&"Practitioner.active".into()) && plain.contains(&"Practitioner.address".into()));
        for parameter in [
            json!([{ "name": "resource", "resource": account }]),
            json!([{ "name": "mode", "valueCode": "create" }, { "name": "resource", "resource": account }]),
        ] {
            let body = json!({ "resourceType": "Parameters", "parameter": parameter });
            assert_eq!(places(server.post("/Practitioner/$validate", &body).await), plain);
        }
    }

    async fn post_to_base_url_returns_400_bundles_not_supported(server: TestServer) {
        let bundle = |kind: &str| json!({ "resourceType": "Bundle", "type": kind, "entry": [] }).to_string();
        let fhir = [("content-type", "application/fhir+json"), ("accept-language", "en")];
        for path in ["", "/"] {
            for body in [bundle("transaction"), bundle("batch"), regulator(&[(T, U)]).to_string(), String::new(), "x".into()] {
                let refused = server.request("POST", path, &fhir, body).await.refused(400, "http-bundle");
                let issue = refused.json()["issue"][0].clone();
                assert_eq!(issue["code"], "not-supported");
                assert!(issue["diagnostics"].as_str().is_some_and(|text| text.contains("send each entry")), "{issue}");
            }
            for method in ["GET", "PUT", "DELETE"] {
                server.request(method, path, &fhir, "").await.refused(404, "http-path");
            }
        }
        assert_eq!(server.count("Practitioner").await, 0);
    }

    async fn diagnostics_begin_with_the_sentence_in_the_requested_language(server: TestServer) {
        let mut account = regulator(&[(T, U)]);
        account["telecom"] = Value::Null;
        account["foo"] = 1.into();
        for language in ["fr", "en"] {
            let headers = [("content-type", "application/json"), ("accept-language", language)];
            for (method, path, body) in [
                ("POST", "/Practitioner", account.to_string()),
                ("POST", "/Practitioner", "{".into()),
                ("POST", "/Practitioner/$validate", regulator(&[(T, U)]).to_string()),
                ("GET", "/Practitioner?family=x", String::new()),
                ("GET", "/Practitioner/1", String::new()),
                ("DELETE", "/Practitioner/1", String::new()),
                ("GET", "/Patient", String::new()),
            ] {
                let answer = server.request(method, path, &headers, body).await;
                assert_operation_outcome(&answer);
                assert_eq!(answer.header("content-language"), language);
                for issue in answer.json()["issue"].as_array().expect("issues") {
                    let rule = issue["details"]["coding"][0]["code"].as_str().expect("a rule");
                    let source = sas_endpoint::issue::catalogue::find(rule).expect("a rule").source;
                    let text = issue["details"]["text"].as_str().expect("a text");
                    assert_eq!(issue["diagnostics"], format!("{text} ({source})"));
                }
            }
        }
    }

    // 5.7: a passing fault, with the time to come back
    async fn database_unavailable_returns_503_with_retry_after(server: TestServer) {
        server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201);
        server.storage.close().await;
        let read = server.get("/Practitioner").await;
        let written = server.put(&account(T, V), &regulator(&[(T, V)])).await;
        for refused in [read, written] {
            let refused = refused.refused(503, "http-unavailable");
            assert_eq!(refused.json()["issue"][0]["code"], "transient");
            assert!(!refused.header("retry-after").is_empty());
        }
        server.get("/metadata").await.expect(200);
    }
}
