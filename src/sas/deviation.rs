//! The documented deviations: examples of the SAS pages that FHIR or the published profiles refuse. They are tolerated by
//! default, with a warning; nothing else is.

use clap::ValueEnum;

use crate::issue::catalogue::{
    APPOINTMENT_PARTICIPANT_REFUSED, BODY_ID_IGNORED, BODY_ID_MISMATCH, FHIR_CODE, PROFILE_ALIAS,
    PROFILE_NOT_PUBLISHED, QUERY_IDENTIFIER_CASE, QUERY_PARAMETER,
};
use crate::issue::{Issue, Rule};

/// Whether documented deviations are tolerated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Validation {
    /// Accepted with a warning, and stored as received
    #[default]
    Tolerant,
    /// Refused
    Strict,
}

/// A documented deviation.
pub struct Deviation {
    /// The rule if it is tolerated.
    pub tolerated_as: &'static Rule,
    /// The rule if it is refused.
    pub refused_as: &'static Rule,
    /// The page and section that has it.
    pub source: &'static str,
}

/// `participant.status: "refused"`, which is no FHIR code.
pub(crate) const PARTICIPANT_REFUSED: Deviation = Deviation {
    tolerated_as: &APPOINTMENT_PARTICIPANT_REFUSED,
    refused_as: &FHIR_CODE,
    source: "Mise à jour de rendez-vous (INT_R03), Exemple de requête: written on 2023-04-27, official since 2024-08-28: accepted",
};

/// `meta.profile` with a former or unpublished URL of FrAppointmentSAS.
pub(crate) const PROFILE_URL: Deviation = Deviation {
    tolerated_as: &PROFILE_ALIAS,
    refused_as: &PROFILE_NOT_PUBLISHED,
    source: "Mise à jour de rendez-vous (INT_R03), Exemple de requête: meta.profile",
};

/// `Appointment?Identifier=`: names of search parameters are case-sensitive.
pub(crate) const IDENTIFIER_CASE: Deviation = Deviation {
    tolerated_as: &QUERY_IDENTIFIER_CASE,
    refused_as: &QUERY_PARAMETER,
    source: "Mise à jour de rendez-vous (INT_R03), Construction de la requête de base: PUT[base]/Appointment?Identifier=[ID]",
};

/// A constant `id` in the body of a conditional update, the same for every resource.
pub(crate) const BODY_ID: Deviation = Deviation {
    tolerated_as: &BODY_ID_IGNORED,
    refused_as: &BODY_ID_MISMATCH,
    source: "Mise à jour de rendez-vous (INT_R03), Exemple de requête: \"id\": \"1\"",
};

/// All of them.
pub const DEVIATIONS: [&Deviation; 4] = [&PARTICIPANT_REFUSED, &PROFILE_URL, &IDENTIFIER_CASE, &BODY_ID];

impl Deviation {
    /// The issue at `expression`, for this setting.
    pub fn at(&self, expression: impl Into<String>, validation: Validation) -> Issue {
        match validation {
            Validation::Tolerant => Issue::new(self.tolerated_as, expression),
            Validation::Strict => Issue::new(self.refused_as, expression),
        }
    }
}
