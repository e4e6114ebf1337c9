//! A small invented directory, of which everything is known.

use serde_json::{Value, json};

/// Where the tables of the national nomenclature stand.
pub fn nos(table: &str) -> String {
    format!("https://mos.esante.gouv.fr/NOS/TRE_{table}/FHIR/TRE-{table}")
}

const AS: &str = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition";
const IDENTIFIER_TYPES: &str = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203";
const ENTITIES: &str = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-3307";
pub const RPPS: &str = "https://rpps.esante.gouv.fr";
pub const FINESS: &str = "https://finess.esante.gouv.fr";

/// All of it, in the order in which it is added.
pub fn everything() -> Vec<Value> {
    [organizations(), practitioners(), roles(), services(), devices()].concat()
}

pub fn organizations() -> Vec<Value> {
    let legal = entity("LEGAL-ENTITY");
    let geographical = || entity("GEOGRAPHICAL-ENTITY");
    vec![
        with(
            organization("001-02-1", "HOPITAL INTERCOMMUNAL DE LA PRESQU'ILE", "FINESS"),
            json!({
                "identifier": [identifier("FINEJ", FINESS, "750000001"), identifier("SIREN", "https://sirene.fr", "264403106")],
                "type": [legal, sector("SA01")],
                "telecom": [mailbox("accueil@ch-dax.mssante.fr", "ORG"), { "system": "phone", "value": "0450636363" }],
                "address": [address("96", "R", "DIDOT", "75014", "PARIS")],
                "extension": [period(json!({ "end": "2012" }))],
            }),
        ),
        with(
            organization("001-01-1", "CENTRE DE SANTE DR HOUSE", "FINESS"),
            json!({
                "identifier": [identifier("FINEG", FINESS, "750000011"), identifier("IDNST", "urn:oid:1.2.250.1.71.4.2.2", "1750000011")],
                "type": [geographical(), sector("SA05"), category("124"), activity("86.23Z")],
                "telecom": [mailbox("secretariat.drhouse@aura.mssante.fr", "ORG")],
                "address": [address("3", "AV", "MOZART", "75016", "PARIS")],
                "extension": [period(json!({ "start": "2010-01-01" }))],
                "partOf": { "reference": "Organization/001-02-1" },
            }),
        ),
        with(
            organization("001-01-2", "LABORATOIRE D'IMAGERIE ANDRÉ MIGNOT", "FINESS"),
            json!({
                "identifier": [identifier("FINEG", FINESS, "780000012")],
                "type": [geographical(), sector("SA25"), category("611")],
                // An ordinary address: no mailbox.
                "telecom": [{ "system": "email", "value": "contact@labo.example" }],
                "address": [address("177", "R", "DE VERSAILLES", "78000", "VERSAILLES")],
                "extension": [period(json!({ "start": "2015-06", "end": "2015-12-31" }))],
                "partOf": { "reference": "Organization/001-02-1" },
            }),
        ),
        with(
            organization("001-01-3", "PHARMACIE DU CENTRE", "RPPS"),
            json!({
                "identifier": [identifier("SIRET", "https://sirene.fr", "26440310600011")],
                "extension": [{ "url": format!("{AS}/as-ext-organization-pharmacy-licence"), "valueString": "75#000123" }],
                "type": [geographical(), sector("SA33")],
                "telecom": [mailbox("pharmacie.centre@apycript.org", "APP")],
                "address": [address("1", "PL", "DE L'EGLISE", "81310", "PARISOT")],
            }),
        ),
        with(
            organization("001-01-4", "EHPAD LES TILLEULS", "FINESS"),
            json!({
                "identifier": [identifier("FINEG", FINESS, "780000014")],
                "type": [geographical(), sector("SA17"), category("500")],
                "telecom": [mailbox("tilleuls@ehpad.mssante.fr", "ORG")],
                "address": [address("2", "R", "DES TILLEULS", "78000", "VERSAILLES")],
            }),
        ),
        with(
            organization("001-01-9", "CLINIQUE FERMEE", "FINESS"),
            json!({ "identifier": [identifier("FINEG", FINESS, "750000019")], "active": false }),
        ),
    ]
}

pub fn practitioners() -> Vec<Value> {
    vec![
        with(
            practitioner("003-1-1", "10001234567", "2025-05-01"),
            json!({
                "extension": [{ "url": format!("{AS}/as-ext-smartcard"), "extension": [
                    { "url": "type", "valueCodeableConcept": concept(&nos("R87-TypeCarte"), "CPS") },
                    { "url": "number", "valueString": "3100345668" },
                    { "url": "period", "valuePeriod": { "start": "2024-02-21", "end": "2027-02-21" } },
                ]}],
                "name": [{ "text": "Aubert Hélène", "family": "AUBERT", "given": ["Hélène"], "prefix": ["MME"], "suffix": ["DR"] }],
                "telecom": [mailbox("helene.aubert@medecin.mssante.fr", "PER")],
                "qualification": [profession("10"), speciality("SM26")],
            }),
        ),
        with(
            practitioner("003-2-2", "10001234568", "2025-05-27"),
            json!({
                "name": [{ "text": "Masi Bruno", "family": "MASI", "given": ["Bruno"], "prefix": ["M"], "suffix": ["DR"] }],
                "qualification": [profession("10")],
            }),
        ),
        with(
            practitioner("003-3-3", "10001234569", "2025-05-28"),
            json!({
                "name": [{ "text": "Leclerc Sophie", "family": "LECLERC", "given": ["Sophie"], "prefix": ["MME"] }],
                "telecom": [mailbox("sophie.leclerc@pharmacien.mssante.fr", "CAB")],
                "qualification": [profession("21")],
            }),
        ),
        // No longer in use, and still whole.
        with(
            practitioner("003-4-4", "10001234570", "2025-05-30"),
            json!({
                "active": false,
                "name": [{ "text": "Andre Paul", "family": "ANDRE", "given": ["Paul"] }],
                "qualification": [profession("10")],
            }),
        ),
        // As the national directory reduces them.
        with(practitioner("003-9-9", "10001234599", "2025-06-01"), json!({ "active": false })),
    ]
}

pub fn roles() -> Vec<Value> {
    let role = |id: &str, activity: &str, practitioner: &str, organization: &str, more: Value| {
        let own = json!({
            "identifier": [{ "use": "official", "system": RPPS, "value": activity }],
            "practitioner": { "reference": format!("Practitioner/{practitioner}") },
            "organization": { "reference": format!("Organization/{organization}") },
        });
        with(with(resource("PractitionerRole", "as-dp-practitionerrole", id, "2025-05-02"), own), more)
    };
    let codes =
        |codes: &[(&str, &str)]| -> Value { codes.iter().map(|(table, code)| concept(&nos(table), code)).collect() };
    let usual = codes(&[("R22-GenreActivite", "GENR01"), ("R23-ModeExercice", "L"), ("R21-Fonction", "FON-05")]);
    vec![
        role(
            "005-1-1",
            "1013186038",
            "003-1-1",
            "001-01-1",
            json!({ "code": usual, "telecom": [mailbox("helene.aubert.centre@medecin.mssante.fr", "CAB")] }),
        ),
        role(
            "005-1-2",
            "1013186039",
            "003-1-1",
            "001-01-2",
            json!({ "code": codes(&[("R85-RolePriseCharge", "318")]) }),
        ),
        role("005-2-1", "1013186040", "003-2-2", "001-01-1", json!({ "code": usual })),
        role(
            "005-3-1",
            "1013186041",
            "003-3-3",
            "001-01-3",
            json!({ "code": codes(&[("R06-SectionTableauCNOP", "A")]), "telecom": [mailbox("sophie@apycript.org", "CAB")] }),
        ),
        // At a place that is not in the directory, yet or any longer.
        role("005-4-1", "1013186042", "003-4-4", "001-01-404", json!({ "active": false })),
    ]
}

pub fn services() -> Vec<Value> {
    let arhgos = |value: &str| json!([{ "system": "https://arhgos.ars.sante.fr", "value": value }]);
    vec![
        with(
            resource("HealthcareService", "as-dp-healthcareservice-healthcare-activity", "004-1-01", "2025-05-03"),
            json!({
                "identifier": arhgos("52-52-49883"),
                "providedBy": { "reference": "Organization/001-01-1" },
                "characteristic": [concept(&nos("R276-FormeActivite"), "07")],
            }),
        ),
        with(
            resource("HealthcareService", "as-dp-healthcareservice-social-equipment", "004-1-02", "2025-05-03"),
            json!({
                "providedBy": { "reference": "Organization/001-01-4" },
                "characteristic": [concept(&nos("R209-TypeActivite"), "11")],
            }),
        ),
    ]
}

pub fn devices() -> Vec<Value> {
    let device = |id: &str, number: &str, status: &str, code: &str, owner: &str| {
        let mut device = with(
            resource("Device", "as-dp-device", id, "2025-05-04"),
            json!({
                "identifier": [{ "system": "https://arhgos.ars.sante.fr", "value": number }],
                "status": status,
                "type": concept(&nos("R272-EquipementMaterielLourd"), code),
                "owner": { "reference": format!("Organization/{owner}") },
            }),
        );
        device.as_object_mut().expect("an object").shift_remove("active");
        device
    };
    vec![
        device("002-1", "93-93-67204", "active", "05602", "001-01-2"),
        device("002-2", "32-31-1156", "inactive", "05701", "001-01-2"),
        device("002-3", "93-93-4364", "active", "05602", "001-01-1"),
    ]
}

/// A pharmacy, where there must be many.
pub fn pharmacy(number: usize) -> Value {
    let own = json!({
        "identifier": [identifier("SIRET", "https://sirene.fr", &format!("{number:014}"))],
        "type": [entity("GEOGRAPHICAL-ENTITY"), sector("SA33")],
    });
    with(organization(&format!("001-01-{}", 1000 + number), &format!("PHARMACIE {number}"), "RPPS"), own)
}

/// Somebody's work in a pharmacy.
pub fn work(number: usize, organization: &str) -> Value {
    with(
        resource("PractitionerRole", "as-dp-practitionerrole", &format!("005-9-{number}"), "2025-05-05"),
        json!({
            "identifier": [{ "use": "official", "system": RPPS, "value": format!("20{number:08}") }],
            "practitioner": { "reference": format!("Practitioner/003-9-{number}") },
            "organization": { "reference": format!("Organization/{organization}") },
        }),
    )
}

fn resource(resource_type: &str, profile: &str, id: &str, day: &str) -> Value {
    json!({
        "resourceType": resource_type,
        "id": id,
        "meta": {
            "versionId": "1",
            "lastUpdated": format!("{day}T10:16:30.021+02:00"),
            "source": "https://annuaire.sante.fr",
            "profile": [format!("{AS}/{profile}")],
        },
        "language": "fr",
        "identifier": [],
        "active": true,
    })
}

pub fn organization(id: &str, name: &str, system: &str) -> Value {
    let mut organization = resource("Organization", "as-dp-organization", id, "2025-05-01");
    organization["name"] = name.into();
    organization["meta"]["extension"] = json!([{
        "url": format!("{AS}/as-ext-data-trace"),
        "extension": [{ "url": "systeme-information", "valueCode": system }],
    }]);
    organization
}

/// When a structure is active.
fn period(period: Value) -> Value {
    json!({ "url": "http://hl7.org/fhir/StructureDefinition/organization-period", "valuePeriod": period })
}

fn practitioner(id: &str, rpps: &str, day: &str) -> Value {
    let identifiers = json!({ "identifier": [
        identifier("IDNPS", "urn:oid:1.2.250.1.71.4.2.1", &format!("8{rpps}")),
        identifier("RPPS", RPPS, rpps),
    ]});
    with(resource("Practitioner", "as-dp-practitioner", id, day), identifiers)
}

/// A resource with some of its elements replaced or added.
pub fn with(mut resource: Value, elements: Value) -> Value {
    for (name, value) in elements.as_object().expect("an object") {
        resource[name] = value.clone();
    }
    resource
}

/// A resource at a later version.
pub fn changed(resource: &Value, day: &str, elements: Value) -> Value {
    let mut resource = with(resource.clone(), elements);
    resource["meta"]["versionId"] = "2".into();
    resource["meta"]["lastUpdated"] = format!("{day}T10:16:30.021+02:00").into();
    resource
}

fn concept(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}

fn identifier(code: &str, system: &str, value: &str) -> Value {
    json!({ "use": "official", "type": concept(IDENTIFIER_TYPES, code), "system": system, "value": value })
}

fn profession(code: &str) -> Value {
    json!({ "code": { "coding": [
        { "system": nos("R09-CategorieProfessionnelle"), "code": "C" },
        { "system": nos("G15-ProfessionSante"), "code": code },
    ]}})
}

fn speciality(code: &str) -> Value {
    json!({ "code": { "coding": [
        { "system": nos("R04-TypeSavoirFaire"), "code": "S" },
        { "system": nos("R38-SpecialiteOrdinale"), "code": code },
    ]}})
}

fn entity(code: &str) -> Value {
    typed("organizationType", concept(ENTITIES, code))
}

fn sector(code: &str) -> Value {
    typed("secteurActiviteRASS", concept(&nos("R02-SecteurActivite"), code))
}

fn activity(code: &str) -> Value {
    typed("activiteINSEE", concept(&nos("R75-InseeNAFrev2Niveau5"), code))
}

fn category(code: &str) -> Value {
    concept(&nos("R66-CategorieEtablissement"), code)
}

fn typed(kind: &str, mut concept: Value) -> Value {
    concept["extension"] = json!([{ "url": format!("{AS}/as-ext-organization-types"), "valueCode": kind }]);
    concept
}

fn mailbox(address: &str, kind: &str) -> Value {
    json!({
        "extension": [
            {
                "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type",
                "valueCoding": { "system": nos("R256-TypeMessagerie"), "code": "MSSANTE" },
            },
            {
                "url": format!("{AS}/as-ext-mailbox-mss-metadata"),
                "extension": [{ "url": "type", "valueCodeableConcept": concept(&nos("R257-TypeBAL"), kind) }],
            },
        ],
        "system": "email",
        "value": address,
    })
}

fn address(number: &str, kind: &str, street: &str, postal_code: &str, city: &str) -> Value {
    let part = |name: &str, value: &str| json!({ "url": format!("http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-{name}"), "valueString": value });
    json!({
        "_line": [{ "extension": [part("houseNumber", number), part("streetNameType", kind), part("streetNameBase", street)] }],
        "city": city,
        "postalCode": postal_code,
    })
}
