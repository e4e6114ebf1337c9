//! What the registers say of an organization: its numbers and its types.

use crate::annuaire::invented::communes::Commune;
use crate::annuaire::invented::draw::Draw;
use crate::annuaire::invented::json::Json;
use crate::annuaire::invented::numbers;
use crate::annuaire::invented::structure::Structure;
use crate::annuaire::invented::system::{
    CATEGORIE_ETABLISSEMENT, ESPIC, FINESS, IDNST, NAF, ORGANIZATION_TYPE, ORGANIZATION_TYPES, RPPS_RANG, SECTEUR,
    SIRENE, STATUT_JURIDIQUE,
};

/// The type, the system and the value of an identifier.
pub type Identifier = (&'static str, &'static str, String);

/// A type: the notion that its extension names, if it has one, its system and its code.
pub type Type = (Option<&'static str>, &'static str, &'static str);

/// The types, systems and values of an organization's identifiers. The IDNST, which comes first, is
/// the best of the others after a digit that says which.
pub fn identifiers(index: u64, root: u64, commune: &Commune, rang: Option<String>) -> Vec<Identifier> {
    let siren = numbers::siren(root);
    let juridique = Structure::is_juridique(index);
    let business =
        if juridique { ("SIREN", SIRENE, siren) } else { ("SIRET", SIRENE, numbers::siret(&siren, index - root + 1)) };
    let has_finess = !Structure::of_organization(index).categories().is_empty();
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

/// The types of an organization.
pub fn types(draw: &mut Draw, structure: Structure, juridique: bool, index: u64) -> Vec<Type> {
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

/// Writes it as an item of `type`.
pub fn write_type(json: &mut Json, (notion, system, code): &Type) {
    json.item(|json| {
        if let Some(notion) = notion {
            json.list("extension", |json| {
                json.extension(ORGANIZATION_TYPES, |json| json.text("valueCode", notion));
            });
        }
        json.codings(&[(system, code)]);
    });
}
