//! The source of a rule: a text, and a link where it has one.

/// A source as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    pub text: &'static str,
    pub url: Option<&'static str>,
}

impl Source {
    /// Splits the URL off the end of a source.
    pub fn of(source: &'static str) -> Self {
        let start = ["https://", "http://"].iter().find_map(|scheme| source.find(scheme));
        let url = start.map(|start| &source[start..]).filter(|url| !url.contains(' '));
        let text = url.map_or(source, |url| source[..source.len() - url.len()].trim_end_matches([' ', ':', ',']));
        Self { text, url }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_of_a_rule_has_its_link_apart() {
        let url = "http://hl7.org/fhir/R4/http.html#concurrency";
        for (source, text, link) in [
            (
                "HL7 FHIR R4, Contention: http://hl7.org/fhir/R4/http.html#concurrency",
                "HL7 FHIR R4, Contention",
                Some(url),
            ),
            ("SAS, Habilitation", "SAS, Habilitation", None),
            ("see http://a.example and more", "see http://a.example and more", None),
        ] {
            assert_eq!(Source::of(source), Source { text, url: link });
        }
    }
}
