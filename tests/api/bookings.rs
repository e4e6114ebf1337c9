//! The list of requests that SAS clients send, row by row, and what each is answered: appointments (49–66).
//!
//! Numbers are those of the rows.

use serde_json::{Value, json};

use crate::asking::*;
use crate::on_both_databases;
use crate::requests::code_of;
use crate::server::*;

pub const VENDOR: &str = "https://agenda.example.org/rdv";
const SOS: &str = "https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/sas-sos-appointment";

/// The appointment of the SOS profile whose professional is not yet known.
pub fn sos(value: &str) -> Value {
    let body: Value = serde_json::from_str(include_str!("../fixtures/appointment-sos.json")).expect("a fixture");
    with(&body, "/identifier/0", json!({ "system": VENDOR, "value": value }))
}

/// The example that the page of INT_R03 prints, as far as its deviations go.
fn page_example() -> Value {
    serde_json::from_str(include_str!("../fixtures/appointment-page-example.json")).expect("a fixture")
}

/// The codes of 5.7 that fit: 400, 422 of a profile, 422 of an invariant or a business rule.
const NOT_R4: &[&str] = &["structure", "value", "required", "code-invalid"];
const PROFILE: &[&str] = &["required", "value", "code-invalid"];
const INVARIANT: &[&str] = &["invariant", "business-rule"];

fn refused_appointments() -> Vec<(&'static str, Value, u16, &'static [&'static str], &'static str)> {
    let ok = appointment(VENDOR, U);
    let change = |pointer, value| with(&ok, pointer, value);
    let sos = sos(U);
    let two = json!([{ "system": VENDOR, "value": U }, { "system": VENDOR, "value": V }]);
    let operator_type = "/extension/0/valueReference/identifier/type/coding/0/code";
    let participant = json!({ "status": "accepted" });
    let reason = json!({ "text": "indisponible" });
    let extension = json!({ "url": "https://example.org/fhir/origin", "valueString": "web" });
    vec![
        ("53, BOOKED", change("/status", "BOOKED".into()), 400, &["code-invalid"], "fhir-code"),
        ("53, canceled", change("/status", "canceled".into()), 400, &["code-invalid"], "fhir-code"),
        (
            "54, declined",
            change("/participant/0/status", "declined".into()),
            422,
            PROFILE,
            "appointment-participant-status",
        ),
        ("54, no-idea", change("/participant/0/status", "no-idea".into()), 400, &["code-invalid"], "fhir-code"),
        ("55", change("/extension", Value::Null), 422, &["required"], "appointment-operator"),
        ("56", change(operator_type, "IDNPS".into()), 422, PROFILE, "appointment-operator-type-system"),
        ("57, two", change("/identifier", two), 422, PROFILE, "appointment-identifier"),
        ("57, none", change("/identifier", Value::Null), 422, &["required"], "appointment-identifier"),
        ("58, no end", change("/end", Value::Null), 422, &["required"], "appointment-end"),
        ("58, no zone", change("/start", "2026-03-04T14:00:00".into()), 400, &["value"], "fhir-primitive"),
        ("59", change("/end", "2026-03-04T13:59:59+01:00".into()), 422, INVARIANT, "appointment-period"),
        ("60", change("/participant/0", participant), 422, INVARIANT, "fhir-app-1"),
        (
            "61",
            change("/participant/0/actor/identifier", identifier(T, V)),
            422,
            PROFILE,
            "appointment-actor-identifier",
        ),
        ("62", change("/cancelationReason", reason), 422, INVARIANT, "fhir-app-4"),
        ("63, no participant", change("/participant", Value::Null), 400, &["required"], "fhir-required-element"),
        ("63, no status", change("/status", Value::Null), 400, &["required"], "fhir-required-element"),
        ("63, no one", change("/participant", json!([])), 400, NOT_R4, "json-empty-value"),
        ("65", with(&sos, "/extension/-", extension), 422, PROFILE, "appointment-extension"),
    ]
}

on_both_databases! { TestServer::tolerant;
    // 49
    async fn appointment_is_created_then_updated(server: TestServer) {
        let path = by("Appointment", VENDOR, U);
        let created = server.put(&path, &appointment(VENDOR, U)).await.expect(201);
        assert_eq!(created.header("location"), format!("{BASE}/Appointment/{}", created.id()));
        let again = server.put(&path, &appointment(VENDOR, U)).await.expect(200);
        assert_eq!(again.header("location"), created.header("location"));
    }

    // 50
    async fn appointment_example_of_the_page_is_accepted_with_warnings(server: TestServer) {
        let body = page_example();
        let value = body["identifier"][0]["value"].as_str().expect("a value");
        let path = format!("/Appointment?Identifier={value}");
        for status in [201, 200] {
            let mut rules = server.write_with_outcome("PUT", &path, &body).await.expect(status).rules();
            rules.sort_unstable();
            assert_eq!(rules, [
                "appointment-operator-unknown",
                "appointment-participant-refused",
                "body-id-ignored",
                "profile-alias",
                "query-identifier-case",
            ]);
        }
        let stored = server.get(&format!("/Appointment?identifier={value}")).await.json();
        assert_eq!(stored["entry"][0]["resource"]["participant"][0]["status"], "refused");
        let both = format!("{path}&identifier={value}");
        server.put(&both, &body).await.refused(400, "query-identifier-single");
    }

    // 52
    async fn appointment_every_platform_status_is_accepted(server: TestServer) {
        let path = by("Appointment", VENDOR, U);
        server.put(&path, &appointment(VENDOR, U)).await.expect(201);
        for status in ["cancelled", "fulfilled", "noshow", "pending"] {
            let updated = server.put(&path, &with(&appointment(VENDOR, U), "/status", status.into())).await;
            assert_eq!(updated.expect(200).json()["status"], status);
        }
    }

    // 53–63, 65
    async fn appointment_violating_a_rule_is_refused_and_not_stored(server: TestServer) {
        for (row, body, status, codes, rule) in refused_appointments() {
            eprintln!("row {row}");
            let refused = server.put(&by("Appointment", VENDOR, U), &body).await.refused(status, rule);
            let code = code_of(&refused, rule);
            assert!(codes.contains(&code.as_str()), "row {row}: the code is {code}, not one of {codes:?}");
        }
        assert_eq!(server.count("Appointment").await, 0);
    }

    // 54 (needs-action), 61 (SOS), 62 (cancelled, noshow), 65 (SAS), 66
    async fn appointment_forms_allowed_by_profiles_are_accepted(server: TestServer) {
        let ok = appointment(VENDOR, U);
        let extension = json!({ "url": "https://example.org/fhir/origin", "valueString": "web" });
        let cancelled = with(&ok, "/cancelationReason", json!({ "text": "indisponible" }));
        let path = by("Appointment", VENDOR, U);
        server.put(&path, &sos(U)).await.expect(201);
        for body in [
            with(&sos(U), "/participant/0/actor", json!({ "identifier": identifier(T, V) })),
            with(&cancelled, "/status", "cancelled".into()),
            with(&cancelled, "/status", "noshow".into()),
            with(&ok, "/extension/-", extension),
        ] {
            server.put(&path, &body).await.expect(200);
        }
        let waiting = with(&ok, "/participant/0/status", "needs-action".into());
        let write_with_outcome = server.write_with_outcome("PUT", &path, &waiting).await.expect(200);
        assert!(write_with_outcome.rules().contains(&"appointment-participant-needs-action".to_owned()));
        assert_eq!(sos(U)["meta"]["profile"][0], SOS);
    }

    // 64
    async fn appointment_body_identifier_must_equal_criterion(server: TestServer) {
        let path = by("Appointment", VENDOR, U);
        for known in [false, true] {
            let refused = server.put(&path, &appointment(VENDOR, V)).await;
            let refused = refused.refused(422, "appointment-identifier-changed");
            assert_eq!(code_of(&refused, "appointment-identifier-changed"), "business-rule");
            if !known {
                server.put(&path, &appointment(VENDOR, U)).await.expect(201);
            }
        }
        assert_eq!(server.count("Appointment").await, 1);
    }
}

on_both_databases! { TestServer::strict;
    // 51
    async fn appointment_example_of_the_page_strict_is_refused(server: TestServer) {
        let body = page_example();
        let value = body["identifier"][0]["value"].as_str().expect("a value");
        let refused = server.put(&format!("/Appointment?Identifier={value}"), &body).await;
        for rule in ["query-parameter", "fhir-code", "profile-not-published"] {
            assert!(refused.rules().contains(&rule.to_owned()), "{rule} is missing: {}", refused.text);
        }
        assert_eq!(code_of(&refused, "fhir-code"), "code-invalid");
        refused.expect(400);
        assert_eq!(server.count("Appointment").await, 0);
    }
}
