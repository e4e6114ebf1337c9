//! The schemas of `profiles/`, compiled once, and what they find in a resource.
//!
//! Schemas say where a resource breaks a rule; the sentences are the catalogue's: nobody reads
//! schema jargon, and no value of a person is quoted.

mod invariant;
mod issue;
mod keyword;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Value, json};

use crate::fhir::date::is_on_calendar;
use crate::fhir::resource_type::ResourceType;
use crate::issue::Issue;

pub use issue::primitive;

/// A SAS profile that a resource is checked against, beyond the structure of R4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A regulator account.
    FrPractitionerRegul,
    /// An appointment of a health professional or a CPTS.
    FrAppointmentSas,
    /// An appointment at an SOS Médecins place.
    SosAppointment,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::FrPractitionerRegul, Self::FrAppointmentSas, Self::SosAppointment];

    /// The type that it constrains.
    pub fn resource_type(self) -> ResourceType {
        match self {
            Self::FrPractitionerRegul => ResourceType::Practitioner,
            Self::FrAppointmentSas | Self::SosAppointment => ResourceType::Appointment,
        }
    }

    /// The canonical URL of the profile.
    pub fn canonical(self) -> &'static str {
        match self {
            Self::FrPractitionerRegul => {
                "https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/FrPractitionerRegul"
            }
            Self::FrAppointmentSas => "http://sas.fr/fhir/StructureDefinition/FrAppointmentSAS",
            Self::SosAppointment => {
                "https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition/sas-sos-appointment"
            }
        }
    }
}

/// Every schema, compiled.
pub struct Profiles {
    practitioner: Schema,
    appointment: Schema,
    regulator: Schema,
    appointment_common: Schema,
    appointment_sas: Schema,
    appointment_sos: Schema,
}

/// A schema that does not compile: a fault of ours, found by any test.
#[derive(Debug, thiserror::Error)]
#[error("the schema of {name} does not compile: {reason}")]
pub struct BrokenSchema {
    name: &'static str,
    reason: String,
}

impl Profiles {
    /// Compiles the schemas that the binary carries.
    pub fn compile() -> Result<Self, BrokenSchema> {
        let datatypes = include_str!("../profiles/r4/datatypes.json");
        let types = include_str!("../profiles/sas/identifier-types.json");
        let common = include_str!("../profiles/sas/appointment.json");
        Ok(Self {
            practitioner: Schema::compile(
                "Practitioner",
                include_str!("../profiles/r4/Practitioner.json"),
                &[datatypes],
            )?,
            appointment: Schema::compile("Appointment", include_str!("../profiles/r4/Appointment.json"), &[datatypes])?,
            regulator: Schema::compile(
                "FrPractitionerRegul",
                include_str!("../profiles/sas/FrPractitionerRegul.json"),
                &[types],
            )?,
            appointment_common: Schema::compile("appointment", common, &[types])?,
            appointment_sas: Schema::compile(
                "FrAppointmentSAS",
                include_str!("../profiles/sas/FrAppointmentSAS.json"),
                &[types, common],
            )?,
            appointment_sos: Schema::compile(
                "sas-sos-appointment",
                include_str!("../profiles/sas/sas-sos-appointment.json"),
                &[types, common],
            )?,
        })
    }

    /// How the resource departs from the structure and the invariants of FHIR R4.
    pub fn structure<'a>(
        &'a self,
        resource_type: ResourceType,
        resource: &'a Value,
    ) -> impl Iterator<Item = Issue> + 'a {
        let schema = match resource_type {
            ResourceType::Practitioner => &self.practitioner,
            ResourceType::Appointment => &self.appointment,
        };
        schema.issues(resource_type, resource).chain(invariant::issues(resource_type, resource))
    }

    /// How the resource departs from a SAS profile.
    pub fn departures<'a>(&'a self, profile: Profile, resource: &'a Value) -> impl Iterator<Item = Issue> + 'a {
        let schemas = match profile {
            Profile::FrPractitionerRegul => vec![&self.regulator],
            Profile::FrAppointmentSas => vec![&self.appointment_common, &self.appointment_sas],
            Profile::SosAppointment => vec![&self.appointment_common, &self.appointment_sos],
        };
        schemas.into_iter().flat_map(move |schema| schema.issues(profile.resource_type(), resource))
    }
}

struct Schema {
    document: Value,
    validator: Validator,
}

impl Schema {
    /// Compiles `text`, whose `$ref`s may name the `$defs` of the `libraries`.
    fn compile(name: &'static str, text: &str, libraries: &[&str]) -> Result<Self, BrokenSchema> {
        let broken = |reason: String| BrokenSchema { name, reason };
        let read = |text: &str| serde_json::from_str::<Value>(text).map_err(|error| broken(error.to_string()));
        let mut document = read(text)?;
        for library in libraries {
            let mut library = read(library)?;
            let definitions = document.as_object_mut().map(|document| document.entry("$defs").or_insert(json!({})));
            if let (Some(Value::Object(definitions)), Value::Object(theirs)) = (definitions, library["$defs"].take()) {
                definitions.extend(theirs);
            }
        }
        issue::check_rules(&document).map_err(broken)?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            // Linear time, whatever the input.
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .with_format("fhir-date", is_on_calendar)
            .with_format("fhir-dateTime", is_on_calendar)
            .with_format("fhir-instant", is_on_calendar)
            .with_keyword(keyword::REQUIRED, keyword::required)
            .with_keyword(keyword::CHOICE, keyword::choice)
            .with_keyword(keyword::INTEGER, keyword::integer)
            .with_keyword(issue::RULE, keyword::annotation)
            .build(&document)
            .map_err(|error| broken(error.to_string()))?;
        Ok(Self { document, validator })
    }

    fn issues<'a>(&'a self, resource_type: ResourceType, resource: &'a Value) -> impl Iterator<Item = Issue> + 'a {
        let errors = self.validator.iter_errors(resource);
        errors.flat_map(move |error| issue::of_error(&error, &self.document, resource_type))
    }
}
