//! Cases that the HL7 validator refuses, several of each kind, with legal ones of the same kind.

use serde_json::{Value, json};

use crate::cases::{Case, case};
use crate::{APPOINTMENT, APPOINTMENT_SOS, REGULATOR_FULL, changed};

const E: &str = "https://e.org/x";
const REGULATOR_PLACE: &str = "Practitioner.extension[0].value";

pub fn all() -> Vec<Case> {
    [
        narratives(),
        values(),
        codes(),
        languages(),
        references(),
        contained(),
        extensions(),
        parts(),
        data_types(),
        warnings(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The account with these changes; expectations as one text, separated by `;`.
fn account(changes: &[(&str, Value)], expected: &str) -> Case {
    case(changed(REGULATOR_FULL, changes), &expected.split(';').filter(|rule| !rule.is_empty()).collect::<Vec<_>>())
}

fn appointment(changes: &[(&str, Value)], expected: &str) -> Case {
    case(changed(APPOINTMENT, changes), &expected.split(';').filter(|rule| !rule.is_empty()).collect::<Vec<_>>())
}

/// The account with one extension, and the rule that its value breaks, if any.
fn extended(form: &str, value: Value, rule: &str) -> Case {
    let expected = if rule.is_empty() { String::new() } else { rule.replace('@', REGULATOR_PLACE) };
    account(&[("/extension", json!([{ "url": E, form: value }]))], &expected)
}

fn narratives() -> Vec<Case> {
    let div = |content: &str| format!(r#"<div xmlns="http://www.w3.org/1999/xhtml">{content}</div>"#);
    let texts = [
        (div("a"), ""),
        (div(r#"<p style="a:b" class="c" lang="fr" xml:lang="fr">a</p><img src="a.png" alt="a"/>"#), ""),
        (div("<script>1</script>"), "fhir-txt-1"),
        (div(r#"<p onclick="x">a</p>"#), "fhir-txt-1"),
        (div(r#"<iframe src="x">a</iframe>"#), "fhir-txt-1"),
        (div("<style>a</style>"), "fhir-txt-1"),
        (div(r#"<a href="javascript:x">a</a>"#), "fhir-txt-1"),
        (div(" "), "fhir-txt-2"),
        (div("<br/>"), "fhir-txt-2"),
        (div("<b>a</i>"), "fhir-primitive"),
        (div("a & b"), "fhir-primitive"),
        (div("&nbsp;a"), "fhir-primitive"),
        ("<div>a</div>".to_owned(), "fhir-primitive"),
        (r#"<p xmlns="http://www.w3.org/1999/xhtml">a</p>"#.to_owned(), "fhir-primitive"),
        (r#"<!DOCTYPE x><div xmlns="http://www.w3.org/1999/xhtml">a</div>"#.to_owned(), "fhir-primitive"),
    ];
    let texts = texts.into_iter().flat_map(|(text, rule)| {
        let place = |root: &str| if rule.is_empty() { String::new() } else { format!("{rule} {root}.text.div") };
        let narrative = json!({ "status": "generated", "div": text });
        let inside = json!([{ "resourceType": "Organization", "id": "o", "name": "x", "text": narrative }]);
        let issuer = json!({ "reference": "#o" });
        [
            account(&[("/text", narrative.clone())], &place("Practitioner")),
            appointment(&[("/text", narrative)], &place("Appointment")),
            account(
                &[("/contained", inside), ("/qualification/0/issuer", issuer)],
                &place("Practitioner.contained[0]"),
            ),
        ]
    });
    let script = div("<script>1</script>");
    let narrative = || json!({ "status": "generated", "div": script });
    let hidden = [
        (
            "parameter[0].resource.text",
            json!({ "resourceType": "Parameters", "id": "o", "parameter": [
            { "name": "r", "resource": { "resourceType": "Organization", "name": "x", "text": narrative() } },
        ] }),
        ),
        (
            "entry[0].resource.text",
            json!({ "resourceType": "Bundle", "id": "o", "type": "collection", "entry": [
            { "resource": { "resourceType": "Basic", "text": narrative() } },
        ] }),
        ),
        ("section[0].text", json!({ "resourceType": "Composition", "id": "o", "section": [{ "text": narrative() }] })),
        (
            "section[0].section[0].text",
            json!({ "resourceType": "Composition", "id": "o", "section": [{ "section": [{ "text": narrative() }] }] }),
        ),
    ];
    let hashed =
        json!({ "resourceType": "Composition", "id": "o", "section": [{ "text": { "div": "#<script>1</script>" } }] });
    let hashed = account(
        &[
            ("/contained", json!([hashed])),
            ("/extension", json!([{ "url": E, "valueReference": { "reference": "#o" } }])),
        ],
        "fhir-primitive Practitioner.contained[0].section[0].text.div",
    );
    let hidden = hidden.into_iter().map(|(place, resource)| {
        let extension = json!([{ "url": E, "valueReference": { "reference": "#o" } }]);
        let expected = format!("fhir-txt-1 Practitioner.contained[0].{place}.div");
        account(&[("/contained", json!([resource])), ("/extension", extension)], &expected)
    });
    texts.chain(hidden).chain([hashed]).collect()
}

/// Primitives: only a companion, uris, base64, blank strings.
fn values() -> Vec<Case> {
    let id = || json!({ "id": "a" });
    let extension = || json!({ "extension": [{ "url": E, "valueCode": "a" }] });
    let oid = |text: &str, rule: &str| extended("valueUri", json!(text), rule);
    let photo = |value: Value, expected: &str| account(&[("/photo", json!([value]))], expected);
    vec![
        account(&[("/gender", Value::Null), ("/_gender", extension())], "fhir-code-missing Practitioner.gender"),
        account(&[("/birthDate", Value::Null), ("/_birthDate", id())], "fhir-ele-1 Practitioner.birthDate"),
        account(&[("/birthDate", Value::Null), ("/_birthDate", extension())], ""),
        account(&[("/_birthDate", id())], ""),
        extended("_valueString", id(), "fhir-ele-1 @"),
        account(
            &[("/name/0/given", json!([null])), ("/name/0/_given", json!([id()]))],
            "fhir-ele-1 Practitioner.name[0].given[0];practitioner-name-given Practitioner.name[0].given[0]",
        ),
        // FHIR allows it; SAS asks for a given name.
        account(
            &[("/name/0/given", json!([null])), ("/name/0/_given", json!([extension()]))],
            "practitioner-name-given Practitioner.name[0].given[0]",
        ),
        account(&[("/name/0/_given", json!([null, id()]))], "fhir-ele-1 Practitioner.name[0].given[1]"),
        appointment(
            &[("/status", Value::Null), ("/_status", id())],
            "fhir-code-missing Appointment.status;fhir-ele-1 Appointment.status",
        ),
        appointment(&[("/status", Value::Null), ("/_status", extension())], "fhir-code-missing Appointment.status"),
        appointment(
            &[("/participant/0/status", Value::Null), ("/participant/0/_status", extension())],
            "fhir-code-missing Appointment.participant[0].status",
        ),
        appointment(
            &[("/participant/0/_required", extension())],
            "fhir-code-missing Appointment.participant[0].required",
        ),
        appointment(&[("/_minutesDuration", id())], "fhir-ele-1 Appointment.minutesDuration"),
        oid("urn:oid:1", "fhir-primitive @"),
        oid("urn:oid:1..2", "fhir-primitive @"),
        oid("urn:oid:3.2", "fhir-primitive @"),
        oid("urn:uuid:zz", "fhir-primitive @"),
        oid("a b", "fhir-primitive @"),
        oid("urn:oid:1.2.3", ""),
        oid("abc", ""),
        extended("valueOid", json!("1.2.3"), "fhir-primitive @"),
        extended("valueUuid", json!("urn:oid:1.2.3"), "fhir-primitive @"),
        extended("valueUrl", json!("urn:oid:1"), "fhir-primitive @"),
        extended("valueCanonical", json!("abc"), "fhir-absolute-uri @"),
        extended("valueCanonical", json!("#a"), ""),
        account(
            &[("/meta/profile", json!(["abc"]))],
            "fhir-absolute-uri Practitioner.meta.profile[0];profile-unknown Practitioner.meta.profile[0]",
        ),
        account(
            &[("/implicitRules", json!("urn:oid:1"))],
            "fhir-implicit-rules Practitioner.implicitRules;fhir-primitive Practitioner.implicitRules",
        ),
        extended("valueBase64Binary", json!("===="), "fhir-primitive @"),
        extended("valueBase64Binary", json!("QUJ"), "fhir-primitive @"),
        extended("valueBase64Binary", json!("QUJD\nQUI="), ""),
        photo(json!({ "contentType": "image/png", "data": "QQ=" }), "fhir-primitive Practitioner.photo[0].data"),
        photo(json!({ "contentType": "image/png", "hash": "====" }), "fhir-primitive Practitioner.photo[0].hash"),
        photo(json!({ "contentType": "image/png", "data": "QUJD", "size": 3 }), ""),
        photo(
            json!({ "contentType": "image/png", "data": "QUJD", "size": 4 }),
            "fhir-attachment-size Practitioner.photo[0].size",
        ),
        photo(
            json!({ "contentType": "image/png", "data": "QUJD", "_size": extension() }),
            "fhir-attachment-size Practitioner.photo[0].size",
        ),
        photo(json!({ "contentType": "image/png", "url": "https://e.org/a", "size": 4 }), ""),
        account(&[("/name/0/family", json!("\u{200B}"))], "fhir-primitive Practitioner.name[0].family"),
        account(&[("/name/0/family", json!("\u{2060}\u{AD}"))], "fhir-primitive Practitioner.name[0].family"),
        account(&[("/name/0/family", json!("\u{3164}"))], "fhir-primitive Practitioner.name[0].family"),
        account(&[("/name/0/family", json!("Le\u{AD}Goff"))], ""),
    ]
}

fn codes() -> Vec<Case> {
    let coded = |system: &str, code: &str| json!({ "coding": [{ "system": system, "code": code }] });
    let kind = |code: &str| coded("http://terminology.hl7.org/CodeSystem/v2-0276", code);
    let role = |code: &str| coded("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", code);
    let fr = |code: &str| coded("http://interopsante.org/fhir/CodeSystem/fr-v2-0203", code);
    let other = |code: &str| json!({ "type": fr(code), "system": "https://e.org", "value": "1" });
    let without_code = json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203" }] });
    let unknown_system = json!({ "coding": [{ "system": "https://e.org/codes" }] });
    vec![
        appointment(&[("/appointmentType", kind("ROUTINE"))], ""),
        appointment(&[("/appointmentType", kind("routine"))], ""),
        appointment(
            &[("/appointmentType", kind("URGENT"))],
            "fhir-code-unknown Appointment.appointmentType.coding[0].code",
        ),
        appointment(&[("/participant/0/type", json!([role("PPRF")]))], ""),
        appointment(
            &[("/participant/0/type", json!([role("ZZZ")]))],
            "fhir-code-unknown Appointment.participant[0].type[0].coding[0].code",
        ),
        appointment(
            &[("/participant/0/type", json!([role("pprf")]))],
            "fhir-code-unknown Appointment.participant[0].type[0].coding[0].code",
        ),
        account(&[("/identifier/-", other("EXTRN"))], ""),
        account(&[("/identifier/-", other("extrn"))], ""),
        account(&[("/identifier/-", other("ZZ"))], "fhir-code-unknown Practitioner.identifier[3].type.coding[0].code"),
        extended("valueCodeableConcept", without_code.clone(), "fhir-coding-code @.coding[0]"),
        appointment(&[("/reasonCode", json!([without_code]))], "fhir-coding-code Appointment.reasonCode[0].coding[0]"),
        extended("valueCodeableConcept", unknown_system, ""),
        extended(
            "valueCoding",
            json!({ "system": "http://hl7.org/fhir/administrative-gender", "code": "MALE" }),
            "fhir-code-unknown @.code",
        ),
        extended("valueCoding", json!({ "system": "http://snomed.info/sct", "code": "zz" }), ""),
        extended("valueCoding", json!({ "system": "urn:iso:std:iso:3166", "code": "ZZ" }), "fhir-code-unknown @.code"),
        extended(
            "valueQuantity",
            json!({ "value": 1, "system": "urn:iso:std:iso:4217", "code": "euro" }),
            "fhir-code-unknown @.code",
        ),
        account(
            &[("/meta/tag", json!([{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "zz" }]))],
            "fhir-code-unknown Practitioner.meta.tag[0].code",
        ),
        extended("valueMoney", json!({ "value": 1, "currency": "EUR" }), ""),
        extended("valueMoney", json!({ "value": 1, "currency": "eur" }), "fhir-code @.currency"),
        extended(
            "valueMoney",
            json!({ "value": 1, "_currency": { "extension": [{ "url": E, "valueCode": "a" }] } }),
            "fhir-code-missing @.currency",
        ),
        account(
            &[(
                "/_birthDate",
                json!({ "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "X" }] }),
            )],
            "fhir-code Practitioner.birthDate.extension[0].value",
        ),
        extended("valueDataRequirement", json!({ "type": "Foo" }), "fhir-code @.type"),
        extended("valueDataRequirement", json!({ "type": "Patient" }), ""),
    ]
}

fn languages() -> Vec<Case> {
    let mut cases = vec![];
    for (language, rule) in [
        ("fr", ""),
        ("fr-FR", ""),
        ("frr", ""),
        ("fr_FR", "fhir-language"),
        ("french", "fhir-language"),
        ("klingon", "fhir-language"),
        ("zz", "fhir-language"),
        ("x", "fhir-language"),
    ] {
        let at = |place: &str| if rule.is_empty() { String::new() } else { format!("{rule} {place}") };
        let spoken = json!([{ "coding": [{ "system": "urn:ietf:bcp:47", "code": language }] }]);
        let photo = json!([{ "title": "a", "language": language }]);
        cases.push(account(&[("/language", json!(language))], &at("Practitioner.language")));
        cases.push(appointment(&[("/language", json!(language))], &at("Appointment.language")));
        cases.push(account(&[("/photo", photo)], &at("Practitioner.photo[0].language")));
        cases.push(account(&[("/communication", spoken)], &at("Practitioner.communication[0].coding[0].code")));
    }
    let spoken = |coding: Value| json!([{ "coding": [coding] }]);
    cases.extend([
        account(
            &[("/communication", spoken(json!({ "system": "urn:ietf:bcp:47x", "code": "fr" })))],
            "fhir-language Practitioner.communication[0].coding[0].system",
        ),
        account(&[("/communication", spoken(json!({ "code": "breton" })))], ""),
        account(&[("/communication", json!([{ "text": "breton" }]))], ""),
    ]);
    cases
}

fn references() -> Vec<Case> {
    let issuer = |reference: Value, expected: &str| {
        let expected = expected.replace('@', "Practitioner.qualification[0].issuer");
        account(&[("/qualification/0/issuer", reference)], &expected)
    };
    let actor = |reference: Value, expected: &str| {
        let added = json!({ "actor": reference, "status": "accepted" });
        appointment(&[("/participant/-", added)], &expected.replace('@', "Appointment.participant[1].actor"))
    };
    vec![
        issuer(json!({ "reference": "Organization/1" }), ""),
        issuer(json!({ "reference": "https://e.org/fhir/Organization/1", "type": "Organization" }), ""),
        issuer(json!({ "reference": "not a ref" }), "fhir-reference @.reference"),
        issuer(json!({ "reference": " Organization/1" }), "fhir-reference @.reference"),
        issuer(json!({ "reference": "Organization/1", "type": "Practitioner" }), "fhir-reference-type @.type"),
        issuer(json!({ "reference": "https://e.org/1", "type": "Practitioner" }), "fhir-reference-type @.type"),
        issuer(json!({ "type": "organization", "display": "x" }), "fhir-code @.type"),
        issuer(json!({ "type": "Foo", "display": "x" }), "fhir-code @.type"),
        issuer(json!({ "reference": "#" }), "fhir-ref-1 @.reference"),
        actor(json!({ "reference": "Location/1", "type": "Location" }), ""),
        actor(json!({ "reference": "Location/1/_history/2", "type": "Location" }), ""),
        actor(json!({ "reference": "Location/1", "type": "Device" }), "fhir-reference-type @.type"),
        actor(json!({ "reference": "not a ref" }), "fhir-reference @.reference"),
        extended(
            "valueReference",
            json!({ "reference": "Location/1", "type": "Device" }),
            "fhir-reference-type @.type",
        ),
        account(
            &[("/identifier/0/assigner", json!({ "reference": "a b" }))],
            "fhir-reference Practitioner.identifier[0].assigner.reference",
        ),
        account(
            &[
                ("/contained", json!([{ "resourceType": "Location", "id": "o" }])),
                ("/qualification/0/issuer", json!({ "reference": "#o" })),
            ],
            "fhir-reference-type Practitioner.qualification[0].issuer.reference",
        ),
    ]
}

fn contained() -> Vec<Case> {
    let at = |resource: Value, expected: &str| {
        let extension = json!([{ "url": E, "valueReference": { "reference": "#o" } }]);
        let expected = expected.replace('@', "Practitioner.contained[0]");
        account(&[("/contained", json!([resource])), ("/extension", extension)], &expected)
    };
    let of = |resource_type: &str, mut members: Value| {
        members["resourceType"] = resource_type.into();
        members["id"] = "o".into();
        members
    };
    let slot = |status: &str| json!({ "status": status, "schedule": { "display": "x" }, "start": "2026-01-01T10:00:00Z", "end": "2026-01-01T11:00:00Z" });
    let twice = json!([
        { "resourceType": "Organization", "id": "o", "name": "x" }, { "resourceType": "Location", "id": "o", "name": "x" },
    ]);
    let extension = json!([{ "url": E, "valueReference": { "reference": "#o" } }]);
    let mut cases = vec![
        account(&[("/contained", twice), ("/extension", extension)], "fhir-contained-id Practitioner.contained[1]"),
        at(of("Foo", json!({})), "fhir-code @"),
        at(of("DomainResource", json!({})), "fhir-primitive @"),
        at(
            of("Organization", json!({ "name": "x", "telecom": [{ "system": "phone", "value": "1", "use": "home" }] })),
            "fhir-org-home @.telecom[0].use",
        ),
        at(
            of("Organization", json!({ "name": "x", "address": [{ "city": "x", "use": "home" }] })),
            "fhir-org-home @.address[0].use",
        ),
        at(of("Organization", json!({ "name": "x", "address": [{ "city": "x", "use": "work" }] })), ""),
        at(of("Organization", json!({ "active": true })), "fhir-org-1 @"),
        at(of("Organization", json!({ "name": "x", "active": "yes" })), "fhir-json-type @.active"),
        at(of("Organization", json!({ "name": 1 })), "fhir-json-type @.name"),
        at(of("Organization", json!({ "name": "x", "language": "zz" })), "fhir-language @.language"),
        at(
            of(
                "Organization",
                json!({ "name": "x", "partOf": { "reference": "Practitioner/1", "type": "Practitioner" } }),
            ),
            "fhir-reference-type @.partOf.type",
        ),
        at(of("Location", json!({ "status": "zz" })), "fhir-code @.status"),
        at(of("Location", json!({ "position": { "longitude": 1 } })), "fhir-required-element @.position.latitude"),
        at(
            of("PractitionerRole", json!({ "availableTime": [{ "daysOfWeek": ["lundi"] }] })),
            "fhir-code @.availableTime[0].daysOfWeek[0]",
        ),
        at(of("PractitionerRole", json!({ "location": { "display": "x" } })), "fhir-json-type @.location"),
        at(
            of("HealthcareService", json!({ "notAvailable": [{ "during": { "start": "2026" } }] })),
            "fhir-required-element @.notAvailable[0].description",
        ),
        at(of("Practitioner", json!({ "gender": "F" })), "fhir-code @.gender"),
        at(of("Device", json!({ "deviceName": [{ "name": "x" }] })), "fhir-required-element @.deviceName[0].type"),
        at(
            of("Device", json!({ "property": [{ "type": { "text": "x" }, "valueCode": { "text": "x" } }] })),
            "fhir-json-type @.property[0].valueCode",
        ),
        at(of("Slot", slot("zz")), "fhir-code @.status"),
        at(of("Slot", slot("free")), ""),
        at(of("Schedule", json!({ "active": true })), "fhir-required-element @.actor"),
        at(
            of(
                "Schedule",
                json!({ "actor": [{ "display": "x" }], "planningHorizon": { "start": "2027", "end": "2026" } }),
            ),
            "fhir-per-1 @.planningHorizon",
        ),
        // Of other types, the common elements.
        at(of("Observation", json!({ "zork": 1 })), ""),
        at(of("Observation", json!({ "language": "zz" })), "fhir-language @.language"),
    ];
    for (resource_type, legal) in [
        ("Organization", json!({ "name": "x" })),
        ("Location", json!({ "name": "x" })),
        ("PractitionerRole", json!({ "active": true })),
        ("HealthcareService", json!({ "comment": "x" })),
        ("Practitioner", json!({ "gender": "male" })),
        ("Device", json!({ "status": "active" })),
        ("Schedule", json!({ "actor": [{ "display": "x" }] })),
    ] {
        cases.push(at(of(resource_type, legal.clone()), ""));
        let mut unknown = legal;
        unknown["zork"] = json!(1);
        cases.push(at(of(resource_type, unknown), "fhir-unknown-element @"));
    }
    cases
}

fn extensions() -> Vec<Case> {
    let relative = || json!([{ "url": "a", "valueCode": "x" }]);
    let nested = |url: &str| json!([{ "url": url, "extension": relative() }]);
    vec![
        account(&[("/extension", relative())], "fhir-absolute-uri Practitioner.extension[0].url"),
        account(&[("/extension", nested(E))], ""),
        account(&[("/extension", nested("1.2"))], "fhir-absolute-uri Practitioner.extension[0].url"),
        account(&[("/name/0/extension", relative())], "fhir-absolute-uri Practitioner.name[0].extension[0].url"),
        account(
            &[("/name/0/_family", json!({ "extension": relative() }))],
            "fhir-absolute-uri Practitioner.name[0].family.extension[0].url",
        ),
        extended(
            "valueCoding",
            json!({ "code": "a", "extension": relative() }),
            "fhir-absolute-uri @.extension[0].url",
        ),
        account(&[("/identifier/0/system", json!("RPPS"))], "fhir-absolute-uri Practitioner.identifier[0].system"),
        appointment(&[("/identifier/0/system", json!("agenda"))], "fhir-absolute-uri Appointment.identifier[0].system"),
        extended("valueIdentifier", json!({ "system": "2020-02-30", "value": "x" }), "fhir-absolute-uri @.system"),
        extended("valueIdentifier", json!({ "system": "HTTPS://e.org", "value": "x" }), "fhir-absolute-uri @.system"),
    ]
}

/// A part of a resource is not written over the whole.
fn parts() -> Vec<Case> {
    let system = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
    let tags = || json!([{ "system": E, "code": "SUBSETTED" }, { "system": system, "code": "SUBSETTED" }]);
    vec![
        account(&[("/meta/tag", tags())], "resource-subsetted Practitioner.meta.tag[1]"),
        appointment(&[("/meta/tag", tags())], "resource-subsetted Appointment.meta.tag[1]"),
        account(&[("/meta/tag", json!([{ "system": E, "code": "SUBSETTED" }]))], ""),
    ]
}

/// Named invariants of data types, and cardinalities of the profiles.
fn data_types() -> Vec<Case> {
    let ucum =
        |value: Value, code: &str| json!({ "value": value, "system": "http://unitsofmeasure.org", "code": code });
    let range = |low: Value, high: Value| json!({ "low": low, "high": high });
    let timing = |repeat: Value| json!({ "repeat": repeat });
    let two = json!([
        { "system": "http://interopsante.org/fhir/CodeSystem/fr-v2-0203", "code": "IDNPS" }, { "code": "x" },
    ]);
    let sos = changed(
        APPOINTMENT_SOS,
        &[("/participant/0/actor", json!({ "identifier": { "type": { "coding": two }, "value": "x" } }))],
    );
    vec![
        appointment(
            &[("/participant/0/actor/identifier/type/coding", two.clone())],
            "appointment-actor-identifier Appointment.participant[0].actor.identifier.type.coding",
        ),
        case(sos, &[]),
        extended("valueRange", range(json!({ "value": 2 }), json!({ "value": 1 })), "fhir-rng-2 @"),
        extended("valueRange", range(ucum(json!(2), "mg"), ucum(json!(1), "mg")), "fhir-rng-2 @"),
        extended("valueRange", range(ucum(json!(2), "mg"), ucum(json!(1), "g")), ""),
        extended("valueRange", range(json!({ "value": 1 }), json!({ "value": 1 })), ""),
        extended("valueRange", json!({ "low": { "value": 1, "comparator": "<" } }), "fhir-sqty-1 @.low"),
        extended("valueAge", ucum(json!(0), "a"), "fhir-quantity-unit @.value"),
        extended("valueAge", json!({ "value": 1 }), "fhir-quantity-unit @"),
        extended("valueAge", ucum(json!(1), "a"), ""),
        extended("valueCount", ucum(json!(1), "kg"), "fhir-quantity-unit @.code"),
        extended("valueDuration", json!({ "value": 1, "system": E, "code": "min" }), "fhir-quantity-unit @.system"),
        extended("valueDistance", json!({ "value": 1 }), "fhir-quantity-unit @"),
        extended("valueTiming", timing(json!({ "period": 1 })), "fhir-timing @.repeat"),
        extended("valueTiming", timing(json!({ "durationMax": 1 })), "fhir-timing @.repeat"),
        extended("valueTiming", timing(json!({ "period": -1, "periodUnit": "d" })), "fhir-timing @.repeat.period"),
        extended("valueTiming", timing(json!({ "period": 1, "periodUnit": "d" })), ""),
        extended("valueExpression", json!({ "language": "text/fhirpath" }), "fhir-expression @"),
        extended(
            "valueDataRequirement",
            json!({ "type": "Patient", "dateFilter": [{ "path": "a", "searchParam": "b" }] }),
            "fhir-data-requirement @.dateFilter[0]",
        ),
        extended("valueTriggerDefinition", json!({ "type": "named-event" }), "fhir-trigger @.name"),
        extended("valueTriggerDefinition", json!({ "type": "named-event", "name": "x" }), ""),
    ]
}

/// What is accepted and worth a word.
fn warnings() -> Vec<Case> {
    let modifier = || json!([{ "url": E, "valueCode": "x" }]);
    vec![
        account(&[("/modifierExtension", modifier())], "fhir-modifier-extension Practitioner.modifierExtension"),
        appointment(
            &[("/participant/0/modifierExtension", modifier())],
            "fhir-modifier-extension Appointment.participant[0].modifierExtension",
        ),
        account(&[("/implicitRules", json!("https://e.org/r"))], "fhir-implicit-rules Practitioner.implicitRules"),
        appointment(&[("/implicitRules", json!("https://e.org/r"))], "fhir-implicit-rules Appointment.implicitRules"),
        account(&[("/identifier/0/use", json!("old"))], "identifier-use-old Practitioner.identifier[0].use"),
        appointment(&[("/identifier/0/use", json!("old"))], "identifier-use-old Appointment.identifier[0].use"),
        extended("valueCoding", json!({ "system": "abc", "code": "x" }), "fhir-coding-system @.system"),
        appointment(
            &[("/reasonCode", json!([{ "coding": [{ "system": "abc", "code": "x" }] }]))],
            "fhir-coding-system Appointment.reasonCode[0].coding[0].system",
        ),
    ]
}
