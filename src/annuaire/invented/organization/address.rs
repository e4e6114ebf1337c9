//! Where an organization is: addresses whose street is said in extensions only.

use crate::annuaire::invented::communes::Commune;
use crate::annuaire::invented::draw::Draw;
use crate::annuaire::invented::json::Json;
use crate::annuaire::invented::names::STREETS;
use crate::annuaire::invented::system::{
    ADDITIONAL_LOCATOR, COMMUNE, HOUSE_NUMBER, INSEE_CODE, LIEU_DIT, NUMBER_SUFFIX, POST_BOX, STREET_NAME, STREET_TYPE,
};

/// An address.
pub struct Address {
    commune: Commune,
    /// The parts of the street's line, each with its extension.
    parts: Vec<(&'static str, String)>,
}

impl Address {
    /// An address in the commune.
    pub fn draw(draw: &mut Draw, commune: Commune) -> Self {
        let mut parts = vec![(HOUSE_NUMBER, (1 + draw.low_below(180)).to_string())];
        if draw.per_mille(60) {
            parts.push((NUMBER_SUFFIX, draw.pick(&["B", "T", "A"]).to_owned()));
        }
        let street = draw.pick(&["R", "R", "R", "AV", "AV", "BD", "PL", "CHE", "RTE", "ALL", "IMP"]);
        parts.push((STREET_TYPE, street.to_owned()));
        parts.push((STREET_NAME, draw.pick(STREETS).to_owned()));
        if draw.per_mille(80) {
            parts.push((ADDITIONAL_LOCATOR, format!("BATIMENT {}", draw.pick(&["A", "B", "C", "NORD", "SUD"]))));
        }
        if draw.per_mille(60) {
            parts.push((POST_BOX, format!("BP {}", 10 + draw.below(900))));
        }
        if draw.per_mille(30) {
            parts.push((LIEU_DIT, format!("LE {}", draw.pick(&["BOURG", "CLOS", "PRÉ VERT", "MOULIN"]))));
        }
        Self { commune, parts }
    }

    /// Writes it as an item of `address`.
    pub fn write(&self, json: &mut Json) {
        json.item(|json| {
            json.list("extension", |json| {
                json.extension(INSEE_CODE, |json| {
                    json.object("valueCoding", |json| {
                        json.text("system", COMMUNE);
                        json.text("code", self.commune.insee);
                    });
                });
            });
            json.list("_line", |json| {
                json.item(|json| {
                    json.list("extension", |json| {
                        for (url, part) in &self.parts {
                            json.extension(url, |json| json.text("valueString", part));
                        }
                    });
                });
            });
            json.text("city", self.commune.name);
            json.text("district", self.commune.departement());
            json.text("postalCode", self.commune.postal);
        });
    }
}

/// A phone number of the commune's part of France.
pub fn phone(draw: &mut Draw, commune: &Commune) -> String {
    let zone = match &commune.postal[..2] {
        "75" | "78" => 1,
        "14" | "22" | "27" | "29" | "35" | "37" | "44" | "45" | "49" | "56" | "72" | "76" => 2,
        "10" | "21" | "25" | "51" | "54" | "57" | "59" | "60" | "67" | "68" | "80" | "88" => 3,
        "06" | "13" | "20" | "26" | "30" | "34" | "38" | "42" | "48" | "63" | "66" | "69" | "73" | "74" | "83"
        | "84" => 4,
        _ => 5,
    };
    format!("0{zone}{:08}", draw.below(100_000_000))
}
