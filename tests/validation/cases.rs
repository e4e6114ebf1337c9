//! The cases of the rules, one violation per row.

use serde_json::{Value, json};

use crate::{APPOINTMENT, APPOINTMENT_SOS, REGULATOR, REGULATOR_FULL, changed};

pub struct Case {
    pub body: Vec<u8>,
    pub expected: Vec<String>,
}

const N: &str = "urn:oid:1.2.250.1.71.4.2.1";
const T: &str = "urn:oid:1.2.250.1.213.3.6";

pub fn case(body: impl Into<Vec<u8>>, expected: &[&str]) -> Case {
    Case { body: body.into(), expected: expected.iter().map(|&finding| finding.to_owned()).collect() }
}

fn typed(code: &str) -> Value {
    json!({ "coding": [{ "system": "http://interopsante.org/fhir/CodeSystem/fr-v2-0203", "code": code }] })
}

fn identifier(code: &str, system: &str, value: &str) -> Value {
    json!({ "type": typed(code), "system": system, "value": value })
}

pub fn all() -> impl Iterator<Item = Case> {
    json_cases()
        .into_iter()
        .chain(structure())
        .chain(invariants())
        .chain(practitioner())
        .chain(appointment())
        .chain(patients())
        .chain(crate::kinds::all())
}

fn json_cases() -> Vec<Case> {
    vec![
        case("", &["json-empty Resource"]),
        case(b"{\"resourceType\":\"\xE9\"}", &["json-encoding Resource"]),
        case("{\"resourceType\":", &["json-syntax Resource"]),
        case("[]", &["json-root Resource"]),
        case("{\"a\":".repeat(65) + "1" + &"}".repeat(65), &["json-depth Resource"]),
        case(format!("{{\"a\":[{}1]}}", "1,".repeat(49_998)), &["json-too-large Resource"]),
        case(format!("{{\"a\":[{{\"{}\":1}}]}}", "k".repeat(129)), &["json-too-large Resource.a[0]"]),
        case(
            REGULATOR.replace("\"active\": true", "\"active\": true, \"active\": false"),
            &["json-duplicate-key Practitioner.active"],
        ),
        case(REGULATOR.replace("\"active\": true", "\"active\": null"), &["json-null Practitioner.active"]),
        case(changed(REGULATOR, &[("/name/0/family", json!(""))]), &["json-empty-value Practitioner.name[0].family"]),
        case(
            changed(REGULATOR, &[("/name/0/family", json!("A\u{0}"))]),
            &["json-control-character Practitioner.name[0].family"],
        ),
        case(r#"{"active":true}"#, &["resource-type-missing Resource"]),
        case(r#"{"resourceType":"Patient"}"#, &["resource-type-mismatch Resource"]),
    ]
}

fn structure() -> Vec<Case> {
    let at_regulator = |changes: &[(&str, Value)], expected: &[&str]| case(changed(REGULATOR, changes), expected);
    let at_appointment = |changes: &[(&str, Value)], expected: &[&str]| case(changed(APPOINTMENT, changes), expected);
    vec![
        at_regulator(&[("/foo", json!(1))], &["fhir-unknown-element Practitioner"]),
        at_regulator(&[("/name/0/foo", json!(1))], &["fhir-unknown-element Practitioner.name[0]"]),
        at_regulator(
            &[
                ("/name/0/family", json!("")),
                ("/gender", Value::Null),
                ("/active", json!("yes")),
                ("/telecom/0/system", json!("phone")),
            ],
            &[
                "json-empty-value Practitioner.name[0].family",
                "fhir-json-type Practitioner.active",
                "practitioner-telecom-email Practitioner.telecom[0].system",
            ],
        ),
        at_regulator(&[("/telecom/0/rank", json!(1.5))], &["fhir-json-type Practitioner.telecom[0].rank"]),
        at_regulator(&[("/name/0/family", json!("  "))], &["fhir-primitive Practitioner.name[0].family"]),
        at_regulator(&[("/active", json!("true"))], &["fhir-json-type Practitioner.active"]),
        at_regulator(&[("/name", json!({"family": "A"}))], &["fhir-json-type Practitioner.name"]),
        at_regulator(&[("/gender", json!(3))], &["fhir-json-type Practitioner.gender"]),
        at_regulator(&[("/birthDate", json!("1980-02-30"))], &["fhir-primitive Practitioner.birthDate"]),
        at_regulator(&[("/birthDate", json!("30/02/1980"))], &["fhir-primitive Practitioner.birthDate"]),
        at_regulator(&[("/id", json!("a_b"))], &["fhir-primitive Practitioner.id"]),
        at_regulator(&[("/telecom/0/rank", json!(0))], &["fhir-primitive Practitioner.telecom[0].rank"]),
        case(
            changed(REGULATOR, &[("/telecom/0/rank", json!(7))]).replace("\"rank\":7", "\"rank\":7.0"),
            &["fhir-primitive Practitioner.telecom[0].rank"],
        ),
        at_regulator(&[("/gender", json!("F"))], &["fhir-code Practitioner.gender"]),
        at_regulator(
            &[("/qualification", json!([{"issuer": {"display": "x"}}]))],
            &["fhir-required-element Practitioner.qualification[0].code"],
        ),
        at_regulator(
            &[("/extension", json!([{"url": "https://e.org", "valueString": "a", "valueCode": "b"}]))],
            &["fhir-choice Practitioner.extension[0].value"],
        ),
        at_regulator(
            &[("/extension", json!([{"valueString": "a"}]))],
            &["fhir-required-element Practitioner.extension[0].url"],
        ),
        at_appointment(&[("/status", Value::Null)], &["fhir-required-element Appointment.status"]),
        at_appointment(&[("/participant", Value::Null)], &["fhir-required-element Appointment.participant"]),
        at_appointment(&[("/status", json!("BOOKED"))], &["fhir-code Appointment.status"]),
        at_appointment(&[("/status", json!("canceled"))], &["fhir-code Appointment.status"]),
        at_appointment(
            &[("/participant/0/status", json!("no-idea"))],
            &["fhir-code Appointment.participant[0].status"],
        ),
        at_appointment(&[("/start", json!("2026-03-04T14:00:00"))], &["fhir-primitive Appointment.start"]),
        at_appointment(&[("/start", json!("2026-03-04T14:00+01:00"))], &["fhir-primitive Appointment.start"]),
        at_appointment(&[("/minutesDuration", json!(15)), ("/priority", json!(0))], &[]),
    ]
}

fn invariants() -> Vec<Case> {
    let at_full = |changes: &[(&str, Value)], expected: &[&str]| case(changed(REGULATOR_FULL, changes), expected);
    let extension = |value: Value| [("/extension/0", value)];
    let contained = |resource: Value| {
        vec![("/contained", json!([resource])), ("/qualification/0/issuer", json!({"reference": "#o"}))]
    };
    vec![
        at_full(&extension(json!({"url": "https://e.org"})), &["fhir-ext-1 Practitioner.extension[0]"]),
        at_full(
            &extension(
                json!({"url": "https://e.org", "valueString": "a", "extension": [{"url": "b", "valueString": "c"}]}),
            ),
            &["fhir-ext-1 Practitioner.extension[0]"],
        ),
        at_full(
            &extension(json!({"url": "https://e.org", "valueQuantity": {"value": 1, "code": "mm"}})),
            &["fhir-qty-3 Practitioner.extension[0].value"],
        ),
        at_full(
            &extension(json!({"url": "https://e.org", "valueRatio": {"numerator": {"value": 1}}})),
            &["fhir-rat-1 Practitioner.extension[0].value"],
        ),
        at_full(&[("/photo", json!([{"data": "QUJD"}]))], &["fhir-att-1 Practitioner.photo[0]"]),
        at_full(
            &[("/qualification/0/period", json!({"start": "2026-02", "end": "2026-01-31"}))],
            &["fhir-per-1 Practitioner.qualification[0].period"],
        ),
        at_full(&[("/qualification/0/period", json!({"start": "2026-02", "end": "2026"}))], &[]),
        at_full(
            &[("/qualification/0/issuer", json!({"reference": "#nobody"}))],
            &["fhir-ref-1 Practitioner.qualification[0].issuer.reference"],
        ),
        at_full(&contained(json!({"resourceType": "Organization", "id": "o", "name": "x"})), &[]),
        at_full(
            &[("/contained", json!([{"resourceType": "Organization", "id": "o", "name": "x"}]))],
            &["fhir-dom-3 Practitioner.contained[0]"],
        ),
        at_full(
            &contained(
                json!({"resourceType": "Organization", "id": "o", "name": "x", "contained": [{"resourceType": "Organization", "id": "p", "name": "x"}]}),
            ),
            &["fhir-dom-2 Practitioner.contained[0]"],
        ),
        at_full(
            &contained(json!({"resourceType": "Organization", "id": "o", "name": "x", "meta": {"versionId": "1"}})),
            &["fhir-dom-4 Practitioner.contained[0].meta"],
        ),
        at_full(
            &contained(
                json!({"resourceType": "Organization", "id": "o", "name": "x", "meta": {"security": [{"code": "R"}]}}),
            ),
            &["fhir-dom-5 Practitioner.contained[0].meta"],
        ),
        at_full(
            &[("/telecom/0/system", Value::Null)],
            &["fhir-cpt-2 Practitioner.telecom[0]", "practitioner-telecom-email Practitioner.telecom[0].system"],
        ),
    ]
}

fn practitioner() -> Vec<Case> {
    let at = |changes: &[(&str, Value)], expected: &[&str]| case(changed(REGULATOR, changes), expected);
    let intrn = || identifier("INTRN", T, "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11");
    vec![
        at(&[("/identifier", Value::Null)], &["practitioner-identifier Practitioner.identifier"]),
        at(
            &[("/identifier/0", json!({"type": {"text": "local"}, "system": "https://e.org", "value": "1"}))],
            &["practitioner-identifier-account Practitioner.identifier"],
        ),
        at(
            &[("/identifier/0", identifier("IDNPS", "urn:oid:1.2.250.1.71.4.2.2", "3456780581/11242343"))],
            &["practitioner-identifier-idnst Practitioner.identifier[0].system"],
        ),
        at(
            &[("/identifier/0/system", json!("1.2.250.1.213.3.6"))],
            &["fhir-absolute-uri Practitioner.identifier[0].system"],
        ),
        at(&[("/identifier/0/type", Value::Null)], &["practitioner-identifier-type Practitioner.identifier[0].type"]),
        at(
            &[("/identifier/-", json!({"type": {"text": "x"}, "value": "1"}))],
            &["practitioner-identifier-system Practitioner.identifier[1].system"],
        ),
        at(
            &[("/identifier/0/value", Value::Null)],
            &["practitioner-identifier-value Practitioner.identifier[0].value"],
        ),
        at(
            &[("/identifier/0", identifier("INTRN", N, "810002909371"))],
            &["practitioner-identifier-idnps-type Practitioner.identifier[0].type.coding"],
        ),
        at(
            &[("/identifier/0/type", json!({"text": "no coding"}))],
            &["practitioner-identifier-intrn-type Practitioner.identifier[0].type.coding"],
        ),
        at(
            &[("/identifier/0/type", typed("IDNPS"))],
            &["practitioner-identifier-intrn-type Practitioner.identifier[0].type.coding"],
        ),
        at(
            &[(
                "/identifier/0/type/coding/0/system",
                json!("https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"),
            )],
            &["practitioner-identifier-intrn-type Practitioner.identifier[0].type.coding"],
        ),
        at(
            &[("/identifier/-", identifier("IDNPS", "https://e.org", "1"))],
            &["practitioner-identifier-idnps-system Practitioner.identifier[1].system"],
        ),
        at(
            &[
                ("/identifier/-", identifier("IDNPS", N, "810002909371")),
                ("/identifier/-", identifier("IDNPS", N, "810002909372")),
            ],
            &["practitioner-identifier-idnps-single Practitioner.identifier"],
        ),
        at(&[("/identifier/-", intrn())], &["practitioner-identifier-intrn-single Practitioner.identifier"]),
        at(
            &[("/identifier/0", identifier("IDNPS", N, "10005681340"))],
            &["practitioner-identifier-idnps-form Practitioner.identifier[0].value"],
        ),
        at(&[("/identifier/0", identifier("IDNPS", N, "3456780581/11242343"))], &[]),
        at(
            &[("/identifier/0/value", json!("42"))],
            &["practitioner-identifier-intrn-form Practitioner.identifier[0].value"],
        ),
        at(
            &[("/identifier/-", json!({"type": {"text": "x"}, "system": "https://e.org", "value": "1".repeat(256)}))],
            &["identifier-length Practitioner.identifier[1]"],
        ),
        at(
            &[(
                "/identifier",
                (0..51)
                    .map(|number| {
                        if number == 0 {
                            intrn()
                        } else {
                            json!({"type": {"text": "x"}, "system": "https://e.org", "value": number.to_string()})
                        }
                    })
                    .collect(),
            )],
            &["identifier-count Practitioner.identifier"],
        ),
        at(&[("/active", Value::Null)], &["practitioner-active Practitioner.active"]),
        at(&[("/name", Value::Null)], &["practitioner-name Practitioner.name"]),
        at(&[("/name/0/family", Value::Null)], &["practitioner-name-family Practitioner.name[0].family"]),
        at(&[("/name/0/given", Value::Null)], &["practitioner-name-given Practitioner.name[0].given"]),
        at(
            &[("/name/0/given", json!([null])), ("/name/0/_given", json!([{"id": "x"}]))],
            &["fhir-ele-1 Practitioner.name[0].given[0]", "practitioner-name-given Practitioner.name[0].given[0]"],
        ),
        at(&[("/name/0/given", json!(["A", "B"]))], &["practitioner-name-given Practitioner.name[0].given"]),
        at(&[("/name/0/prefix", json!(["M", "DR"]))], &["practitioner-name-prefix Practitioner.name[0].prefix"]),
        at(&[("/telecom", Value::Null)], &["practitioner-telecom Practitioner.telecom"]),
        at(
            &[("/telecom/-", json!({"system": "phone", "value": "+33100000000"}))],
            &["practitioner-telecom-email Practitioner.telecom[1].system"],
        ),
        at(&[("/telecom/0/value", Value::Null)], &["practitioner-telecom-value Practitioner.telecom[0].value"]),
        at(&[("/telecom/0/value", json!("nadia"))], &["practitioner-telecom-form Practitioner.telecom[0].value"]),
        at(&[("/meta/source", json!("urn:oid:1.2.3"))], &["practitioner-meta-source Practitioner.meta.source"]),
        at(&[("/meta", Value::Null)], &["practitioner-meta-source-missing Practitioner.meta"]),
        at(&[("/meta/profile", json!(["https://e.org/p"]))], &["profile-unknown Practitioner.meta.profile[0]"]),
        at(
            &[("/active", Value::Null), ("/name", Value::Null), ("/telecom/0/system", json!("phone"))],
            &[
                "practitioner-active Practitioner.active",
                "practitioner-name Practitioner.name",
                "practitioner-telecom-email Practitioner.telecom[0].system",
            ],
        ),
    ]
}

fn appointment() -> Vec<Case> {
    let at = |changes: &[(&str, Value)], expected: &[&str]| case(changed(APPOINTMENT, changes), expected);
    let at_sos = |changes: &[(&str, Value)], expected: &[&str]| case(changed(APPOINTMENT_SOS, changes), expected);
    let operator = "/extension/0/valueReference/identifier";
    let other_extension = || json!({"url": "https://e.org", "valueString": "x"});
    let orientation = |code: &str| {
        json!({
            "url": "https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/sas-categorie-orientation",
            "valueCodeableConcept": {"coding": [{
                "system": "https://interop.esante.gouv.fr/ig/fhir/sas/CodeSystem/categorie-orientation-sas-codesystem", "code": code
            }]}
        })
    };
    let cancelled = || json!({"text": "empêchement"});
    vec![
        at(
            &[(
                "/meta/profile/0",
                json!("https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/FrAppointmentSAS"),
            )],
            &["profile-alias Appointment.meta.profile[0]"],
        ),
        at(&[("/meta", Value::Null)], &[]),
        at(&[("/meta/profile/0", json!("https://e.org/p"))], &["profile-unknown Appointment.meta.profile[0]"]),
        at(&[("/identifier", Value::Null)], &["appointment-identifier Appointment.identifier"]),
        at(
            &[("/identifier/-", json!({"system": "https://e.org", "value": "b"}))],
            &["appointment-identifier Appointment.identifier"],
        ),
        at(
            &[("/identifier/0/system", Value::Null)],
            &["appointment-identifier-system Appointment.identifier[0].system"],
        ),
        at(&[("/identifier/0/value", Value::Null)], &["appointment-identifier-value Appointment.identifier[0].value"]),
        at(&[("/extension", Value::Null)], &["appointment-operator Appointment.extension"]),
        at(&[("/extension/0", other_extension())], &["appointment-operator Appointment.extension"]),
        at(
            &[("/extension/-", serde_json::from_str::<Value>(APPOINTMENT).expect("a fixture")["extension"][0].clone())],
            &["appointment-operator-single Appointment.extension"],
        ),
        at(
            &[(
                "/extension/0",
                json!({"url": "http://interopsante.org/fhir/StructureDefinition/FrAppointmentOperator", "valueString": "x"}),
            )],
            &["appointment-operator-reference Appointment.extension[0].value"],
        ),
        at(
            &[("/extension/0/valueReference", json!({"display": "x"}))],
            &["appointment-operator-identifier Appointment.extension[0].value.identifier"],
        ),
        at(
            &[(&format!("{operator}/value"), Value::Null)],
            &["appointment-operator-identifier Appointment.extension[0].value.identifier.value"],
        ),
        at(
            &[(&format!("{operator}/type/coding/0/code"), json!("RPPS"))],
            &["appointment-operator-type Appointment.extension[0].value.identifier.type.coding[0].code"],
        ),
        at(
            &[(&format!("{operator}/type"), typed("IDNPS"))],
            &["appointment-operator-type-system Appointment.extension[0].value.identifier.system"],
        ),
        at(&[("/extension/-", other_extension())], &[]),
        at_sos(&[("/extension/-", other_extension())], &["appointment-extension Appointment.extension[1].url"]),
        at(&[("/extension/-", orientation("002"))], &[]),
        at(&[("/extension/-", orientation("999"))], &["appointment-orientation Appointment.extension[1].value.coding"]),
        at(&[("/start", Value::Null)], &["appointment-start Appointment.start"]),
        at(&[("/end", Value::Null)], &["appointment-end Appointment.end"]),
        at(&[("/end", json!("2026-03-04T12:59:59Z"))], &["appointment-period Appointment.end"]),
        at(&[("/status", json!("waitlist"))], &["appointment-status-unused Appointment.status"]),
        at(
            &[("/participant/0/status", json!("declined"))],
            &["appointment-participant-status Appointment.participant[0].status"],
        ),
        at(
            &[("/participant/0/status", json!("needs-action"))],
            &["appointment-participant-needs-action Appointment.participant[0].status"],
        ),
        at(
            &[("/participant/0/status", json!("refused"))],
            &["appointment-participant-refused Appointment.participant[0].status"],
        ),
        at_sos(
            &[("/participant/0/status", json!("tentative"))],
            &["appointment-participant-status Appointment.participant[0].status"],
        ),
        at(
            &[("/participant/0/actor", Value::Null)],
            &[
                "appointment-actor-missing Appointment.participant[0].actor",
                "fhir-app-1 Appointment.participant[0].actor",
            ],
        ),
        at_sos(&[("/participant/0/type", Value::Null)], &["fhir-app-1 Appointment.participant[0].actor"]),
        at(
            &[("/participant/0/actor/identifier", identifier("INTRN", T, "810002909371"))],
            &[
                "appointment-actor-identifier Appointment.participant[0].actor.identifier.system",
                "appointment-actor-identifier Appointment.participant[0].actor.identifier.type.coding",
            ],
        ),
        at_sos(&[("/participant/0/actor", json!({"identifier": identifier("INTRN", T, "1")}))], &[]),
        at(
            &[("/participant/0/actor/identifier/value", json!("3456780581/11242343"))],
            &["appointment-actor-form Appointment.participant[0].actor.identifier.value"],
        ),
        at(
            &[("/specialty", json!([{"text": "médecine générale"}]))],
            &["appointment-specialty Appointment.specialty[0].coding"],
        ),
        at(&[("/cancelationReason", cancelled())], &["fhir-app-4 Appointment.status"]),
        at(&[("/cancelationReason", cancelled()), ("/status", json!("cancelled"))], &[]),
        at(&[("/cancelationReason", cancelled()), ("/status", json!("noshow"))], &[]),
    ]
}

/// Data of patients, wherever they stand.
pub fn patients() -> Vec<Case> {
    const INS: &str = "urn:oid:1.2.250.1.213.1.4.8";
    let at = |changes: &[(&str, Value)], expected: &[&str]| case(changed(APPOINTMENT, changes), expected);
    let actor = |actor: Value| ("/participant/-", json!({"actor": actor, "status": "accepted"}));
    let contained = |resource_type: &str| {
        let contained = json!([{"resourceType": resource_type, "id": "p", "name": [{"family": "DURAND"}]}]);
        [("/contained", contained), ("/supportingInformation", json!([{"reference": "#p"}]))]
    };
    let referring = |reference: &str| {
        at(&[actor(json!({"reference": reference}))], &["appointment-patient Appointment.participant[1].actor"])
    };
    let of_type = |name: &str| {
        at(&[actor(json!({"type": name, "display": "D."}))], &["appointment-patient Appointment.participant[1].actor"])
    };
    let mut cases: Vec<_> =
        ["Patient/1", "RelatedPerson/1", "https://example.org/fhir/Patient/1/_history/2", "Patient?identifier=a|b"]
            .map(referring)
            .into();
    cases.extend(["Patient", "RelatedPerson"].map(of_type));
    let mut of_url = of_type("http://hl7.org/fhir/StructureDefinition/Patient|4.0.1");
    of_url.expected.push("fhir-code Appointment.participant[1].actor.type".to_owned());
    cases.push(of_url);
    cases.extend([
        at(&contained("Patient"), &["contained-patient Appointment.contained[0]"]),
        at(&contained("RelatedPerson"), &["contained-patient Appointment.contained[0]"]),
        case(
            changed(
                REGULATOR,
                &[
                    ("/contained", json!([{"resourceType": "Patient", "id": "p"}])),
                    ("/extension", json!([{"url": "https://e.org/x", "valueReference": {"reference": "#p"}}])),
                ],
            ),
            &["contained-patient Practitioner.contained[0]"],
        ),
        at(
            &[("/extension/0/valueReference/reference", json!("Patient/1"))],
            &["appointment-patient Appointment.extension[0].value"],
        ),
        at(
            &[("/supportingInformation", json!([{"reference": "RelatedPerson/1"}]))],
            &["appointment-patient Appointment.supportingInformation[0]"],
        ),
        at(
            &[("/supportingInformation", json!([{"identifier": {"system": INS, "value": "1"}}]))],
            &["patient-identifier Appointment.supportingInformation[0].identifier.system"],
        ),
        at(
            &[("/extension/-", json!({"url": "https://e.org/x", "valueIdentifier": {"system": INS, "value": "1"}}))],
            &["patient-identifier Appointment.extension[1].value.system"],
        ),
        at(&[("/identifier/0/system", json!(INS))], &["patient-identifier Appointment.identifier[0].system"]),
        case(
            changed(REGULATOR, &[("/identifier/-", json!({"system": "urn:oid:1.2.250.1.213.1.4.9", "value": "1"}))]),
            &[
                "patient-identifier Practitioner.identifier[1].system",
                "practitioner-identifier-type Practitioner.identifier[1].type",
            ],
        ),
        // What a participant does is no reference to a patient.
        at(
            &[(
                "/participant/-",
                json!({
                    "type": [{"coding": [{"system": "https://e.org/type", "code": "Patient", "display": "Patient"}]}],
                    "status": "accepted"
                }),
            )],
            &["appointment-actor-missing Appointment.participant[1].actor"],
        ),
        at(&[actor(json!({"reference": "Location/Patient"}))], &[]),
    ]);
    cases
}
