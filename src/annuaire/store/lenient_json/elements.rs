//! The elements, with their indexed members.

use std::borrow::Cow;

use serde::de::{IgnoredAny, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use crate::annuaire::store::lenient_json::{Flag, FromJsonType, List, OrDefault, Text};

/// Declares objects with their indexed members. Of a repeated member, the last counts.
macro_rules! objects {
    ($( #[doc = $doc:literal] $name:ident { $( $field:ident: $type:ty = $key:literal, )+ } )+) => { $(
        #[doc = $doc]
        #[derive(Debug, Default)]
        pub struct $name<'a> { $( pub $field: $type, )+ }

        impl<'a> FromJsonType<'a> for $name<'a> {
            fn from_object<A: MapAccess<'a>>(mut members: A) -> Result<Self, A::Error> {
                let mut object = Self::default();
                while let Some(key) = members.next_key::<Text<'a>>()? {
                    match key.as_deref() {
                        $( Some($key) => object.$field = members.next_value()?, )+
                        _ => { members.next_value::<IgnoredAny>()?; }
                    }
                }
                Ok(object)
            }
        }
    )+ };
}

objects! {
    /// A resource of any type of the directory.
    Resource {
        resource_type: Text<'a> = "resourceType",
        id: Text<'a> = "id",
        meta: OrDefault<Meta<'a>> = "meta",
        extension: List<Extension<'a>> = "extension",
        identifier: List<Identifier<'a>> = "identifier",
        active: Flag = "active",
        status: Text<'a> = "status",
        name: OrDefault<Names<'a>> = "name",
        telecom: List<Telecom<'a>> = "telecom",
        address: List<Address<'a>> = "address",
        qualification: List<Qualification<'a>> = "qualification",
        code: OrDefault<Concepts<'a>> = "code",
        concept_type: OrDefault<Concepts<'a>> = "type",
        category: OrDefault<Concepts<'a>> = "category",
        characteristic: OrDefault<Concepts<'a>> = "characteristic",
        practitioner: OrDefault<Reference<'a>> = "practitioner",
        organization: OrDefault<Reference<'a>> = "organization",
        part_of: OrDefault<Reference<'a>> = "partOf",
        owner: OrDefault<Reference<'a>> = "owner",
        provided_by: OrDefault<Reference<'a>> = "providedBy",
        manufacturer: Text<'a> = "manufacturer",
        model_number: Text<'a> = "modelNumber",
        device_name: List<DeviceName<'a>> = "deviceName",
    }
    /// What is said of a resource as such.
    Meta {
        version_id: Option<&'a RawValue> = "versionId",
        last_updated: Text<'a> = "lastUpdated",
        profile: List<Option<Cow<'a, str>>> = "profile",
        extension: List<Extension<'a>> = "extension",
    }
    /// An extension with its parts.
    Extension {
        url: Text<'a> = "url",
        parts: List<Part<'a>> = "extension",
        value_coding: OrDefault<Coding<'a>> = "valueCoding",
        value_string: Text<'a> = "valueString",
        value_period: OrDefault<Period<'a>> = "valuePeriod",
    }
    /// An extension in an extension.
    Part {
        url: Text<'a> = "url",
        value_code: Text<'a> = "valueCode",
        value_string: Text<'a> = "valueString",
        value_concept: OrDefault<Concept<'a>> = "valueCodeableConcept",
    }
    /// <http://hl7.org/fhir/R4/datatypes.html#Coding>
    Coding {
        system: Text<'a> = "system",
        code: Text<'a> = "code",
    }
    /// <http://hl7.org/fhir/R4/datatypes.html#CodeableConcept>
    Concept {
        coding: List<Coding<'a>> = "coding",
    }
    /// <http://hl7.org/fhir/R4/datatypes.html#Identifier>
    Identifier {
        concept_type: OrDefault<Concept<'a>> = "type",
        system: Text<'a> = "system",
        value: Text<'a> = "value",
    }
    /// <http://hl7.org/fhir/R4/datatypes.html#HumanName>
    HumanName {
        text: Text<'a> = "text",
        family: Text<'a> = "family",
        given: List<Option<Cow<'a, str>>> = "given",
        prefix: List<Option<Cow<'a, str>>> = "prefix",
        suffix: List<Option<Cow<'a, str>>> = "suffix",
    }
    /// <http://hl7.org/fhir/R4/datatypes.html#ContactPoint>
    Telecom {
        extension: List<Extension<'a>> = "extension",
        value: Text<'a> = "value",
    }
    /// <http://hl7.org/fhir/R4/datatypes.html#Address>
    Address {
        extension: List<Extension<'a>> = "extension",
        text: Text<'a> = "text",
        line: List<Option<Cow<'a, str>>> = "line",
        line_parts: List<Line<'a>> = "_line",
        city: Text<'a> = "city",
        district: Text<'a> = "district",
        state: Text<'a> = "state",
        postal_code: Text<'a> = "postalCode",
        country: Text<'a> = "country",
    }
    /// The extensions of a line of an address.
    Line {
        extension: List<Extension<'a>> = "extension",
    }
    /// A diploma, a profession or a specialty.
    Qualification {
        code: OrDefault<Concept<'a>> = "code",
    }
    /// <http://hl7.org/fhir/R4/references.html#Reference>
    Reference {
        reference: Text<'a> = "reference",
    }
    /// <http://hl7.org/fhir/R4/datatypes.html#Period>
    Period {
        start: Text<'a> = "start",
        end: Text<'a> = "end",
    }
    /// A name of a device.
    DeviceName {
        name: Text<'a> = "name",
    }
}

/// `name`: a text of an organization, a list of a person.
#[derive(Debug, Default)]
pub struct Names<'a> {
    pub text: Option<Cow<'a, str>>,
    pub people: Vec<HumanName<'a>>,
}

impl<'a> FromJsonType<'a> for Names<'a> {
    fn from_string(text: Cow<'a, str>) -> Self {
        Self { text: Some(text), people: vec![] }
    }

    fn from_array<A: SeqAccess<'a>>(items: A) -> Result<Self, A::Error> {
        Ok(Self { text: None, people: Vec::from_array(items)? })
    }
}

/// One concept (`Device.type`) or several (`Organization.type`).
#[derive(Debug, Default)]
pub struct Concepts<'a>(pub Vec<Concept<'a>>);

impl<'a> FromJsonType<'a> for Concepts<'a> {
    fn from_array<A: SeqAccess<'a>>(items: A) -> Result<Self, A::Error> {
        Vec::from_array(items).map(Self)
    }

    fn from_object<A: MapAccess<'a>>(members: A) -> Result<Self, A::Error> {
        Concept::from_object(members).map(|concept| Self(vec![concept]))
    }
}
