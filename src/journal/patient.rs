//! Whether a text has data of a patient, well-formed or not: bodies that were refused before the rules about patients were asked,
//! and parameters of queries.

use crate::fhir::identifier::INS;

/// Names of types that describe a patient, or a person by their relation to a patient; in lower case.
const TYPES: [&[u8]; 2] = [b"patient", b"relatedperson"];

/// Before a name, so that it is no word of a sentence: a string, a segment of a reference or of a canonical URL
/// (`fr-core-patient`), an element of XML.
const BEFORE: [u8; 5] = *b"\"'/<-";
/// Behind one: the end of the string, of the segment or of the element, a query, a version.
const BEHIND: [u8; 7] = *b"\"'/?#|>";

/// Whether a text names a patient: as a type, in a reference, or by the system of a national health identifier. Words of
/// sentences (« le patient ») and names such as `patientInstruction` do not count. Letters are compared without regard to case,
/// and escapes of JSON, NULs as of UTF-16, and spaces around a name hide nothing.
pub(crate) fn mentions_patient(text: &[u8]) -> bool {
    let ins = INS.trim_start_matches("urn:oid:").as_bytes();
    // The last character that is no space; the text begins as a string does.
    let mut last = b'"';
    let mut rest = text;
    while let Some((character, behind)) = next_character(rest) {
        let is_name = BEFORE.contains(&last) && TYPES.iter().any(|name| is_whole_name(rest, name, last));
        let is_ins = !(last.is_ascii_digit() || last == b'.') && strip(rest, ins).is_some();
        if is_name || is_ins {
            return true;
        }
        // Spaces around a segment do not hide it; a dash between spaces is one of a sentence.
        if !character.is_ascii_whitespace() || last == b'-' {
            last = character;
        }
        rest = behind;
    }
    false
}

/// Whether a text begins with a name that ends there.
fn is_whole_name(text: &[u8], name: &[u8], before: u8) -> bool {
    let Some(mut rest) = strip(text, name) else { return false };
    loop {
        match next_character(rest) {
            None => return true,
            // `<Patient xmlns="http://hl7.org/fhir">`
            Some((character, _)) if before == b'<' => return !character.is_ascii_alphanumeric(),
            Some((character, behind)) if character.is_ascii_whitespace() => rest = behind,
            Some((character, _)) => return BEHIND.contains(&character),
        }
    }
}

/// What follows a prefix, which is in lower case.
fn strip<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    prefix.iter().try_fold(text, |text, expected| {
        let (character, behind) = next_character(text)?;
        (character.to_ascii_lowercase() == *expected).then_some(behind)
    })
}

/// The first character, of several bytes or escaped beyond ASCII as any of these, and what follows it. Backslashes are part of
/// an escape, also of one in a string of JSON in a string.
fn next_character(text: &[u8]) -> Option<(u8, &[u8])> {
    let start = text.iter().position(|byte| !matches!(byte, b'\\' | 0))?;
    let is_escaped = start > 0 && text[start - 1] == b'\\';
    let (first, behind) = text[start..].split_first()?;
    let digits = behind.get(..4).filter(|_| is_escaped && *first == b'u');
    let code = digits.and_then(|digits| u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
    match (code, first) {
        (Some(code), _) => Some((u8::try_from(code).unwrap_or(u8::MAX), &behind[4..])),
        (None, b'n' | b'r' | b't' | b'f') if is_escaped => Some((b' ', behind)),
        (None, first) => Some((*first, behind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patient_is_recognised_in_any_writing() {
        for text in [
            r#"{"resourceType": "Patient"}"#,
            r#"{"resourceType": "Patient"#,
            r#"{"resourceType": "PATIENT""#,
            r#"{"resourceType": "\u0050atie\u006Et"}"#,
            r#"{"resourceType": \u0022Patient\u0022}"#,
            r#"{"contained": [{"resourceType":"Patient","name":"#,
            r"{'resourceType': 'Patient'}",
            r#""{\"resourceType\":\"Patient\"}""#,
            r#"{"actor": {"type": " Patient "}}"#,
            r#"{"patient": {"display": "Dupont"}}"#,
            r#"{"reference": "Patient/1"}"#,
            r#"{"reference": "Patient\/1"}"#,
            r#"{"reference": "https:\/\/example.org\/fhir\/ \u0050atient \/1"}"#,
            r#"{"reference": "\n\tPatient?identifier=1"}"#,
            r#"{"reference": "RelatedPerson/1"}"#,
            r#"{"profile": ["https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient|2.1.0"]}"#,
            r#"{"type": "http://hl7.org/fhir/StructureDefinition/Patient"}"#,
            r#"{"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "1"}"#,
            r#"{"system": "1.2.250.\u0031.213.1.4.8"#,
            r#"<Patient xmlns="http://hl7.org/fhir">"#,
            "<patient>",
            "Patient/1",
            "patient",
        ] {
            assert!(mentions_patient(text.as_bytes()), "{text}");
        }
        let utf_16: Vec<u8> = r#"{"resourceType": "Patient"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(mentions_patient(&utf_16));
    }

    #[test]
    fn patient_as_a_word_or_a_part_of_a_name_is_innocent() {
        for text in [
            "",
            r#"{"patientInstruction": "Venir à jeun"}"#,
            r#"{"comment": "le patient rappellera"}"#,
            r#"{"comment": "Patient vu hier, le patient/la patiente rappelle"}"#,
            r#"{"comment": "Patients : aucun"}"#,
            r#"{"comment": "Nantes - patient/famille"}"#,
            r#"{"code": "inpatient"}"#,
            r#"{"code": "OutPatient"}"#,
            r#"{"code": "patient-request"}"#,
            r#"{"resourceType": "Practitioner", "name": [{"family": "P\u00e9tain"}]}"#,
            r#"{"system": "urn:oid:1.2.250.1.213.3.6"} \u12 \uzzzz \"#,
            r#"{"system": "urn:oid:1.2.250.1.213.1.41.1"}"#,
            r#"{"system": "urn:oid:2.1.2.250.1.213.1.4.8"}"#,
            r"\",
            "u0050atient",
        ] {
            assert!(!mentions_patient(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn patient_is_looked_for_in_one_pass() {
        // Were each rest looked at again, this would take hours.
        for part in ["\"p", "\"pa\\", "\\", "\"Patient x", "1.2.250.1.2", " "] {
            let body = part.repeat((1 << 20) / part.len());
            assert!(!mentions_patient(body.as_bytes()), "{part}");
        }
        let spaces = "\"patient".to_owned() + &" ".repeat(1 << 20) + "x";
        assert!(!mentions_patient(spaces.as_bytes()));
    }
}
