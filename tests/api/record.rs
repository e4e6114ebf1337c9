//! The record of exchanges: one for each answer, with what matters in it and nobody's name.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sas_endpoint::fhir::identifier::Token;
use sas_endpoint::record::{Record, Subject};
use sas_endpoint::storage::exchanges::Asked;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::server::{Answer, N, T, TestServer, appointment, inactive, regulator};

const U: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
const NATIONAL: &str = "810002909371";
const AGENDA: &str = "https://agenda.example.org/rdv";

impl TestServer {
    /// Sends a request under an id by which its record is found.
    async fn recorded(&self, id: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers = [&[("content-type", "application/json"), ("x-request-id", id)], headers].concat();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.request(method, path, &headers, body).await
    }

    /// Every record. What waited is committed with a last write, which has no part in it.
    async fn records(&self) -> Vec<Record> {
        let last = regulator(&[(T, &uuid::Uuid::now_v7().to_string())]);
        self.recorded("last", "POST", "/Practitioner", &[], &last).await.expect(201);
        let asked = Asked { limit: usize::MAX, ..Asked::default() };
        self.storage.exchanges(&asked, |record| record.request_id != "last").await.expect("records")
    }

    async fn record(&self, id: &str) -> Record {
        let mut records = self.records().await;
        records.retain(|record| record.request_id == id);
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    async fn hash(&self, token: &str) -> Option<String> {
        let key = self.storage.exchanges_key().await.expect("a key");
        key.token(&Token::parse(token).expect("a token"))
    }
}

fn facts(record: &Record) -> (&str, &str, u16, Option<i64>, Option<i64>) {
    let resource_type = record.resource_type.as_deref().unwrap_or("-");
    (&record.interaction, resource_type, record.status, record.before, record.after)
}

fn account(value: &str) -> String {
    format!("/Practitioner?identifier={T}|{value}")
}

on_both_databases! {
    TestServer::tolerant;

    async fn each_kind_of_exchange_leaves_one_record(server: TestServer) {
        let (body, disabled) = (regulator(&[(T, U)]), inactive(regulator(&[(T, U)])));
        let created = server.recorded("create", "PUT", &account(U), &[], &body).await.expect(201).id();
        let by_id = format!("/Practitioner/{created}");
        let (none, stale) = (Value::Null, [("if-match", "W/\"1\"")]);
        server.recorded("update", "PUT", &account(U), &[], &disabled).await.expect(200);
        server.recorded("replay", "PUT", &account(U), &[], &disabled).await.expect(200);
        server.recorded("stale", "PUT", &account(U), &stale, &body).await.expect(412);
        server.recorded("duplicate", "POST", "/Practitioner", &[], &body).await.expect(422);
        server.recorded("refused", "PUT", &account(U), &[], &json!({ "resourceType": "Practitioner" })).await;
        server.recorded("read", "GET", &by_id, &[], &none).await.expect(200);
        server.recorded("vread", "GET", &format!("{by_id}/_history/1"), &[], &none).await.expect(200);
        server.recorded("history", "GET", &format!("{by_id}/_history"), &[], &none).await.expect(200);
        server.recorded("search", "GET", &account(U), &[], &none).await.expect(200);
        server.recorded("by-id", "GET", &format!("/Practitioner?_id={created}"), &[], &none).await.expect(200);
        server.recorded("unknown", "GET", "/Practitioner/nobody", &[], &none).await.expect(404);
        server.recorded("validate", "POST", "/Practitioner/$validate", &[], &body).await.expect(200);
        server.recorded("metadata", "GET", "/metadata", &[], &none).await.expect(200);
        server.recorded("nothing", "GET", "/Patient", &[], &none).await.expect(404);
        server.recorded("method", "DELETE", &by_id, &[], &none).await.expect(405);
        let records = server.records().await;
        let expected = [
            ("create", ("conditional-update", "Practitioner", 201, None, Some(1))),
            ("update", ("conditional-update", "Practitioner", 200, Some(1), Some(2))),
            ("replay", ("conditional-update", "Practitioner", 200, Some(2), Some(2))),
            ("stale", ("conditional-update", "Practitioner", 412, Some(2), Some(2))),
            ("duplicate", ("create", "Practitioner", 422, None, None)),
            ("refused", ("conditional-update", "Practitioner", 422, None, None)),
            ("read", ("read", "Practitioner", 200, Some(2), Some(2))),
            ("vread", ("vread", "Practitioner", 200, Some(1), Some(1))),
            ("history", ("history-instance", "Practitioner", 200, None, None)),
            ("search", ("search-type", "Practitioner", 200, None, None)),
            ("by-id", ("search-type", "Practitioner", 200, None, None)),
            ("unknown", ("read", "Practitioner", 404, None, None)),
            ("validate", ("validate", "Practitioner", 200, None, None)),
            ("metadata", ("capabilities", "-", 200, None, None)),
            ("nothing", ("none", "-", 404, None, None)),
            ("method", ("none", "-", 405, None, None)),
        ];
        let found: Vec<_> = records.iter().map(|record| (record.request_id.as_str(), facts(record))).collect();
        assert_eq!(found, expected);
        for record in &records {
            let about = ["create", "update", "replay", "stale", "read", "vread", "history", "by-id"];
            let is_about = about.contains(&record.request_id.as_str());
            assert_eq!(record.id.as_deref() == Some(&created), is_about, "{record:?}");
            assert_eq!(record.rules.is_empty(), record.status < 400, "{record:?}");
            assert!(record.duration_ms > 0.0 && record.caller.peer == "127.0.0.1", "{record:?}");
        }
    }

    async fn an_id_is_recorded_only_where_there_is_a_resource_of_that_id(server: TestServer) {
        let paths = ["", "/_history", "/_history/1"].map(|rest| format!("/Practitioner/{NATIONAL}{rest}"));
        let search = format!("/Practitioner?_id={NATIONAL}");
        for path in paths.iter().chain([&search]) {
            server.recorded("nobody", "GET", path, &[], &Value::Null).await;
        }
        let refused = json!({ "resourceType": "Practitioner", "id": NATIONAL });
        server.recorded("nobody", "PUT", &paths[0], &[], &refused).await.expect(422);
        let headers = [("x-request-id", "nobody")];
        server.ask("GET", &format!("/annuaire/fhir/v2/Practitioner/{NATIONAL}"), &headers).await;
        let records = server.records().await;
        assert_eq!(records.len(), 6);
        let text = serde_json::to_string(&records).expect("JSON");
        assert!(!text.contains(NATIONAL), "{text}");
    }

    async fn no_value_of_a_person_is_recorded(server: TestServer) {
        let body = regulator(&[(T, U), (N, NATIONAL)]);
        let if_none_exist = format!("identifier={N}|{NATIONAL}");
        server.recorded("1", "POST", "/Practitioner", &[("if-none-exist", &if_none_exist)], &body).await;
        let mixed_up = format!("/Practitioner?identifier={NATIONAL}|{N}");
        server.recorded("2", "GET", &mixed_up, &[], &Value::Null).await;
        let misplaced = "/Practitioner?family=AUBERT&identifier=nadia@example.org|";
        server.recorded("3", "GET", misplaced, &[], &Value::Null).await;
        let identifier = json!({ "system": NATIONAL, "value": U });
        let name = json!({ "family": "AUBERT" });
        let refused = json!({ "resourceType": "Practitioner", "identifier": [identifier], "name": [name] });
        server.recorded("4", "PUT", &format!("/Practitioner?identifier={N}|{NATIONAL}"), &[], &refused).await;
        let mut rdv = appointment(AGENDA, "rendez-vous-of-nadia");
        rdv["participant"][0]["actor"]["identifier"]["value"] = NATIONAL.into();
        server.recorded("5", "PUT", &format!("/Appointment?identifier={AGENDA}|rendez-vous-of-nadia"), &[], &rdv).await;
        let records = server.records().await;
        assert_eq!(records.len(), 5);
        let text = serde_json::to_string(&records).expect("JSON");
        for value in [U, NATIONAL, "rendez-vous-of-nadia", "AUBERT", "Nadia", "example.org\"", "nadia", "family="] {
            assert!(!text.contains(value), "{value}: {text}");
        }
    }

    async fn an_identifier_hashes_alike_wherever_it_stands(server: TestServer) {
        let (upper, none) = (U.to_uppercase(), Value::Null);
        let hash = server.hash(&format!("{T}|{U}")).await;
        server.recorded("search", "GET", &account(&upper), &[], &none).await.expect(200);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let form = form.iter().chain(&[("x-request-id", "form")]).copied().collect::<Vec<_>>();
        server.request("POST", "/Practitioner/_search", &form, format!("identifier={T}|{U}")).await.expect(200);
        let criterion = format!("identifier={T}|{upper}");
        let body = regulator(&[(N, NATIONAL)]);
        server.recorded("create", "POST", "/Practitioner", &[("if-none-exist", &criterion)], &body).await.expect(201);
        server.recorded("body", "POST", "/Practitioner", &[], &regulator(&[(T, &upper)])).await.expect(201);
        let national = server.hash(&format!("{N}|{NATIONAL}")).await;
        let mut rdv = appointment(AGENDA, "1");
        rdv["extension"][0]["valueReference"]["identifier"]["value"] = upper.as_str().into();
        server.recorded("operator", "PUT", &format!("/Appointment?identifier={AGENDA}|1"), &[], &rdv).await.expect(201);
        let everywhere = ["search", "form", "create", "body", "operator"].map(|id| (id, &hash));
        for (id, hash) in everywhere.into_iter().chain([("create", &national)]) {
            let record = server.record(id).await;
            assert!(record.identifiers.iter().any(|named| named.hash == *hash), "{id}: {record:?}");
        }
        // By subject, as an operator asks.
        let subjects = vec![Subject::of_hash(&hash.expect("a hash")).expect("a subject")];
        let asked = Asked { subjects, limit: 2, ..Asked::default() };
        let found = server.storage.exchanges(&asked, |_| true).await.expect("records");
        assert_eq!(found.iter().map(|record| record.request_id.as_str()).collect::<Vec<_>>(), ["body", "operator"]);
    }

    async fn there_are_as_many_records_as_answers(server: TestServer) {
        let mut runner = TestRunner::deterministic();
        let requests = prop::collection::vec((0..9_u8, 0..4_u8, any::<bool>()), 120).new_tree(&mut runner);
        for (index, (kind, who, active)) in requests.expect("requests").current().into_iter().enumerate() {
            let (id, value) = (index.to_string(), format!("{}{who}", &U[..35]));
            let account_body = regulator(&[(T, &value)]);
            let account_body = if active { account_body } else { inactive(account_body) };
            let (method, path, body) = match kind {
                0 | 1 => ("PUT", account(&value), account_body),
                2 => ("POST", "/Practitioner".to_owned(), account_body),
                3 => ("PUT", format!("/Practitioner/{who}"), account_body),
                4 => ("PUT", account(&value), json!({ "resourceType": "Practitioner", "active": active })),
                5 => ("GET", account(&value), Value::Null),
                6 => ("GET", format!("/Practitioner/{who}"), Value::Null),
                7 => ("PUT", format!("/Appointment?identifier={AGENDA}|{who}"), appointment(AGENDA, &who.to_string())),
                _ => ("DELETE", format!("/Practitioner/{who}"), Value::Null),
            };
            server.recorded(&id, method, &path, &[], &body).await;
        }
        let records = server.records().await;
        let mut ids: Vec<usize> = records.iter().map(|record| record.request_id.parse().expect("a number")).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..120).collect::<Vec<_>>());
    }
}
