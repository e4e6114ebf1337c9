//! The code systems whose codes are all known: those of FHIR R4, HL7 v2 and v3, currencies, countries, and FR Core's
//! identifier types. Codes of other systems are not checked: there is no terminology service.
//!
//! <http://hl7.org/fhir/R4/terminologies-systems.html>

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// One system per line: its URL, `=` if its codes are case-sensitive or `~` if not, its codes.
const LINES: &str = include_str!("../../profiles/r4/code-systems.tsv");

static SYSTEMS: LazyLock<HashMap<&str, CodeSystem>> = LazyLock::new(|| LINES.lines().filter_map(line).collect());

/// A code system with all its codes.
pub struct CodeSystem {
    is_case_sensitive: bool,
    codes: HashSet<&'static str>,
    /// In lower case if the system is case-insensitive.
    folded: HashSet<String>,
}

impl CodeSystem {
    /// The system with this URL, if all its codes are known.
    pub fn find(url: &str) -> Option<&'static Self> {
        SYSTEMS.get(url)
    }

    /// Whether it has the code, case-sensitive or not as the system defines.
    pub fn contains(&self, code: &str) -> bool {
        self.codes.contains(code) || (!self.is_case_sensitive && self.folded.contains(&code.to_lowercase()))
    }

    /// Whether it has the code in exactly this case, which a required binding demands.
    pub fn lists(&self, code: &str) -> bool {
        self.codes.contains(code)
    }
}

fn line(line: &'static str) -> Option<(&'static str, CodeSystem)> {
    let mut columns = line.split('\t');
    let (url, case) = (columns.next()?, columns.next()?);
    let is_case_sensitive = case == "=";
    let codes: HashSet<_> = columns.collect();
    let folded = codes.iter().filter(|_| !is_case_sensitive).map(|code| code.to_lowercase()).collect();
    Some((url, CodeSystem { is_case_sensitive, codes, folded }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_system_lines_are_all_read() {
        assert_eq!(SYSTEMS.len(), LINES.lines().count());
        assert!(SYSTEMS.values().all(|system| !system.codes.is_empty()));
    }

    #[test]
    fn code_system_compares_codes_by_its_own_case() {
        for (url, code, expected) in [
            ("http://hl7.org/fhir/administrative-gender", "male", true),
            ("http://hl7.org/fhir/administrative-gender", "MALE", false),
            ("http://terminology.hl7.org/CodeSystem/v2-0276", "ROUTINE", true),
            ("http://terminology.hl7.org/CodeSystem/v2-0276", "routine", true),
            ("http://terminology.hl7.org/CodeSystem/v2-0276", "URGENT", false),
            ("http://interopsante.org/fhir/CodeSystem/fr-v2-0203", "idnps", true),
            ("http://interopsante.org/fhir/CodeSystem/fr-v2-0203", "ZZ", false),
            ("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "PPRF", true),
            ("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "ZZZ", false),
            ("urn:iso:std:iso:4217", "EUR", true),
            ("urn:iso:std:iso:4217", "euro", false),
            ("urn:iso:std:iso:3166", "FR", true),
            ("urn:iso:std:iso:3166", "fr", false),
        ] {
            let system = CodeSystem::find(url).expect("known whole");
            assert_eq!(system.contains(code), expected, "{url} {code}");
        }
        assert!(CodeSystem::find("http://snomed.info/sct").is_none());
        assert!(!CodeSystem::find("urn:iso:std:iso:4217").expect("known whole").lists("eur"));
    }
}
