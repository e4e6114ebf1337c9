//! Practitioner roles: situations d'exercice, the activities of professionals and their places.

use crate::annuaire::invented::directory::{Directory, EntityState, Kind, role_number};
use crate::annuaire::invented::draw::{Draw, Topic};
use crate::annuaire::invented::element::Trace;
use crate::annuaire::invented::json::Json;
use crate::annuaire::invented::mailbox::Mailbox;
use crate::annuaire::invented::numbers;
use crate::annuaire::invented::practitioner::Professional;
use crate::annuaire::invented::profession::Profession;
use crate::annuaire::invented::structure::Structure;
use crate::annuaire::invented::system::{
    CORE_ROLE, DP_ROLE, FONCTION, GENRE_ACTIVITE, MODE_EXERCICE, ROLE_PRISE_CHARGE, RPPS, SECTION_PHARMACIENS,
};

/// The number of roles of a practitioner: 1.26 on average.
pub fn count(directory: &Directory, practitioner: u64) -> u64 {
    match directory.draw(Topic::Roles, Kind::Practitioner, practitioner).below(100) {
        0..12 => 0,
        12..73 => 1,
        73..92 => 2,
        92..97 => 3,
        _ => 4,
    }
}

/// Whether the role is active on the day of publication: it is inactive if its practitioner is.
pub fn is_active(directory: &Directory, practitioner: u64, rank: u64) -> bool {
    directory.is_active(Kind::Practitioner, practitioner)
        && directory.is_active(Kind::Role, role_number(practitioner, rank))
}

/// The elements of a PractitionerRole.
struct Role {
    organization: Option<String>,
    codes: Vec<(&'static str, &'static str)>,
    mailbox: Option<Mailbox>,
    trace: Option<Trace>,
}

/// Writes the practitioner's role with this rank.
pub fn write_role(json: &mut Json, directory: &Directory, practitioner: u64, rank: u64, state: EntityState) {
    let number = role_number(practitioner, rank);
    let id = directory.role_id(practitioner, rank);
    let version = directory.version(state, Kind::Role, number);
    let active = match state {
        EntityState::Published => is_active(directory, practitioner, rank),
        _ => directory.is_active_in(state, Kind::Role, number),
    };
    let role = active.then(|| Role::derive(directory, practitioner, number, state));
    let trace = role.as_ref().and_then(|role| role.trace.as_ref());
    json.head("PractitionerRole", &id, &version, trace, &[CORE_ROLE, DP_ROLE]);
    json.list("identifier", |json| json.identifier(None, RPPS, &numbers::activity(number)));
    json.flag("active", active);
    json.reference("practitioner", "Practitioner", &directory.practitioner_id(practitioner));
    if let Some(role) = role {
        role.write(json);
    }
}

impl Role {
    fn derive(directory: &Directory, practitioner: u64, number: u64, state: EntityState) -> Self {
        let draw = &mut directory.draw(Topic::Role, Kind::Role, number);
        let professional = Professional::derive(directory, practitioner);
        let profession = professional.profession;
        let mode = match draw.below(1000) {
            chance if chance < profession.liberal_per_mille => "L",
            985.. => "B",
            _ => "S",
        };
        let mut codes = codes(draw, profession, mode);
        let organization = organization(directory, draw, profession, mode, practitioner);
        let mut mailbox = draw.per_mille(100).then(|| mailbox(draw, &professional));
        let trace = draw.per_mille(200).then(|| Trace::new("RPPS"));
        if state == EntityState::Changed {
            let draw = &mut directory.draw(Topic::Change, Kind::Role, number);
            if draw.per_mille(500) {
                mailbox = Some(self::mailbox(draw, &professional));
            } else {
                codes.retain(|(system, _)| *system != FONCTION);
                codes.push((FONCTION, draw.pick(&["FON-12", "FON-18", "FON-29"])));
            }
        }
        Self { organization, codes, mailbox, trace }
    }

    fn write(&self, json: &mut Json) {
        if let Some(organization) = &self.organization {
            json.reference("organization", "Organization", organization);
        }
        json.concepts("code", &self.codes);
        if let Some(mailbox) = &self.mailbox {
            json.list("telecom", |json| mailbox.write(json));
        }
    }
}

fn codes(draw: &mut Draw, profession: &Profession, mode: &'static str) -> Vec<(&'static str, &'static str)> {
    let genre = if draw.per_mille(930) { "GENR01" } else { draw.pick(&["GENR02", "GENR03"]) };
    let mut codes = vec![(GENRE_ACTIVITE, genre), (MODE_EXERCICE, mode)];
    if draw.per_mille(900) {
        let usual = if mode == "L" { "FON-05" } else { "FON-AU" };
        let fonction = if draw.per_mille(800) { usual } else { draw.pick(&["FON-01", "FON-03", "FON-08", "FON-19"]) };
        codes.push((FONCTION, fonction));
    }
    if profession.code == "21" {
        let sections = ["A", "D", "B", "C", "D", "G", "H", "E"];
        codes.push((SECTION_PHARMACIENS, draw.pick_low(&sections)));
    }
    if draw.per_mille(8) {
        codes.push((ROLE_PRISE_CHARGE, draw.pick(&["318", "318", "310", "324", "330"])));
    }
    codes
}

/// The id of the organization of a role. As in the national directory, a few references point to no resource.
fn organization(
    directory: &Directory,
    draw: &mut Draw,
    profession: &Profession,
    mode: &str,
    practitioner: u64,
) -> Option<String> {
    if draw.per_mille(1) {
        return Some(directory.dangling_id(draw));
    }
    if draw.per_mille(if mode == "L" { 120 } else { 30 }) {
        return None;
    }
    let index = match (mode, draw.below(100)) {
        ("L", 0..85) => crate::annuaire::invented::organization::own_cabinet(directory, practitioner)
            .or_else(|| directory.site(Structure::Cabinet, draw)),
        ("L", _) => directory.site(Structure::MaisonDeSante, draw),
        (_, 0..70) => directory.site(profession.structure, draw),
        (_, chance) => directory.site(OTHER_PLACES[(chance % 5) as usize], draw),
    };
    index.map(|index| directory.organization_id(index))
}

/// The structures of employed professionals who do not work in the usual structure of their profession.
const OTHER_PLACES: [Structure; 5] = [
    Structure::Hopital,
    Structure::MedicoSocial,
    Structure::CentreDeSante,
    Structure::Imagerie,
    Structure::Laboratoire,
];

/// A mailbox of the person for this role only.
fn mailbox(draw: &mut Draw, professional: &Professional) -> Mailbox {
    let local = professional.identity.mailbox(draw);
    if draw.per_mille(500) {
        Mailbox::at_operator(draw, &local)
    } else {
        let domain =
            draw.pick(&["chu-nancy.mssante.fr", "ghtyvelines.mssante.fr", "ch-dax.mssante.fr", "aphp.mssante.fr"]);
        Mailbox::of_person(draw, &local, domain)
    }
}
