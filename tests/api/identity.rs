//! What an account keeps for ever, what it releases, what a repetition leaves behind.
//!
//! `N` is the national id of a person, `T` the SAS technical id: it designates one person, for ever.

use serde_json::Value;

use crate::asking::*;
use crate::on_both_databases;
use crate::server::*;

const X: &str = "810002909371";
const Y: &str = "3456780581/11242343";

/// A body with its keys in the opposite order, at every depth, and white space everywhere.
fn shuffled(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let members: Vec<_> = object.iter().rev().map(|(k, v)| format!("\t\"{k}\" :\n {}", shuffled(v))).collect();
            format!("{{ {} }}\r\n", members.join(" , "))
        }
        Value::Array(items) => format!("[ {} ]", items.iter().map(shuffled).collect::<Vec<_>>().join(" ,\n")),
        scalar => scalar.to_string(),
    }
}

/// The body as an account with this id.
fn named(id: &str, body: &Value) -> Value {
    with(body, "/id", id.into())
}

on_both_databases! { TestServer::tolerant;
    async fn technical_id_dropped_still_designates_its_account(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        server.put(&account(T, U), &regulator(&[(N, X)])).await.expect(200);
        server.put(&account(N, X), &regulator(&[(N, Y)])).await.expect(200);
        let disabled = server.put(&account(T, U), &inactive(regulator(&[(N, Y)]))).await.expect(200);
        assert_eq!(disabled.id(), created.id());
        assert_eq!(server.holder(T, U).await, Some(created.id()));
        assert_eq!(server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(200).id(), created.id());
        assert_eq!(server.count("Practitioner").await, 1);
    }

    async fn technical_id_dropped_is_refused_to_another_account(server: TestServer) {
        let one = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        server.put(&account(T, U), &regulator(&[(N, X)])).await.expect(200);
        server.post("/Practitioner", &regulator(&[(T, V)])).await.expect(201);
        server.post("/Practitioner", &regulator(&[(T, U)])).await.refused(422, "identifier-duplicate");
        server.put(&account(T, V), &regulator(&[(T, U)])).await.refused(422, "identifier-duplicate");
        assert_eq!(server.holder(T, U).await, Some(one.id()));
    }

    async fn technical_id_of_inactive_account_never_moves(server: TestServer) {
        let disabled = server.post("/Practitioner", &inactive(regulator(&[(T, U), (N, X)]))).await.expect(201);
        let other = server.post("/Practitioner", &regulator(&[(T, V)])).await.expect(201);
        server.post("/Practitioner", &regulator(&[(T, U)])).await.refused(422, "identifier-duplicate");
        server.put(&account(T, V), &regulator(&[(T, U)])).await.refused(422, "identifier-duplicate");
        server.put(&account(T, V), &regulator(&[(T, V), (N, X)])).await.expect(200);
        assert_eq!(server.holder(N, X).await, Some(other.id()));
        let enabled = server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(200);
        assert_eq!(enabled.id(), disabled.id());
    }

    async fn technical_id_is_compared_without_case_and_stored_as_sent(server: TestServer) {
        let upper = U.to_uppercase();
        let created = server.post("/Practitioner", &regulator(&[(T, &upper)])).await.expect(201);
        assert_eq!(created.json()["identifier"][0]["value"], upper);
        let updated = server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(200);
        assert_eq!((updated.id(), &updated.json()["identifier"][0]["value"]), (created.id(), &U.into()));
        server.put(&account(N, "3A/b"), &regulator(&[(N, "3A/b")])).await.expect(201);
        server.put(&account(N, "3A/B"), &regulator(&[(N, "3A/B")])).await.expect(201);
    }

    async fn technical_id_in_query_only_designates_the_account(server: TestServer) {
        let created = server.put(&account(T, U), &regulator(&[(N, X)])).await.expect(201);
        let updated = server.put(&account(T, U), &inactive(regulator(&[(N, X)]))).await.expect(200);
        assert_eq!(updated.id(), created.id());
    }

    async fn technical_id_of_body_attaches_a_national_id(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let body = regulator(&[(N, X), (T, U)]);
        for _ in 0..2 {
            let updated = server.put(&account(N, X), &body).await.expect(200);
            assert_eq!((updated.id(), updated.header("etag")), (created.id(), "W/\"2\""));
        }
        assert_eq!(server.holder(N, X).await, Some(created.id()));
        assert_eq!(server.count("Practitioner").await, 1);
    }

    async fn technical_id_unknown_in_query_never_updates_another_account(server: TestServer) {
        let active = server.post("/Practitioner", &regulator(&[(T, U), (N, X)])).await.expect(201);
        let disabled = server.post("/Practitioner", &inactive(regulator(&[(T, V)]))).await.expect(201);
        let unknown = "6a1d7c8e-0d0a-4b7e-8c55-1b1f0c9a2d10".to_owned();
        for own in [U, V] {
            for value in [unknown.clone(), format!("{own}/"), format!("{own};_format=json"), "x".into()] {
                for body in [regulator(&[(T, own)]), inactive(regulator(&[(T, own)])), regulator(&[(N, Y), (T, own)])] {
                    let written = server.put(&account(T, &value), &body).await;
                    written.refused(422, "identifier-duplicate");
                }
            }
        }
        for account in [active, disabled] {
            assert_eq!(server.account(&account.id()).await, account.json());
        }
        // Nor through a national id that the other account holds.
        server.put(&account(T, &unknown), &regulator(&[(N, X)])).await.refused(422, "identifier-duplicate");
    }

    async fn technical_id_absent_from_body_create_repeated_has_no_effect(server: TestServer) {
        let body = regulator(&[(T, U)]);
        let created = server.put(&account(T, V), &body).await.expect(201);
        let again = server.put(&account(T, V), &body).await.expect(200);
        assert_eq!((again.id(), again.header("etag")), (created.id(), "W/\"1\""));
        assert_eq!(server.count("Practitioner").await, 1);
    }

    async fn technical_id_dropped_or_of_inactive_account_attaches_a_national_id(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        server.put(&account(T, U), &inactive(regulator(&[(N, X)]))).await.expect(200);
        let updated = server.put(&account(N, Y), &regulator(&[(N, Y), (T, U)])).await.expect(200);
        assert_eq!(updated.id(), created.id());
        assert_eq!((server.holder(N, X).await, server.holder(N, Y).await), (None, Some(created.id())));
    }

    async fn technical_id_of_query_precedes_that_of_body(server: TestServer) {
        let one = server.post("/Practitioner", &regulator(&[(N, X)])).await.expect(201);
        let two = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let both = regulator(&[(N, X), (T, U)]);
        server.put(&account(N, X), &both).await.refused(422, "identifier-duplicate");
        server.post("/Practitioner", &both).await.refused(422, "identifier-duplicate");
        for account in [one, two] {
            assert_eq!(server.account(&account.id()).await, account.json());
        }
    }

    async fn technical_id_attaches_no_national_id_of_an_active_account(server: TestServer) {
        let one = server.post("/Practitioner", &regulator(&[(N, X)])).await.expect(201);
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        server.put(&account(N, Y), &regulator(&[(N, X), (T, U)])).await.refused(422, "identifier-duplicate");
        assert_eq!(server.holder(N, X).await, Some(one.id()));
    }

    async fn update_repeated_creates_no_version(server: TestServer) {
        let body = with(&regulator(&[(T, U), (N, X)]), "/name/0/family", "DÉLÈVE".into());
        let created = server.put(&account(T, U), &body).await.expect(201);
        let json = [("content-type", "application/json"), ("accept", "application/json+fhir")];
        let escaped = body.to_string().replace('É', "\\u00c9").replace("urn:", "urn\\u003a");
        for text in [body.to_string(), shuffled(&body), escaped, created.text.clone()] {
            let again = server.request("PUT", &account(T, U), &json, text.clone()).await.expect(200);
            assert_eq!(again.header("etag"), "W/\"1\"", "{text}");
            assert_eq!(again.header("last-modified"), created.header("last-modified"));
            assert_eq!(again.text, created.text);
        }
        assert_eq!(server.versions("Practitioner", &created.id()).await, 1);
        let other_order = regulator(&[(N, X), (T, U)]);
        assert_eq!(server.put(&account(T, U), &other_order).await.expect(200).header("etag"), "W/\"2\"");
        assert_eq!(server.versions("Practitioner", &created.id()).await, 2);
    }

    async fn update_repeated_with_stale_if_match_returns_412(server: TestServer) {
        let body = regulator(&[(T, U)]);
        server.put(&account(T, U), &body).await.expect(201);
        server.write("PUT", &account(T, U), &[("if-match", "W/\"1\"")], &body).await.expect(200);
        let stale = server.write("PUT", &account(T, U), &[("if-match", "W/\"7\"")], &body).await;
        stale.refused(412, "http-precondition");
    }

    async fn account_update_by_id_creates_and_updates(server: TestServer) {
        let body = named("regul-1", &regulator(&[(T, U)]));
        let created = server.put("/Practitioner/regul-1", &body).await.expect(201);
        assert_eq!(created.header("location"), format!("{BASE}/Practitioner/regul-1"));
        assert_eq!(created.json()["id"], "regul-1");
        let again = server.put("/Practitioner/regul-1", &body).await.expect(200);
        assert_eq!(again.header("etag"), "W/\"1\"");
        let updated = server.put("/Practitioner/regul-1", &inactive(body)).await.expect(200);
        assert_eq!((updated.id().as_str(), updated.header("etag")), ("regul-1", "W/\"2\""));
        assert_eq!(server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(200).id(), "regul-1");
    }

    async fn account_update_by_id_applies_the_same_rules(server: TestServer) {
        server.put("/Practitioner/a", &named("a", &regulator(&[(T, U), (N, X)]))).await.expect(201);
        for stolen in [regulator(&[(T, U)]), regulator(&[(T, V), (N, X)])] {
            let stolen = named("b", &stolen);
            server.put("/Practitioner/b", &stolen).await.refused(422, "identifier-duplicate");
        }
        server.put("/Practitioner/a", &named("a", &regulator(&[(N, Y)]))).await.expect(200);
        // The national id is free at once, the technical id for ever taken.
        server.put("/Practitioner/b", &named("b", &regulator(&[(N, X)]))).await.expect(201);
        server.put("/Practitioner/b", &named("b", &regulator(&[(T, U)]))).await.refused(422, "identifier-duplicate");
        assert_eq!(server.holder(T, U).await.as_deref(), Some("a"));
        // A disabled account gives its national id away.
        server.put("/Practitioner/a", &named("a", &inactive(regulator(&[(N, Y)])))).await.expect(200);
        server.put("/Practitioner/b", &named("b", &regulator(&[(N, Y)]))).await.expect(200);
        assert_eq!(server.holder(N, Y).await.as_deref(), Some("b"));
        server.put("/Practitioner/a", &named("a", &regulator(&[(N, Y)]))).await.refused(422, "identifier-duplicate");
    }

    async fn account_update_by_id_body_id_must_equal_path(server: TestServer) {
        let body = regulator(&[(T, U)]);
        server.put("/Practitioner/a", &named("b", &body)).await.refused(400, "body-id-mismatch");
        server.put("/Practitioner/a", &body).await.refused(400, "body-id-missing");
        let nameless = with(&body, "/name", Value::Null);
        server.put("/Practitioner/a", &named("a", &nameless)).await.refused(422, "practitioner-name");
        let both = server.put("/Practitioner/a", &named("b", &nameless)).await.refused(400, "body-id-mismatch");
        both.refused(400, "practitioner-name");
        assert_eq!(server.count("Practitioner").await, 0);
    }

    async fn two_servers_on_one_database_see_the_same_accounts(server: TestServer) {
        let other = server.another().await;
        let created = server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201);
        let updated = other.put(&account(T, U), &inactive(regulator(&[(T, U)]))).await.expect(200);
        assert_eq!((updated.id(), updated.header("etag")), (created.id(), "W/\"2\""));
        assert_eq!(server.account(&created.id()).await["active"], false);
    }
}
