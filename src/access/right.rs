//! The rights of callers, and what each request requires.

use serde::Deserialize;

/// A right, with its name in the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Right {
    /// Creating and updating regulator accounts.
    #[serde(rename = "practitioner:write")]
    PractitionerWrite,
    /// Creating and updating appointments.
    #[serde(rename = "appointment:write")]
    AppointmentWrite,
    /// Reading and searching accounts and appointments.
    #[serde(rename = "read")]
    Read,
    /// Reading and searching the mirror of the national directory.
    #[serde(rename = "annuaire:read")]
    AnnuaireRead,
    /// Looking at the console, on the operator's listener. It is no right on the FHIR listener.
    #[serde(rename = "console")]
    Console,
}

impl Right {
    /// The name of the right in the configuration file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PractitionerWrite => "practitioner:write",
            Self::AppointmentWrite => "appointment:write",
            Self::Read => "read",
            Self::AnnuaireRead => "annuaire:read",
            Self::Console => "console",
        }
    }
}

/// What a request requires of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// Authentication, unless `SAS_METADATA` is `open`.
    Metadata,
    /// Authentication, with any rights: for URLs that do not exist, which unauthenticated clients must not find out.
    Authenticated,
    /// Authentication and one of these rights.
    AnyOf(&'static [Right]),
}
