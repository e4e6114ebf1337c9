//! The references of a resource that `_include` follows, parsed from its text.

use std::borrow::Cow;

use serde::Deserialize;

use crate::annuaire::store::index_entry::Field;
use crate::fhir::directory_type::DirectoryType;

/// The references of all types.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct References<'a> {
    #[serde(borrow)]
    practitioner: Reference<'a>,
    #[serde(borrow)]
    organization: Reference<'a>,
    #[serde(borrow)]
    part_of: Reference<'a>,
    #[serde(borrow)]
    owner: Reference<'a>,
    #[serde(borrow)]
    provided_by: Reference<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reference<'a> {
    #[serde(borrow)]
    reference: Cow<'a, str>,
}

impl<'a> References<'a> {
    /// Parses the references only. A reference that does not have the form of FHIR refers to nothing.
    pub fn parse(body: &'a str) -> Self {
        serde_json::from_str(body).unwrap_or_default()
    }

    /// The type and id that a field of a resource refers to.
    pub fn target(&self, source: DirectoryType, field: Field) -> Option<(DirectoryType, &str)> {
        let reference = match (source, field) {
            (DirectoryType::PractitionerRole, Field::Practitioner) => &self.practitioner,
            (DirectoryType::PractitionerRole, Field::Organization) => &self.organization,
            (DirectoryType::Organization, Field::PartOf) => &self.part_of,
            (DirectoryType::Device, Field::Organization) => &self.owner,
            (DirectoryType::HealthcareService, Field::Organization) => &self.provided_by,
            _ => return None,
        };
        let url = &reference.reference;
        let url = url.split_once("/_history/").map_or(&**url, |(url, _)| url);
        let (before, id) = url.rsplit_once('/')?;
        let name = before.rsplit('/').next().unwrap_or(before);
        DirectoryType::parse(name).map(|target| (target, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_every_form_are_parsed() {
        let role = r#"{"resourceType":"PractitionerRole","id":"1","x":[{"practitioner":1}],"practitioner":{"reference":"Practitioner/003-1","type":"Practitioner"},"organization":{"reference":"https:\/\/h\/fhir\/v2\/Organization\/001-01-1"}}"#;
        let references = References::parse(role);
        let target = |field| references.target(DirectoryType::PractitionerRole, field);
        assert_eq!(target(Field::Practitioner), Some((DirectoryType::Practitioner, "003-1")));
        assert_eq!(target(Field::Organization), Some((DirectoryType::Organization, "001-01-1")));
        assert_eq!(target(Field::PartOf), None);
        for body in
            ["{}", r##"{"partOf":{"reference":"#a"}}"##, r#"{"partOf":3}"#, r#"{"partOf":{"display":"x"}}"#, "["]
        {
            assert_eq!(References::parse(body).target(DirectoryType::Organization, Field::PartOf), None, "{body}");
        }
    }
}
