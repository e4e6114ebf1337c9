//! Practitioners, with the exercice of their profession.

use crate::annuaire::invented::directory::{Directory, EntityState, Kind};
use crate::annuaire::invented::draw::{Draw, Topic};
use crate::annuaire::invented::element::Trace;
use crate::annuaire::invented::identity::Identity;
use crate::annuaire::invented::json::Json;
use crate::annuaire::invented::mailbox::Mailbox;
use crate::annuaire::invented::numbers;
use crate::annuaire::invented::profession::{PROFESSIONS, Profession};
use crate::annuaire::invented::smartcard::Smartcard;
use crate::annuaire::invented::system::{
    AUTORITE, CATEGORIE_PROFESSIONNELLE, COMPETENCE, CORE_PRACTITIONER, DIPLOME, DP_PRACTITIONER, IDNPS, PROFESSION,
    RPPS, SPECIALITE, TYPE_DIPLOME, TYPE_SAVOIR_FAIRE,
};

/// Compétences (TRE_R39).
const COMPETENCES: &[&str] = &["C03", "C11", "C24", "C35", "C52"];

/// The properties of a professional on which roles and cabinets depend.
pub struct Professional {
    pub profession: &'static Profession,
    pub identity: Identity,
    pub rpps: String,
}

impl Professional {
    /// The professional with this index.
    pub fn derive(directory: &Directory, index: u64) -> Self {
        let mut draw = directory.draw(Topic::Identity, Kind::Practitioner, index);
        let profession = draw.weighted(PROFESSIONS, |profession| profession.weight);
        let identity = Identity::draw(&mut draw, profession.women_per_mille);
        Self { profession, identity, rpps: numbers::rpps(index) }
    }
}

/// The elements of a Practitioner.
struct Practitioner {
    professional: Professional,
    suffix: Option<&'static str>,
    /// The catégorie professionnelle: civil, military, student.
    category: &'static str,
    smartcards: Vec<Smartcard>,
    mailboxes: Vec<Mailbox>,
    /// Type and code of each.
    savoir_faire: Vec<(&'static str, &'static str)>,
    trace: Option<Trace>,
}

/// Writes the practitioner with this index.
pub fn write_practitioner(json: &mut Json, directory: &Directory, index: u64, state: EntityState) {
    let id = directory.practitioner_id(index);
    let version = directory.version(state, Kind::Practitioner, index);
    let profiles = [CORE_PRACTITIONER, DP_PRACTITIONER];
    if !directory.is_active_in(state, Kind::Practitioner, index) {
        json.head("Practitioner", &id, &version, None, &profiles);
        identifiers(json, &numbers::rpps(index));
        json.flag("active", false);
        return;
    }
    let mut practitioner = Practitioner::derive(directory, index);
    if state == EntityState::Changed {
        practitioner = practitioner.changed(&mut directory.draw(Topic::Change, Kind::Practitioner, index));
    }
    json.head("Practitioner", &id, &version, practitioner.trace.as_ref(), &profiles);
    practitioner.write(json);
}

impl Practitioner {
    fn derive(directory: &Directory, index: u64) -> Self {
        let draw = &mut directory.draw(Topic::Practitioner, Kind::Practitioner, index);
        let professional = Professional::derive(directory, index);
        let category = match draw.below(1000) {
            0..25 => "E",
            25..31 => "M",
            _ => "C",
        };
        let suffix =
            (professional.profession.doctor && category != "E").then(|| if draw.per_mille(30) { "PR" } else { "DR" });
        let cards = if draw.per_mille(600) { 1 + u64::from(draw.per_mille(40)) } else { 0 };
        let smartcards = (0..cards).map(|_| Smartcard::derive(directory, draw)).collect();
        let mailboxes = mailboxes(draw, &professional);
        let savoir_faire = if category == "E" { Vec::new() } else { savoir_faire(draw, professional.profession) };
        let trace = draw.per_mille(300).then(|| Trace {
            system: "RPPS",
            authority: Some((AUTORITE, professional.profession.autorite)),
            updated: draw.per_mille(300).then(|| directory.calendar.day_before(730 + draw.below(1500)).to_string()),
        });
        Self { professional, suffix, category, smartcards, mailboxes, savoir_faire, trace }
    }

    /// Changes the name, the mailboxes or the qualifications.
    fn changed(mut self, draw: &mut Draw) -> Self {
        match draw.below(3) {
            0 => self.professional.identity = self.professional.identity.renamed(draw),
            1 => {
                let local = self.professional.identity.mailbox(draw);
                self.mailboxes.push(Mailbox::at_operator(draw, &local));
            }
            _ => self.savoir_faire.push(("C", draw.pick(COMPETENCES))),
        }
        self
    }

    fn write(&self, json: &mut Json) {
        if !self.smartcards.is_empty() {
            json.list("extension", |json| self.smartcards.iter().for_each(|card| card.write(json)));
        }
        identifiers(json, &self.professional.rpps);
        json.flag("active", true);
        json.list("name", |json| json.item(|json| self.name(json)));
        if !self.mailboxes.is_empty() {
            json.list("telecom", |json| self.mailboxes.iter().for_each(|mailbox| mailbox.write(json)));
        }
        json.list("qualification", |json| self.qualifications(json));
    }

    fn name(&self, json: &mut Json) {
        let identity = &self.professional.identity;
        json.text("text", &identity.text);
        json.text("family", &identity.family);
        json.texts("given", &identity.given);
        json.texts("prefix", [if identity.woman { "MME" } else { "M" }]);
        if let Some(suffix) = self.suffix {
            json.texts("suffix", [suffix]);
        }
    }

    fn qualifications(&self, json: &mut Json) {
        let profession = self.professional.profession;
        let mut qualification = |codings: &[_]| json.item(|json| json.concept("code", codings));
        if self.category != "E" {
            qualification(&[(TYPE_DIPLOME, "DE"), (DIPLOME, profession.diplome)]);
        }
        qualification(&[(CATEGORIE_PROFESSIONNELLE, self.category), (PROFESSION, profession.code)]);
        for (kind, code) in &self.savoir_faire {
            qualification(&[(TYPE_SAVOIR_FAIRE, kind), (savoir_faire_system(kind), code)]);
        }
    }
}

/// The code system of a type of savoir-faire: spécialités or compétences.
fn savoir_faire_system(kind: &str) -> &'static str {
    if kind == "C" { COMPETENCE } else { SPECIALITE }
}

fn identifiers(json: &mut Json, rpps: &str) {
    json.list("identifier", |json| {
        json.identifier(Some("IDNPS"), IDNPS, &format!("8{rpps}"));
        json.identifier(Some("RPPS"), RPPS, rpps);
    });
}

fn mailboxes(draw: &mut Draw, professional: &Professional) -> Vec<Mailbox> {
    let (own, other) = professional.profession.mailboxes_per_mille();
    let chance = draw.below(1000);
    if chance >= own + other {
        return Vec::new();
    }
    let local = professional.identity.mailbox(draw);
    let first = if chance < own {
        Mailbox::of_person(draw, &local, professional.profession.domain)
    } else {
        Mailbox::at_operator(draw, &local)
    };
    let second = draw.per_mille(60).then(|| Mailbox::at_operator(draw, &local));
    std::iter::once(first).chain(second).collect()
}

fn savoir_faire(draw: &mut Draw, profession: &Profession) -> Vec<(&'static str, &'static str)> {
    let specialites = profession.specialites();
    let most = if profession.code == "10" { 920 } else { 60 };
    let mut known = Vec::new();
    if !specialites.is_empty() && draw.per_mille(most) {
        known.push(("S", draw.pick_low(specialites)));
        if draw.per_mille(50) {
            known.push(("C", draw.pick(COMPETENCES)));
        }
    }
    known
}
