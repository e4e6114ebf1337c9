//! Appointments and their one identifier: the decision table of INT_R03, and what surrounds it.
//!
//! Letters and numbers are those of the table.

use serde_json::{Value, json};

use crate::asking::*;
use crate::bookings::VENDOR;
use crate::on_both_databases;
use crate::server::*;

const OTHER: &str = "urn:oid:1.2.250.1.999.7";

fn path(value: &str) -> String {
    by("Appointment", VENDOR, value)
}

on_both_databases! { TestServer::tolerant;
    // A1, A2
    async fn appointment_update_replaces_all_elements(server: TestServer) {
        let described = with(&appointment(VENDOR, U), "/description", "retour d'appel".into());
        let created = server.put(&path(U), &described).await.expect(201);
        let moved = with(&appointment(VENDOR, U), "/start", "2026-03-04T14:05:00+01:00".into());
        let updated = server.put(&path(U), &moved).await.expect(200);
        assert_eq!((updated.id(), updated.header("etag")), (created.id(), "W/\"2\""));
        assert_eq!(updated.json()["start"], "2026-03-04T14:05:00+01:00");
        assert_eq!(updated.json().get("description"), None);
    }

    // A2: no transition is documented, so all are possible
    async fn appointment_cancelled_may_be_booked_again(server: TestServer) {
        for (status, expected) in [("booked", 201), ("cancelled", 200), ("booked", 200), ("entered-in-error", 200)] {
            let body = with(&appointment(VENDOR, U), "/status", status.into());
            assert_eq!(server.put(&path(U), &body).await.expect(expected).json()["status"], status);
        }
        assert_eq!(server.count("Appointment").await, 1);
    }

    // A3
    async fn appointment_identifier_change_is_refused(server: TestServer) {
        let created = server.put(&path(U), &appointment(VENDOR, U)).await.expect(201);
        for body in [appointment(VENDOR, V), appointment(OTHER, U)] {
            server.put(&path(U), &body).await.refused(422, "appointment-identifier-changed");
        }
        let read = server.get(&format!("/Appointment/{}", created.id())).await.expect(200);
        assert_eq!(read.text, created.text);
    }

    async fn appointment_with_patient_data_returns_422_and_is_not_stored(server: TestServer) {
        let change = |pointer, value| with(&appointment(VENDOR, U), pointer, value);
        let patient = json!([{ "resourceType": "Patient", "id": "p", "name": [{ "family": "DURAND" }] }]);
        let contained = with(&change("/contained", patient), "/supportingInformation", json!([{ "reference": "#p" }]));
        let ins = json!([{ "identifier": { "system": "urn:oid:1.2.250.1.213.1.4.8", "value": "2600108155556" } }]);
        for (body, rule) in [
            (change("/participant/0/actor/reference", "Patient/1".into()), "appointment-patient"),
            (change("/participant/0/actor/type", "RelatedPerson".into()), "appointment-patient"),
            (change("/extension/0/valueReference/reference", "RelatedPerson/1".into()), "appointment-patient"),
            (contained, "contained-patient"),
            (change("/supportingInformation", ins), "patient-identifier"),
        ] {
            server.put(&path(U), &body).await.refused(422, rule);
            server.post("/Appointment", &body).await.refused(422, rule);
        }
        assert_eq!(server.count("Appointment").await, 0);
    }

    // A4
    async fn appointment_create_repeated_is_refused(server: TestServer) {
        server.post("/Appointment", &appointment(VENDOR, U)).await.expect(201);
        server.post("/Appointment", &appointment(VENDOR, U)).await.refused(422, "identifier-duplicate");
        let cancelled = with(&appointment(VENDOR, V), "/status", "cancelled".into());
        server.post("/Appointment", &cancelled).await.expect(201);
        server.post("/Appointment", &appointment(VENDOR, V)).await.refused(422, "identifier-duplicate");
        server.post("/Appointment", &appointment(OTHER, U)).await.expect(201);
        assert_eq!(server.count("Appointment").await, 3);
    }

    // A5
    async fn appointment_criterion_without_system_matches_any_system(server: TestServer) {
        let bare = format!("/Appointment?identifier={U}");
        let created = server.put(&bare, &appointment(VENDOR, U)).await.expect(201);
        assert_eq!(created.json()["identifier"][0]["system"], VENDOR);
        assert_eq!(server.put(&bare, &appointment(VENDOR, U)).await.expect(200).id(), created.id());
        server.put(&by("Appointment", OTHER, U), &appointment(OTHER, U)).await.expect(201);
        server.put(&bare, &appointment(VENDOR, U)).await.refused(412, "http-multiple-matches");
        assert_eq!(server.count("Appointment").await, 2);
    }

    // A6
    async fn appointment_cancelled_before_booking_is_accepted(server: TestServer) {
        let cancelled = with(&appointment(VENDOR, U), "/status", "cancelled".into());
        let created = server.put(&path(U), &cancelled).await.expect(201);
        assert_eq!(created.json()["status"], "cancelled");
        server.put(&path(V), &appointment(VENDOR, V)).await.expect(201);
        let cancelled = with(&appointment(VENDOR, V), "/status", "cancelled".into());
        assert_eq!(server.put(&path(V), &cancelled).await.expect(200).json()["status"], "cancelled");
    }

    async fn appointment_criterion_raw_encoded_and_escaped_is_read(server: TestServer) {
        let value = r"a,b|c$d\e";
        let body = appointment(VENDOR, value);
        let created = server.put(&path(r"a\,b\|c\$d%5C%5Ce"), &body).await.expect(201);
        let encoded = "https%3A%2F%2Fagenda.example.org%2Frdv%7Ca%5C%2Cb%5C%7Cc%5C%24d%5C%5Ce";
        let again = server.put(&format!("/Appointment?identifier={encoded}"), &body).await.expect(200);
        assert_eq!(again.id(), created.id());
        for malformed in ["a|b|c", "%zz", "%FF", "https://agenda.example.org/rdv|"] {
            server.put(&format!("/Appointment?identifier={malformed}"), &body).await.expect(400);
        }
    }

    async fn appointment_criterion_surrounding_white_space_is_ignored(server: TestServer) {
        let created = server.put(&path(U), &appointment(VENDOR, U)).await.expect(201);
        let padded = format!("/Appointment?identifier=%20{VENDOR}|%20{U}+");
        assert_eq!(server.put(&padded, &appointment(VENDOR, U)).await.expect(200).id(), created.id());
    }

    async fn appointment_criterion_must_be_one_identifier(server: TestServer) {
        let body = appointment(VENDOR, U);
        for (query, rule) in [
            (String::new(), "query-identifier-missing"),
            ("?identifier=".into(), "query-identifier-form"),
            (format!("?identifier={U},{V}"), "query-identifier-single"),
            (format!("?identifier={U}&identifier={U}"), "query-identifier-single"),
            (format!("?identifier={U}&Identifier={U}"), "query-identifier-single"),
            (format!("?IDENTIFIER={U}"), "query-parameter"),
            (format!("?identifier={U}&status=booked"), "query-parameter"),
            (format!("?identifier:exact={U}"), "query-parameter"),
        ] {
            server.put(&format!("/Appointment{query}"), &body).await.refused(400, rule);
        }
        assert_eq!(server.count("Appointment").await, 0);
        server.put(&format!("/Appointment?identifier={U}&_format=json&_pretty=true"), &body).await.expect(201);
    }

    async fn appointment_unknown_operator_is_accepted_with_a_warning(server: TestServer) {
        let unknown = server.write_with_outcome("PUT", &path(U), &appointment(VENDOR, U)).await.expect(201);
        assert_eq!(unknown.rules(), ["appointment-operator-unknown"]);
        assert_eq!(unknown.json()["issue"][0]["severity"], "warning");
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let known = server.write_with_outcome("PUT", &path(V), &appointment(VENDOR, V)).await.expect(201);
        assert_eq!(known.rules(), ["all-good"]);
    }

    async fn appointment_operator_is_known_by_a_dropped_technical_id(server: TestServer) {
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        server.put(&account(T, U), &regulator(&[(N, "810002909371")])).await.expect(200);
        let known = server.write_with_outcome("PUT", &path(V), &appointment(VENDOR, V)).await.expect(201);
        assert_eq!(known.rules(), ["all-good"]);
    }

    async fn appointment_update_by_id_applies_the_same_rules(server: TestServer) {
        let body = |system, value, id: &str| with(&appointment(system, value), "/id", id.into());
        let created = server.put("/Appointment/rdv-1", &body(VENDOR, U, "rdv-1")).await.expect(201);
        assert_eq!(created.header("location"), format!("{BASE}/Appointment/rdv-1"));
        let cancelled = with(&body(VENDOR, U, "rdv-1"), "/status", "cancelled".into());
        let updated = server.put("/Appointment/rdv-1", &cancelled).await.expect(200);
        assert_eq!((updated.id().as_str(), updated.header("etag")), ("rdv-1", "W/\"2\""));
        assert_eq!(server.put(&path(U), &appointment(VENDOR, U)).await.expect(200).id(), "rdv-1");
        let renamed = body(VENDOR, V, "rdv-1");
        server.put("/Appointment/rdv-1", &renamed).await.refused(422, "appointment-identifier-changed");
        let taken = body(VENDOR, U, "rdv-2");
        server.put("/Appointment/rdv-2", &taken).await.refused(422, "identifier-duplicate");
        server.put("/Appointment/rdv-2", &body(OTHER, U, "x")).await.refused(400, "body-id-mismatch");
        server.put("/Appointment/rdv-2", &appointment(OTHER, U)).await.refused(400, "body-id-missing");
        server.put("/Appointment/rdv_2", &body(OTHER, U, "rdv_2")).await.refused(400, "fhir-primitive");
        assert_eq!(server.count("Appointment").await, 1);
    }

    async fn appointment_profile_aliases_get_a_warning(server: TestServer) {
        for (profile, rules) in [
            (json!(["http://interopsante.org/fhir/StructureDefinition/FrAppointment"]), vec!["all-good"]),
            (
                json!(["https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/FrAppointmentSAS"]),
                vec!["profile-alias"],
            ),
            (json!(["https://example.org/StructureDefinition/other"]), vec!["profile-unknown"]),
            (json!(["http://sas.fr/fhir/StructureDefinition/FrAppointmentSAS|1.1.0"]), vec!["all-good"]),
            (Value::Null, vec!["all-good"]),
        ] {
            let body = with(&appointment(VENDOR, V), "/meta", json!({ "profile": profile }));
            let body = if profile.is_null() { with(&body, "/meta", Value::Null) } else { body };
            server.write("POST", "/Practitioner", &[], &regulator(&[(T, U)])).await;
            let write_with_outcome = server.write_with_outcome("PUT", &path(V), &body).await;
            assert!(write_with_outcome.status.is_success());
            assert_eq!(write_with_outcome.rules(), rules, "{profile}");
        }
    }
}

on_both_databases! { TestServer::strict;
    async fn appointment_unknown_operator_strict_is_refused(server: TestServer) {
        server.put(&path(U), &appointment(VENDOR, U)).await.refused(422, "appointment-operator-required");
        assert_eq!(server.count("Appointment").await, 0);
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        server.put(&path(U), &appointment(VENDOR, U)).await.expect(201);
    }

    // R4: no match and an id in the body is an update as create with that id; one match needs that id
    async fn appointment_body_id_strict_must_match(server: TestServer) {
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let body = |value, id: &str| with(&appointment(VENDOR, value), "/id", id.into());
        assert_eq!(server.put(&path(V), &body(V, "rdv-1")).await.expect(201).id(), "rdv-1");
        server.put(&path(V), &body(V, "rdv-1")).await.expect(200);
        server.put(&path(V), &body(V, "rdv-2")).await.refused(400, "body-id-mismatch");
        server.put(&path(U), &body(U, "rdv-1")).await.expect(409);
        assert_eq!(server.count("Appointment").await, 1);
    }
}
