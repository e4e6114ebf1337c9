use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::annuaire::store::resource::tests::sample;

#[test]
fn parameter_is_unique_in_its_type_and_documented() {
    for resource_type in DirectoryType::ALL {
        let names: Vec<_> = for_type(resource_type).map(|parameter| parameter.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }
    for parameter in PARAMETERS {
        assert!(parameter.documentation.ends_with(['.', '…']), "{}", parameter.documentation);
        assert!(!parameter.types.is_empty() && !parameter.fields.is_empty(), "{}", parameter.name);
    }
}

#[test]
fn parameter_of_each_reference_exists_and_the_reverse() {
    for link in &LINKS {
        let parameter = find(link.source, link.name).expect("a parameter");
        assert_eq!((parameter.kind, parameter.fields), (Kind::Reference, &[link.field][..]), "{}", link.path());
    }
    for parameter in PARAMETERS.iter().filter(|parameter| parameter.kind == Kind::Reference) {
        assert!(parameter.types.iter().all(|source| link(*source, parameter.name).is_some()), "{}", parameter.name);
    }
}

#[test]
fn parameter_of_each_indexed_field_exists() {
    for resource_type in DirectoryType::ALL {
        let searched: BTreeSet<_> = for_type(resource_type).flat_map(|parameter| parameter.fields).collect();
        for value in sample(resource_type).indexed {
            // Profiles are indexed for all, and can be searched where they tell anything.
            let field = value.field();
            assert!(searched.contains(&field) || field == Field::Profile, "{resource_type}: {value:?}");
        }
    }
}

#[test]
fn parameter_includes_are_those_of_the_national_api() {
    let role = ["*", "PractitionerRole:practitioner", "PractitionerRole:organization"];
    assert_eq!(includes(PractitionerRole), role);
    assert_eq!(includes(Organization), ["*", "Organization:partof"]);
    assert_eq!(includes(Device), ["*", "Device:organization"]);
    assert_eq!(includes(HealthcareService), ["*", "HealthcareService:organization"]);
    assert_eq!(includes(Practitioner), [""; 0]);
    assert_eq!(reverse_includes(Practitioner), ["PractitionerRole:practitioner"]);
    assert_eq!(
        reverse_includes(Organization),
        [
            "PractitionerRole:organization",
            "Organization:partof",
            "Device:organization",
            "HealthcareService:organization"
        ]
    );
    assert_eq!(reverse_includes(PractitionerRole), [""; 0]);
}

#[test]
fn parameter_definitions_are_those_of_r4_or_the_guide() {
    let definition = |resource_type, name| find(resource_type, name).and_then(|found| found.definition(resource_type));
    let r4 = |name| Some(format!("http://hl7.org/fhir/SearchParameter/{name}"));
    assert_eq!(definition(Device, "_id"), r4("Resource-id"));
    assert_eq!(definition(Device, "identifier"), r4("Device-identifier"));
    assert_eq!(definition(Practitioner, "given"), r4("individual-given"));
    assert_eq!(definition(Practitioner, "identifier-type"), None);
    let guide = "https://interop.esante.gouv.fr/ig/fhir/annuaire/SearchParameter/as-sp-insee-code";
    assert_eq!(definition(Organization, "address-insee").as_deref(), Some(guide));
}

/// The guide's CapabilityStatement. It is not copied into the project: where it is not at hand, there is
/// nothing to test.
#[test]
fn parameter_list_is_that_of_the_guide_and_local_ones() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/annuaire/conformance/CapabilityStatement-AsServerDPCapabilityStatement.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        return eprintln!("skipped: the guide is not at hand");
    };
    let statement: Value = serde_json::from_str(&text).expect("JSON");
    let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for resource in statement["rest"][0]["resource"].as_array().expect("resources") {
        let resource_type = DirectoryType::parse(&text_of(&resource["type"])).expect("a type of the directory");
        let listed = resource["searchParam"].as_array().expect("parameters").iter();
        let listed: BTreeMap<_, _> =
            listed.map(|parameter| (text_of(&parameter["name"]), text_of(&parameter["type"]))).collect();
        let ours = for_type(resource_type).filter(|parameter| !parameter.is_local);
        let ours: BTreeMap<_, _> =
            ours.map(|parameter| (parameter.name.to_owned(), parameter.kind.code().to_owned())).collect();
        assert_eq!(ours, listed, "{resource_type}");
        for parameter in resource["searchParam"].as_array().expect("parameters") {
            if let Some(definition) = parameter["definition"].as_str() {
                let known = find(resource_type, &text_of(&parameter["name"])).expect("listed");
                let known = known.definition(resource_type).expect("a definition");
                assert_eq!(definition.split('|').next(), Some(known.as_str()));
            }
        }
    }
}
