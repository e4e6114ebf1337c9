//! What organizations are called.

use crate::annuaire::invented::communes::Commune;
use crate::annuaire::invented::draw::Draw;
use crate::annuaire::invented::identity::local_part;
use crate::annuaire::invented::names::{EPONYMS, FAMILIES};
use crate::annuaire::invented::practitioner::Professional;
use crate::annuaire::invented::structure::Structure;

/// The name of an organization; a cabinet's is its owner's.
pub fn name(
    draw: &mut Draw,
    structure: Structure,
    juridique: bool,
    commune: &Commune,
    owner: Option<&Professional>,
) -> String {
    let city = commune.name;
    let eponym = draw.pick(EPONYMS);
    match (structure, owner) {
        (_, Some(owner)) => cabinet(draw, owner, commune),
        (Structure::Hopital, _) if juridique => match draw.below(4) {
            0 => format!("CHU {city}"),
            1 => format!("GROUPE HOSPITALIER {eponym}"),
            _ => format!("CH {city}"),
        },
        (Structure::Hopital, _) => match draw.below(5) {
            0 => format!("CENTRE HOSPITALIER {eponym}"),
            1 => format!("CLINIQUE {eponym}"),
            2 => format!("HOPITAL INTERCOMMUNAL DE {city}"),
            3 => format!("CH {city} - SITE {eponym}"),
            _ => format!("HOPITAL {eponym}"),
        },
        (Structure::Pharmacie, _) => match draw.below(3) {
            0 => format!("PHARMACIE {}", draw.pick_low(FAMILIES).to_uppercase()),
            1 => format!("GRANDE PHARMACIE {eponym}"),
            _ => format!("PHARMACIE {eponym}"),
        },
        (Structure::Laboratoire, _) if juridique => format!("SELAS BIOLOGIE {city}"),
        (Structure::Laboratoire, _) => format!("LABORATOIRE {eponym} {city}"),
        (Structure::MedicoSocial, _) if juridique => format!("ASSOCIATION {eponym}"),
        (Structure::MedicoSocial, _) => {
            format!(
                "{} {eponym}",
                draw.pick(&["EHPAD", "EHPAD", "EHPAD", "FOYER DE VIE", "IME", "ESAT", "SESSAD", "MAS"])
            )
        }
        (Structure::Imagerie, _) if juridique => format!("SELARL IMAGERIE MÉDICALE {city}"),
        (Structure::Imagerie, _) => {
            format!("{} {eponym}", draw.pick(&["IMAGERIE MEDICALE", "CENTRE D'IMAGERIE", "SCANNER ET IRM"]))
        }
        (Structure::CentreDeSante, _) if juridique => format!("VILLE DE {city}"),
        (Structure::CentreDeSante, _) => {
            format!("CENTRE DE SANTE {}{eponym}", draw.pick(&["", "DENTAIRE ", "MEDICAL ", "INFIRMIER "]))
        }
        (Structure::MaisonDeSante, _) if juridique => format!("SISA {eponym} {city}"),
        (Structure::MaisonDeSante, _) | (Structure::Cabinet, None) => {
            format!("MAISON DE SANTE PLURIPROFESSIONNELLE {eponym}")
        }
    }
}

fn cabinet(draw: &mut Draw, owner: &Professional, commune: &Commune) -> String {
    let family = &owner.identity.family;
    match (owner.profession.doctor, draw.below(10)) {
        (_, 0) => format!("CABINET \"{}\" {}", draw.pick(EPONYMS), commune.name),
        (true, 1..3) => format!("SELARL DR {family}"),
        (true, _) => format!("CABINET DU DR {family}"),
        (false, 1..3) => format!("CABINET PARAMÉDICAL {family}"),
        (false, _) => format!("CABINET {family}"),
    }
}

/// Another name, by which it is known.
pub fn alias(draw: &mut Draw, structure: Structure, commune: &Commune) -> String {
    match structure {
        Structure::Cabinet => "CABINET DE GROUPE".to_owned(),
        Structure::Pharmacie => format!("PHARMACIE DE {}", commune.name),
        _ => format!("{} {}", draw.pick(EPONYMS), commune.name),
    }
}

/// A sign that an organization takes on another day.
pub fn new_sign(draw: &mut Draw, structure: Structure) -> String {
    let word = if structure == Structure::Pharmacie { "PHARMACIE" } else { "ESPACE SANTÉ" };
    format!("{word} {}", draw.pick(EPONYMS))
}

/// The domain of an organization's mailboxes.
pub fn domain(structure: Structure, commune: &Commune) -> String {
    let city = local_part(commune.name);
    match structure {
        Structure::Hopital => format!("ch-{city}.mssante.fr"),
        Structure::Pharmacie => "officine.mssante.fr".to_owned(),
        Structure::Laboratoire => format!("biologie-{city}.mssante.fr"),
        Structure::MedicoSocial => format!("ehpad-{city}.mssante.fr"),
        Structure::Imagerie => format!("imagerie-{city}.mssante.fr"),
        _ => format!("structures-{city}.mssante.fr"),
    }
}
