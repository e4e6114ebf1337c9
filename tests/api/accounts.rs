//! Accounts and their identifiers: the decision table of INT_R02.
//!
//! Numbers are those of the table. `N` is the national id of a person, `T` the SAS technical id.

use serde_json::json;

use crate::asking::*;
use crate::on_both_databases;
use crate::server::*;

const X: &str = "810002909371";
const Y: &str = "3456780581/11242343";

on_both_databases! { TestServer::tolerant;
    // P1, P4
    async fn account_create_active_or_inactive_is_accepted(server: TestServer) {
        let enabled = server.post("/Practitioner", &regulator(&[(N, X)])).await.expect(201);
        let disabled = server.post("/Practitioner", &inactive(regulator(&[(N, Y)]))).await.expect(201);
        assert_eq!((&enabled.json()["active"], &disabled.json()["active"]), (&json!(true), &json!(false)));
        assert_eq!(server.holder(N, Y).await, Some(disabled.id()));
    }

    // P2
    async fn account_create_with_identifier_of_active_account_is_refused(server: TestServer) {
        let holder = server.post("/Practitioner", &regulator(&[(N, X), (T, U)])).await.expect(201);
        for body in [
            regulator(&[(N, X), (T, U)]),
            regulator(&[(N, X)]),
            regulator(&[(T, U)]),
            regulator(&[(N, Y), (T, &U.to_uppercase())]),
            inactive(regulator(&[(N, X)])),
        ] {
            server.post("/Practitioner", &body).await.refused(422, "identifier-duplicate");
        }
        assert_eq!(server.count("Practitioner").await, 1);
        assert_eq!(server.account(&holder.id()).await, holder.json());
        assert_eq!(server.holder(N, Y).await, None);
    }

    // P3
    async fn account_create_takes_national_id_of_inactive_account(server: TestServer) {
        let old = server.post("/Practitioner", &inactive(regulator(&[(N, X)]))).await.expect(201);
        let new = server.post("/Practitioner", &regulator(&[(N, X)])).await.expect(201);
        assert_ne!(new.id(), old.id());
        assert_eq!(server.holder(N, X).await, Some(new.id()));
        assert_eq!(server.account(&old.id()).await, old.json());
        assert_eq!(server.put(&account(N, X), &regulator(&[(N, X)])).await.expect(200).id(), new.id());
    }

    // P5
    async fn account_update_replaces_all_elements(server: TestServer) {
        let described = with(&regulator(&[(N, X)]), "/gender", "female".into());
        let created = server.post("/Practitioner", &described).await.expect(201);
        for body in [inactive(regulator(&[(N, X)])), regulator(&[(N, X)])] {
            let updated = server.put(&account(N, X), &body).await.expect(200);
            assert_eq!((updated.id(), &updated.json()["active"]), (created.id(), &body["active"]));
            assert_eq!(updated.json().get("gender"), None);
        }
        assert_eq!(server.versions("Practitioner", &created.id()).await, 3);
    }

    // P6
    async fn account_update_replaced_national_id_is_free_at_once(server: TestServer) {
        let account_x = server.post("/Practitioner", &regulator(&[(N, X)])).await.expect(201);
        assert_eq!(server.put(&account(N, X), &regulator(&[(N, Y)])).await.expect(200).id(), account_x.id());
        assert_eq!(server.holder(N, Y).await, Some(account_x.id()));
        assert_eq!(server.holder(N, X).await, None);
        let other = server.post("/Practitioner", &regulator(&[(N, X)])).await.expect(201);
        assert_eq!(server.holder(N, X).await, Some(other.id()));
        let updated = server.put(&account(N, X), &inactive(regulator(&[(N, X)]))).await.expect(200);
        assert_eq!(updated.id(), other.id());
    }

    // P7
    async fn account_update_takes_national_id_of_inactive_account(server: TestServer) {
        let disabled = server.post("/Practitioner", &inactive(regulator(&[(N, X)]))).await.expect(201);
        let enabled = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        server.put(&account(T, U), &regulator(&[(T, U), (N, X)])).await.expect(200);
        assert_eq!(server.holder(N, X).await, Some(enabled.id()));
        assert_eq!(server.account(&disabled.id()).await, disabled.json());
    }

    // P7, then the account that gave way comes back
    async fn account_enable_with_lost_national_id_is_refused(server: TestServer) {
        let disabled = server.post("/Practitioner", &inactive(regulator(&[(N, X), (T, V)]))).await.expect(201);
        server.post("/Practitioner", &regulator(&[(N, X)])).await.expect(201);
        let both = regulator(&[(N, X), (T, V)]);
        server.put(&account(T, V), &both).await.refused(422, "identifier-duplicate");
        let enabled = server.put(&account(T, V), &regulator(&[(T, V)])).await.expect(200);
        assert_eq!(enabled.id(), disabled.id());
    }

    // P8
    async fn account_update_with_identifier_of_active_account_is_refused(server: TestServer) {
        let one = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let two = server.post("/Practitioner", &regulator(&[(N, X), (T, V)])).await.expect(201);
        for stolen in [regulator(&[(N, X)]), regulator(&[(T, U), (N, X)]), regulator(&[(T, V)])] {
            server.put(&account(T, U), &stolen).await.refused(422, "identifier-duplicate");
            server.put(&account(T, U), &inactive(stolen)).await.refused(422, "identifier-duplicate");
        }
        for account in [one, two] {
            assert_eq!(server.account(&account.id()).await, account.json());
        }
    }

    // P9
    async fn account_update_adds_a_second_identifier(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        server.put(&account(T, U), &regulator(&[(T, U), (N, X)])).await.expect(200);
        for (system, value) in [(T, U), (N, X)] {
            assert_eq!(server.holder(system, value).await, Some(created.id()));
        }
    }

    // P10
    async fn account_update_without_national_id_releases_it(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U), (N, X)])).await.expect(201);
        let updated = server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(200);
        assert_eq!(updated.json()["identifier"].as_array().map(Vec::len), Some(1));
        assert_eq!(server.holder(N, X).await, None);
        let other = server.put(&account(N, X), &regulator(&[(N, X)])).await.expect(201);
        assert_ne!(other.id(), created.id());
    }

    // P11, and its replay
    async fn account_identifier_change_of_unknown_account_creates_it_once(server: TestServer) {
        for (query, body) in [(account(N, X), regulator(&[(N, Y)])), (account(T, U), regulator(&[(N, "1a/b")]))] {
            let created = server.write_with_outcome("PUT", &query, &body).await.expect(201);
            assert_eq!(created.rules(), ["identifier-not-in-body"]);
            assert_eq!(created.json()["issue"][0]["severity"], "warning");
            assert_eq!(server.put(&query, &body).await.expect(200).id(), created.id());
        }
        assert_eq!(server.count("Practitioner").await, 2);
    }

    // P11: what the query names but the body does not is not held
    async fn account_national_id_in_query_only_stays_free(server: TestServer) {
        let created = server.put(&account(N, X), &regulator(&[(N, Y)])).await.expect(201);
        assert_eq!(server.holder(N, X).await, None);
        let other = server.post("/Practitioner", &regulator(&[(N, X)])).await.expect(201);
        assert_ne!(other.id(), created.id());
    }

    // P12
    async fn account_national_id_change_repeated_has_no_effect(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(N, X)])).await.expect(201);
        for _ in 0..3 {
            let updated = server.put(&account(N, X), &regulator(&[(N, Y)])).await.expect(200);
            assert_eq!((updated.id(), updated.header("etag")), (created.id(), "W/\"2\""));
        }
        assert_eq!(server.count("Practitioner").await, 1);
    }

    // P12: a replay that brings news is an update
    async fn account_national_id_change_repeated_with_other_content_updates(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(N, X)])).await.expect(201);
        server.put(&account(N, X), &regulator(&[(N, Y)])).await.expect(200);
        let updated = server.put(&account(N, X), &inactive(regulator(&[(N, Y)]))).await.expect(200);
        assert_eq!((updated.id(), updated.header("etag")), (created.id(), "W/\"3\""));
    }

    // P13
    async fn account_national_id_in_body_only_selects_no_account(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(N, X), (T, U)])).await.expect(201);
        for (query, body) in [
            (account(N, Y), regulator(&[(N, X)])),
            (account(T, V), regulator(&[(N, X)])),
            (account(T, V), regulator(&[(T, V), (N, X)])),
            (account(T, V), inactive(regulator(&[(T, V), (N, X)]))),
        ] {
            server.put(&query, &body).await.refused(422, "identifier-duplicate");
        }
        assert_eq!(server.account(&created.id()).await, created.json());
        assert_eq!((server.holder(N, Y).await, server.holder(T, V).await), (None, None));
        assert_eq!(server.count("Practitioner").await, 1);
    }

    // P14
    async fn account_update_creates_inactive_account(server: TestServer) {
        let created = server.put(&account(N, X), &inactive(regulator(&[(N, X)]))).await.expect(201);
        assert_eq!(created.json()["active"], false);
        assert_eq!(server.put(&account(N, X), &regulator(&[(N, X)])).await.expect(200).id(), created.id());
    }

    // P15
    async fn account_required_elements_are_checked_before_lookup(server: TestServer) {
        let known = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        for (pointer, rule) in [
            ("/identifier", "practitioner-identifier"),
            ("/active", "practitioner-active"),
            ("/name", "practitioner-name"),
            ("/telecom", "practitioner-telecom"),
            ("/name/0/family", "practitioner-name-family"),
            ("/name/0/given", "practitioner-name-given"),
            ("/telecom/0/value", "practitioner-telecom-value"),
        ] {
            let body = with(&regulator(&[(T, U)]), pointer, serde_json::Value::Null);
            server.post("/Practitioner", &body).await.refused(422, rule);
            server.put(&account(T, U), &body).await.refused(422, rule);
            server.put(&account(T, V), &body).await.refused(422, rule);
        }
        assert_eq!(server.account(&known.id()).await, known.json());
        assert_eq!(server.count("Practitioner").await, 1);
    }

    // P17
    async fn account_enable_with_other_name_and_address_is_accepted(server: TestServer) {
        let created = server.post("/Practitioner", &inactive(regulator(&[(T, U)]))).await.expect(201);
        let body = with(&regulator(&[(T, U)]), "/name/0/family", "MARIUS".into());
        let body = with(&body, "/telecom/0/value", "jules.marius@example.org".into());
        let updated = server.put(&account(T, U), &body).await.expect(200);
        assert_eq!((updated.id(), &updated.json()["name"]), (created.id(), &body["name"]));
    }

    // 5.1: an identifier of another authority is no key
    async fn account_identifiers_of_other_systems_are_stored_and_not_unique(server: TestServer) {
        let local = json!({ "type": { "text": "local" }, "system": "https://example.org/staff", "value": "42" });
        for identity in [(T, U), (N, X)] {
            let body = with(&regulator(&[identity]), "/identifier/-", local.clone());
            server.post("/Practitioner", &body).await.expect(201);
        }
        assert_eq!(server.found("/Practitioner?identifier=https://example.org/staff|42").await.len(), 2);
    }
}
