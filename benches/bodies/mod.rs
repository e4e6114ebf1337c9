//! The bodies that are measured with: the fixtures of the tests, grown to the 2.5 kB of real ones.

use sas_endpoint::fhir::resource_type::ResourceType;
use serde_json::{Value, json};

/// A body that is accepted without a remark.
pub fn body(resource_type: ResourceType) -> String {
    match resource_type {
        ResourceType::Practitioner => practitioner(),
        ResourceType::Appointment => appointment(),
    }
}

/// An account with every element that the SAS asks for and those that come along with it.
fn practitioner() -> String {
    let mut account: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/regulator-full.json")).expect("a fixture");
    account["telecom"]
        .as_array_mut()
        .expect("telecom")
        .push(json!({ "system": "email", "value": "n.aubert@samu44.example.org", "use": "work", "rank": 2,
                "period": { "start": "2021-09-01" } }));
    let qualification = |register: &str, code: &str, display: &str| {
        json!({
            "identifier": [{ "system": "urn:oid:1.2.250.1.71.4.2.1", "value": format!("{code}-48211") }],
            "code": { "coding": [{
                "system": format!("https://mos.esante.gouv.fr/NOS/{register}/FHIR/{}", register.replace('_', "-")),
                "code": code,
                "display": display,
            }] },
            "period": { "start": "2005-10-03" },
            "issuer": { "display": "Conseil départemental de l'Ordre des médecins de Loire-Atlantique" },
        })
    };
    account["qualification"].as_array_mut().expect("qualification").extend([
        qualification("TRE_R38-SpecialiteOrdinale", "SM54", "Médecine générale (SM)"),
        qualification("TRE_R40-CompetenceExclusive", "CEX24", "Médecine d'urgence (compétence)"),
    ]);
    account.to_string()
}

/// An appointment with every element that the SAS asks for and those that come along with it.
fn appointment() -> String {
    let mut appointment: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/appointment.json")).expect("a fixture");
    let concept = |system: &str, code: &str, display: &str| json!({ "coding": [{ "system": format!("https://mos.esante.gouv.fr/NOS/{system}"), "code": code, "display": display }] });
    appointment["serviceType"] =
        json!([concept("TRE_R66-CategorieEtablissement/FHIR/TRE-R66", "124", "Centre de santé")]);
    appointment["specialty"] =
        json!([concept("TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38", "SM54", "Médecine générale (SM)")]);
    appointment["appointmentType"] = json!({ "coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/v2-0276", "code": "WALKIN", "display": "A previously unscheduled walk-in visit",
    }] });
    appointment["description"] =
        json!("Soins non programmés, sur avis du médecin régulateur: avis médical sous 24 heures");
    appointment["created"] = json!("2026-03-04T12:41:07+01:00");
    appointment["minutesDuration"] = json!(15);
    appointment["text"] = json!({
        "status": "generated",
        "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Rendez-vous du mercredi 4 mars 2026, 14 h 00, \
                pris par la régulation médicale du SAMU 44</div>",
    });
    for (kind, name) in
        [("Location", "Cabinet médical de l'Exemple, Nantes"), ("HealthcareService", "Soins non programmés")]
    {
        appointment["participant"].as_array_mut().expect("participant").push(json!({
            "type": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "LOC", "display": "location",
            }] }],
            "actor": { "reference": format!("{kind}/8f4a1f5e-4d5b-4a52-9f0e-3f1f3b1f9a77"), "type": kind, "display": name },
            "required": "information-only",
            "status": "accepted",
            "period": { "start": "2026-03-04T14:00:00+01:00", "end": "2026-03-04T14:15:00+01:00" },
        }));
    }
    appointment.to_string()
}
