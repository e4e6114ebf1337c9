//! Healthcare services: activités de soins of hospitals, équipements sociaux of the médico-social.

use jiff::ToSpan;

use crate::annuaire::invented::directory::{Directory, EntityState, Kind};
use crate::annuaire::invented::draw::{Draw, Topic};
use crate::annuaire::invented::element::Trace;
use crate::annuaire::invented::json::Json;
use crate::annuaire::invented::structure::Structure;
use crate::annuaire::invented::system::{
    ACTIVITE_REGULEE, ARHGOS, AUTHORIZATION, CAPACITY, CLIENTELE, DISCIPLINE, DP_ACTIVITY, DP_SOCIAL, FORME,
    INSTALLATION, MODALITE, TYPE_ACTIVITE,
};

/// The codes of régions in ARHGOS numbers.
const REGIONS: &[&str] = &["11", "24", "27", "28", "32", "44", "52", "53", "75", "76", "84", "93"];

/// Writes the healthcare service with this index. Every third one is an équipement social.
pub fn write_service(json: &mut Json, directory: &Directory, index: u64, state: EntityState) {
    let social = index % 3 == 2;
    let draw = &mut directory.draw(Topic::Service, Kind::Service, index);
    let id = format!("004-{}-{:02}", 1_000_000 + index, 1 + index % 40);
    let version = directory.version(state, Kind::Service, index);
    let active = directory.is_active_in(state, Kind::Service, index);
    let trace = active.then(|| Trace::new("FINESS"));
    let profile = if social { DP_SOCIAL } else { DP_ACTIVITY };
    json.head("HealthcareService", &id, &version, trace.as_ref(), &[profile]);
    let arhgos = arhgos(draw, index);
    if active {
        // The change of a service is the renewal of its authorization.
        let years = if state == EntityState::Changed { 7 } else { 5 };
        json.list("extension", |json| {
            authorization(json, directory, draw, years);
            if social {
                equipment(json, directory, draw);
            }
        });
    }
    if !social {
        json.list("identifier", |json| json.identifier(None, ARHGOS, &arhgos));
    }
    json.flag("active", active);
    if active {
        let structure = if social { Structure::MedicoSocial } else { Structure::Hopital };
        if let Some(provider) = directory.site(structure, draw) {
            json.reference("providedBy", "Organization", &directory.organization_id(provider));
        }
        if social { social_codes(json, draw) } else { activity_codes(json, draw) }
    }
}

/// The number of an authorization: the code of the région twice, and a number.
pub fn arhgos(draw: &mut Draw, number: u64) -> String {
    let region = draw.pick(REGIONS);
    format!("{region}-{region}-{}", 1000 + number)
}

/// Writes the extension for the period of an authorization.
pub fn authorization(json: &mut Json, directory: &Directory, draw: &mut Draw, years: i64) {
    let start = directory.calendar.day_before(100 + draw.below(1500));
    json.extensions(AUTHORIZATION, |json| {
        json.extension("dateAuthorization", |json| json.text("valueDate", &start.to_string()));
        json.extension("periodAuthorization", |json| {
            json.object("valuePeriod", |json| {
                json.text("start", &start.to_string());
                json.text("end", &start.saturating_add(years.years()).to_string());
            });
        });
        json.extension("deletedAuthorization", |json| json.flag("valueBoolean", false));
    });
}

fn equipment(json: &mut Json, directory: &Directory, draw: &mut Draw) {
    let first = directory.calendar.day_before(1700 + draw.below(4000)).to_string();
    json.extensions(INSTALLATION, |json| {
        json.extension("dateFirstInstallation", |json| json.text("valueDate", &first));
    });
    let capacity = 5 + draw.low_below(120);
    json.extensions(CAPACITY, |json| {
        json.extension("capacityAvailable", |json| json.number("valueInteger", capacity));
        json.extension("installedCapacity", |json| json.number("valueInteger", capacity));
    });
}

fn activity_codes(json: &mut Json, draw: &mut Draw) {
    json.concepts("category", &[(MODALITE, draw.pick(&["00", "09", "01", "02", "04", "17", "53"]))]);
    json.concepts("type", &[(ACTIVITE_REGULEE, draw.pick(&["50", "01", "03", "04", "14", "15", "16", "18", "20"]))]);
    json.concepts("characteristic", &[(FORME, draw.pick(&["07", "00", "01", "02", "07", "10"]))]);
}

fn social_codes(json: &mut Json, draw: &mut Draw) {
    json.concepts("type", &[(DISCIPLINE, draw.pick(&["508", "924", "657", "961", "841", "358"]))]);
    json.list("eligibility", |json| {
        json.item(|json| json.concept("code", &[(CLIENTELE, draw.pick(&["850", "711", "436", "010", "700", "117"]))]));
    });
    json.concepts("characteristic", &[(TYPE_ACTIVITE, draw.pick(&["11", "21", "14", "16", "11", "13"]))]);
}
