//! What a list shows of the content of an account or an appointment.

use serde::Deserialize;

use crate::annuaire::store::text_folding::fold_case_and_accents;

/// The elements that are shown. What is missing, or is of another shape, is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceSummary {
    name: Vec<HumanName>,
    telecom: Vec<ContactPoint>,
    identifier: Vec<IdentifierElement>,
    pub active: Option<bool>,
    pub status: Option<String>,
    pub start: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HumanName {
    text: Option<String>,
    family: Option<String>,
    given: Vec<Option<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContactPoint {
    system: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IdentifierElement {
    value: Option<String>,
}

impl ResourceSummary {
    /// Reads the content of a resource as stored.
    pub fn new(content: &str) -> Self {
        serde_json::from_str(content).unwrap_or_default()
    }

    /// The first name; empty where there is none.
    pub fn name(&self) -> String {
        let Some(name) = self.name.first() else { return String::new() };
        let given = name.given.iter().flatten().map(String::as_str);
        let parts: Vec<_> = given.chain(name.family.as_deref()).collect();
        if parts.is_empty() { name.text.clone().unwrap_or_default() } else { parts.join(" ") }
    }

    pub fn mails(&self) -> impl Iterator<Item = &str> {
        let mails = self.telecom.iter().filter(|telecom| telecom.system.as_deref() == Some("email"));
        mails.filter_map(|mail| mail.value.as_deref())
    }

    /// The values of the identifiers.
    pub fn identifiers(&self) -> String {
        self.identifier.iter().filter_map(|identifier| identifier.value.as_deref()).collect::<Vec<_>>().join(" ")
    }

    /// Whether names and mail addresses have all these words, which are folded: see [`folded_words`].
    pub fn has_words(&self, words: &[String]) -> bool {
        let names = self.name.iter().flat_map(|name| {
            let given = name.given.iter().flatten();
            given.chain(&name.family).chain(&name.text).map(String::as_str)
        });
        let text = names.chain(self.mails()).collect::<Vec<_>>().join("\n");
        let text = fold_case_and_accents(&text);
        words.iter().all(|word| text.contains(word.as_str()))
    }
}

/// The words of a search, without accents and in lower case.
pub fn folded_words(text: &str) -> Vec<String> {
    text.split_whitespace().map(|word| fold_case_and_accents(word).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_has_name_mails_and_identifiers_and_is_found_by_words() {
        let content = r#"{"name":[{"family":"Aubért","given":["Nadia",null],"text":"Dr Aubért"}],"active":true,
            "telecom":[{"system":"email","value":"n.aubert@example.org"},{"system":"phone","value":"0102030405"}],
            "identifier":[{"system":"a","value":"1"},{"value":"2"}]}"#;
        let summary = ResourceSummary::new(content);
        assert_eq!((summary.name(), summary.identifiers()), ("Nadia Aubért".to_owned(), "1 2".to_owned()));
        assert_eq!(summary.mails().collect::<Vec<_>>(), ["n.aubert@example.org"]);
        for (query, expected) in [
            ("AUBERT", true),
            ("nad aubé", true),
            ("@example.org dr", true),
            ("0102030405", false),
            ("nadia zz", false),
        ] {
            assert_eq!(summary.has_words(&folded_words(query)), expected, "{query}");
        }
        for other in ["", "[]", r#"{"name":"x"}"#, "{}"] {
            assert_eq!(ResourceSummary::new(other).name(), "", "{other}");
        }
    }
}
