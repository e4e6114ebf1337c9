//! What a caller may be allowed to do.

use serde::Deserialize;

/// A right, as it is written in the file.
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
    /// Reading and searching the copy of the national directory.
    #[serde(rename = "annuaire:read")]
    AnnuaireRead,
}

impl Right {
    /// The word of the file, for those who are told that it is missing.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PractitionerWrite => "practitioner:write",
            Self::AppointmentWrite => "appointment:write",
            Self::Read => "read",
            Self::AnnuaireRead => "annuaire:read",
        }
    }
}

/// What a request asks of whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// To be a recognised caller, unless the CapabilityStatements are open to everybody.
    Metadata,
    /// To be a recognised caller, whatever its rights: what is not served is told to nobody else.
    Recognition,
    /// One of these rights.
    AnyOf(&'static [Right]),
}
