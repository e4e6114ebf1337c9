//! Organizations: entités juridiques and their entités géographiques.

mod address;
mod label;

use self::address::Address;
use super::communes::{COMMUNES, Commune};
use super::directory::{Directory, Fate, Kind};
use super::draw::{Draw, Topic};
use super::element::Trace;
use super::json::Json;
use super::mailbox::Mailbox;
use super::numbers;
use super::practitioner::Professional;
use super::structure::Structure;
use super::system::{
    CATEGORIE_ETABLISSEMENT, CORE_ORGANIZATION, DP_ORGANIZATION, ESPIC, FINESS, IDNST, NAF, ORGANIZATION_TYPE,
    ORGANIZATION_TYPES, PERIOD, PHARMACY_LICENCE, RPPS_RANG, SECTEUR, SIRENE, STATUT_JURIDIQUE,
};

/// Cabinets are those of every third practitioner.
const CABINET_STEP: u64 = 3;

/// The professional that a cabinet belongs to, with its rank among the person's cabinets.
fn owner(directory: &Directory, cabinet: u64) -> (u64, u64) {
    let practitioners = directory.practitioners.max(1);
    (cabinet * CABINET_STEP % practitioners, cabinet * CABINET_STEP / practitioners + 1)
}

/// The cabinet that belongs to a professional, if one does.
pub fn own_cabinet(directory: &Directory, practitioner: u64) -> Option<u64> {
    let index = practitioner / CABINET_STEP;
    let is_own = practitioner.is_multiple_of(CABINET_STEP)
        && index < directory.organizations
        && Structure::of(index) == Structure::Cabinet;
    is_own.then_some(index)
}

/// A resource before it is written.
struct Organization {
    structure: Structure,
    juridique: bool,
    identifiers: Vec<(&'static str, &'static str, String)>,
    name: String,
    alias: Option<String>,
    /// Each with the kind of type that its extension says, if it has one.
    types: Vec<(Option<&'static str>, &'static str, &'static str)>,
    phone: Option<String>,
    fax: Option<String>,
    email: Option<String>,
    mailboxes: Vec<Mailbox>,
    address: Option<Address>,
    since: Option<String>,
    licence: Option<String>,
    parent: Option<String>,
    system: &'static str,
}

/// Writes the organization of this index.
pub fn write(json: &mut Json, directory: &Directory, index: u64, fate: Fate) {
    let id = directory.organization_id(index);
    let version = directory.version(fate, Kind::Organization, index);
    let active = directory.is_active_after(fate, Kind::Organization, index);
    let mut organization = Organization::of(directory, index);
    if fate == Fate::Changed {
        organization = organization.changed(&mut directory.draw(Topic::Change, Kind::Organization, index));
    }
    let trace = active.then(|| Trace::of(organization.system));
    json.head("Organization", &id, &version, trace.as_ref(), &[CORE_ORGANIZATION, DP_ORGANIZATION]);
    if active {
        organization.write(json);
    } else {
        organization.identifiers(json);
        json.flag("active", false);
        json.text("name", &organization.name);
    }
}

impl Organization {
    fn of(directory: &Directory, index: u64) -> Self {
        let draw = &mut directory.draw(Topic::Organization, Kind::Organization, index);
        let (structure, juridique) = (Structure::of(index), Structure::is_juridique(index));
        // An entité juridique and its entités géographiques are in one commune.
        let root = Structure::parent(index).unwrap_or(index);
        let commune = directory.draw(Topic::Commune, Kind::Organization, root).pick(COMMUNES);
        let owner = (structure == Structure::Cabinet).then(|| {
            let (practitioner, rank) = owner(directory, index);
            (Professional::of(directory, practitioner), rank)
        });
        let name = label::name(draw, structure, juridique, &commune, owner.as_ref().map(|(owner, _)| owner));
        let rang = owner.filter(|_| draw.per_mille(600)).map(|(owner, rank)| format!("{}{rank:03}", owner.rpps));
        let identifiers = identifiers(index, root, &commune, rang);
        let alias = draw.per_mille(120).then(|| label::alias(draw, structure, &commune));
        let domain = label::domain(structure, &commune);
        let mailboxes = if draw.per_mille(150) { 1 + draw.low_below(3) } else { 0 };
        Self {
            structure,
            juridique,
            identifiers,
            name,
            alias,
            types: types(draw, structure, juridique, index),
            phone: draw.per_mille(850).then(|| address::phone(draw, &commune)),
            fax: draw.per_mille(250).then(|| address::phone(draw, &commune)),
            email: draw.per_mille(200).then(|| format!("contact@{}", domain.replace(".mssante", ""))),
            mailboxes: (0..mailboxes).map(|_| Mailbox::of_structure(draw, &domain)).collect(),
            address: draw.per_mille(970).then(|| Address::draw(draw, commune)),
            since: draw.per_mille(800).then(|| directory.calendar.day_before(800 + draw.below(9000)).to_string()),
            licence: (structure == Structure::Pharmacie && !juridique)
                .then(|| format!("{}#{:06}", commune.departement(), draw.below(1_000_000))),
            parent: Structure::parent(index).map(|parent| directory.organization_id(parent)),
            system: match structure {
                Structure::Cabinet => "RPPS",
                Structure::MaisonDeSante => "CG",
                _ => "FINESS",
            },
        }
    }

    /// What another day may bring: a sign, a phone number, a mailbox.
    fn changed(mut self, draw: &mut Draw) -> Self {
        let commune = draw.pick(COMMUNES);
        match draw.below(3) {
            0 => self.alias = Some(label::new_sign(draw, self.structure)),
            1 => self.phone = Some(address::phone(draw, &commune)),
            _ => self.mailboxes.push(Mailbox::of_structure(draw, "nouveau.mssante.fr")),
        }
        self
    }

    fn write(&self, json: &mut Json) {
        if self.since.is_some() || self.licence.is_some() {
            json.list("extension", |json| self.extensions(json));
        }
        self.identifiers(json);
        json.flag("active", true);
        json.list("type", |json| self.types.iter().for_each(|one| write_type(json, one)));
        json.text("name", &self.name);
        if let Some(alias) = &self.alias {
            json.texts("alias", [alias]);
        }
        if self.phone.is_some() || self.fax.is_some() || self.email.is_some() || !self.mailboxes.is_empty() {
            json.list("telecom", |json| self.telecom(json));
        }
        if let Some(address) = &self.address {
            json.list("address", |json| address.write(json));
        }
        if let Some(parent) = &self.parent {
            json.reference("partOf", "Organization", parent);
        }
    }

    fn extensions(&self, json: &mut Json) {
        if let Some(since) = &self.since {
            json.extension(PERIOD, |json| json.object("valuePeriod", |json| json.text("start", since)));
        }
        if let Some(licence) = &self.licence {
            json.extension(PHARMACY_LICENCE, |json| json.text("valueString", licence));
        }
    }

    fn identifiers(&self, json: &mut Json) {
        json.list("identifier", |json| {
            for (identifier_type, system, value) in &self.identifiers {
                json.identifier(Some(identifier_type), system, value);
            }
        });
    }

    fn telecom(&self, json: &mut Json) {
        for (system, value) in [("phone", &self.phone), ("fax", &self.fax), ("email", &self.email)] {
            if let Some(value) = value {
                json.item(|json| {
                    json.text("system", system);
                    json.text("value", value);
                    if system == "phone" && !self.juridique {
                        json.number("rank", 1);
                    }
                });
            }
        }
        self.mailboxes.iter().for_each(|mailbox| mailbox.write(json));
    }
}

/// The types, systems and values of an organization's identifiers. The IDNST, which comes first, is
/// the best of the others after a digit that says which.
fn identifiers(
    index: u64,
    root: u64,
    commune: &Commune,
    rang: Option<String>,
) -> Vec<(&'static str, &'static str, String)> {
    let siren = numbers::siren(root);
    let juridique = Structure::is_juridique(index);
    let business =
        if juridique { ("SIREN", SIRENE, siren) } else { ("SIRET", SIRENE, numbers::siret(&siren, index - root + 1)) };
    let has_finess = !Structure::of(index).categories().is_empty();
    let finess = has_finess
        .then(|| (if juridique { "FINEJ" } else { "FINEG" }, FINESS, numbers::finess(commune.finess_prefix(), index)));
    let rang = rang.map(|rang| ("RPPSRG", RPPS_RANG, rang));
    let idnst = match (&finess, &rang) {
        (Some((_, _, finess)), _) => format!("1{finess}"),
        (None, Some((_, _, rang))) => format!("4{rang}"),
        (None, None) => format!("{}{}", if juridique { 2 } else { 3 }, business.2),
    };
    let others = finess.into_iter().chain(rang).chain([business]);
    std::iter::once(("IDNST", IDNST, idnst)).chain(others).collect()
}

fn types(
    draw: &mut Draw,
    structure: Structure,
    juridique: bool,
    index: u64,
) -> Vec<(Option<&'static str>, &'static str, &'static str)> {
    let level = if juridique { "LEGAL-ENTITY" } else { "GEOGRAPHICAL-ENTITY" };
    let mut types = vec![(Some("organizationType"), ORGANIZATION_TYPE, level)];
    if !draw.per_mille(20) {
        types.push((Some("secteurActiviteRASS"), SECTEUR, structure.secteur(index)));
    }
    if juridique {
        let statut = draw.pick(&["13", "14", "60", "61", "72", "73", "95"]);
        types.push((Some("statutJuridiqueINSEE"), STATUT_JURIDIQUE, statut));
    } else if !structure.categories().is_empty() {
        types.push((None, CATEGORIE_ETABLISSEMENT, draw.pick(structure.categories())));
    }
    if structure == Structure::Hopital {
        types.push((Some("sphParticipation"), ESPIC, draw.pick(&["1", "6", "7", "9"])));
    }
    if draw.per_mille(850) {
        types.push((Some("activiteINSEE"), NAF, draw.pick(structure.naf())));
    }
    types
}

fn write_type(json: &mut Json, (notion, system, code): &(Option<&str>, &str, &str)) {
    json.item(|json| {
        if let Some(notion) = notion {
            json.list("extension", |json| {
                json.extension(ORGANIZATION_TYPES, |json| json.text("valueCode", notion));
            });
        }
        json.codings(&[(system, code)]);
    });
}
