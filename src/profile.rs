//! Compiles the schemas of `profiles/`, and reports the rules that a resource violates.
//!
//! Schemas find the violations; the messages come from the catalogue of rules, without terms of JSON Schema or personal
//! data.

mod contained;
mod failures;
mod issue;
mod keyword;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Value, json};

use self::failures::{Compiler, Failures};

use crate::fhir::date::{is_date, is_date_time, is_instant};
use crate::fhir::primitive;
use crate::fhir::resource_type::ResourceType;

pub use issue::{Report, primitive, wrong_json_type};

/// A SAS profile, which a resource must conform to beyond the structure of R4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A regulator account.
    FrPractitionerRegul,
    /// An appointment of a health professional or a CPTS.
    FrAppointmentSas,
    /// An appointment at an SOS Médecins location.
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

/// A schema that does not compile: a bug, found by any test.
#[derive(Debug, thiserror::Error)]
#[error("the schema of {name} does not compile: {reason}")]
pub struct BrokenSchema {
    name: &'static str,
    reason: String,
}

impl Profiles {
    /// Compiles the schemas that are embedded in the program.
    pub fn compile() -> Result<Self, BrokenSchema> {
        let datatypes = include_str!("../profiles/r4/datatypes.json");
        let resources = include_str!("../profiles/r4/resources.json");
        let types = include_str!("../profiles/sas/identifier-types.json");
        let common = include_str!("../profiles/sas/appointment.json");
        let mut keywords = HashMap::new();
        let mut compile = |name, text, libraries: &[&str]| Schema::compile(name, text, libraries, &mut keywords);
        Ok(Self {
            practitioner: compile("Practitioner", r##"{"$ref": "#/$defs/Practitioner"}"##, &[datatypes, resources])?,
            appointment: compile("Appointment", r##"{"$ref": "#/$defs/Appointment"}"##, &[datatypes, resources])?,
            regulator: compile(
                "FrPractitionerRegul",
                include_str!("../profiles/sas/FrPractitionerRegul.json"),
                &[types],
            )?,
            appointment_common: compile("appointment", common, &[types])?,
            appointment_sas: compile(
                "FrAppointmentSAS",
                include_str!("../profiles/sas/FrAppointmentSAS.json"),
                &[types, common],
            )?,
            appointment_sos: compile(
                "sas-sos-appointment",
                include_str!("../profiles/sas/sas-sos-appointment.json"),
                &[types, common],
            )?,
        })
    }

    /// Reports violations of the structure and the invariants of FHIR R4.
    pub fn check_structure(
        &self,
        resource_type: ResourceType,
        resource: &Value,
        report: Report<'_>,
    ) -> ControlFlow<()> {
        let schema = match resource_type {
            ResourceType::Practitioner => &self.practitioner,
            ResourceType::Appointment => &self.appointment,
        };
        schema.report(resource_type, resource, report)?;
        contained::report(resource_type, resource, report)
    }

    /// Reports violations of a SAS profile.
    pub fn check_profile(&self, profile: Profile, resource: &Value, report: Report<'_>) -> ControlFlow<()> {
        let schemas = match profile {
            Profile::FrPractitionerRegul => vec![&self.regulator],
            Profile::FrAppointmentSas => vec![&self.appointment_common, &self.appointment_sas],
            Profile::SosAppointment => vec![&self.appointment_common, &self.appointment_sos],
        };
        let resource_type = profile.resource_type();
        schemas.into_iter().try_for_each(|schema| schema.report(resource_type, resource, report))
    }
}

struct Schema {
    validator: Validator,
    failures: Failures,
}

impl Schema {
    /// Compiles `text`, whose `$ref`s may name the `$defs` of the `libraries`. Schemas of one keyword are kept in
    /// `keywords` by their text: the same ones return everywhere.
    fn compile(
        name: &'static str,
        text: &str,
        libraries: &[&str],
        keywords: &mut HashMap<String, Arc<Validator>>,
    ) -> Result<Self, BrokenSchema> {
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
        keyword::derive(&mut document);
        issue::check_rules(&document).map_err(broken)?;
        let validator = build(&document).map_err(broken)?;
        let mut keyword = |schema: Value| match keywords.get(&schema.to_string()) {
            Some(known) => Ok(known.clone()),
            None => {
                let validator = Arc::new(build(&schema)?);
                Ok(keywords.entry(schema.to_string()).or_insert(validator).clone())
            }
        };
        let failures = Compiler::compile(&document, &mut keyword).map_err(broken)?;
        Ok(Self { validator, failures })
    }

    fn report(&self, resource_type: ResourceType, resource: &Value, report: Report<'_>) -> ControlFlow<()> {
        let contained = contained::contained(resource);
        // Fast path: nearly all resources are valid. References to contained resources are checked by the slow path only.
        if contained.is_empty() && self.validator.is_valid(resource) {
            return ControlFlow::Continue(());
        }
        self.failures.report(resource, &contained, &mut |failure| match issue::rule(failure) {
            Some(rule) => report(rule, &|| issue::issue(failure, rule, resource_type)),
            None => ControlFlow::Continue(()),
        })
    }
}

fn build(schema: &Value) -> Result<Validator, String> {
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        // Linear time, whatever the input.
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .with_format("fhir-absolute", primitive::is_absolute)
        .with_format("fhir-base64Binary", primitive::is_base64)
        .with_format("fhir-canonical", primitive::is_canonical)
        .with_format("fhir-code", primitive::is_code)
        .with_format("fhir-date", is_date)
        .with_format("fhir-dateTime", is_date_time)
        .with_format("fhir-id", primitive::is_id)
        .with_format("fhir-instant", is_instant)
        .with_format("fhir-language", primitive::is_language)
        .with_format("fhir-reference", primitive::is_reference)
        .with_format("fhir-string", primitive::is_string)
        .with_format("fhir-uri", primitive::is_uri);
    let options = keyword::register(options, issue::RULE);
    options.build(schema).map_err(|error| error.to_string())
}
