//! Devices: équipements matériels lourds, such as scanners.

use crate::annuaire::invented::directory::{Directory, EntityState, Kind};
use crate::annuaire::invented::draw::Topic;
use crate::annuaire::invented::element::Trace;
use crate::annuaire::invented::json::Json;
use crate::annuaire::invented::service::{arhgos, authorization};
use crate::annuaire::invented::structure::Structure;
use crate::annuaire::invented::system::{ARHGOS, DP_DEVICE, EQUIPEMENT};

/// First ARHGOS number of devices; those of healthcare services are lower.
const FIRST_NUMBER: u64 = 10_000_000;

/// Writes the device with this index.
pub fn write_device(json: &mut Json, directory: &Directory, index: u64, state: EntityState) {
    let draw = &mut directory.draw(Topic::Device, Kind::Device, index);
    let id = format!("002-{}", 3_000_000 + index);
    let version = directory.version(state, Kind::Device, index);
    let active = directory.is_active_in(state, Kind::Device, index);
    let trace = active.then(|| Trace::new("FINESS"));
    json.head("Device", &id, &version, trace.as_ref(), &[DP_DEVICE]);
    let arhgos = arhgos(draw, FIRST_NUMBER + index);
    if active {
        // The change of a device is the renewal of its authorization.
        let years = if state == EntityState::Changed { 7 } else { 5 };
        json.list("extension", |json| authorization(json, directory, draw, years));
    }
    json.list("identifier", |json| json.identifier(None, ARHGOS, &arhgos));
    json.text("status", if active { "active" } else { "inactive" });
    if active {
        json.text("manufacturer", draw.pick(&["0000", "SIEMENS", "PHILIPS", "GE HEALTHCARE", "CANON MEDICAL"]));
        json.text(
            "serialNumber",
            &format!("{} {:06}", draw.pick(&["INCISIVE CT", "SIGNA", "VIDA"]), draw.below(1_000_000)),
        );
        json.concept("type", &[(EQUIPEMENT, draw.pick(&["05602", "06201", "05702", "05602", "07309"]))]);
        let structure = draw.pick(&[Structure::Hopital, Structure::Imagerie]);
        if let Some(owner) = directory.site(structure, draw) {
            json.reference("owner", "Organization", &directory.organization_id(owner));
        }
    }
}
