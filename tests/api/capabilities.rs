//! The CapabilityStatement is complete, valid and true.

use serde_json::{Value, json};

use crate::on_both_databases;
use crate::server::*;

/// The codes or names of the elements of an array.
fn names<'a>(array: &'a Value, name: &str) -> Vec<&'a str> {
    array.as_array().expect("an array").iter().map(|item| item[name].as_str().expect("a name")).collect()
}

on_both_databases! { TestServer::tolerant;
    async fn capability_statement_has_elements_required_of_an_instance(server: TestServer) {
        let answer = server.get("/metadata").await.expect(200);
        assert_eq!(answer.header("content-type"), "application/fhir+json; charset=utf-8");
        assert!(!answer.text.contains("other.localhost"));
        let statement = answer.json();
        for (pointer, value) in [
            ("/resourceType", json!("CapabilityStatement")),
            ("/status", json!("active")),
            ("/kind", json!("instance")),
            ("/fhirVersion", json!("4.0.1")),
            ("/implementation/url", json!(BASE)),
            ("/rest/0/mode", json!("server")),
            ("/rest/0/security/cors", json!(false)),
        ] {
            assert_eq!(statement.pointer(pointer), Some(&value), "{pointer}");
        }
        for pointer in ["/date", "/name", "/url", "/software/name", "/software/version", "/implementation/description"]
        {
            let text = statement.pointer(pointer).and_then(Value::as_str);
            assert!(text.is_some_and(|text| !text.is_empty()), "{pointer}");
        }
        let formats: Vec<_> = statement["format"].as_array().expect("formats").iter().collect();
        assert!(formats.contains(&&json!("application/fhir+json")));
    }

    async fn capability_statement_names_the_requirements_of_sas(server: TestServer) {
        let statement = server.get("/metadata").await.expect(200).json();
        let prefix = "https://interop.esante.gouv.fr/ig/fhir/sas/CapabilityStatement/SAS-Gestionnaire";
        let named = statement["instantiates"].as_array().expect("statements");
        for end in ["Structure", "Agenda-RDVpsindiv", "Agenda-RDVSOS"] {
            assert!(named.contains(&json!(format!("{prefix}{end}"))), "{end}");
        }
    }

    async fn capability_statement_lists_every_interaction(server: TestServer) {
        let statement = server.get("/metadata").await.expect(200).json();
        assert_eq!(names(&statement["rest"][0]["interaction"], "code"), ["history-system"]);
        let resources = &statement["rest"][0]["resource"];
        assert_eq!(names(resources, "type"), ["Practitioner", "Appointment"]);
        for resource in resources.as_array().expect("resources") {
            let mut interactions = names(&resource["interaction"], "code");
            interactions.sort_unstable();
            let expected = ["create", "history-instance", "history-type", "read", "search-type", "update", "vread"];
            assert_eq!(interactions, expected);
            for (name, value) in [
                ("versioning", json!("versioned")),
                ("readHistory", json!(true)),
                ("updateCreate", json!(true)),
                ("conditionalCreate", json!(true)),
                ("conditionalUpdate", json!(true)),
                ("conditionalRead", json!("not-match")),
                ("conditionalDelete", json!("not-supported")),
            ] {
                assert_eq!(resource[name], value, "{name}");
            }
            assert_eq!(names(&resource["operation"], "name"), ["validate"]);
            assert!(resource["operation"][0]["definition"].is_string());
        }
    }

    async fn capability_statement_lists_every_search_parameter(server: TestServer) {
        let statement = server.get("/metadata").await.expect(200).json();
        let common = [("_id", "token"), ("_lastUpdated", "date"), ("identifier", "token")];
        let own = [vec![("active", "token")], vec![("status", "token"), ("date", "date")]];
        for (index, own) in own.iter().enumerate() {
            let parameters = &statement["rest"][0]["resource"][index]["searchParam"];
            let mut listed: Vec<_> = names(parameters, "name").into_iter().zip(names(parameters, "type")).collect();
            let mut expected: Vec<_> = common.iter().chain(own).copied().collect();
            listed.sort_unstable();
            expected.sort_unstable();
            assert_eq!(listed, expected);
        }
    }

    async fn capability_statement_names_the_profiles(server: TestServer) {
        let resources = &server.get("/metadata").await.expect(200).json()["rest"][0]["resource"];
        for (index, profiles) in [
            vec!["https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/FrPractitionerRegul"],
            vec![
                "http://sas.fr/fhir/StructureDefinition/FrAppointmentSAS",
                "https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/sas-sos-appointment",
            ],
        ]
        .iter()
        .enumerate()
        {
            let text = resources[index].to_string();
            assert!(profiles.iter().all(|profile| text.contains(profile)), "{text}");
        }
    }

    async fn capability_statement_search_parameters_are_served(server: TestServer) {
        let statement = server.get("/metadata").await.expect(200).json();
        for resource in statement["rest"][0]["resource"].as_array().expect("resources") {
            for name in names(&resource["searchParam"], "name") {
                let value = match name {
                    "active" => "true",
                    "status" => "booked",
                    "date" | "_lastUpdated" => "2026-03-04",
                    _ => "x",
                };
                let path = format!("/{}?{name}={value}", resource["type"].as_str().expect("a type"));
                server.get(&path).await.expect(200);
            }
        }
    }
}
