//! Organizations: entités juridiques and their entités géographiques.

mod address;
mod label;
mod register;

use self::address::Address;
use self::register::{Identifier, Type};
use crate::annuaire::invented::communes::COMMUNES;
use crate::annuaire::invented::directory::{Directory, EntityState, Kind};
use crate::annuaire::invented::draw::{Draw, Topic};
use crate::annuaire::invented::element::Trace;
use crate::annuaire::invented::json::Json;
use crate::annuaire::invented::mailbox::Mailbox;
use crate::annuaire::invented::practitioner::Professional;
use crate::annuaire::invented::structure::Structure;
use crate::annuaire::invented::system::{CORE_ORGANIZATION, DP_ORGANIZATION, PERIOD, PHARMACY_LICENCE};

/// Every third practitioner has a cabinet.
const CABINET_STEP: u64 = 3;

/// The index of the practitioner who owns a cabinet, and the rank of the cabinet among the cabinets of this practitioner.
fn owner(directory: &Directory, cabinet: u64) -> (u64, u64) {
    let practitioners = directory.practitioners.max(1);
    (cabinet * CABINET_STEP % practitioners, cabinet * CABINET_STEP / practitioners + 1)
}

/// The first cabinet of a practitioner, if there is one.
pub fn own_cabinet(directory: &Directory, practitioner: u64) -> Option<u64> {
    let index = practitioner / CABINET_STEP;
    let is_own = practitioner.is_multiple_of(CABINET_STEP)
        && index < directory.organizations
        && Structure::of_organization(index) == Structure::Cabinet;
    is_own.then_some(index)
}

/// The elements of an Organization.
struct Organization {
    structure: Structure,
    juridique: bool,
    identifiers: Vec<Identifier>,
    name: String,
    alias: Option<String>,
    types: Vec<Type>,
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

/// Writes the organization with this index.
pub fn write_organization(json: &mut Json, directory: &Directory, index: u64, state: EntityState) {
    let id = directory.organization_id(index);
    let version = directory.version(state, Kind::Organization, index);
    let active = directory.is_active_in(state, Kind::Organization, index);
    let mut organization = Organization::derive(directory, index);
    if state == EntityState::Changed {
        organization = organization.changed(&mut directory.draw(Topic::Change, Kind::Organization, index));
    }
    let trace = active.then(|| Trace::new(organization.system));
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
    fn derive(directory: &Directory, index: u64) -> Self {
        let draw = &mut directory.draw(Topic::Organization, Kind::Organization, index);
        let (structure, juridique) = (Structure::of_organization(index), Structure::is_juridique(index));
        // An entité juridique and its entités géographiques are in one commune.
        let root = Structure::parent(index).unwrap_or(index);
        let commune = directory.draw(Topic::Commune, Kind::Organization, root).pick(COMMUNES);
        let owner = (structure == Structure::Cabinet).then(|| {
            let (practitioner, rank) = owner(directory, index);
            (Professional::derive(directory, practitioner), rank)
        });
        let name = label::name(draw, structure, juridique, &commune, owner.as_ref().map(|(owner, _)| owner));
        let rang = owner.filter(|_| draw.per_mille(600)).map(|(owner, rank)| format!("{}{rank:03}", owner.rpps));
        let identifiers = register::identifiers(index, root, &commune, rang);
        let alias = draw.per_mille(120).then(|| label::alias(draw, structure, &commune));
        let domain = label::domain(structure, &commune);
        let mailboxes = if draw.per_mille(150) { 1 + draw.low_below(3) } else { 0 };
        Self {
            structure,
            juridique,
            identifiers,
            name,
            alias,
            types: register::types(draw, structure, juridique, index),
            phone: draw.per_mille(850).then(|| address::phone(draw, &commune)),
            fax: draw.per_mille(250).then(|| address::phone(draw, &commune)),
            email: draw.per_mille(200).then(|| format!("contact@{}", domain.replace("mssante.fr", "example"))),
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

    /// Changes the alias, the phone number or the mailboxes.
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
        json.list("type", |json| self.types.iter().for_each(|one| register::write_type(json, one)));
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
