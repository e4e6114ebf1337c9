//! Smartcards of professionals.

use jiff::ToSpan;

use crate::annuaire::invented::directory::Directory;
use crate::annuaire::invented::draw::Draw;
use crate::annuaire::invented::json::Json;
use crate::annuaire::invented::system::{SMARTCARD, TYPE_CARTE};

/// A card: its type (TRE_R87), number and period of validity.
pub struct Smartcard {
    kind: &'static str,
    number: String,
    start: String,
    end: String,
}

impl Smartcard {
    /// A card issued in the last three years.
    pub fn derive(directory: &Directory, draw: &mut Draw) -> Self {
        let start = directory.calendar.day_before(draw.below(3 * 365));
        Self {
            kind: draw.pick(&["CPS", "CPS", "CPS", "CPS", "CPF", "CPE"]),
            number: format!("3{:09}", draw.below(1_000_000_000)),
            start: start.to_string(),
            end: start.saturating_add(3.years()).to_string(),
        }
    }

    /// Writes the card as an extension.
    pub fn write(&self, json: &mut Json) {
        json.extensions(SMARTCARD, |json| {
            json.extension("type", |json| json.concept("valueCodeableConcept", &[(TYPE_CARTE, self.kind)]));
            json.extension("number", |json| json.text("valueString", &self.number));
            json.extension("period", |json| {
                json.object("valuePeriod", |json| {
                    json.text("start", &self.start);
                    json.text("end", &self.end);
                });
            });
        });
    }
}
