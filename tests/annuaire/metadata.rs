//! The CapabilityStatement of the directory: complete, valid, and true.

use serde_json::{Value, json};

use crate::on_both_databases;
use crate::server::*;

/// The codes or names of the elements of an array.
fn names<'a>(array: &'a Value, name: &str) -> Vec<&'a str> {
    array.as_array().expect("an array").iter().map(|item| item[name].as_str().expect("a name")).collect()
}

on_both_databases! { DirectoryServer::small;
    async fn capability_statement_has_what_r4_requires_of_an_instance(server: DirectoryServer) {
        let answer = server.get("/metadata").await.expect(200);
        assert!(!answer.text.contains("other.localhost"));
        let statement = answer.json();
        for (pointer, value) in [
            ("/resourceType", json!("CapabilityStatement")),
            ("/status", json!("active")),
            ("/kind", json!("instance")),
            ("/fhirVersion", json!("4.0.1")),
            ("/url", json!(format!("{BASE}/metadata"))),
            ("/implementation/url", json!(BASE)),
            ("/rest/0/mode", json!("server")),
            (
                "/instantiates/0",
                json!("https://interop.esante.gouv.fr/ig/fhir/annuaire/CapabilityStatement/AsServerDPCapabilityStatement"),
            ),
        ] {
            assert_eq!(statement.pointer(pointer), Some(&value), "{pointer}");
        }
        for pointer in ["/date", "/name", "/software/name", "/implementation/description"] {
            assert!(statement.pointer(pointer).and_then(Value::as_str).is_some_and(|text| !text.is_empty()), "{pointer}");
        }
        let description = statement["description"].as_str().unwrap_or_default();
        assert!(description.starts_with("Answers the search API of the national directory"), "{description}");
        assert!(!answer.text.contains("[]"), "an empty array is not FHIR");
    }

    async fn capability_statement_lists_types_and_interactions(server: DirectoryServer) {
        let statement = server.search("/metadata").await;
        let resources = &statement["rest"][0]["resource"];
        assert_eq!(names(resources, "type"), ["Practitioner", "PractitionerRole", "Organization", "HealthcareService", "Device"]);
        for resource in resources.as_array().expect("resources") {
            assert_eq!(names(&resource["interaction"], "code"), ["read", "search-type"]);
            assert!(resource["profile"].as_str().expect("a profile").contains("/as-dp-"));
        }
        assert_eq!(resources[0].get("searchInclude"), None);
        assert_eq!(resources[0]["searchRevInclude"], json!(["PractitionerRole:practitioner"]));
        assert!(resources[2]["searchRevInclude"].to_string().contains("Organization:partof"));
    }

    async fn capability_statement_parameters_and_includes_are_served(server: DirectoryServer) {
        let statement = server.search("/metadata").await;
        for resource in statement["rest"][0]["resource"].as_array().expect("resources") {
            let path = format!("/{}", resource["type"].as_str().expect("a type"));
            for parameter in resource["searchParam"].as_array().expect("parameters") {
                let name = parameter["name"].as_str().expect("a name");
                let value = match parameter["type"].as_str() {
                    Some("date") => "2026-03-04",
                    _ if name == "active" => "true",
                    _ if name == "status" => "active",
                    _ => "x",
                };
                server.search(&format!("{path}?{name}={value}")).await;
                // What the documentation names as a modifier is one.
                let documentation = parameter["documentation"].as_str().expect("a documentation");
                let modifiers = documentation.split("Modifiers: ").nth(1).and_then(|rest| rest.split('.').next()).expect("modifiers");
                for modifier in modifiers.split(", ") {
                    let value = if modifier == ":missing" { "true" } else { value };
                    server.search(&format!("{path}?{name}{modifier}={value}")).await;
                }
            }
            for (name, parameter) in [("searchInclude", "_include"), ("searchRevInclude", "_revinclude")] {
                for path_of_include in resource.get(name).and_then(Value::as_array).into_iter().flatten() {
                    let path_of_include = path_of_include.as_str().expect("a path");
                    server.search(&format!("{path}?{parameter}={path_of_include}")).await;
                    server.search(&format!("{path}?{parameter}:iterate={path_of_include}")).await;
                }
            }
        }
    }

    async fn capability_statement_local_parameters_are_declared_as_such(server: DirectoryServer) {
        let statement = server.search("/metadata").await;
        let organization = &statement["rest"][0]["resource"][2]["searchParam"];
        for name in ["mailbox-mss-type", "address-insee", "period"] {
            let listed = organization.as_array().expect("parameters").iter().find(|parameter| parameter["name"] == name);
            let documentation = listed.and_then(|listed| listed["documentation"].as_str()).expect("a documentation");
            assert!(documentation.contains("Only here"), "{documentation}");
        }
    }
}
