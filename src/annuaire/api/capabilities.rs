//! `/metadata` of the directory, made of the tables that queries are read by.
//!
//! The national server leaves out `kind`, `date` and `rest.mode`, which R4 requires; they are here.
//! <http://hl7.org/fhir/R4/capabilitystatement.html>

use serde_json::{Value, json};

use super::interaction::ROUTES;
use crate::annuaire::search::parameter::{self, Kind, Parameter};
use crate::annuaire::search::query::{DEFAULT_COUNT, MAX_COUNT};
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::rest_security::{Authentication, rest_security};

/// The requirement statement of the directory's implementation guide that this API meets.
const INSTANTIATES: &str =
    "https://interop.esante.gouv.fr/ig/fhir/annuaire/CapabilityStatement/AsServerDPCapabilityStatement";

/// When what is stated below last changed; to be moved with it.
const DATE: &str = "2026-11-26";

/// What the API at this base URL is able to do.
pub fn capabilities(base_url: &str, authentication: Authentication) -> Value {
    json!({
        "resourceType": "CapabilityStatement",
        "url": format!("{base_url}/metadata"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "SasEndpointAnnuaire",
        "title": "sas-endpoint: mirror of the Annuaire Santé",
        "status": "active",
        "date": DATE,
        "publisher": "sas-endpoint",
        "description": "Answers the search API of the national directory, Annuaire Santé (API FHIR v2, free-access data), from a local mirror.",
        "kind": "instance",
        "instantiates": [INSTANTIATES],
        "software": { "name": "sas-endpoint", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "sas-endpoint", "url": base_url },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{
            "mode": "server",
            "documentation": format!("Read-only. Pages have {DEFAULT_COUNT} matches unless _count says otherwise, at most {MAX_COUNT}; every page of a search shows the directory as it was at the first one. Also: _total, _elements, _summary (both on reads too), _include, _include:iterate, _revinclude, searches by POST. Empty parameters are ignored; unknown ones are refused, or with Prefer: handling=lenient ignored and reported in an entry of mode outcome. Parameters marked “only here” are extras of this server."),
            "security": rest_security(authentication, "annuaire:read"),
            // In the order of the guide's statement.
            "resource": [
                resource(DirectoryType::Practitioner),
                resource(DirectoryType::PractitionerRole),
                resource(DirectoryType::Organization),
                resource(DirectoryType::HealthcareService),
                resource(DirectoryType::Device),
            ],
        }],
    })
}

fn resource(resource_type: DirectoryType) -> Value {
    let (profile, supported) = profiles(resource_type);
    let canonical = |name: &str| format!("https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/{name}");
    let mut resource = json!({ "type": resource_type.as_str(), "profile": canonical(profile) });
    let mut set = |name: &str, values: Vec<Value>| {
        // An empty array is not FHIR.
        if !values.is_empty() {
            resource[name] = values.into();
        }
    };
    set("supportedProfile", supported.iter().map(|name| canonical(name).into()).collect());
    let codes = ROUTES.iter().filter_map(|route| route.interaction.code());
    set("interaction", codes.map(|code| json!({ "code": code })).collect());
    set("searchInclude", parameter::includes(resource_type).into_iter().map(Value::from).collect());
    set("searchRevInclude", parameter::reverse_includes(resource_type).into_iter().map(Value::from).collect());
    set(
        "searchParam",
        parameter::for_type(resource_type).map(|known| search_parameter(known, resource_type)).collect(),
    );
    resource["versioning"] = "no-version".into();
    resource
}

/// The profile that all resources of a type follow in the guide's statement, and others that some do.
fn profiles(resource_type: DirectoryType) -> (&'static str, &'static [&'static str]) {
    match resource_type {
        DirectoryType::Practitioner => ("as-dp-practitioner", &[]),
        DirectoryType::PractitionerRole => ("as-dp-practitionerrole", &[]),
        DirectoryType::Organization => ("as-dp-organization", &[]),
        DirectoryType::HealthcareService => {
            ("as-dp-healthcareservice-healthcare-activity", &["as-dp-healthcareservice-social-equipment"])
        }
        DirectoryType::Device => ("as-dp-device", &[]),
    }
}

fn search_parameter(parameter: &Parameter, resource_type: DirectoryType) -> Value {
    let modifiers = parameter.modifiers(resource_type).into_iter().map(|modifier| format!(":{modifier}"));
    let modifiers = modifiers.collect::<Vec<_>>().join(", ");
    let mut documentation = format!("{} Modifiers: {modifiers}.", parameter.documentation);
    if parameter.kind == Kind::Reference {
        documentation.push_str(" Only here: it may be chained (organization.identifier=…) and reversed (_has).");
    }
    let mut listed = json!({ "name": parameter.name });
    if let Some(definition) = parameter.definition(resource_type) {
        listed["definition"] = definition.into();
    }
    listed["type"] = parameter.kind.code().into();
    listed["documentation"] = documentation.into();
    listed
}
