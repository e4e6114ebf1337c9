//! The elements themselves, with those of their members that are indexed.

use std::borrow::Cow;

use serde::de::{IgnoredAny, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use crate::annuaire::store::lenient_json::{Flag, Lenient, List, Shape, Text};

/// Declares objects with the members that are read of them; of a member that stands twice, the last.
macro_rules! objects {
    ($( #[doc = $doc:literal] $name:ident { $( $field:ident: $type:ty = $key:literal, )+ } )+) => { $(
        #[doc = $doc]
        #[derive(Debug, Default)]
        pub struct $name<'a> { $( pub $field: $type, )+ }

        impl<'a> Shape<'a> for $name<'a> {
            fn of_object<A: MapAccess<'a>>(mut members: A) -> Result<Self, A::Error> {
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
        meta: Lenient<Meta<'a>> = "meta",
        extension: List<Extension<'a>> = "extension",
        identifier: List<Identifier<'a>> = "identifier",
        active: Flag = "active",
        status: Text<'a> = "status",
        name: Lenient<Names<'a>> = "name",
        telecom: List<Telecom<'a>> = "telecom",
        address: List<Address<'a>> = "address",
        qualification: List<Qualification<'a>> = "qualification",
        code: Lenient<Concepts<'a>> = "code",
        concept_type: Lenient<Concepts<'a>> = "type",
        category: Lenient<Concepts<'a>> = "category",
        characteristic: Lenient<Concepts<'a>> = "characteristic",
        practitioner: Lenient<Reference<'a>> = "practitioner",
        organization: Lenient<Reference<'a>> = "organization",
        part_of: Lenient<Reference<'a>> = "partOf",
        owner: Lenient<Reference<'a>> = "owner",
        provided_by: Lenient<Reference<'a>> = "providedBy",
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
        value_coding: Lenient<Coding<'a>> = "valueCoding",
        value_string: Text<'a> = "valueString",
        value_period: Lenient<Period<'a>> = "valuePeriod",
    }
    /// An extension in an extension.
    Part {
        url: Text<'a> = "url",
        value_code: Text<'a> = "valueCode",
        value_string: Text<'a> = "valueString",
        value_concept: Lenient<Concept<'a>> = "valueCodeableConcept",
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
        concept_type: Lenient<Concept<'a>> = "type",
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
    /// What extensions say of a line of an address.
    Line {
        extension: List<Extension<'a>> = "extension",
    }
    /// A diploma, a profession or a specialty.
    Qualification {
        code: Lenient<Concept<'a>> = "code",
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

/// `name`: a text where it is an organization's, a list where it is a person's.
#[derive(Debug, Default)]
pub struct Names<'a> {
    pub text: Option<Cow<'a, str>>,
    pub people: Vec<HumanName<'a>>,
}

impl<'a> Shape<'a> for Names<'a> {
    fn of_text(text: Cow<'a, str>) -> Self {
        Self { text: Some(text), people: vec![] }
    }

    fn of_list<A: SeqAccess<'a>>(items: A) -> Result<Self, A::Error> {
        Ok(Self { text: None, people: Vec::of_list(items)? })
    }
}

/// One concept (`Device.type`) or several (`Organization.type`).
#[derive(Debug, Default)]
pub struct Concepts<'a>(pub Vec<Concept<'a>>);

impl<'a> Shape<'a> for Concepts<'a> {
    fn of_list<A: SeqAccess<'a>>(items: A) -> Result<Self, A::Error> {
        Vec::of_list(items).map(Self)
    }

    fn of_object<A: MapAccess<'a>>(members: A) -> Result<Self, A::Error> {
        Concept::of_object(members).map(|concept| Self(vec![concept]))
    }
}
