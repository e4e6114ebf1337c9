//! `_elements` and `_summary`: reduces resources to a part, for both APIs.
//!
//! <http://hl7.org/fhir/R4/search.html#elements>, <http://hl7.org/fhir/R4/search.html#summary>

use std::collections::BTreeSet;

use super::json::{Members, push_name};

/// The tag of a partial resource.
const SUBSETTED: &str = concat!(
    r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","#,
    r#""code":"SUBSETTED","display":"Resource encoded in summary mode"}"#
);

/// Maximum length of an element's name; the longest of R4 is less than half as long.
const MAX_NAME: usize = 64;

/// Maximum names in `_elements`; no resource has as many elements.
const MAX_ELEMENTS: usize = 256;

/// The requested part of each resource: the elements that `_elements` names and `_summary` keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subset {
    /// `_elements`; empty for all.
    pub elements: BTreeSet<String>,
    /// `_summary`
    pub summary: Summary,
}

/// `_summary` <http://hl7.org/fhir/R4/valueset-summary.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    /// `false`: all elements.
    #[default]
    Off,
    /// `true`: the elements that R4 marks with Σ.
    On,
    /// `text`: the narrative and the mandatory elements.
    Text,
    /// `data`: all elements except the narrative.
    Data,
    /// `count`, in searches: only the number of matches.
    Count,
}

impl Summary {
    /// The values of `_summary` in reads and histories.
    pub const OF_READS: &'static str = "true, text, data, false";
    /// The values of `_summary` in a search.
    pub const OF_SEARCHES: &'static str = "true, text, data, count, false";

    /// Parses the value of `_summary`, which must be in the list `allowed`.
    pub fn parse(text: &str, allowed: &str) -> Option<Self> {
        let known = allowed.split(", ").find(|known| *known == text)?;
        Some(match known {
            "true" => Self::On,
            "text" => Self::Text,
            "data" => Self::Data,
            "count" => Self::Count,
            "false" => Self::Off,
            _ => return None,
        })
    }

    fn keeps(self, resource_type: &str, name: &str) -> bool {
        match self {
            Self::Off | Self::Count => true,
            Self::On => summary(resource_type).contains(&name),
            Self::Text => name == "text",
            Self::Data => name != "text",
        }
    }
}

/// The elements of a type that are always kept: those that R4 requires, those that identify the resource, and those that
/// the meaning or an invariant of others needs. Elements that only a profile requires may be missing, as the tag SUBSETTED
/// announces.
fn always(resource_type: &str) -> &'static [&'static str] {
    match resource_type {
        "Organization" | "Practitioner" | "HealthcareService" => &["identifier", "active"],
        "PractitionerRole" => &["identifier", "active", "practitioner"],
        "Device" => &["identifier", "status"],
        // app-3: a booked appointment has a start and an end.
        "Appointment" => &["identifier", "status", "start", "end", "participant"],
        _ => &[],
    }
}

/// The elements of a type that R4 marks with Σ, except those that are always kept.
fn summary(resource_type: &str) -> &'static [&'static str] {
    match resource_type {
        "Practitioner" => &["name", "telecom", "address", "gender", "birthDate"],
        "PractitionerRole" => &["period", "organization", "code", "specialty", "location", "telecom"],
        "Organization" => &["type", "name", "partOf"],
        "HealthcareService" => &["providedBy", "category", "type", "specialty", "location", "name", "comment", "photo"],
        "Device" => &["udiCarrier", "safety"],
        "Appointment" => {
            &["cancelationReason", "serviceCategory", "serviceType", "specialty", "appointmentType", "reasonCode"]
        }
        _ => &[],
    }
}

/// The elements of every type that are always kept: they identify the resource or change its meaning.
const ALWAYS: [&str; 5] = ["resourceType", "id", "meta", "implicitRules", "modifierExtension"];

impl Subset {
    /// Adds the names of a comma-separated list; unknown ones are harmless, empty ones are ignored. `None` if a name is
    /// malformed, or there are too many.
    pub fn add_elements(&mut self, list: &str) -> Option<()> {
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name.len() > MAX_NAME || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                return None;
            }
            self.elements.insert(name.to_owned());
            if self.elements.len() > MAX_ELEMENTS {
                return None;
            }
        }
        Some(())
    }

    /// The part of included resources: `_elements` applies to matches only.
    #[must_use]
    pub fn for_included(&self) -> Self {
        Self { elements: BTreeSet::new(), summary: self.summary }
    }

    /// Reduces a resource to the requested part.
    pub fn apply(&self, resource_type: &str, body: String) -> String {
        if self.is_whole() {
            return body;
        }
        let mut text = String::with_capacity(body.len());
        self.write(&mut text, resource_type, &body);
        text
    }

    /// Writes the requested part of a resource, with the tag SUBSETTED; unchanged if all of it is requested, or if it is not
    /// an object.
    pub fn write(&self, text: &mut String, resource_type: &str, body: &str) {
        let members = if self.is_whole() { None } else { serde_json::from_str(body).ok() };
        let Some(Members(members)) = members else {
            text.push_str(body);
            return;
        };
        let is_kept = |name: &str| {
            // `_name` holds the extensions of the primitive `name`.
            let name = name.strip_prefix('_').unwrap_or(name);
            ALWAYS.contains(&name)
                || always(resource_type).contains(&name)
                || self.summary.keeps(resource_type, name) && (self.elements.is_empty() || self.elements.contains(name))
        };
        // A reference to a contained resource needs its target: dom-3.
        let refers = || members.iter().any(|(name, value)| is_kept(name) && value.contains(r##""#"##));
        let keeps_contained = is_kept("contained") || refers();
        let mut separator = '{';
        let kept = members.iter().filter(|(name, _)| is_kept(name) || name == "contained" && keeps_contained);
        for (name, value) in kept {
            text.push(separator);
            separator = ',';
            push_name(text, name);
            match &**name {
                "meta" => write_meta(text, value),
                _ => text.push_str(value),
            }
        }
        if !members.iter().any(|(name, _)| name == "meta") {
            text.push(separator);
            push_name(text, "meta");
            write_meta(text, "{}");
        }
        text.push('}');
    }

    fn is_whole(&self) -> bool {
        self.elements.is_empty() && matches!(self.summary, Summary::Off | Summary::Count)
    }
}

/// Writes `meta` with the tag added.
fn write_meta(text: &mut String, meta: &str) {
    let Members(members) = serde_json::from_str(meta).unwrap_or_default();
    let mut separator = '{';
    for (name, value) in members.iter().filter(|(name, _)| name != "tag") {
        text.push(separator);
        separator = ',';
        push_name(text, name);
        text.push_str(value);
    }
    text.push(separator);
    text.push_str(r#""tag":["#);
    let tags = members.iter().find(|(name, _)| name == "tag").map(|(_, value)| *value);
    let inner = tags.and_then(|tags| tags.strip_prefix('[')?.strip_suffix(']')).map(str::trim);
    if let Some(inner) = inner.filter(|inner| !inner.is_empty()) {
        text.push_str(inner);
        text.push(',');
    }
    text.push_str(SUBSETTED);
    text.push_str("]}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subset(resource_type: &str, summary: Summary, elements: &str, body: &str) -> String {
        let mut subset = Subset { summary, ..Subset::default() };
        subset.add_elements(elements).expect("names of elements");
        subset.apply(resource_type, body.to_owned())
    }

    /// The names of the members of a part, and of its last tag.
    fn names(part: &str) -> Vec<String> {
        let part: serde_json::Value = serde_json::from_str(part).expect("JSON");
        let tags = part["meta"]["tag"].as_array();
        assert!(tags.is_some_and(|tags| tags.iter().any(|tag| tag["code"] == "SUBSETTED")), "{part}");
        part.as_object().expect("an object").keys().cloned().collect()
    }

    #[test]
    fn subset_keeps_requested_and_mandatory_elements_as_received() {
        let body = r#"{"resourceType":"Practitioner","id":"1","meta":{"versionId":"1","tag":[ {"code":"x"} ]},"language":"fr","identifier":[{"value":"\u00e9"}],"active":true,"_birthDate":{"id":"b"},"name":[{"family":"A"}]}"#;
        let kept = r#"{"resourceType":"Practitioner","id":"1","meta":{"versionId":"1","tag":[{"code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED","display":"Resource encoded in summary mode"}]},"identifier":[{"value":"\u00e9"}],"active":true"#;
        let subset = |elements| subset("Practitioner", Summary::Off, elements, body);
        assert_eq!(subset("telecom"), format!("{kept}}}"));
        let named = format!(r#"{kept},"_birthDate":{{"id":"b"}},"name":[{{"family":"A"}}]}}"#);
        assert_eq!(subset("name, birthDate,,active"), named);
        assert_eq!(subset(""), body);
    }

    #[test]
    fn subset_mandatory_elements_depend_on_the_type() {
        let body = r#"{"resourceType":"X","id":"1","status":"active","practitioner":{"reference":"Practitioner/1"}}"#;
        let subset = |resource_type| subset(resource_type, Summary::Off, "code", body);
        assert!(subset("Device").contains(r#""status":"active""#));
        assert!(!subset("Device").contains("practitioner"));
        assert!(subset("PractitionerRole").contains(r#""practitioner":{"reference""#));
        assert!(subset("HealthcareService").contains("SUBSETTED"), "meta is made where it is missing");
    }

    #[test]
    fn subset_summary_keeps_summary_elements_and_elements_narrows_them() {
        let body = r##"{"resourceType":"Practitioner","id":"1","implicitRules":"urn:x","language":"fr","text":{"status":"generated"},"contained":[{"id":"o"}],"extension":[{"url":"urn:x"}],"identifier":[{"value":"1"}],"active":true,"name":[{"family":"A"}],"_gender":{"id":"g"},"photo":[{"url":"x"}],"qualification":[{"issuer":{"reference":"#o"}}]}"##;
        let kept = |summary, elements, more: &[&str]| {
            let found = names(&subset("Practitioner", summary, elements, body));
            let mandatory = ["resourceType", "id", "implicitRules", "identifier", "active", "meta"];
            let (others, always): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|name| !mandatory.contains(&name.as_str()));
            assert_eq!(
                (others.as_slice(), always.len()),
                (&more.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..], 6),
                "{summary:?} {elements}"
            );
        };
        kept(Summary::On, "", &["name", "_gender"]);
        kept(Summary::Text, "", &["text"]);
        kept(Summary::Data, "", &["language", "contained", "extension", "name", "_gender", "photo", "qualification"]);
        kept(Summary::On, "name,photo", &["name"]);
        kept(Summary::Text, "name", &[]);
        kept(Summary::Data, "text,photo", &["photo"]);
        // The target is kept with the reference.
        kept(Summary::Off, "qualification", &["contained", "qualification"]);
        kept(Summary::Off, "photo", &["photo"]);
        for summary in [Summary::Off, Summary::Count] {
            assert_eq!(subset("Practitioner", summary, "", body), body);
        }
    }

    #[test]
    fn summary_values_and_element_names_are_bounded() {
        for text in Summary::OF_SEARCHES.split(", ") {
            assert!(Summary::parse(text, Summary::OF_SEARCHES).is_some(), "{text}");
        }
        for text in ["", "TRUE", "yes", "true,text", " true"] {
            assert_eq!(Summary::parse(text, Summary::OF_SEARCHES), None, "{text}");
        }
        assert_eq!(Summary::parse("count", Summary::OF_READS), None);
        let mut subset = Subset::default();
        let letters = |number: u32| number.to_string().bytes().map(|digit| char::from(digit + 49)).collect::<String>();
        let many = |count: u32| (0..count).map(letters).collect::<Vec<_>>().join(",");
        assert_eq!(subset.add_elements(&many(256)), Some(()));
        assert_eq!(Subset::default().add_elements(&many(257)), None);
        for list in ["a_b", "name.family", "é", "*", "name,1", &"x".repeat(65)] {
            assert_eq!(subset.add_elements(list), None, "{list}");
        }
    }
}
