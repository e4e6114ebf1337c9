//! The published examples of ANS, and the body that the page of INT_R03 prints, sent to the server.
//!
//! They are not copied into the project: where they are not at hand, there is nothing to test.

use std::path::PathBuf;

use serde_json::Value;

use crate::asking::*;
use crate::on_both_databases;
use crate::server::*;

/// An example by its file name, without its extension.
fn official(name: &str) -> Option<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/sas");
    if !folder.is_dir() {
        eprintln!("skipped: the official examples are not at hand");
        return None;
    }
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).expect("an official example");
    Some(serde_json::from_str(&text).expect("JSON"))
}

fn regulator_example(number: u32) -> Option<Value> {
    official(&format!("examples/Practitioner-ExamplePractitionerRegul{number}"))
}

/// The identifier of an example, as a criterion.
fn criterion(example: &Value) -> String {
    let part = |name| example["identifier"][0][name].as_str().expect("an identifier").to_owned();
    format!("identifier={}|{}", part("system"), part("value"))
}

on_both_databases! { TestServer::tolerant;
    async fn official_example_with_structure_authority_is_refused(server: TestServer) {
        let Some(example) = regulator_example(1) else { return };
        let refused = server.post("/Practitioner", &example).await.refused(422, "practitioner-identifier-idnst");
        assert!(refused.text.contains(N), "the right authority is named: {}", refused.text);
        let path = format!("/Practitioner?{}", criterion(&example));
        server.put(&path, &example).await.refused(422, "query-identifier-system");
        assert_eq!(server.count("Practitioner").await, 0);
        let corrected = with(&example, "/identifier/0/system", N.into());
        let write_with_outcome = server.write_with_outcome("POST", "/Practitioner", &corrected).await.expect(201);
        let mut rules = write_with_outcome.rules();
        rules.sort_unstable();
        assert_eq!(rules, ["body-id-ignored", "practitioner-meta-source-missing"]);
    }

    async fn official_example_regulator_is_created_then_disabled(server: TestServer) {
        let (Some(enabled), Some(disabled)) = (regulator_example(2), regulator_example(3)) else { return };
        let created = server.post("/Practitioner", &enabled).await.expect(201);
        assert_ne!(created.id(), "ExamplePractitionerRegul2");
        let path = format!("/Practitioner?{}", criterion(&disabled));
        let updated = server.put(&path, &disabled).await.expect(200);
        assert_eq!((updated.id(), &updated.json()["active"]), (created.id(), &Value::Bool(false)));
        server.put(&path, &enabled).await.expect(200);
        server.post("/Practitioner", &enabled).await.refused(422, "identifier-duplicate");
    }

    async fn official_example_appointments_are_booked_then_cancelled(server: TestServer) {
        let (Some(booked), Some(cancelled)) =
            (official("examples/Appointment-1"), official("examples/Appointment-2")) else { return };
        let path = format!("/Appointment?{}", criterion(&booked));
        let created = server.put(&path, &booked).await.expect(201);
        let updated = server.put(&path, &cancelled).await.expect(200);
        assert_eq!((updated.id(), &updated.json()["status"]), (created.id(), &Value::from("cancelled")));
        assert_ne!(created.id(), "1", "the id of the examples is the same for everybody");
    }

    async fn official_page_body_is_accepted_with_warnings(server: TestServer) {
        let Some(page) = official("seed-appointment-cancelled") else { return };
        let value = page["identifier"][0]["value"].as_str().expect("a value");
        let path = format!("/Appointment?Identifier={value}");
        for status in [201, 200] {
            let mut rules = server.write_with_outcome("PUT", &path, &page).await.expect(status).rules();
            rules.retain(|rule| rule != "appointment-operator-unknown");
            rules.sort_unstable();
            let deviations =
                ["appointment-participant-refused", "body-id-ignored", "profile-alias", "query-identifier-case"];
            assert_eq!(rules, deviations);
        }
        let kept = server.get(&format!("/Appointment?identifier={value}")).await.json()["entry"][0]["resource"].clone();
        assert_eq!((&kept["participant"], &kept["meta"]["profile"]), (&page["participant"], &page["meta"]["profile"]));
        server.put("/Appointment", &page).await.refused(400, "query-identifier-missing");
    }

    async fn official_examples_of_other_flows_are_refused(server: TestServer) {
        for name in ["Practitioner-ExamplePractitioner", "Slot-ExampleSlotSOS1", "Bundle-ExampleBundlePSIndiv"] {
            let Some(example) = official(&format!("examples/{name}")) else { return };
            let refused = server.post("/Practitioner", &example).await;
            assert!(refused.status.is_client_error(), "{name}: {}", refused.text);
            assert_operation_outcome(&refused);
        }
        assert_eq!(server.count("Practitioner").await, 0);
    }
}

on_both_databases! { TestServer::strict;
    async fn official_page_body_strict_is_refused(server: TestServer) {
        let Some(page) = official("seed-appointment-cancelled") else { return };
        let value = page["identifier"][0]["value"].as_str().expect("a value");
        for name in ["Identifier", "identifier"] {
            let path = format!("/Appointment?{name}={value}");
            server.put(&path, &page).await.refused(400, "fhir-code");
        }
        assert_eq!(server.count("Appointment").await, 0);
    }

    async fn official_examples_strict_are_accepted(server: TestServer) {
        let (Some(regulator), Some(wrong)) = (regulator_example(2), regulator_example(1)) else { return };
        server.post("/Practitioner", &regulator).await.expect(201);
        server.post("/Practitioner", &wrong).await.refused(422, "practitioner-identifier-idnst");
        let corrected = with(&wrong, "/identifier/0/system", N.into());
        server.post("/Practitioner", &corrected).await.expect(201);
        for number in [1, 2] {
            let Some(example) = official(&format!("examples/Appointment-{number}")) else { return };
            let validated = server.post("/Appointment/$validate", &example).await.expect(200);
            assert_eq!(validated.rules(), ["all-good"]);
        }
        // Their ids differ although their identifier is the same: R4 refuses the second.
        let (Some(booked), Some(cancelled)) =
            (official("examples/Appointment-1"), official("examples/Appointment-2")) else { return };
        let path = format!("/Appointment?{}", criterion(&booked));
        assert_eq!(server.put(&path, &booked).await.expect(201).id(), "1");
        server.put(&path, &cancelled).await.refused(400, "body-id-mismatch");
        server.put(&path, &with(&cancelled, "/id", "1".into())).await.expect(200);
    }
}
