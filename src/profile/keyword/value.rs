//! Forms of values, and relations between the elements of one data type.
//!
//! <http://hl7.org/fhir/R4/datatypes.html>, <http://hl7.org/fhir/R4/narrative.html>

use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::check::{Breach, Check, Contained, Place, Receiver, text};
use crate::fhir::date;
use crate::fhir::narrative::{self, Fault};
use crate::fhir::primitive::decode_base64;
use crate::issue::Rule;
use crate::issue::catalogue::{FHIR_ATTACHMENT_SIZE, FHIR_PER_1, FHIR_PRIMITIVE, FHIR_RNG_2, FHIR_TXT_1, FHIR_TXT_2};

fn here(rule: &'static Rule, expected: &'static str) -> Breach<'static> {
    Breach { rule, place: Place::Here, found: "", expected }
}

/// `"x-fhir-integer": true`: written without fraction or exponent, which JSON Schema would allow.
pub struct Integer;

impl Check for Integer {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        match instance {
            // What is no whole number at all is the schema's `type` to refuse.
            Value::Number(number) if number.as_f64().is_some_and(|value| value.fract() == 0.0) => {
                match number.to_string().bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
                    true => ControlFlow::Continue(()),
                    false => report(&here(&FHIR_PRIMITIVE, "integer")),
                }
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// `"x-fhir-narrative": true`: an XHTML `div` that can be read, txt-1 and txt-2.
pub struct Narrative;

impl Check for Narrative {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::String(text) = instance else { return ControlFlow::Continue(()) };
        match narrative::check(text) {
            Ok(()) => ControlFlow::Continue(()),
            Err(Fault::Unreadable) => report(&here(&FHIR_PRIMITIVE, "xhtml")),
            Err(Fault::Forbidden) => report(&here(&FHIR_TXT_1, "")),
            Err(Fault::Invisible) => report(&here(&FHIR_TXT_2, "")),
        }
    }
}

/// `"x-fhir-attachment": true`: if there are both `data` and `size`, the size is the number of bytes of the data.
pub struct Attachment;

impl Check for Attachment {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let Value::Object(object) = instance else { return ControlFlow::Continue(()) };
        let is_sized = object.contains_key("size") || object.contains_key("_size");
        // Invalid base64 is reported by another keyword.
        let Some(bytes) = text(object, "data").filter(|_| is_sized).and_then(decode_base64) else {
            return ControlFlow::Continue(());
        };
        match object.get("size").and_then(Value::as_u64) == Some(bytes.len() as u64) {
            true => ControlFlow::Continue(()),
            false => report(&Breach { place: Place::Member("size"), ..here(&FHIR_ATTACHMENT_SIZE, "") }),
        }
    }
}

/// `"x-fhir-period": true`: per-1. Ends of different precision that may be in order are.
pub struct Period;

impl Check for Period {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let bound = |name| instance.get(name).and_then(Value::as_str).and_then(date::Range::parse);
        match (bound("start"), bound("end")) {
            (Some(start), Some(end)) if end.end <= start.start => report(&here(&FHIR_PER_1, "")),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// `"x-fhir-range": true`: rng-2, where both ends are in one unit.
pub struct Range;

impl Check for Range {
    fn check(&self, instance: &Value, _: &Contained<'_>, report: Receiver<'_>) -> ControlFlow<()> {
        let end = |name| instance.get(name).and_then(Value::as_object);
        let (Some(low), Some(high)) = (end("low"), end("high")) else { return ControlFlow::Continue(()) };
        let value = |end: &Map<String, Value>| end.get("value").and_then(Value::as_f64);
        let have_one_unit = ["system", "code"].iter().all(|part| match (low.get(*part), high.get(*part)) {
            (Some(low), Some(high)) => low == high,
            _ => true,
        });
        match (value(low), value(high)) {
            (Some(low), Some(high)) if have_one_unit && low > high => report(&here(&FHIR_RNG_2, "")),
            _ => ControlFlow::Continue(()),
        }
    }
}
