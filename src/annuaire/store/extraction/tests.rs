use std::path::PathBuf;

use super::*;
use crate::annuaire::store::resource::ParsedResource;
use crate::annuaire::store::resource::tests::sample;

/// What is indexed, a line for each value.
fn lines(prepared: &ParsedResource) -> Vec<String> {
    prepared.indexed.iter().map(line).collect()
}

fn line(value: &IndexEntry) -> String {
    match value {
        IndexEntry::Token { field, system, code } => {
            let system = system.rsplit('/').next().unwrap_or_default();
            format!("{field:?} {system}|{code}")
        }
        IndexEntry::Text { field, raw } => format!("{field:?} {raw}"),
        IndexEntry::Reference { field, target, id } => format!("{field:?} {target}/{id}"),
        IndexEntry::Period { field, start, end } => {
            let day = |limit: &Option<Timestamp>| limit.map_or("…".to_owned(), |limit| limit.to_string());
            format!("{field:?} {} {}", day(start), day(end))
        }
    }
}

fn sorted<const N: usize>(lines: [&str; N]) -> Vec<&str> {
    let mut lines = lines.to_vec();
    lines.sort_unstable();
    lines
}

fn assert_indexed<const N: usize>(prepared: &ParsedResource, expected: [&str; N]) {
    let mut found = lines(prepared);
    found.sort_unstable();
    assert_eq!(found, sorted(expected), "{}", prepared.resource_type);
}

/// A resource of these members besides the three that are needed.
fn of(resource_type: &str, members: &str) -> Vec<String> {
    let text = format!(
        r#"{{"resourceType":"{resource_type}","id":"1","meta":{{"lastUpdated":"2025-01-01T00:00:00Z"}},{members}}}"#
    );
    lines(&ParsedResource::parse(&text).expect("a resource"))
}

#[test]
fn extraction_of_a_practitioner() {
    assert_indexed(
        &sample(DirectoryType::Practitioner),
        [
            "Active special-values|true",
            "Identifier urn:oid:1.2.250.1.71.4.2.1|810101201234",
            "Identifier rpps.esante.gouv.fr|10101201234",
            "IdentifierType fr-core-cs-v2-0203|IDNPS",
            "IdentifierType fr-core-cs-v2-0203|RPPS",
            "DataInformationSystem as-cs-type-systeme-information|RPPS",
            "DataRegistrationAuthority TRE-R60-AutoriteEnregistrement|4",
            "Profile |https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-practitioner",
            "Profile |https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-dp-practitioner",
            "Profile |https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-dp-practitioner|1.2.0",
            "Family Leclerc",
            "Given Zoé",
            "Name DR",
            "Name Leclerc Zoé",
            "Name MME",
            "QualificationCode TRE-R14-TypeDiplome|DE",
            "QualificationCode TRE-R48-DiplomeEtatFrancais|DE28",
            "QualificationCode TRE-R09-CategorieProfessionnelle|C",
            "QualificationCode TRE-G15-ProfessionSante|10",
            "QualificationCode TRE-R04-TypeSavoirFaire|S",
            "QualificationCode TRE-R38-SpecialiteOrdinale|SM54",
            "NumberSmartcard 3100345668",
            "TypeSmartcard TRE-R87-TypeCarte|CPS",
            "MailboxMss zoe.leclerc@medecin.mssante.fr",
            "MailboxMssType TRE-R257-TypeBAL|PER",
        ],
    );
}

#[test]
fn extraction_of_a_role_with_a_mailbox_without_type() {
    assert_indexed(
        &sample(DirectoryType::PractitionerRole),
        [
            "Active special-values|true",
            "Identifier rpps.esante.gouv.fr|1011848351",
            "Profile |https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-practitioner-role",
            "Profile |https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-dp-practitionerrole",
            "Practitioner Practitioner/003-3014698-3057235",
            "Organization Organization/001-01-7",
            "Role TRE-R22-GenreActivite|GENR01",
            "Role TRE-R23-ModeExercice|L",
            "Role TRE-R21-Fonction|FON-05",
            "MailboxMss cabinet.leclerc@apycript.org",
        ],
    );
}

#[test]
fn extraction_of_an_organization_with_a_street_in_parts() {
    assert_indexed(
        &sample(DirectoryType::Organization),
        [
            "Active special-values|true",
            "Identifier finess.esante.gouv.fr|754567860",
            "IdentifierType fr-core-cs-v2-0203|FINEG",
            "DataInformationSystem as-cs-type-systeme-information|FINESS",
            "Profile |https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-organization",
            "Profile |https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-dp-organization",
            "Name CENTRE DE SANTÉ DR HOUSE",
            "Type fr-core-cs-v2-3307|GEOGRAPHICAL-ENTITY",
            "Type TRE-R02-SecteurActivite|SA05",
            "Type TRE-R66-CategorieEtablissement|124",
            "PartOf Organization/001-02-3",
            "MailboxMss secretariat@aura.mssante.fr",
            "MailboxMssType TRE-R257-TypeBAL|ORG",
            "AddressCity PARIS",
            "AddressPostalCode 75014",
            "AddressLine BP 12",
            "AddressLine 96 R DIDOT LE MOULIN",
            "AddressOther FR",
            "AddressOther 75",
            "AddressInsee 75114",
            "PharmacyLicence 75#000123",
            "Period 2019-06-01T00:00:00Z …",
        ],
    );
}

#[test]
fn extraction_of_services_and_devices() {
    assert_indexed(
        &sample(DirectoryType::HealthcareService),
        [
            "Active special-values|true",
            "Identifier arhgos.ars.sante.fr|52-52-49883",
            "Profile |https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-dp-healthcareservice-healthcare-activity",
            "Organization Organization/001-01-7",
            "Characteristic TRE-R276-FormeActivite|07",
            "ServiceCategory urn:modalite|01",
            "ServiceType urn:activite|16",
        ],
    );
    assert_indexed(
        &sample(DirectoryType::Device),
        [
            "Identifier arhgos.ars.sante.fr|93-93-67204",
            "Profile |https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-dp-device",
            "Organization Organization/001-01-7",
            "Type TRE-R272-EquipementMaterielLourd|05602",
            "Status device-status|active",
            "Manufacturer SIEMENS",
            "Model X-1",
            "Model Somatom",
        ],
    );
}

#[test]
fn extraction_values_are_sorted_and_unique() {
    let twice = r#""name":[{"given":["B","A","B"]},{"given":["A"]}]"#;
    assert_eq!(of("Practitioner", twice), ["Given A", "Given B"]);
}

#[test]
fn extraction_elements_of_another_json_type_are_ignored() {
    let cases = [
        ("Practitioner", r#""name":"Leclerc""#),
        ("Practitioner", r#""name":[3,null,["x"],{"family":{"a":1},"given":"A","text":[]}]"#),
        ("Practitioner", r#""active":"true","identifier":{"value":"1"},"telecom":null"#),
        ("Practitioner", r#""identifier":[{"system":"urn:x"},{"value":""},{"value":12345678901234567890.5}]"#),
        ("Practitioner", r#""extension":[{"url":1,"extension":{"url":"number"}},"x",null]"#),
        ("Organization", r#""name":[{"family":"X"}],"address":{"city":"PARIS"},"type":"x""#),
        (
            "Organization",
            r#""address":[{"city":["PARIS"],"_line":[null,{},{"extension":[{"url":"x","valueString":"y"}]}]}]"#,
        ),
        (
            "Organization",
            r#""telecom":[{"value":"a@b"},{"value":"c@d","extension":[{"valueCoding":{"code":"MSSANTE"}}]}]"#,
        ),
        ("Organization", r#""name":"","alias":["X"],"unknown":{"deep":[[[{"name":"x"}]]]}"#),
        ("Device", r#""type":12,"owner":"Organization/1","status":true"#),
    ];
    for (resource_type, members) in cases {
        assert_eq!(of(resource_type, members), [""; 0], "{members}");
    }
}

#[test]
fn extraction_references_are_relative_or_absolute_and_of_the_right_type() {
    let cases = [
        ("Organization/1-a", Some("1-a")),
        ("https://example.org/fhir/v2/Organization/1-a", Some("1-a")),
        ("Organization/1-a/_history/3", Some("1-a")),
        ("Practitioner/1-a", None),
        ("#org-example", None),
        ("1-a", None),
        ("Organization/", None),
        ("Organization/é", None),
        ("urn:uuid:0198c0de-0000-7000-8000-000000000001", None),
    ];
    for (reference, id) in cases {
        let found = of("PractitionerRole", &format!(r#""organization":{{"reference":"{reference}"}}"#));
        let expected: Vec<_> = id.iter().map(|id| format!("Organization Organization/{id}")).collect();
        assert_eq!(found, expected, "{reference}");
    }
}

#[test]
fn extraction_period_ends_with_its_last_day() {
    let period = |value: &str| {
        let url = "http://hl7.org/fhir/StructureDefinition/organization-period";
        of("Organization", &format!(r#""extension":[{{"url":"{url}","valuePeriod":{value}}}]"#))
    };
    assert_eq!(period(r#"{"start":"2019","end":"2020-02-28"}"#), ["Period 2019-01-01T00:00:00Z 2020-02-29T00:00:00Z"]);
    assert_eq!(period(r#"{"end":"2020-02-28"}"#), ["Period … 2020-02-29T00:00:00Z"]);
    assert_eq!(period(r#"{"start":"soon"}"#), [""; 0]);
    assert_eq!(period("{}"), [""; 0]);
}

#[test]
fn extraction_tokens_are_trimmed_and_mailbox_types_have_one_system() {
    assert_eq!(of("Practitioner", r#""identifier":[{"system":" urn:x ","value":" 1 2 "}]"#), ["Identifier urn:x|1 2"]);
    assert_eq!(system_of(Field::MailboxMssType, EMAIL_TYPE), MAILBOX_TYPE);
    assert_eq!(system_of(Field::Type, EMAIL_TYPE), EMAIL_TYPE);
}

/// The published examples. They are not copied into the project: where they are not at hand, there is
/// nothing to test.
#[test]
fn extraction_published_examples_are_parsed() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/annuaire");
    let Ok(files) = std::fs::read_dir(&folder) else {
        return eprintln!("skipped: the official examples are not at hand");
    };
    for path in files.map(|file| file.expect("an entry").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("pdsm-") || name.ends_with("DP.json") {
            let text = std::fs::read_to_string(&path).expect("an example");
            let prepared = ParsedResource::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(prepared.indexed.iter().any(|value| value.field() == Field::Identifier), "{}", path.display());
            let again = ParsedResource::parse(&prepared.body).expect("the same");
            assert_eq!((again.body, again.hash, again.indexed), (prepared.body, prepared.hash, prepared.indexed));
        }
    }
    let text = std::fs::read_to_string(folder.join("ig-Organization-158480DP.json")).expect("an example");
    let found = lines(&ParsedResource::parse(&text).expect("a resource"));
    for expected in ["AddressLine 96 R DIDOT", "AddressInsee 75114", "Period 2019-06-01T00:00:00Z …"] {
        assert!(found.iter().any(|line| line == expected), "{expected}: {found:?}");
    }
}
