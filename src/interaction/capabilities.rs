//! `GET /metadata`: the CapabilityStatement, made of the route table and the table of search parameters.
//!
//! <http://hl7.org/fhir/R4/capabilitystatement.html>

use serde_json::{Value, json};

use super::search::SEARCH_PARAMETERS;
use super::{ROUTES, SYSTEM_ROUTES, TypeInteraction, page};
use crate::error::Error;
use crate::fhir::query::Query;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::rest_security::{Authentication, rest_security};
use crate::issue::Issue;
use crate::profile::Profile;

/// The requirement statements of the SAS implementation guide that this endpoint meets.
const INSTANTIATES: [&str; 3] = [
    "https://interop.esante.gouv.fr/ig/fhir/sas/CapabilityStatement/SAS-GestionnaireStructure",
    "https://interop.esante.gouv.fr/ig/fhir/sas/CapabilityStatement/SAS-GestionnaireAgenda-RDVpsindiv",
    "https://interop.esante.gouv.fr/ig/fhir/sas/CapabilityStatement/SAS-GestionnaireAgenda-RDVSOS",
];

/// The date of the last change of the statement; update it with the statement.
const DATE: &str = "2026-11-26";

/// The CapabilityStatement of this endpoint.
pub fn capabilities(base_url: &str, mut query: Query, authentication: Authentication) -> Result<Value, Error> {
    let mut issues = vec![];
    take_mode(&mut query, &mut issues);
    issues.extend(page::unknown_parameters(&query, "mode, _format, _pretty"));
    if !issues.is_empty() {
        return Err(Error::from_issues(issues));
    }
    let system = SYSTEM_ROUTES.iter().filter_map(|route| route.interaction.system_code()).map(code);
    Ok(json!({
        "resourceType": "CapabilityStatement",
        "url": format!("{base_url}/metadata"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "SasEndpoint",
        "title": "sas-endpoint",
        "status": "active",
        "date": DATE,
        "publisher": "sas-endpoint",
        "description": "Receives regulator accounts (INT_R02) and appointments (INT_R03) of the French Service d'Accès aux Soins.",
        "kind": "instance",
        "instantiates": INSTANTIATES,
        "software": { "name": "sas-endpoint", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "sas-endpoint", "url": base_url },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{
            "mode": "server",
            "documentation": "Every refusal is an OperationOutcome: 400 where the request is not FHIR R4, 422 where a profile or a SAS rule refuses it. Searches: empty parameters are ignored; unknown ones are refused, or with Prefer: handling=lenient ignored and reported in an entry of mode outcome. _elements and _summary apply to reads, histories and searches (_summary=count to searches only).",
            "security": rest_security(authentication, "practitioner:write, appointment:write, read"),
            "resource": ResourceType::ALL.map(resource),
            "interaction": system.collect::<Vec<_>>(),
        }],
    }))
}

/// Removes and checks `mode`: the answer is the same for `full` and `normative`; `terminology` is not served.
/// <http://hl7.org/fhir/R4/http.html#capabilities>
pub fn take_mode(query: &mut Query, issues: &mut Vec<Issue>) {
    let modes = query.take("mode");
    let is_unknown = |mode: &String| !["", "full", "normative"].contains(&mode.as_str());
    issues.extend(modes.iter().any(is_unknown).then(|| page::malformed("http.mode", "mode", "full, normative")));
}

fn code(code: &str) -> Value {
    json!({ "code": code })
}

fn resource(resource_type: ResourceType) -> Value {
    let interactions = ROUTES.iter().filter_map(|route| route.interaction.code()).map(code);
    let serves = |interaction| ROUTES.iter().any(|route| route.interaction == interaction);
    let parameters = SEARCH_PARAMETERS.iter().filter(|known| known.only.is_none_or(|only| only == resource_type));
    let parameters = parameters.map(|known| {
        let mut parameter = json!({ "name": known.name, "type": known.kind, "documentation": known.documentation });
        if let Some(definition) = definition(resource_type, known.name) {
            parameter["definition"] = definition.into();
        }
        parameter
    });
    let (profile, supported) = match resource_type {
        ResourceType::Practitioner => (Profile::FrPractitionerRegul.canonical(), vec![]),
        ResourceType::Appointment => (
            "http://hl7.org/fhir/StructureDefinition/Appointment",
            vec![Profile::FrAppointmentSas.canonical(), Profile::SosAppointment.canonical()],
        ),
    };
    let mut resource = json!({
        "type": resource_type.as_str(),
        "profile": profile,
        "supportedProfile": supported,
        "interaction": interactions.collect::<Vec<_>>(),
        "versioning": "versioned",
        "readHistory": serves(TypeInteraction::Vread),
        "updateCreate": serves(TypeInteraction::Update),
        "conditionalCreate": serves(TypeInteraction::Create),
        "conditionalRead": "not-match",
        "conditionalUpdate": serves(TypeInteraction::ConditionalUpdate),
        "conditionalDelete": "not-supported",
        "searchParam": parameters.collect::<Vec<_>>(),
        "operation": [{
            "name": "validate",
            "definition": "http://hl7.org/fhir/OperationDefinition/Resource-validate",
        }],
    });
    if resource["supportedProfile"] == json!([])
        && let Some(resource) = resource.as_object_mut()
    {
        resource.shift_remove("supportedProfile");
    }
    resource
}

/// The definition of a search parameter in R4, where it has one.
fn definition(resource_type: ResourceType, name: &str) -> Option<String> {
    let id = match (resource_type, name) {
        (_, "_id") => "Resource-id".to_owned(),
        (_, "_lastUpdated") => "Resource-lastUpdated".to_owned(),
        (ResourceType::Practitioner, "identifier" | "active") => format!("Practitioner-{name}"),
        (ResourceType::Appointment, "identifier" | "status" | "date") => format!("Appointment-{name}"),
        _ => return None,
    };
    Some(format!("http://hl7.org/fhir/SearchParameter/{id}"))
}
