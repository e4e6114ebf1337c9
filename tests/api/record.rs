//! The audit log: one event for each response, without personal data.

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sas_endpoint::audit::{AuditEvent, LookupKey, MatchedBy, WriteOutcome};
use sas_endpoint::fhir::identifier::Token;
use sas_endpoint::storage::exchanges::AuditQuery;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::on_both_databases;
use crate::server::{Answer, N, T, TestServer, appointment, inactive, regulator};

const U: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
const NATIONAL: &str = "810002909371";
const AGENDA: &str = "https://agenda.example.org/rdv";

/// A request id that is recorded as it is, and stands for a label: its bytes in hexadecimal, filled up with zeros.
fn request_id(label: &str) -> String {
    format!("{:0<16}", HEXLOWER.encode(label.as_bytes()))
}

/// The label of a request id.
fn label(request_id: &str) -> String {
    let bytes = HEXLOWER.decode(request_id.as_bytes()).expect("hexadecimal");
    let label = bytes.into_iter().take_while(|byte| *byte != 0).collect();
    String::from_utf8(label).expect("a label")
}

impl TestServer {
    /// Sends a request under a label by which its record is found.
    async fn recorded(&self, id: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let id = request_id(id);
        let headers = [&[("content-type", "application/json"), ("x-request-id", &id)], headers].concat();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.request(method, path, &headers, body).await
    }

    /// Every record, with its label instead of its request id. What waited is committed with a last write, which has no part in it.
    async fn records(&self) -> Vec<AuditEvent> {
        let last = regulator(&[(T, &sas_endpoint::clock::new_uuid().to_string())]);
        self.recorded("last", "POST", "/Practitioner", &[], &last).await.expect(201);
        let asked = AuditQuery { limit: usize::MAX, ..AuditQuery::default() };
        let last = request_id("last");
        let mut records = self.storage.exchanges(&asked, |record| record.request_id != last).await.expect("records");
        for record in &mut records {
            record.request_id = label(&record.request_id);
        }
        records
    }

    async fn record(&self, id: &str) -> AuditEvent {
        let mut records = self.records().await;
        records.retain(|record| record.request_id == id);
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    /// What stands in records for this resource: ids of test servers are not those of a real one.
    async fn resource(&self, resource_type: &str, id: &str) -> Option<String> {
        Some(self.storage.exchanges_key().await.expect("a key").resource(resource_type, id))
    }

    /// Runs a statement as somebody would who has the database.
    pub async fn execute(&self, sql: &'static str) {
        let url = &self.database.url;
        let done = match url.starts_with("sqlite:") {
            true => {
                sqlx::raw_sql(sql).execute(&mut SqliteConnection::connect(url).await.expect("it opens")).await.err()
            }
            false => sqlx::raw_sql(sql).execute(&mut PgConnection::connect(url).await.expect("it opens")).await.err(),
        };
        assert!(done.is_none(), "{done:?}");
    }

    /// From here on no version is stored: the database says that it is full.
    async fn fill(&self) {
        self.execute(match self.database.url.starts_with("sqlite:") {
            true => "CREATE TRIGGER full_disk BEFORE INSERT ON resource_version BEGIN SELECT RAISE(ABORT, 'full'); END",
            false => {
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$; \
                 CREATE TRIGGER full_disk BEFORE INSERT ON resource_version FOR EACH ROW EXECUTE FUNCTION full_disk()"
            }
        })
        .await;
    }

    /// There is room again.
    async fn make_room(&self) {
        self.execute(match self.database.url.starts_with("sqlite:") {
            true => "DROP TRIGGER full_disk",
            false => "DROP TRIGGER full_disk ON resource_version",
        })
        .await;
    }

    async fn hash(&self, token: &str) -> Option<String> {
        let key = self.storage.exchanges_key().await.expect("a key");
        key.token(&Token::parse(token).expect("a token"))
    }
}

fn facts(record: &AuditEvent) -> (&str, &str, u16, Option<i64>, Option<i64>) {
    let resource_type = record.resource_type.as_deref().unwrap_or("-");
    (&record.interaction, resource_type, record.status, record.before, record.after)
}

fn account(value: &str) -> String {
    format!("/Practitioner?identifier={T}|{value}")
}

on_both_databases! {
    TestServer::tolerant;

    async fn audit_event_says_how_a_write_found_its_account(server: TestServer) {
        let by = |system: &str, value: &str| format!("/Practitioner?identifier={system}|{value}");
        let (other, another) = ("810002909372", "810002909373");
        let created = server.recorded("new", "PUT", &account(U), &[], &regulator(&[(T, U)])).await.expect(201).id();
        server.recorded("query", "PUT", &account(U), &[], &inactive(regulator(&[(T, U)]))).await.expect(200);
        let body = regulator(&[(N, NATIONAL), (T, U)]);
        server.recorded("intrn", "PUT", &by(N, NATIONAL), &[], &body).await.expect(200);
        let mut body = inactive(body);
        body["id"] = json!(created);
        server.recorded("id", "PUT", &format!("/Practitioner/{created}"), &[], &body).await.expect(200);
        server.recorded("second", "PUT", &by(N, other), &[], &regulator(&[(N, other)])).await.expect(201);
        for label in ["change", "repetition"] {
            server.recorded(label, "PUT", &by(N, other), &[], &regulator(&[(N, another)])).await.expect(200);
        }
        server.recorded("refused", "POST", "/Practitioner", &[], &regulator(&[(N, another)])).await.expect(422);
        let found: Vec<_> =
            server.records().await.into_iter().map(|record| (record.request_id, record.matched_by)).collect();
        let expected = [
            ("new", None),
            ("query", Some(MatchedBy::Criterion)),
            ("intrn", Some(MatchedBy::BodyIntrn)),
            ("id", Some(MatchedBy::Id)),
            ("second", None),
            ("change", Some(MatchedBy::Criterion)),
            ("repetition", Some(MatchedBy::BodyAfterRelease)),
            ("refused", None),
        ];
        assert_eq!(found, expected.map(|(label, matched_by)| (label.to_owned(), matched_by)));
    }

    async fn audit_event_is_written_for_each_kind_of_exchange(server: TestServer) {
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
        server.recorded("history-type", "GET", "/Practitioner/_history", &[], &none).await.expect(200);
        server.recorded("history-system", "GET", "/_history", &[], &none).await.expect(200);
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
            ("history-type", ("history-type", "Practitioner", 200, None, None)),
            ("history-system", ("history-system", "-", 200, None, None)),
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
        let resource = server.resource("Practitioner", &created).await;
        for record in &records {
            let about = ["create", "update", "replay", "stale", "read", "vread", "history", "by-id"];
            let is_about = about.contains(&record.request_id.as_str());
            assert_eq!((&record.id, record.id_hash == resource), (&None, is_about), "{record:?}");
            assert_eq!(record.rules.is_empty(), record.status < 400, "{record:?}");
            assert!(record.duration_ms > 0.0 && record.caller.peer == "127.0.0.1", "{record:?}");
        }
    }

    async fn audit_event_has_an_id_only_of_an_existing_resource(server: TestServer) {
        let paths = ["", "/_history", "/_history/1"].map(|rest| format!("/Practitioner/{NATIONAL}{rest}"));
        let search = format!("/Practitioner?_id={NATIONAL}");
        for path in paths.iter().chain([&search]) {
            server.recorded("nobody", "GET", path, &[], &Value::Null).await;
        }
        let refused = json!({ "resourceType": "Practitioner", "id": NATIONAL });
        server.recorded("nobody", "PUT", &paths[0], &[], &refused).await.expect(422);
        let id = request_id("nobody");
        let headers = [("x-request-id", id.as_str())];
        server.ask("GET", &format!("/annuaire/fhir/v2/Practitioner/{NATIONAL}"), &headers).await;
        let records = server.records().await;
        assert_eq!(records.len(), 6);
        let text = serde_json::to_string(&records).expect("JSON");
        assert!(!text.contains(NATIONAL), "{text}");
    }

    async fn audit_event_contains_no_personal_value(server: TestServer) {
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
        for value in [U, NATIONAL, "rendez-vous-of-nadia", "AUBERT", "Nadia", "@example.org", "nadia", "family="] {
            assert!(!text.contains(value), "{value}: {text}");
        }
    }

    async fn audit_event_hides_personal_values_in_systems_and_ids(server: TestServer) {
        let none = Value::Null;
        let systems = [
            "https://example.org/AUBERT",
            "https://AUBERT",
            "https://nadia:AUBERT@example.org/rdv",
            "https://example.org/?family=AUBERT",
            "http://06.12.34.56.78/rdv",
            "urn:oid:0612345678",
            "urn:oid:2.0612345678",
            "urn:oid:1.2.250.1.71.4.2.1.810002909371",
            "urn:oid:1.2.250.1.213.1.4.8.279035121518989",
        ];
        for (index, system) in systems.iter().enumerate() {
            let (id, number) = (format!("system-{index}"), index.to_string());
            server.recorded(&id, "GET", &format!("/Practitioner?identifier={system}|{number}"), &[], &none).await;
            let identifier = json!([{ "system": system, "value": number }]);
            let body = json!({ "resourceType": "Practitioner", "identifier": identifier });
            server.recorded(&id, "POST", "/Practitioner/$validate", &[], &body).await.expect(200);
            let rdv = appointment(system, &number);
            server.recorded(&id, "PUT", &format!("/Appointment?identifier={system}|{number}"), &[], &rdv).await;
        }
        let ids = ["nadia.AUBERT", "810002909371", U];
        for (index, id) in ids.into_iter().enumerate() {
            let mut body = regulator(&[(T, &format!("{}{index}", &U[..35]))]);
            body["id"] = id.into();
            let path = format!("/Practitioner/{id}");
            server.recorded("put", "PUT", &path, &[], &body).await.expect(201);
            server.recorded("get", "GET", &path, &[], &none).await.expect(200);
            server.recorded("history", "GET", &format!("{path}/_history"), &[], &none).await.expect(200);
            server.recorded("search", "GET", &format!("/Practitioner?_id={id}"), &[], &none).await.expect(200);
        }
        let records = server.records().await;
        assert_eq!(records.len(), 3 * systems.len() + 4 * ids.len());
        let text = serde_json::to_string(&records).expect("JSON");
        for person in ["AUBERT", "nadia", "0612345678", "06.12", "810002909371", "279035121518989", U] {
            assert!(!text.contains(person), "{person}: {text}");
        }
        // Such a resource is found all the same, by what an operator types.
        for id in ids {
            let hash = server.resource("Practitioner", id).await.expect("a hash");
            let asked = AuditQuery { lookup_keys: vec![LookupKey::from_hash(&hash).expect("a subject")], limit: 9, ..AuditQuery::default() };
            let found = server.storage.exchanges(&asked, |_| true).await.expect("records");
            let labels: Vec<_> = found.iter().map(|record| label(&record.request_id)).collect();
            assert_eq!(labels, ["put", "get", "history", "search"]);
        }
    }

    async fn audit_event_of_a_validation_has_a_bounded_number_of_identifiers(server: TestServer) {
        let system = format!("https://{}.example.org/{}", "a".repeat(40), "x".repeat(200));
        let identifiers: Vec<_> = (0..320).map(|number| json!({ "system": system, "value": number.to_string() })).collect();
        let body = json!({ "resourceType": "Practitioner", "identifier": identifiers });
        let parameter = json!([{ "name": "resource", "resource": body }]);
        let wrapped = json!({ "resourceType": "Parameters", "parameter": parameter });
        let list = (0..320).map(|number| format!("{T}|{number}")).collect::<Vec<_>>().join(",");
        server.recorded("plain", "POST", "/Practitioner/$validate", &[], &body).await.expect(200);
        server.recorded("wrapped", "POST", "/Practitioner/$validate", &[], &wrapped).await.expect(200);
        server.recorded("refused", "POST", "/Practitioner", &[], &body).await.expect(422);
        server.recorded("search", "GET", &format!("/Practitioner?identifier={list}"), &[], &Value::Null).await;
        let first = server.hash(&format!("{system}|0")).await;
        let records = server.records().await;
        assert_eq!(records.len(), 4);
        for record in records {
            let size = serde_json::to_string(&record).expect("JSON").len();
            assert!(size < 8 << 10, "{size} bytes: {}", record.request_id);
            assert_eq!(record.identifiers.len(), 64, "{record:?}");
            assert!(record.identifiers_left_out > 0, "{record:?}");
            assert_eq!(record.identifiers[0].hash == first, record.request_id != "search", "{record:?}");
        }
    }

    async fn audit_event_of_an_appointment_keeps_the_operator_among_many_identifiers(server: TestServer) {
        server.recorded("account", "POST", "/Practitioner", &[], &regulator(&[(T, U)])).await.expect(201);
        let mut rdv = appointment(AGENDA, "1");
        rdv["extension"][0]["valueReference"]["identifier"]["value"] = U.into();
        let others: Vec<_> = (0..100).map(|number| json!({ "system": AGENDA, "value": number.to_string() })).collect();
        rdv["contained"] = json!([{ "resourceType": "Location", "id": "l", "identifier": others }]);
        server.recorded("rdv", "POST", "/Appointment/$validate", &[], &rdv).await.expect(200);
        let (operator, own) = (server.hash(&format!("{T}|{U}")).await, server.hash(&format!("{AGENDA}|1")).await);
        let record = server.record("rdv").await;
        let hashes: Vec<_> = record.identifiers.iter().map(|named| named.hash.clone()).take(2).collect();
        assert_eq!(hashes, [operator, own]);
    }

    async fn audit_event_of_a_failed_write_has_version_before_and_none_after(server: TestServer) {
        let (body, disabled) = (regulator(&[(T, U)]), inactive(regulator(&[(T, U)])));
        let created = server.recorded("before", "PUT", &account(U), &[], &body).await.expect(201).id();
        let new = |number: usize| format!("{}{number}", &U[..35]);
        let mut by_id = disabled.clone();
        by_id["id"] = created.as_str().into();
        let mut chosen = regulator(&[(T, &new(5))]);
        chosen["id"] = "chosen".into();
        let existing = format!("identifier={T}|{U}");
        let if_none_exist = [("if-none-exist", existing.as_str())];
        let missing = format!("identifier={T}|{}", new(6));
        let if_none_exist_new = [("if-none-exist", missing.as_str())];
        server.fill().await;
        server.recorded("post", "POST", "/Practitioner", &[], &regulator(&[(T, &new(2))])).await;
        server.recorded("put", "PUT", &account(&new(3)), &[], &regulator(&[(T, &new(3))])).await;
        server.recorded("put-id", "PUT", "/Practitioner/chosen", &[], &chosen).await;
        server.recorded("if-none", "POST", "/Practitioner", &if_none_exist_new, &regulator(&[(T, &new(6))])).await;
        server.recorded("update", "PUT", &account(U), &[], &disabled).await;
        server.recorded("update-id", "PUT", &format!("/Practitioner/{created}"), &[], &by_id).await;
        server.recorded("replay", "PUT", &account(U), &[], &body).await.expect(200);
        server.recorded("found", "POST", "/Practitioner", &if_none_exist, &body).await.expect(200);
        server.recorded("stale", "PUT", &account(U), &[("if-match", "W/\"7\"")], &disabled).await.expect(412);
        // Together, some are decided over what others of their batch have not stored.
        let path = account(&new(4));
        let (one, other) = (regulator(&[(T, &new(4))]), inactive(regulator(&[(T, &new(4))])));
        let together = (0..12).map(|number| {
            let body = if number % 2 == 0 { &one } else { &other };
            let (method, path) = if number % 3 == 0 { ("POST", "/Practitioner") } else { ("PUT", path.as_str()) };
            server.recorded("together", method, path, &[], body)
        });
        futures_util::future::join_all(together).await;
        server.make_room().await;
        let records = server.records().await;
        let status = if server.database.url.starts_with("sqlite:") { 500 } else { 503 };
        let resource = server.resource("Practitioner", &created).await;
        let failed = Some(WriteOutcome::Failed);
        let expected = [
            ("before", 201, true, None, Some(1), None),
            ("post", status, false, None, None, failed),
            ("put", status, false, None, None, failed),
            ("put-id", status, false, None, None, failed),
            ("if-none", status, false, None, None, failed),
            ("update", status, true, Some(1), None, failed),
            ("update-id", status, true, Some(1), None, failed),
            ("replay", 200, true, Some(1), Some(1), None),
            ("found", 200, true, Some(1), Some(1), None),
            ("stale", 412, true, Some(1), Some(1), None),
        ];
        let (together, others): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.request_id == "together");
        let reported: Vec<_> = others
            .iter()
            .map(|record| {
                let is_about = record.id_hash == resource;
                assert!(is_about || record.id_hash.is_none(), "{record:?}");
                (record.request_id.as_str(), record.status, is_about, record.before, record.after, record.write_outcome)
            })
            .collect();
        assert_eq!(reported, expected);
        assert_eq!(together.len(), 12);
        for record in together {
            assert_eq!((record.status, record.write_outcome), (status, failed), "{record:?}");
            assert_eq!((&record.id, &record.id_hash, record.before, record.after), (&None, &None, None, None));
        }
    }

    async fn audit_event_identifier_hash_is_the_same_everywhere(server: TestServer) {
        let (upper, none) = (U.to_uppercase(), Value::Null);
        let hash = server.hash(&format!("{T}|{U}")).await;
        server.recorded("search", "GET", &account(&upper), &[], &none).await.expect(200);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let id = request_id("form");
        let form = form.iter().chain(&[("x-request-id", id.as_str())]).copied().collect::<Vec<_>>();
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
        let lookup_keys = vec![LookupKey::from_hash(&hash.expect("a hash")).expect("a subject")];
        let asked = AuditQuery { lookup_keys, limit: 2, ..AuditQuery::default() };
        let found = server.storage.exchanges(&asked, |_| true).await.expect("records");
        assert_eq!(found.iter().map(|record| label(&record.request_id)).collect::<Vec<_>>(), ["body", "operator"]);
    }

    async fn audit_events_are_as_many_as_responses(server: TestServer) {
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
